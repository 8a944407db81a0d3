"""Reading only, and nothing else, whatever the SQL says and whoever else has the file open."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from jobledger.pipelines.errors import QueryError, QueryTimeout
from jobledger.pipelines.output.writing import Format, write_result
from jobledger.pipelines.query import open_published, question, read_transaction, time_limit
from tests.pipelines.published import LEDGER, publish

JOBLEDGER = Path(sys.executable).with_name("jobledger")
JOBS = [("q-1",), ("q-2",), ("7501",)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return publish(tmp_path / "jobs.duckdb")


@pytest.fixture
def connection(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_published(path) as connection:
        yield connection


def jobs(path: Path) -> list[tuple[str]]:
    with open_published(path) as connection:
        return connection.execute("select job_id from jobs").fetchall()


def jobledger(folder: Path, *args: str, **kwargs: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [JOBLEDGER, "--project", folder, *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
        input=kwargs.get("stdin"),
    )


# what is asked


@pytest.mark.parametrize(
    "sql",
    [
        "jobs",
        " jobs ; ",
        "loaded.job_versions",
        "staging.current_jobs",
        "select 1;",
        "select ';' as a -- a; comment\n ; -- and; another",
        "from jobs",
        "table jobs",
        "values (1), (2)",
        "with one as (select 1) from one",
        "describe jobs",
        "summarize jobs",
        "show tables",
        "show all tables",
        "explain from jobs",
        "explain analyze from jobs",
        "pivot jobs on status using count(*) group by source",
        "from (pivot jobs on status using count(*) group by source);",
        "unpivot (select 1 as a, 2 as b) on a, b",
        "select * from duckdb_views() where not internal",
    ],
)
def test_what_reads_is_answered(
    connection: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str], sql: str
) -> None:
    assert write_result(connection, sql, format="jsonl") > 0
    assert json.loads(capfd.readouterr().out.splitlines()[0])


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        ("", "there is no SQL to run"),
        ("-- nothing", "there is no SQL to run"),
        ("select 1; select 2", "expected one statement, not 2"),
        ("create temp table t as select 1; select 2", "expected one statement, not 2"),
        ("drop view jobs", "this only reads, so DROP is refused"),
        ("create temp table t (i int)", "this only reads, so CREATE is refused"),
        ("create macro f() as 1", "this only reads, so CREATE is refused"),
        ("insert into loaded.job_versions from jobs", "this only reads, so INSERT is refused"),
        ("delete from loaded.job_versions", "this only reads, so DELETE is refused"),
        ("set threads = 1", "this only reads, so SET is refused"),
        ("set variable x = 1", "this only reads, so SET is refused"),
        ("reset threads", "this only reads, so SET is refused"),
        ("use memory", "this only reads, so SET is refused"),
        ("attach ':memory:' as other", "this only reads, so ATTACH is refused"),
        ("begin transaction", "this only reads, so TRANSACTION is refused"),
        ("install httpfs", "this only reads, so LOAD is refused"),
        ("call enable_logging()", "this only reads, so CALL is refused"),
        ("force checkpoint", "this only reads, so CALL is refused"),
        ("prepare p as select 1", "this only reads, so PREPARE is refused"),
    ],
)
def test_what_does_more_than_read_is_refused(
    connection: duckdb.DuckDBPyConnection, sql: str, refusal: str
) -> None:
    with pytest.raises(QueryError) as refused:
        question(connection, sql)
    assert str(refused.value).startswith(refusal)


BEYOND = [
    "copy jobs to '{folder}/out.csv'",
    "copy (select 1) to '{folder}/out.parquet' (format parquet)",
    "export database '{folder}/out'",
    "attach '{folder}/other.duckdb' as other",
    "install httpfs",
    "load '{folder}/secret.csv'",
    "from read_csv('{folder}/secret.csv')",
    "from '{folder}/secret.csv'",
    "from read_text('{folder}/secret.csv')",
    "from read_blob('{folder}/secret.csv')",
    "from read_json('{folder}/secret.csv')",
    "from read_parquet('{folder}/secret.csv')",
    "from sniff_csv('{folder}/secret.csv')",
    "from parquet_metadata('{folder}/secret.csv')",
    "from glob('{folder}/*')",
    "from read_text('{folder}/jobs.duckdb')",
    "from read_csv('http://127.0.0.1:9/x')",
    "from read_csv('s3://bucket/x')",
    "select getenv('HOME')",
    "from secret",
    "set threads = 1",
    "reset threads",
    "pragma threads = 1",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "select * from enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "call enable_logging(storage = 'file', storage_config = {{'path': '{folder}/log'}})",
    "create table t (i int)",
    "create table memory.main.t (i int)",
    "create view v as select 1",
    "create macro f() as 1",
    "insert into loaded.job_versions from loaded.job_versions",
    "update loaded.job_versions set status = 'failed'",
    "delete from loaded.job_versions",
    "drop view jobs",
    "drop schema loaded cascade",
    "alter table loaded.job_versions add column x int",
    "comment on view jobs is 'x'",
    "with gone as (delete from loaded.job_versions returning *) from gone",
    "explain analyze delete from loaded.job_versions",
    "explain analyze create table memory.main.t (i int)",
    "explain analyze copy jobs to '{folder}/out.csv'",
    "from query('drop view jobs')",
    "create secret (type s3)",
    "import database '{folder}'",
]


@pytest.mark.parametrize("sql", BEYOND)
def test_the_connection_could_do_nothing_else(tmp_path: Path, path: Path, sql: str) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    before = path.read_bytes()
    secret = [(1, 2)]  # noqa: F841 - what a replacement scan would find
    with open_published(path) as connection:
        with read_transaction(connection), pytest.raises(duckdb.Error):
            # straight past the first wall
            connection.execute(sql.format(folder=tmp_path)).fetchall()
        assert connection.execute("select job_id from jobs").fetchall() == JOBS
    assert sorted(each.name for each in tmp_path.iterdir()) == ["jobs.duckdb", "secret.csv"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "select\n  foo\nfrom jobs",
            (
                'Binder Error: Referenced column "foo" not found in FROM clause! Candidate'
                ' bindings: "job_id", "source" (line 2, at foo)'
            ),
        ),
        ("selec 1", 'Parser Error: syntax error at or near "selec" (line 1, at selec)'),
        ("selec foo", 'Parser Error: syntax error at or near "selec" (line 1, at selec)'),
        (
            "jobs where source = 'zuora'",
            (
                'Parser Error: syntax error at or near "jobs" (line 1, at jobs); SQL that begins'
                " with a view begins with from: 'from jobs …'"
            ),
        ),
        (
            "from jbs",
            (
                'Catalog Error: Table with name jbs does not exist! Did you mean "jobs"?'
                " (line 1, at jbs); 'jobledger views' lists what there is, and one of your"
                " own is there from the next sync"
            ),
        ),
        (
            # DuckDB offers a table of its own, "pg_indexes"
            "from indexes",
            (
                "Catalog Error: Table with name indexes does not exist (line 1, at indexes);"
                " 'jobledger views' lists what there is, and one of your"
                " own is there from the next sync"
            ),
        ),
        ("select error('bo\x1b[31mom')", "Invalid Input Error: bo [31mom"),
    ],
)
def test_an_error_is_one_line_with_its_place(path: Path, sql: str, said: str) -> None:
    done = jobledger(path.parent, "query", sql)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"jobledger: {said}\n")


# who else has the file


def test_no_ledger_yet(tmp_path: Path) -> None:
    done = jobledger(tmp_path, "query", "jobs")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"jobledger: there is no ledger at {tmp_path}/jobs.duckdb yet: run 'jobledger sync' to"
        " make it, or name another project\n"
    )


@pytest.mark.parametrize("content", [b"", b"x" * 9000])
def test_a_file_that_is_no_ledger(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "jobs.duckdb"
    path.write_bytes(content)
    said = r"cannot read .*jobs.duckdb: .*; move it away, and 'jobledger sync' publishes it anew"
    with pytest.raises(QueryError, match=said):
        jobs(path)
    assert list(tmp_path.iterdir()) == [path]


_HOLDER = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
if sys.argv[2] == "write":
    connection.execute("set checkpoint_threshold = '1GB'")
    connection.execute("create table mine as select 1")
print("open", flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["read", "write"])
def holder(path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, path, request.param], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


@pytest.mark.parametrize("state_dir", [True, False])
def test_a_client_that_holds_the_file_is_no_hindrance(
    path: Path, holder: subprocess.Popen[bytes], *, state_dir: bool
) -> None:
    if state_dir:
        (path.parent / ".jobledger").mkdir(mode=0o700)
    assert jobs(path) == JOBS
    # nor is what it leaves behind when it dies, beside its own file or beside the next
    holder.kill()
    holder.wait()
    assert jobs(path) == JOBS
    publish(path)
    assert jobs(path) == JOBS
    assert list(path.parent.glob(".jobledger/*")) == []


def test_a_client_in_the_same_process_is_no_hindrance(path: Path) -> None:
    with duckdb.connect(path) as client:
        client.execute("create table mine as select 1")
        assert jobs(path) == JOBS


def test_an_open_connection_keeps_its_snapshot_and_a_new_one_sees_what_is_new(path: Path) -> None:
    with open_published(path) as before:
        publish(path, "use ledger; create view jobs as select 'new' as job_id")
        assert before.execute("select job_id from jobs").fetchall() == JOBS
        assert jobs(path) == [("new",)]


# endless queries


def test_a_query_that_takes_too_long_is_stopped(
    connection: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    endless = "select count(*) from range(1000000000000) a, range(1000000000000) b"
    rows = "select * from range(1000000000000)"
    formats: tuple[Format, ...] = ("table", "jsonl", "csv", "parquet")
    for format_ in formats:
        sql = endless if format_ == "table" else rows
        start = time.monotonic()
        with (
            pytest.raises(QueryTimeout, match=r"longer than 0\.3 s and was stopped"),
            time_limit(connection, 0.3),
        ):
            write_result(connection, sql, format=format_, output=tmp_path / "out")
        # left alone, it takes hours
        assert time.monotonic() - start < 60
        assert not (tmp_path / "out").exists()
    assert write_result(connection, "jobs", format="csv") == 3
    with time_limit(connection, 60):
        assert write_result(connection, "jobs", format="csv") == 3


def test_a_timeout_ends_with_its_own_exit_code(path: Path) -> None:
    for endless in (
        "select count(*) from range(1000000000000)",
        # DuckDB builds the whole list before it looks whether it should stop
        "select list_sum(range(400000000))",
    ):
        done = jobledger(path.parent, "query", endless, "--timeout", "0.5")
        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr.startswith("jobledger: the query ran for longer than 0.5 s and was")
        assert done.stderr.count("\n") == 1


_CTRL_C = """
import signal, sys
# a shell that runs us in the background has told us to take no notice of it
signal.signal(signal.SIGINT, signal.default_int_handler)
from jobledger.pipelines.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("format_", ["table", "parquet"])
def test_ctrl_c_ends_a_query(path: Path, format_: str) -> None:
    began = time.monotonic()
    assert jobledger(path.parent, "query", "select 1").returncode == 0
    usual = time.monotonic() - began
    endless = ("select count(*) from range(1000000000000)", "--format", format_)
    with subprocess.Popen(
        [sys.executable, "-c", _CTRL_C, "--project", path.parent, "query", *endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        time.sleep(1 + 3 * usual)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    # click ends the line that the terminal has put ^C into
    assert (process.returncode, out, err) == (130, b"", b"\n")


# the command


def test_the_command_reads_sql_from_a_file_and_from_stdin(path: Path, tmp_path: Path) -> None:
    sql = tmp_path / "mine.sql"
    sql.write_text(
        "-- one row per source\nselect source, count(*) as jobs\nfrom jobs group by all\n"
    )
    from_file = jobledger(tmp_path, "query", "-f", str(sql), "--format", "csv")
    from_stdin = jobledger(tmp_path, "query", "-f", "-", "--format", "csv", stdin=sql.read_text())
    assert from_file.stdout == from_stdin.stdout
    assert sorted(from_file.stdout.splitlines()) == ["sf,1", "source,jobs", "zuora,2"]
    assert (from_file.stderr, from_file.returncode) == ("", 0)
    for wrong in ((), ("jobs", "-f", str(sql)), ("-f", str(tmp_path / "none.sql"))):
        assert jobledger(tmp_path, "query", *wrong).returncode == 2


@pytest.mark.parametrize("name", ["mine.sql", "./my own.sql"])
def test_a_file_given_as_sql_is_told_how_to_be_run(path: Path, name: str) -> None:
    (path.parent / name).write_text("from jobs")
    done = jobledger(path.parent, "query", name)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.endswith(f"; to run a file: jobledger query -f {shlex.quote(name)}\n")
    # of SQL that is no file's name nothing of the kind is said, however long it is
    assert "-f" not in jobledger(path.parent, "query", "select '" + "x" * 5000).stderr


@pytest.mark.parametrize("words", [["query"], ["export", "-o", "-", "--format", "csv"]])
def test_sql_that_begins_with_a_comment_is_no_option(path: Path, words: list[str]) -> None:
    sql = "-- how many\nselect count(*) as n from jobs where job_id <> 'x = y'"
    done = jobledger(path.parent, *words, sql)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"after a -- of its own, as in jobledger {words[0]} -- '-- …'\n" in done.stderr
    assert jobledger(path.parent, *words, "--", sql).stdout.endswith("3\n")
    assert "No such option '--no'" in jobledger(path.parent, *words, "--no").stderr


def test_a_reader_that_has_had_enough_ends_the_query_quietly(path: Path) -> None:
    done = subprocess.run(
        f"{JOBLEDGER} --project {path.parent} query 'from range(3000000)' --format csv | head -1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("range\n", "")


def test_views_lists_what_there_is(path: Path) -> None:
    listed = jobledger(path.parent, "views")
    assert listed.stdout.splitlines()[2:] == [
        "failed_jobs  one row per failed or partial job",
        "jobs         one row per job",
    ]
    publish(path, f"{LEDGER}; create view mine as select 1 as n")
    assert jobledger(path.parent, "views").stdout.splitlines()[-1] == (
        'mine         not told: its file does not begin with "-- one row per …"'
    )
    columns = jobledger(path.parent, "views", "jobs", "--format", "json")
    assert json.loads(columns.stdout)[:2] == [
        {"column": "source", "type": "varchar", "meaning": "the account's name"},
        {"column": "kind", "type": "varchar", "meaning": ""},
    ]
    typo = jobledger(path.parent, "views", "job")
    assert (typo.returncode, typo.stdout) == (2, "")
    assert typo.stderr == (
        "jobledger: no view 'job' (did you mean 'jobs'?): expected one of failed_jobs, jobs, mine\n"
    )


@pytest.mark.parametrize("command", [("query", "jobs"), ("query", "jobs", "--format", "json")])
def test_asking_imports_nothing_that_takes_long(path: Path, command: tuple[str, ...]) -> None:
    _assert_light(path, command)


def test_views_imports_nothing_that_takes_long(path: Path) -> None:
    _assert_light(path, ("views",))
    _assert_light(path, ("views", "jobs"))


def _assert_light(path: Path, command: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from jobledger.pipelines.cli import main\n"
        "try:\n"
        f"    main({['--project', str(path.parent), *command]!r})\n"
        "finally:\n"
        "    heavy = {'dlt', 'pandas', 'pyarrow', 'numpy', 'requests', 'sqlglot'}\n"
        "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == "[]\n"
