"""The summary says what the views say."""

from datetime import datetime
from typing import Any

import duckdb
import pytest

from jobledger.pipelines.errors import QueryError
from jobledger.pipelines.query import asked
from jobledger.pipelines.report.details import read_details
from jobledger.pipelines.report.summary import freshness, read
from tests.pipelines.report.conftest import Scene
from tests.sql.worlds import NOW, ago


def _by_kind(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["source"], row["kind"]): row for row in rows}


@pytest.mark.parametrize("days", [1, 7, 30])
def test_rates_of_a_period_are_those_of_success_rates(told: Scene, days: int) -> None:
    said = {
        (kind.source, kind.kind): (
            kind.finished,
            kind.rated,
            kind.success_rate,
            kind.partial_rate,
            kind.record_success_rate,
            kind.low_sample,
        )
        for kind in read(told.world.connection, days).kinds
    }
    view = asked(told.world.connection, f"from success_rates where period = '{days}d'")
    assert len(view) == 3
    assert said == {
        (row["source"], row["kind"]): (
            row["finished"],
            row["rated"],
            row["job_success_rate"],
            row["partial_rate"],
            row["record_success_rate"],
            row["low_sample"],
        )
        for row in view
    }


@pytest.mark.parametrize("days", [1, 7, 30])
def test_durations_are_those_of_job_durations(told: Scene, days: int) -> None:
    connection = told.world.connection
    said = [
        (each.source, each.kind, each.object, each.n, each.p50, each.p90, each.p95, each.longest)
        for each in read_details(connection, days).durations
    ]
    assert (
        said
        == connection.execute(f"""
        select source, kind, object, n,
            coalesce(run_p50, total_p50), coalesce(run_p90, total_p90),
            coalesce(run_p95, total_p95), coalesce(run_max, total_max)
        from job_durations where period = '{days}d' order by 7 desc, 1, 2, 3
    """).fetchall()
    )
    # of a kind with one object, the kind's are the object's
    kinds = {kind.kind: kind for kind in read(connection, days).kinds}
    (query,) = (each for each in said if each[1] == "data_query")
    assert (kinds["data_query"].run_p50, kinds["data_query"].run_p95) == (query[4], query[6])
    assert kinds["auto_backfill"].run_p50 is None
    assert kinds["auto_backfill"].total_p50 == 200.0


def test_health_syncs_and_trends_are_those_of_the_views(told: Scene) -> None:
    connection = told.world.connection
    summary = read(connection, 30)
    health = _by_kind(asked(connection, "from provider_health"))
    syncs = _by_kind(asked(connection, "from sync_health"))
    assert len(summary.kinds) == 3
    for kind in summary.kinds:
        row = health[kind.source, kind.kind] | syncs[kind.source, kind.kind]
        said = {name: getattr(kind, name) for name in ("health", "reason", "open_jobs", "gaps")}
        assert said == {name: row[name] for name in said}
    assert [kind.health for kind in summary.worst_first] == ["stuck", "degraded", "healthy"]
    trends: Any = asked(
        connection,
        "select source, kind, day, failed, rated, failure_rate, failure_rate_7d, is_anomaly"
        " from failure_trends where day > date '2026-02-13' order by source, kind, day",
    )
    assert [vars(day) for days in summary.trends.values() for day in days] == trends
    assert len(summary.trends["zuora", "data_query"]) == 30


def test_reasons_of_all_time_are_those_of_failure_reasons(told: Scene) -> None:
    said = {
        (each.kind, each.fingerprint): (each.failed + each.partial, each.records_failed)
        for each in read(told.world.connection, 3000).reasons
    }
    assert said == {
        (row["kind"], row["fingerprint"]): (row["jobs"], row["records_failed"])
        for row in asked(told.world.connection, "from failure_reasons")
    }
    assert said == {
        ("data_query", "Column # cannot be resolved"): (6, None),
        ("ingest", "(no message)"): (6, 42),
    }


def test_reasons_are_of_the_days_asked_for(told: Scene) -> None:
    (reason, *_) = read(told.world.connection, 1).reasons
    assert (reason.fingerprint, reason.failed) == ("Column # cannot be resolved", 2)


def test_an_empty_ledger_has_an_empty_summary(scene: Scene) -> None:
    summary = read(scene.world.connection, 30)
    assert (summary.kinds, summary.reasons, summary.stuck, summary.trends) == ([], [], [], {})
    assert summary.success_rate is None


def test_a_ledger_of_another_version_says_what_to_do() -> None:
    with duckdb.connect() as connection, pytest.raises(QueryError, match="publishes it anew"):
        read(connection, 30)


@pytest.mark.parametrize(
    ("synced", "said"),
    [
        ([], "never synced"),
        ([("a", ago(), ago()), ("b", ago(), ago())], "synced just now"),
        ([("a", ago(), None), ("b", ago(), ago())], "synced just now, but a in full never"),
        (
            [("b", ago(), ago(hours=3)), ("a", ago(), ago(hours=3)), ("c", ago(), ago())],
            "synced just now, but a in full 3 h ago",
        ),
        (
            [("a", ago(), ago(minutes=5)), ("b", ago(), ago(minutes=5))],
            "synced 5 min ago; the sync just now read no kind in full",
        ),
        (
            [("a", ago(minutes=2), ago(minutes=5)), ("b", ago(minutes=5), None)],
            "synced 5 min ago, but b in full never; the sync 2 min ago read no kind in full",
        ),
        (
            [("a", ago(minutes=9), ago(minutes=9)), ("b", ago(), ago(hours=3))],
            "synced 9 min ago, but b in full 3 h ago",
        ),
        (
            [("a", ago(seconds=50), ago(seconds=50)), ("b", ago(seconds=70), ago(seconds=70))],
            "synced just now",
        ),
        (
            [("a", ago(minutes=179), ago(minutes=179)), ("b", ago(hours=3), ago(hours=3))],
            "synced 2 h ago",
        ),
        (
            [("a", ago(), ago()), ("b", ago(), ago(minutes=60))],
            "synced just now, but b in full 1 h ago",
        ),
        ([("a", ago(minutes=2), None)], "never synced in full, tried 2 min ago"),
    ],
)
def test_a_sync_that_came_to_nothing_is_none(
    synced: list[tuple[str, datetime, datetime | None]], said: str
) -> None:
    assert freshness(synced, NOW) == said
