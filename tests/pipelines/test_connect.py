"""`jobledger.connect()`, as a notebook uses it."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import jobledger
from jobledger.pipelines.errors import ConfigError, QueryError
from tests.pipelines.published import publish


def test_a_notebook_reads_views_joins_frames_and_cannot_write(tmp_path: Path) -> None:
    publish(tmp_path / "jobs.duckdb")
    with jobledger.connect(tmp_path) as con:
        owners = pd.DataFrame({"source": ["zuora"], "owner": ["finance"]})
        joined = con.sql(
            "select job_id, finished_at, owner from jobs join owners using (source) order by job_id"
        ).df()
        assert len(owners) == 1
        assert joined["job_id"].tolist() == ["q-1", "q-2"]
        assert str(joined["finished_at"][0]) == "2026-11-23 12:00:00+00:00"
        with pytest.raises(duckdb.Error, match="read-only"):
            con.execute("create table mine as select 1")


def test_each_call_sees_what_is_new_and_no_publisher_waits(tmp_path: Path) -> None:
    path = publish(tmp_path / "jobs.duckdb")
    with jobledger.connect(str(tmp_path)) as before:
        publish(path, "use ledger; create view jobs as select 'new' as job_id")
        with jobledger.connect(tmp_path) as after:
            assert after.execute("from jobs").fetchall() == [("new",)]
        assert len(before.execute("from jobs").fetchall()) == 3


def test_the_project_is_the_folder_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "jobs.duckdb")
    monkeypatch.setenv("JOBLEDGER_PROJECT", str(tmp_path))
    with jobledger.connect() as con:
        assert len(con.execute("from jobs").fetchall()) == 3
    with pytest.raises(ConfigError, match="there is no folder"):
        jobledger.connect(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"jobs\.duckdb is a file: name the project's folder"):
        jobledger.connect(tmp_path / "jobs.duckdb")
    (tmp_path / "empty").mkdir()
    with pytest.raises(QueryError, match="run 'jobledger sync'"):
        jobledger.connect(tmp_path / "empty")


def test_a_users_own_folders_are_not_in_the_way_and_dlt_is_not_needed(tmp_path: Path) -> None:
    publish(tmp_path / "jobs.duckdb")
    for name in ("sources", "pipelines", "sql"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not ours')")
    code = (
        "import sys, jobledger\n"
        "print(len(jobledger.connect().execute('from jobs').fetchall()))\n"
        "print(sorted({'dlt', 'pyarrow', 'pandas', 'requests'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "3\n[]\n"


def test_it_says_which_version_it_is() -> None:
    assert jobledger.__version__ == version("jobledger")
    with pytest.raises(AttributeError, match="module 'jobledger' has no attribute 'sync'"):
        jobledger.sync  # noqa: B018 - asked for, not used
