"""A ledger that an older version of the model made: migrated, its history kept."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobledger.emulator import Running
from jobledger.pipelines.sync.project_sync import exit_of, sync_project
from tests.faults.provider import moved, project, rows_of, served
from tests.pipelines.scripted_sync import Quiet
from tests.sources._provider.accounts import FakeClock

FIRST = {
    "job_versions": (
        *("started_at", "finished_at_basis", "queue_seconds", "run_basis", "records_succeeded"),
        *("progress", "error_code", "input_bytes", "output_bytes", "created_by"),
    ),
    "sync_runs": ("scope", "schedule_seconds", "gap_from", "gap_to", "quota_used", "quota_limit"),
    "rejected_records": ("seen_at",),
}
"""What the tables of the first version did not have, nor the table `job_details`."""
JOBS = "select * exclude (first_seen_at, last_changed_at) from jobs order by all"
HISTORY = (
    "select source, kind, job_id, row_hash, valid_from, valid_to, raw from loaded.job_versions"
    " order by all"
)


@pytest.fixture
def running() -> Iterator[Running]:
    with served() as running:
        yield running


def made_old(path: Path, *, is_without_dlt: bool) -> None:
    """Takes away what the first version did not have."""
    with duckdb.connect(path) as connection:
        views = connection.execute(
            "select schema_name, view_name from duckdb_views() where not internal"
        ).fetchall()
        for schema, view in views:
            connection.execute(f'drop view if exists "{schema}"."{view}" cascade')
        for table, columns in FIRST.items():
            for column in columns:
                connection.execute(f'alter table loaded.{table} drop column "{column}"')
        connection.execute("drop table loaded.job_details")
        if is_without_dlt:
            for table in ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state"):
                connection.execute(f"drop table loaded.{table}")


@pytest.mark.parametrize(
    ("is_working_folder_lost", "is_without_dlt"), [(True, False), (False, True)]
)
def test_an_older_ledger_is_migrated_and_its_history_kept(
    is_working_folder_lost: bool, is_without_dlt: bool, tmp_path: Path, running: Running
) -> None:
    clock = FakeClock()
    ours = project(tmp_path / "ours", running.base_url)

    def sync(the_project: Any, **how: Any) -> None:
        result = sync_project(the_project, watcher=Quiet(), clock=moved(clock), **how)
        assert (exit_of(result), result.load_errors) == (0, {})

    sync(ours)
    record = running.world.records("data_query")[-1]
    running.world.put("data_query", {**record, "queryStatus": "failed", "errorMessage": "late"})
    gone = running.world.records("custom_object_bulk")[-1]
    running.world.purge("custom_object_bulk", gone["Id"])
    sync(ours, is_full=True)
    whole = rows_of(ours.warehouse, JOBS)
    history = rows_of(ours.warehouse, HISTORY)
    assert sum(row[5] is not None for row in history) == 2
    for path in (ours.warehouse, ours.state_dir / "ledger.duckdb"):
        made_old(path, is_without_dlt=is_without_dlt)
    if is_working_folder_lost:
        shutil.rmtree(ours.state_dir)

    sync(ours)
    assert rows_of(ours.warehouse, JOBS) == whole
    assert rows_of(ours.warehouse, HISTORY) == history

    # and it goes on from there
    running.world.put("data_query", record)
    running.world.put("custom_object_bulk", gone)
    clock.passed += timedelta(days=2).total_seconds()
    sync(ours, is_full=True)
    theirs = project(tmp_path / "theirs", running.base_url)
    sync(theirs)
    assert rows_of(ours.warehouse, JOBS) == rows_of(theirs.warehouse, JOBS)
    after = rows_of(ours.warehouse, HISTORY)
    assert {row[:5] for row in history} <= {row[:5] for row in after}
    assert len(after) == len(history) + 2
