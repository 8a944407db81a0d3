"""A ledger of the demo's world, with one job in it that means harm."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pytest

from jobledger.pipelines.demo import BETWEEN, StandingClock, demo_project, emulated, stand_still
from jobledger.pipelines.project import Project
from jobledger.pipelines.sync.project_sync import sync_project
from tests.pipelines.scripted_sync import Quiet

Ask: TypeAlias = Callable[[str], list[tuple[Any, ...]]]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"
"""The object of that job."""
IMAGE = "<img src=x onerror=alert(2)> & **more**"
"""Its message."""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Synced twice, with a provider that still answers."""
    project = demo_project(tmp_path_factory.mktemp("ledger") / "demo")
    with emulated(project, NOW, NOW - BETWEEN) as running:
        for at in (NOW - BETWEEN, NOW):
            running.clock.set(at)
            sync_project(project, watcher=Quiet(), clock=StandingClock(at))
        stand_still(project, NOW)
        _add_harm(project.warehouse)
        yield project


def _add_harm(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute(
            "insert into loaded.job_versions select * replace ("
            f" 'harm' as job_id, '{SCRIPT}' as object, '{IMAGE}' as error_message,"
            f" json_object('id', 'harm', 'object', '{SCRIPT}') as raw) from loaded.job_versions"
            " where kind = 'data_query' and status = 'failed' and valid_to is null"
            " order by finished_at desc limit 1"
        )


@pytest.fixture(scope="session")
def ask(project: Project) -> Ask:
    """Asks the ledger in plain SQL, apart from everything that the notebook does."""

    def asked(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach '{project.warehouse}' as ledger (read_only)")
            connection.execute("use ledger")
            return connection.execute(sql).fetchall()

    return asked
