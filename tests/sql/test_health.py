from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from jobledger.pipelines.checks import run
from jobledger.pipelines.warehouse.views import put_in_place
from tests.sql.worlds import NOW, World, ago


def health(world: World) -> tuple[Any, ...]:
    row = world.only("provider_health")
    return row["health"], row["reason"]


def finished(world: World, failed: int, good: int, **when: float) -> None:
    end = {"created_at": ago(**when), "finished_at": ago(**when)}
    world.jobs(failed, f"f{when}", status="failed", **end)
    world.jobs(good, f"s{when}", **end)


def test_a_kind_that_was_never_synced_has_no_health(world: World):
    world.job()
    assert world.rows("provider_health") == []
    assert world.rows("sync_health") == []


def test_a_sync_that_failed_is_a_row_and_stale(world: World):
    world.run(
        outcome="failed",
        error_kind="auth",
        error_message="HTTP 401",
        requests=2,
        finished_at=ago(minutes=5),
    )

    assert world.only("provider_health") == {
        "source": "zuora",
        "provider": "zuora",
        "kind": "data_query",
        "health": "stale",
        "reason": "no sync has been complete yet; the last sync failed (auth)",
        "last_finished_at": None,
        "failure_rate_7d": None,
        "rated_7d": 0,
        "open_jobs": 0,
        "stuck_jobs": 0,
        "last_complete_sync_at": None,
    }
    assert world.only("sync_health") == {
        "source": "zuora",
        "provider": "zuora",
        "kind": "data_query",
        "last_sync_at": ago(minutes=5),
        "last_outcome": "failed",
        "last_complete_at": None,
        "hours_since_complete": None,
        "open_jobs": 0,
        "rejected_7d": 0,
        "gaps": 0,
        "requests_7d": 2,
        "last_error": "HTTP 401",
    }


@pytest.mark.parametrize(
    ("schedule", "hours", "reason"),
    [
        (3600.0, 2.0, "no complete sync for 2.0 h, and 2.0 h is the limit"),
        (3600.0, 1.99, None),
        (None, 24.0, "no complete sync for 24.0 h, and 24.0 h is the limit"),
        (None, 23.9, None),
        (86400.0, 47.9, None),
        (900.0, 0.75, "no complete sync for 45 min, and 30 min is the limit"),
        (10.0, 0.01, "no complete sync for 36 s, and 20 s is the limit"),
        (2 * 86400.0, 96.0, "no complete sync for 4.0 days, and 4.0 days is the limit"),
        (86400.0, 48.0, "no complete sync for 48.0 h, and 48.0 h is the limit"),
    ],
)
def test_stale_is_twice_the_schedule_or_a_day(
    world: World, schedule: float | None, hours: float, reason: str | None
):
    finished(world, 9, 0, hours=3)
    world.run(finished_at=ago(hours=hours), schedule_seconds=schedule)

    assert health(world)[0] == ("stale" if reason else "failing")
    assert reason is None or health(world)[1] == reason


@pytest.fixture
def left_out(world: World) -> Iterator[World]:
    """A world whose settings leave data queries out."""
    put_in_place(world.connection, None, [("zuora", "data_query")])
    world.time_is(NOW)
    yield world
    put_in_place(world.connection, None)


def test_a_kind_that_the_settings_leave_out_says_so_once_it_is_stale(left_out: World):
    left_out.run(finished_at=ago(hours=5), schedule_seconds=3600.0)
    assert health(left_out) == (
        "stale",
        "not synced any more, since the settings leave it out; last complete 5.0 h ago",
    )
    left_out.run(finished_at=ago(hours=1), schedule_seconds=3600.0)
    assert health(left_out) == ("no data", "synced 1.0 h ago, and there was no job")
    left_out.run(kind="ingest", finished_at=ago(hours=5))
    assert left_out.rows("provider_health", ("kind", "health")) == [
        ("data_query", "no data"),
        ("ingest", "no data"),
    ]


def test_no_check_names_what_is_not_looked_at_any_more(left_out: World):
    left_out.run(outcome="failed", finished_at=ago(days=3))
    left_out.reject()
    left_out.job(status="running", created_at=ago(days=3))
    left_out.jobs(3, status="failed", created_at=ago(days=3), finished_at=ago(days=3))
    assert [each.name for each in run(left_out.connection, None) if not each.is_good] == []
    assert health(left_out) == (
        "stale",
        "not synced any more, since the settings leave it out",
    )


def test_the_schedule_is_that_of_the_newest_sync_complete_or_not(world: World):
    finished(world, 0, 1, hours=3)
    world.run(sync_id="s1", finished_at=ago(hours=3), schedule_seconds=86400.0)
    world.run(
        sync_id="s2",
        finished_at=ago(hours=1),
        outcome="incomplete",
        error_kind="time_limit",
        schedule_seconds=3600.0,
    )

    assert health(world) == (
        "stale",
        (
            "no complete sync for 3.0 h, and 2.0 h is the limit;"
            " the last sync was incomplete (time_limit)"
        ),
    )


def test_no_data(world: World):
    world.run()
    assert health(world) == ("no data", "synced 30 min ago, and there was no job")


def test_failing_wants_three_rated_jobs(world: World):
    world.run()
    finished(world, 2, 0, hours=3)
    assert health(world) == ("degraded", "2 of 2 jobs failed in 7 days (100.0 %)")
    finished(world, 0, 2, hours=4)
    assert health(world) == ("failing", "2 of 4 jobs failed in 7 days (50.0 %)")


def test_stuck(world: World):
    world.run()
    world.job("a", status="running", created_at=ago(hours=25))
    world.job("b", status="running", created_at=ago(hours=23))
    assert health(world) == ("stuck", "1 of 2 open jobs stuck")


def test_degraded_from_a_tenth_on(world: World):
    world.run()
    finished(world, 1, 9, hours=3)
    assert health(world) == ("degraded", "1 of 10 jobs failed in 7 days (10.0 %)")
    finished(world, 0, 1, hours=4)
    assert health(world) == ("healthy", "1 of 11 jobs failed in 7 days (9.1 %)")


@pytest.mark.parametrize(("days", "is_recent"), [(0, True), (1, True), (2, False)])
def test_degraded_by_an_anomaly_of_today_or_yesterday(world: World, days: int, is_recent: bool):
    world.run()
    for day in range(8):
        finished(world, 0, 5, days=days + 1 + day)
    finished(world, 0, 30, days=days + 1)
    finished(world, 3, 40, days=days)

    assert health(world) == (
        (
            "degraded",
            (
                f"3 jobs failed on {(NOW - timedelta(days=days)).date()}, far more than in the"
                " 28 days before"
            ),
        )
        if is_recent
        else ("healthy", health(world)[1])
    )


def test_of_two_anomalies_the_reason_names_the_newer(world: World):
    world.run()
    for day in range(2, 14):
        finished(world, 0, 5, days=day)
    finished(world, 3, 40, days=1)
    finished(world, 4, 40, hours=1)
    assert world.rows("failure_trends", ("day", "failed", "is_anomaly"))[-2:] == [
        (ago(days=1).date(), 3, True),
        (NOW.date(), 4, True),
    ]
    assert health(world) == (
        "degraded",
        f"4 jobs failed on {NOW.date()}, far more than in the 28 days before",
    )


def test_idle_and_healthy(world: World):
    world.run()
    world.job("a", status="queued", created_at=ago(hours=1))
    assert health(world) == ("idle", "no job has finished yet, of 1 open")
    world.job("b", status="vanished")
    assert health(world) == ("idle", "no job has finished yet, of 1 open")
    world.job("c", status="cancelled", finished_at=ago(days=30, seconds=1))
    assert health(world) == ("idle", "no job finished for 30 days")
    world.job("d", status="cancelled", finished_at=ago(days=30))
    assert health(world) == ("healthy", "no job to rate in 7 days")
    finished(world, 0, 5, hours=1)
    assert health(world) == ("healthy", "none of 5 jobs failed in 7 days")
    assert world.only("provider_health")["last_finished_at"] == ago(hours=1)


def test_the_ladder_is_climbed_from_the_top(world: World):
    world.job("a", status="running", created_at=ago(days=9))
    finished(world, 9, 0, hours=1)
    world.run(finished_at=ago(days=2))
    assert health(world)[0] == "stale"
    world.run(finished_at=ago(hours=1))
    assert health(world)[0] == "failing"


def test_sync_health_of_several_kinds(world: World):
    world.run(sync_id="s1", finished_at=ago(days=8), requests=100, gap_from=ago(days=20))
    world.run(sync_id="s2", finished_at=ago(days=7), requests=10, gap_from=ago(days=9))
    world.run(sync_id="s3", finished_at=ago(hours=6), requests=1)
    world.run(sync_id="s4", finished_at=ago(hours=1), outcome="incomplete", requests=None)
    world.run(sync_id="s4", kind="auto_backfill", finished_at=ago(hours=2), requests=5)
    world.run(sync_id="s4", source="eu", kind="auto_backfill", finished_at=ago(hours=3))
    world.reject(sync_id="s3", seen_at=ago(days=7))
    world.reject(sync_id="s3", seen_at=ago(days=7, seconds=1))
    world.reject(sync_id="s4", kind="auto_backfill")
    world.job("a", status="running")
    world.job("b", status="queued")
    world.job("c")

    eu, back, query = world.rows("sync_health")
    assert eu == (
        "eu", "zuora", "auto_backfill", ago(hours=3), "complete", ago(hours=3), 3.0, 0, 0, 0, 1,
        None,
    )  # fmt: skip
    assert back == (
        "zuora", "zuora", "auto_backfill", ago(hours=2), "complete", ago(hours=2), 2.0, 0, 1, 0, 5,
        None,
    )  # fmt: skip
    assert query == (
        "zuora", "zuora", "data_query", ago(hours=1), "incomplete", ago(hours=6), 6.0, 2, 1, 2, 11,
        None,
    )  # fmt: skip
