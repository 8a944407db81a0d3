"""What readers see of a sync, and when; and what a sync leaves behind beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.project import Project as Folder
from jobledger.pipelines.sync.project_sync import exit_of, sync_project
from jobledger.pipelines.warehouse.forgetting import forget
from jobledger.sources import known_kinds
from tests.faults.processes import until
from tests.faults.provider import project as folder_of
from tests.faults.provider import rows_of, served
from tests.pipelines.salesforce_org import job, org
from tests.pipelines.scripted_sync import Project, Quiet
from tests.pipelines.zuora_tenant import QUERY, queries, query
from tests.sources._provider.accounts import FakeClock

SCHEMAS = "select schema_name from duckdb_schemas() where database_name = current_database()"


def schemas(path: Path) -> set[str]:
    """The schemas of a database that are not DuckDB's own."""
    own = {"information_schema", "main", "pg_catalog"}
    return {name for (name,) in rows_of(path, SCHEMAS)} - own


def test_what_dlt_loads_into_before_it_merges_is_nothing_for_readers(project: Project) -> None:
    project.sync(queries(query("a", "accepted")), kinds=QUERY)
    # there are versions to be merged with from now on
    project.sync(queries(query("a")), kinds=QUERY)
    assert schemas(project.folder / ".jobledger" / "ledger.duckdb") == {"loaded", "loaded_zuora"}
    assert schemas(project.published) == {"loaded"}
    assert project.current() == [("a", "succeeded", "completed")]


def test_no_rows_stay_in_the_working_files_once_they_are_loaded(project: Project) -> None:
    for status in ("accepted", "completed"):
        project.sync(queries(query("a", status)), kinds=QUERY)
        assert list((project.folder / ".jobledger").rglob("*.parquet")) == []


def test_readers_see_what_one_source_loaded_while_another_is_still_read(project: Project) -> None:
    quick, slow = queries(query("a")), org(job("b"))
    jobs = "select source, job_id from loaded.job_versions order by all"
    seen: list[Any] = []

    def at_once(path: str, params: Mapping[str, str]) -> Any:
        is_query = path.startswith("/query")
        return quick(path, params) if is_query else {"success": True, "jobs": []}

    def late(path: str, params: Mapping[str, str]) -> Any:
        if path.endswith("/jobs/ingest"):
            is_there = until(project.published.exists, every=0.05)
            seen.append(project.rows(jobs) if is_there else "nothing")
        return slow(path, params)

    result = project.sync_all({"zuora": at_once, "salesforce": late})
    assert seen == [[("zuora", "a")]]
    assert (result.load_errors, {run.outcome for run in result.runs}) == ({}, {"complete"})
    assert project.rows(jobs) == [("salesforce", "b"), ("zuora", "a")]


def test_a_source_is_forgotten_whatever_is_wrong_with_the_settings(tmp_path: Path) -> None:
    with served() as running:
        ours = folder_of(tmp_path / "ours", running.base_url)
        assert exit_of(sync_project(ours, watcher=Quiet(), clock=FakeClock())) == 0
    config = ours.folder / ".dlt" / "config.toml"
    config.write_text(f'{config.read_text()}kinds = ["no_such_kind"]\n')
    broken = Folder(ours.folder, {})
    with pytest.raises(ConfigError, match="no_such_kind"):
        broken.sources(known_kinds())
    count = "select count(*) from jobs where source = '{}'"
    ((zuora,),) = rows_of(ours.warehouse, count.format("zuora"))
    ((salesforce,),) = rows_of(ours.warehouse, count.format("salesforce"))
    assert forget(broken, "zuora") == zuora > 0
    assert rows_of(ours.warehouse, "select source, count(*) from jobs group by all") == [
        ("salesforce", salesforce)
    ]
    # where nobody can tell, nothing is said to be left out
    assert rows_of(
        ours.warehouse,
        "select source, kind, reason like '%leave%' from provider_health order by all",
    ) == [("salesforce", "ingest", False), ("salesforce", "query", False)]
