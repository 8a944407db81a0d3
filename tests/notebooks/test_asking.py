"""What the pages ask: for the chosen jobs, what the views say of them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobledger.notebooks import asking, failures, page
from jobledger.notebooks.asking import PERIODS, Filters, Published
from jobledger.pipelines.errors import QueryError
from jobledger.pipelines.project import Project
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.pipelines.warehouse.views import put_in_place
from tests.notebooks.conftest import IMAGE, NOW, SCRIPT, Ask
from tests.pipelines.report.conftest import Scene
from tests.sql.worlds import ago

HOURS = {"1d": 24, "7d": 168, "30d": 720}
ENDED = """
    (select jobs.*, coalesce(finished_at, (
        select min(valid_from) from job_history as history
        where history.source = jobs.source and history.kind = jobs.kind
            and history.job_id = jobs.job_id
            and history.status in ('succeeded', 'partial', 'failed', 'cancelled', 'vanished')
    )) as ended_at from jobs where is_terminal)
"""


def since(period: str) -> str:
    if period == "all":
        return "true"
    return f"ended_at >= timestamptz '{NOW.isoformat()}' - interval {HOURS[period]} hours"


@pytest.mark.parametrize("period", PERIODS)
def test_without_a_choice_everything_is_as_the_views_say(
    project: Project, ask: Ask, period: str
) -> None:
    chosen = Published(project.warehouse).choose(Filters(period=period))
    columns = "source, kind, finished, rated, job_success_rate, record_success_rate, low_sample"
    assert sorted(
        [tuple(row[name] for name in columns.split(", ")) for row in chosen.rates()]
    ) == sorted(ask(f"select {columns} from success_rates where period = '{period}'"))
    assert sorted(
        (row["kind"], row["object"] or "", row["n"], row["run_p95"] or 0)
        for row in chosen.durations()
    ) == sorted(
        ask(
            "select kind, coalesce(object, ''), n, coalesce(run_p95, 0) from job_durations"
            f" where period = '{period}'"
        )
    )
    assert [(row["kind"], row["health"], row["reason"]) for row in chosen.health()] == ask(
        "select kind, health, reason from provider_health order by list_position(['stale',"
        " 'failing', 'stuck', 'degraded', 'no data', 'idle', 'healthy'], health),"
        " failure_rate_7d desc nulls last, source, kind"
    )


def test_without_a_choice_charts_and_reasons_are_those_of_the_views(
    project: Project, ask: Ask
) -> None:
    chosen = Published(project.warehouse).choose(Filters(period="all"))
    assert [
        (row["day"], row["kind"], row["failure_rate_7d"], row["is_anomaly"])
        for row in chosen.trends()
    ] == ask(
        "select day, kind, failure_rate_7d, is_anomaly from failure_trends"
        " order by source, kind, day"
    )
    outcomes = chosen.outcomes()
    assert [
        tuple(
            sum(row["jobs"] for row in outcomes if row["status"] == status)
            for status in ("succeeded", "partial", "failed", "cancelled", "vanished")
        )
    ] == ask(
        "select sum(succeeded), sum(partial), sum(failed), sum(cancelled), sum(vanished)"
        " from job_outcomes_daily"
    )
    assert sorted(
        (row["source"], row["kind"], row["fingerprint"], row["jobs"], row["last_at"])
        for row in chosen.reasons()
    ) == sorted(ask("select source, kind, fingerprint, jobs, last_at from failure_reasons"))


@pytest.mark.parametrize("period", ["7d", "all"])
@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({"objects": ("Account", "Lead")}, "object in ('Account', 'Lead')"),
        ({"kinds": ("ingest",), "objects": ("Account",)}, "kind = 'ingest' and object = 'Account'"),
        ({"sources": ("zuora",), "providers": ("zuora",)}, "source = 'zuora'"),
        ({"objects": (SCRIPT,)}, f"object = '{SCRIPT}'"),
    ],
)
def test_a_choice_counts_the_chosen_jobs_alone(
    project: Project, ask: Ask, filters: Any, condition: str, period: str
) -> None:
    chosen = Published(project.warehouse).choose(Filters(**filters, period=period))
    totals = chosen.totals()
    ((finished, rated, succeeded, failed),) = ask(
        "select count(*) filter (where status in ('succeeded', 'partial', 'failed', 'cancelled')),"
        " count(*) filter (where status in ('succeeded', 'partial', 'failed')),"
        " count(*) filter (where status = 'succeeded'), count(*) filter (where status = 'failed')"
        f" from {ENDED} where {condition} and {since(period)}"
    )
    assert totals["finished"] == finished
    assert totals["rated"] == rated
    assert totals["failed"] == failed
    assert totals["job_success_rate"] == (succeeded / rated if rated else None)
    assert totals["low_sample"] == (rated < 20)
    assert sum(row["rated"] for row in chosen.rates()) == rated
    assert sum(row["jobs"] for row in chosen.reasons()) == len(chosen.failed_jobs())


def test_a_reason_leads_to_its_jobs_and_a_job_to_its_history(project: Project, ask: Ask) -> None:
    chosen = Published(project.warehouse).choose(Filters(period="all"))
    for reason in chosen.reasons():
        jobs = chosen.failed_jobs(reason)
        assert len(jobs) == reason["jobs"]
        assert {job["kind"] for job in jobs} == {reason["kind"]}
    ((source, kind, job_id, versions),) = ask(
        "select source, kind, job_id, count(*) from job_history group by all"
        " order by count(*) desc, job_id limit 1"
    )
    (key,) = chosen.find(job_id)
    assert key == {"source": source, "kind": kind, "job_id": job_id}
    history = chosen.history(key)
    assert len(history) == versions > 1
    assert history[-1]["valid_to"] is None
    job = chosen.job(key)
    assert job is not None
    assert job["status"] == history[-1]["status"]
    assert chosen.find("no such job") == []


def test_objects_do_not_change_what_is_stuck(project: Project, ask: Ask) -> None:
    ((stuck_object,),) = ask("select object from open_jobs where is_stuck limit 1")
    chosen = Published(project.warehouse).choose(Filters(objects=(stuck_object,)))
    assert [(job["job_id"], job["is_stuck"]) for job in chosen.open_jobs()] == ask(
        f"select job_id, is_stuck from open_jobs where object = '{stuck_object}'"
        " order by is_stuck desc, age_seconds desc"
    )


def test_what_a_list_leaves_out_is_counted_all_the_same(
    monkeypatch: pytest.MonkeyPatch, project: Project, ask: Ask
) -> None:
    monkeypatch.setattr(asking, "MOST", 2)
    chosen = Published(project.warehouse).choose(Filters(period="all"))
    ((unfinished, stuck),) = ask(
        "select count(*), cast(sum(cast(is_stuck as integer)) as integer) from open_jobs"
    )
    assert unfinished > len(chosen.open_jobs()) == 2
    assert chosen.how_many_open() == {"jobs": unfinished, "stuck": stuck}
    assert f'<dd class="jl-number">{unfinished}</dd><dd>{stuck} stuck</dd>' in page.cards(
        chosen.totals(), chosen.how_many_open(), "all"
    )
    assert f"The first 2 of {unfinished} jobs." in page.open_jobs(chosen.open_jobs(), unfinished)
    reason = max(chosen.reasons(), key=lambda reason: reason["jobs"])
    shown = failures.failed_jobs(reason, chosen.failed_jobs(reason))
    said = f"{reason['jobs']} jobs: {reason['fingerprint']}".removesuffix(".")
    assert f"{said}; the newest 2 are listed" in shown


def test_the_banner_tells_what_was_not_read_in_full(project: Project) -> None:
    about = Published(project.warehouse).about()
    assert str(page.banner(about)) == (
        f'<header class="jl-banner"><h1>Job health</h1><p>{about["jobs"]:,} jobs from 2 sources.'
        f" As of {NOW:%Y-%m-%d %H:%M} UTC; synced just now. Times are in UTC.</p></header>"
    )


def test_what_no_choice_changes_is_worked_out_once(
    monkeypatch: pytest.MonkeyPatch, project: Project
) -> None:
    asked: list[str] = []
    rows = Published.rows

    def watched(self: Published, sql: str) -> Any:
        asked.append(sql)
        return rows(self, sql)

    monkeypatch.setattr(Published, "rows", watched)
    published = Published(project.warehouse)
    for filters in (Filters(), Filters(period="7d"), Filters(kinds=("ingest",))):
        chosen = published.choose(filters)
        chosen.health()
        chosen.how_many_open()
        chosen.open_jobs()
    assert len(asked) >= 9
    assert [sql for sql in asked if re.search(r"ledger\.\"?(provider_health|open_jobs)", sql)] == [
        f'create temp table temp."{view}" as from ledger."{view}"'
        for view in ("provider_health", "open_jobs")
    ]


def test_what_the_jobs_say_stays_text(project: Project) -> None:
    quoted = Published(project.warehouse).choose(Filters(objects=("o'; drop table x; --",)))
    assert quoted.totals()["rated"] == 0
    harm = Published(project.warehouse).choose(Filters(objects=(SCRIPT,), period="all"))
    assert [(job["object"], job["error_message"]) for job in harm.failed_jobs()] == [
        (SCRIPT, IMAGE)
    ]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Ledger(tmp_path / "ledger.duckdb", tmp_path / "jobs.duckdb") as ledger:
        scene = Scene(tmp_path, ledger)
        put_in_place(ledger.connection, None)
        scene.world.run()
        yield scene


def test_what_ends_tomorrow_by_a_clock_of_the_future_is_not_shown_as_now(scene: Scene) -> None:
    for number in range(4):
        scene.world.job(
            f"j{number}",
            status="failed" if number % 2 else "succeeded",
            created_at=ago(hours=3),
            finished_at=ago(hours=2),
        )
    scene.world.job("late", created_at=ago(hours=1), finished_at=ago(hours=-24))
    scene.publish()
    chosen = Published(scene.project.warehouse).choose(Filters(period="30d"))
    ((*_, newest),) = chosen.trends_by_kind()
    (health,) = chosen.health()
    assert (newest["failure_rate_7d"], newest["rated_7d"]) == (0.5, 4)
    assert (health["failure_rate_7d"], health["rated_7d"]) == (0.5, 4)
    # no line ends before the percent sign
    assert "2 of 4 jobs failed in 7 days (50.0\u00a0%)" in page.health([health], NOW)


def test_a_job_is_chosen_by_the_object_that_it_has_now(scene: Scene) -> None:
    times = {"created_at": ago(days=2), "finished_at": ago(days=1)}
    scene.world.job("a", object="Old", valid_from=ago(days=2), valid_to=ago(days=1), **times)
    scene.world.job("a", object="New", valid_from=ago(days=1), **times)
    scene.world.job("b", kind="custom_object_bulk", object="Old", **times)
    scene.publish()
    published = Published(scene.project.warehouse)
    old = published.choose(Filters(objects=("Old",)))
    assert [(row["kind"], row["rated"]) for row in old.rates()] == [("custom_object_bulk", 1)]
    new = published.choose(Filters(objects=("New",), period="all"))
    assert [(row["kind"], row["rated"]) for row in new.rates()] == [("data_query", 1)]
    # charts begin with the first job that was chosen
    assert {row["day"] for row in old.outcomes()} == {row["day"] for row in new.outcomes()}
    assert min(row["day"] for row in new.outcomes()) == ago(days=2).date()


def test_a_view_that_lacks_a_column_is_told_in_words(scene: Scene) -> None:
    scene.world.job()
    scene.publish()
    with duckdb.connect(scene.project.warehouse) as connection:
        connection.execute("create or replace view job_durations as select 1 as n")
    chosen = Published(scene.project.warehouse).choose(Filters())
    with pytest.raises(QueryError, match="give that one the columns it lacks"):
        chosen.durations()
    assert chosen.totals()["rated"] == 1
