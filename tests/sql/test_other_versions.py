"""A published ledger read by the oldest and the newest DuckDB that readers may have."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from jobledger.pipelines.ledger import Ledger
from jobledger.pipelines.views import packaged, put_in_place
from tests.sql.test_recomputed import filled
from tests.sql.worlds import NOW, World

VENV = Path(sys.prefix)
READ = """
import json, sys
import duckdb
path, read_only, views = sys.argv[1], sys.argv[2] == "read_only", json.loads(sys.argv[3])
con = duckdb.connect(path, read_only=read_only)
con.execute("set TimeZone = 'UTC'")
def shown(value):
    return float(f"{value:.9g}") if isinstance(value, float) else str(value)
def rows(view):
    return [[shown(v) for v in r] for r in con.execute(f"from {view} order by all").fetchall()]
comments = con.execute("select count(*) from duckdb_columns() where comment is not null").fetchall()
print(json.dumps([duckdb.__version__, comments, {view: rows(view) for view in views}]))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")

    def put_views(connection: duckdb.DuckDBPyConnection) -> None:
        assert put_in_place(connection, None) == []
        World(connection).time_is(NOW)

    with Ledger(folder / "ledger.duckdb", folder / "jobs.duckdb") as ledger:
        filled(World(ledger.connection), 2)
        ledger.publish(put_views)
    return folder / "jobs.duckdb"


def read(site: Path | None, path: Path, how: str) -> list[object]:
    views = [f'"{view.schema}"."{view.name}"' for view in packaged()]
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


@pytest.mark.parametrize("how", ["read_only", "writable"])
@pytest.mark.parametrize(
    ("site", "version"), [("duckdb-oldest", "1.4.0"), ("duckdb-newest", "2.0.0")]
)
def test_every_view_says_the_same(published: Path, site: str, version: str, how: str):
    if not (VENV / site).is_dir():
        pytest.skip(f"{site} is not installed; `make test` does that")
    ours = read(None, published, how)

    assert read(VENV / site, published, how) == [version, *ours[1:]]
