from typing import Any

import pytest

from tests.sql.worlds import World, ago

HOUR = 3600.0
DAY = 86400.0


def judged(world: World) -> dict[str, Any]:
    row = world.only("open_jobs")
    return {name: row[name] for name in ("expected_seconds", "is_stuck", "stuck_reason")}


def stuck(expected: float | None, reason: str | None) -> dict[str, Any]:
    return {
        "expected_seconds": expected if expected is None else pytest.approx(expected),
        "is_stuck": reason is not None,
        "stuck_reason": reason,
    }


def history(world: World, count: int, seconds: float, **columns: Any) -> None:
    """Jobs that took so long."""
    ended = {"finished_at": ago(days=30), "total_seconds": seconds} | columns
    world.jobs(count, f"{seconds}-{columns.get('object')}-", **ended)


def test_only_jobs_that_are_not_terminal_are_open(world: World):
    for status in ("succeeded", "partial", "failed", "cancelled", "vanished"):
        world.job(status, status=status)
    for status in ("queued", "running", "unknown"):
        world.job(status, status=status, created_at=ago(hours=1))

    assert world.rows("open_jobs", ("job_id",)) == [("queued",), ("running",), ("unknown",)]


def test_a_fresh_job_is_not_stuck(world: World):
    world.job(
        status="running",
        provider_status="in_progress",
        object="Account",
        operation="query",
        created_at=ago(hours=2),
        valid_from=ago(hours=1),
    )

    assert world.only("open_jobs") == {
        "source": "zuora",
        "provider": "zuora",
        "kind": "data_query",
        "job_id": "j1",
        "object": "Account",
        "operation": "query",
        "status": "running",
        "provider_status": "in_progress",
        "created_at": ago(hours=2),
        "last_changed_at": ago(hours=1),
        "age_seconds": 2 * HOUR,
        "seconds_since_change": HOUR,
        "expected_seconds": None,
        "is_stuck": False,
        "stuck_reason": None,
    }


def test_a_job_that_tells_no_creation_is_as_old_as_its_first_version(world: World):
    world.job(status="queued", valid_from=ago(hours=9), valid_to=ago(hours=2))
    world.job(status="running", valid_from=ago(hours=2))

    row = world.only("open_jobs")
    assert (row["age_seconds"], row["seconds_since_change"]) == (9 * HOUR, 2 * HOUR)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_an_age_over_a_change_of_clocks(world: World, zone: str):
    world.connection.execute(f"set TimeZone = '{zone}'")
    world.job(status="running", created_at=ago(days=10), valid_from=ago(days=9))

    row = world.only("open_jobs")
    assert (row["age_seconds"], row["seconds_since_change"]) == (10 * DAY, 9 * DAY)


@pytest.mark.parametrize(
    ("provider", "kind", "word", "reason"),
    [
        ("zuora", "custom_object_bulk", "Pending", "waiting_for_data"),
        ("zuora", "custom_object_bulk", "accepted", "slow"),
        ("zuora", "data_backfill", "Pending", "slow"),
        ("salesforce", "ingest", "Open", "waiting_for_data"),
        ("salesforce", "query", "open", "waiting_for_data"),
        ("salesforce", "ingest", "UploadComplete", "slow"),
    ],
)
def test_a_job_that_waits_for_its_data_for_more_than_a_day(
    world: World, provider: str, kind: str, word: str, reason: str
):
    job = {"provider": provider, "kind": kind, "status": "queued", "provider_status": word}
    world.job("day", created_at=ago(hours=24), **job)
    assert judged(world) == stuck(None, None)
    world.connection.execute("delete from loaded.job_versions")
    world.job("more", created_at=ago(hours=24, seconds=1), **job)
    assert judged(world) == stuck(None, reason)


def test_a_job_is_slow_at_three_times_what_is_expected(world: World):
    history(world, 20, 2 * HOUR, object="Account")
    world.job(status="running", object="Account", created_at=ago(hours=6))
    assert judged(world) == stuck(2 * HOUR, None)

    world.connection.execute("delete from loaded.job_versions where not is_terminal")
    world.job(status="running", object="Account", created_at=ago(hours=6, seconds=1))
    assert judged(world) == stuck(2 * HOUR, "slow")


def test_a_job_is_never_slow_within_an_hour(world: World):
    history(world, 20, 1.0)
    world.job("young", status="running", created_at=ago(hours=1))
    assert judged(world) == stuck(1.0, None)


def test_a_job_that_did_not_change_for_a_day(world: World):
    history(world, 20, 20 * HOUR)
    world.job(status="running", created_at=ago(hours=30), valid_from=ago(hours=24, seconds=1))
    assert judged(world) == stuck(20 * HOUR, "no_change")

    world.connection.execute("delete from loaded.job_versions where not is_terminal")
    world.job(status="running", created_at=ago(hours=30), valid_from=ago(hours=24))
    assert judged(world) == stuck(20 * HOUR, None)


def test_expected_is_the_95th_percentile_of_the_objects_rated_jobs(world: World):
    for number in range(1, 21):
        history(world, 1, float(number), object="Account")
    history(world, 50, 9000.0, object="Contact")
    history(world, 50, 9000.0, object="Account", status="cancelled")
    history(world, 50, 9001.0, object="Account", finished_at=ago(days=91))
    world.job(status="running", object="Account", created_at=ago(hours=1))

    assert judged(world) == stuck(1 + 0.95 * 19, None)


def test_expected_falls_back_to_the_kind_and_then_to_nothing(world: World):
    history(world, 19, 100.0, object="Account")
    world.job("open", status="running", object="Account", created_at=ago(hours=1))
    assert judged(world) == stuck(None, None)

    history(world, 1, 100.0, object="Contact")
    assert judged(world) == stuck(100.0, None)

    history(world, 1, 300.0, object="Account")
    assert judged(world) == stuck(100 + 200 * 0.05, None)  # the object's, with the 20th of it


def test_another_source_or_kind_says_nothing_of_it(world: World):
    history(world, 30, 100.0, source="zuora_eu")
    history(world, 30, 101.0, kind="auto_backfill")
    world.job("open", status="running", created_at=ago(hours=1))

    assert judged(world) == stuck(None, None)


def test_a_kind_without_total_times_is_measured_by_its_running_times(world: World):
    history(world, 19, 0.0, total_seconds=None, run_seconds=50.0, object="A")
    world.job("open", status="running", object="A", created_at=ago(hours=1))
    assert judged(world) == stuck(None, None)

    world.job("more", finished_at=ago(days=1), run_seconds=50.0, object="A")
    assert judged(world) == stuck(50.0, None)

    # one total time, and the kind is measured by those
    world.job("total", finished_at=ago(days=1), total_seconds=60.0, object="A")
    assert judged(world) == stuck(None, None)


@pytest.mark.parametrize("mark", ["refused", "not taken"])
def test_a_closed_job_whose_detail_is_refused_is_never_stuck(world: World, mark: str):
    job = {"provider": "salesforce", "source": "salesforce", "kind": "ingest"}
    closed: dict[str, Any] = {
        "status": "running",
        "provider_status": "Closed",
        "created_at": ago(days=9),
    }
    world.job(**job, **closed)
    world.detail(source="salesforce", kind="ingest", detail="merged")
    assert judged(world) == stuck(None, "slow")

    world.connection.execute("delete from loaded.job_details")
    world.detail(source="salesforce", kind="ingest", detail=mark)
    assert judged(world) == stuck(None, None)
