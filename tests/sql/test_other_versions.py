"""A published ledger, read by the oldest DuckDB that may read it, made by the oldest that may."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.pipelines.warehouse.views import packaged, put_in_place
from tests.sql.test_recomputed import filled
from tests.sql.worlds import NOW, World

VENV = Path(sys.prefix)
SYNCED = ("jobs", "job_history", "success_rates", "failure_reasons", "provider_health")
"""Views in which nothing differs from one sync of the same world to another."""
READ = """
import json, sys
import duckdb
path, how, views = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
con = duckdb.connect(":memory:" if how == "attached" else path, read_only=how == "read_only")
con.execute("set TimeZone = 'UTC'")
name = ""
if how == "attached":
    # beside another ledger, which is the one in use
    name = "mine."
    con.execute(f"attach '{path}' as mine (type duckdb, read_only)")
    con.execute(f"attach '{path}.other' as other (type duckdb, read_only)")
    con.execute("use other")
def shown(value):
    return float(f"{value:.9g}") if isinstance(value, float) else str(value)
def rows(view):
    found = con.execute(f"from {name}{view} order by all").fetchall()
    return [[shown(v) for v in r] for r in found]
commented = "select count(*) from duckdb_columns() where comment is not null"
comments = con.execute(f"{commented} and database_name <> 'other'").fetchall()
print(json.dumps([duckdb.__version__, comments, {view: rows(view) for view in views}]))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")

    def put_views(connection: duckdb.DuckDBPyConnection) -> None:
        assert put_in_place(connection, None) == []
        World(connection).time_is(NOW)

    with Ledger(folder / "other", folder / "jobs.duckdb.other") as ledger:
        put_in_place(ledger.connection, None)
        World(ledger.connection).run()
        ledger.publish(put_views)
    with Ledger(folder / "ledger.duckdb", folder / "jobs.duckdb") as ledger:
        filled(World(ledger.connection), 2)
        ledger.publish(put_views)
    return folder / "jobs.duckdb"


def read(
    site: Path | None, path: Path, how: str, only: tuple[str, ...] | None = None
) -> list[object]:
    """The version of DuckDB that reads, how many comments it sees, and the rows of the views."""
    views = [
        f'"{view.schema}"."{view.name}"' for view in packaged() if only is None or view.name in only
    ]
    found = subprocess.run(
        [sys.executable, "-c", READ, str(path), how, json.dumps(views)],
        env=os.environ | ({"PYTHONPATH": str(site)} if site else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stderr == ""
    answer: list[object] = json.loads(found.stdout)
    return answer


def other(site: str) -> Path:
    """Where another DuckDB is."""
    if not (VENV / site).is_dir():
        pytest.skip(f"{site} is not installed; `make test` does that")
    return VENV / site


def test_every_view_reads_its_own_file_wherever_that_is_attached(published: Path):
    assert read(None, published, "attached") == read(None, published, "read_only")


@pytest.mark.parametrize("how", ["read_only", "writable", "attached"])
def test_every_view_says_the_same_to_the_oldest_reader(published: Path, how: str):
    ours = read(None, published, "read_only")

    assert read(other("duckdb-reader"), published, how) == ["1.4.0", *ours[1:]]


def test_the_oldest_writer_makes_the_same_ledger(tmp_path: Path):
    site = other("duckdb-writer")
    for name, path in (("ours", ""), ("theirs", str(site))):
        subprocess.run(
            [VENV / "bin" / "jobledger", "--project", tmp_path / name, "demo", "--now", str(NOW)],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            check=True,
        )
    ours = read(None, tmp_path / "ours" / "jobs.duckdb", "read_only", SYNCED)
    theirs = tmp_path / "theirs" / "jobs.duckdb"
    assert read(site, theirs, "read_only", SYNCED) == ["1.5.5", *ours[1:]]
    assert read(None, theirs, "read_only", SYNCED) == ours
