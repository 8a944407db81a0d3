import re
from pathlib import Path
from typing import Any

import pytest

from jobledger.pipelines.checks import Checked, load, run
from tests.sql.worlds import World, ago

NAMES = [
    "counts_that_do_not_add_up",
    "failing_kinds",
    "finish_before_creation",
    "gaps",
    "late_syncs",
    "rejected_records",
    "stuck_jobs",
    "unknown_statuses",
]


def found(world: World, own: Path | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """The checks that found something, with key and problem of each row."""
    checked = run(world.connection, own)
    assert [each.error for each in checked] == [None] * len(checked)
    return {
        each.name: [(*row[:3], row[each.columns.index("problem")]) for row in each.rows]
        for each in checked
        if not each.is_good
    }


def test_there_are_eight_and_each_says_what_a_row_is():
    checks = load(None)
    assert [check.name for check in checks] == NAMES
    assert all(check.title.startswith("one row per ") for check in checks)


def test_a_ledger_with_nothing_and_one_where_all_is_well_have_no_problems(world: World):
    assert found(world) == {}

    world.run(schedule_seconds=3600.0)
    world.job(
        "a",
        finished_at=ago(hours=1),
        created_at=ago(hours=2),
        records_total=5,
        records_processed=5,
        records_succeeded=4,
        records_failed=1,
    )
    world.job("b", status="running", created_at=ago(hours=1))
    world.reject(sync_id="an older one")
    assert found(world) == {}


def test_the_check_that_the_readme_shows(world: World, tmp_path: Path):
    readme = Path(__file__).parents[2] / "README.md"
    (shown,) = re.findall(r"```sql\n(.*?)```", readme.read_text("utf-8"), re.DOTALL)
    checks = tmp_path / "checks"
    checks.mkdir()
    (checks / "rising_failures.sql").write_text(shown)
    world.run(schedule_seconds=3600.0)
    for days in range(2, 12):
        world.jobs(2, f"d{days}-", finished_at=ago(days=days), created_at=ago(days=days))
    world.job("good", finished_at=ago(hours=1), created_at=ago(hours=2))
    world.jobs(4, status="failed", finished_at=ago(hours=1), created_at=ago(hours=2))

    checked = {each.name: each for each in run(world.connection, tmp_path)}
    title = "one row per kind of which clearly more fail than before, yesterday or today"
    assert checked["rising_failures"].title == title
    (row,) = checked["rising_failures"].rows
    day = ago(hours=1).date()
    problem = f"{day.day} {day:%B}: 4 of 5 failed, where it was 0 % in the 28 days before"
    assert row == ("zuora", "data_query", day, problem)


def test_unknown_statuses(world: World):
    world.job("a", status="unknown", provider_status="Paused", created_at=ago(hours=1))
    world.job("b", status="unknown", provider_status="Paused", created_at=ago(hours=1))

    assert found(world) == {
        "unknown_statuses": [
            ("zuora", "data_query", "Paused", "status 'Paused' is not known, of 2 job(s)")
        ]
    }


def test_a_finish_before_a_creation(world: World):
    world.job(created_at=ago(hours=1), finished_at=ago(hours=2))
    world.job("same", created_at=ago(hours=1), finished_at=ago(hours=1))
    world.job("soon", created_at=ago(hours=1), finished_at=ago(hours=1, milliseconds=20))

    assert found(world) == {
        "finish_before_creation": [
            ("zuora", "data_query", "j1", "finished 3600.0 s before it was created"),
            ("zuora", "data_query", "soon", "finished 0.02 s before it was created"),
        ]
    }


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ((None, 3, 1, 1), "succeeded and failed are not what was processed"),
        ((None, 3, 2**63 - 1, 1), "succeeded and failed are not what was processed"),
        ((None, 3, None, 4), "more failed than were processed"),
        ((2, 3, None, None), "more processed than there were"),
        ((None, 3, 4, None), "more succeeded than were processed"),
        ((10, None, 8, 5), "more succeeded and failed than there were"),
        ((10, None, None, 11), "more succeeded and failed than there were"),
        ((10, None, 8, 2), None),
        ((None, None, -1, None), "a count below zero"),
        ((None, None, 1, 1), None),
        ((3, 2, 1, 1), None),
    ],
)
def test_counts(world: World, counts: tuple[int | None, ...], problem: str | None):
    names = ("records_total", "records_processed", "records_succeeded", "records_failed")
    row: dict[str, Any] = dict(zip(names, counts, strict=True))
    world.job(finished_at=ago(hours=1), created_at=ago(hours=2), **row)
    world.job("open", status="running", created_at=ago(hours=1), **row)
    world.job("gone", status="vanished", created_at=ago(hours=1), **row)

    expected = {"counts_that_do_not_add_up": [("zuora", "data_query", "j1", problem)]}
    assert found(world) == (expected if problem else {})


def test_late_syncs(world: World):
    world.run(finished_at=ago(hours=5), schedule_seconds=3600.0)
    world.run(kind="auto_backfill", outcome="failed", error_kind="auth")

    assert found(world) == {
        "late_syncs": [
            ("zuora", "auto_backfill", None,
             "no sync has been complete yet; the last sync failed (auth)"),
            ("zuora", "data_query", ago(hours=5),
             "no complete sync for 5.0 h, and 2.0 h is the limit"),
        ]
    }  # fmt: skip


def test_gaps(world: World):
    world.run(sync_id="s1", finished_at=ago(days=31), gap_from=ago(days=33), gap_to=ago(days=32))
    world.run(sync_id="s2", gap_from=ago(days=2), gap_to=ago(days=1))
    world.run(sync_id="s3", kind="data_backfill", gap_from=ago(days=2))

    assert found(world) == {
        "gaps": [
            ("zuora", "data_backfill", ago(minutes=30),
             "jobs created after 2026-03-13 12:00 UTC may be missing"),
            ("zuora", "data_query", ago(minutes=30),
             "jobs created between 2026-03-13 12:00 and 2026-03-14 12:00 UTC may be missing"),
        ]
    }  # fmt: skip


def test_rejected_records_of_the_last_sync(world: World):
    world.run(sync_id="s1", finished_at=ago(hours=2))
    world.run(sync_id="s2", finished_at=ago(hours=1))
    world.reject(sync_id="s1", job_id="old")
    world.reject(sync_id="s2", job_id="j1", field="createdOn")
    world.reject(sync_id="s2", problem="no id")

    assert found(world) == {
        "rejected_records": [
            ("zuora", "data_query", "j1", "field 'createdOn': not a time"),
            ("zuora", "data_query", None, "the record: no id"),
        ]
    }


def test_stuck_jobs(world: World):
    world.job(
        status="running", provider_status="in_progress", created_at=ago(hours=30),
        valid_from=ago(hours=26),
    )  # fmt: skip

    assert found(world) == {
        "stuck_jobs": [
            ("zuora", "data_query", "j1",
             "slow: in_progress, created 30.0 h ago")
        ]
    }  # fmt: skip


def test_a_stuck_job_says_since_when_nobody_saw_a_change_where_that_is_the_reason(world: World):
    # such jobs take two days
    world.jobs(20, finished_at=ago(days=30), total_seconds=2 * 86400.0)
    world.job("open", status="running", created_at=ago(hours=30), valid_from=ago(hours=26))

    ((*_, problem),) = found(world)["stuck_jobs"]
    assert problem == "no change: running, created 30.0 h ago, no change seen for 26.0 h"


def test_a_stuck_job_that_is_known_since_just_now(world: World):
    world.job(status="running", created_at=ago(hours=30), valid_from=ago(minutes=2))

    ((*_, problem),) = found(world)["stuck_jobs"]
    assert problem == "slow: running, created 30.0 h ago"
    world.clear()
    # a data query does not say when it was made
    world.job(status="running", valid_from=ago(hours=30))
    ((*_, problem),) = found(world)["stuck_jobs"]
    assert problem == "slow: running, first seen 30.0 h ago"


def test_failing_kinds(world: World):
    world.run()
    world.jobs(3, status="failed", created_at=ago(hours=1), finished_at=ago(hours=1))

    assert found(world) == {
        "failing_kinds": [("zuora", "data_query", 1.0, "3 of 3 jobs failed in 7 days (100.0 %)")]
    }
    # two say too little
    world.clear()
    world.run()
    world.jobs(2, status="failed", created_at=ago(hours=1), finished_at=ago(hours=1))
    assert found(world) == {}
    # one that is stale as well is told for what fails all the same
    world.clear()
    world.run(started_at=ago(days=2), finished_at=ago(days=2))
    world.jobs(3, status="failed", created_at=ago(days=3), finished_at=ago(days=3))
    ((*_, problem),) = found(world)["failing_kinds"]
    assert problem == "3 of 3 jobs failed in 7 days (100.0 %)"


def test_a_projects_own_checks_join_replace_and_break_alone(world: World, tmp_path: Path):
    own = tmp_path / "checks"
    own.mkdir()
    (own / "late_syncs.sql").write_text("-- one row per nothing\nselect 1 as x where false")
    (own / "many.sql").write_text("select 1; select 2")
    # some editors put a mark before the text
    (own / "mine.sql").write_text("-- one row per job\nselect job_id from jobs", "utf-8-sig")
    (own / "missing.sql").write_text("select * from nowhere")
    (own / "writes.sql").write_text("delete from loaded.job_versions")
    (own / "broken.sql").write_bytes(b"\xff\xfe")
    (own / "folder.sql").mkdir()
    world.job(created_at=ago(hours=1), finished_at=ago(hours=1))
    world.run(outcome="failed")

    checked = {each.name: each for each in run(world.connection, tmp_path)}

    assert sorted(checked) == sorted(
        [*NAMES, "broken", "folder", "many", "mine", "missing", "writes"]
    )
    assert checked["mine"] == Checked("mine", "one row per job", ("job_id",), (("j1",),))
    assert checked["late_syncs"] == Checked("late_syncs", "one row per nothing", ("x",))
    assert checked["many"].error == "expected a single select"
    assert checked["writes"].error == "expected a single select"
    assert "nowhere does not exist" in str(checked["missing"].error)
    assert checked["broken"].error == "the file is no text in UTF-8"
    assert checked["folder"].error == "cannot be read: Is a directory"
    assert world.rows("jobs", ("job_id",)) == [("j1",)]


def test_in_the_clone_the_packaged_checks_are_read_once():
    assert load(Path(__file__).parents[2] / "sql") == load(None)
