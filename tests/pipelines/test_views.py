"""Views put in place: their order, their comments, and a project's own beside them."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.pipelines.warehouse.lineage import reads
from jobledger.pipelines.warehouse.views import packaged, put_in_place
from tests.sql.catalogue import catalogue

MARTS = [
    "failed_jobs",
    "failure_reasons",
    "failure_trends",
    "job_durations",
    "job_history",
    "job_outcomes_daily",
    "jobs",
    "open_jobs",
    "provider_health",
    "success_rates",
    "sync_health",
]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    with Ledger(folder / "ledger.duckdb", folder / "jobs.duckdb") as ledger:
        ledger.publish(lambda _: None)
    return folder / "jobs.duckdb"


@pytest.fixture
def connection(empty: Path, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file as it is when views are put in: with schema `loaded` alone, and no way out."""
    shutil.copy(empty, tmp_path / "jobs.duckdb")
    with duckdb.connect(
        tmp_path / "jobs.duckdb", config={"enable_external_access": "false"}
    ) as connection:
        yield connection


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "sql"
    folder.mkdir()
    return folder


def names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [entry.name for entry in catalogue(connection)]


def columns(connection: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    return [name for name, *_ in connection.execute(f"from {view}").description or ()]


def test_all_views_are_there_and_can_be_read(connection: duckdb.DuckDBPyConnection):
    assert put_in_place(connection, None) == []

    assert names(connection) == MARTS
    for view in packaged():
        connection.execute(f'from "{view.schema}"."{view.name}"').fetchall()


def test_put_in_place_twice_is_as_good_as_once(connection: duckdb.DuckDBPyConnection):
    put_in_place(connection, None)
    first = catalogue(connection)
    put_in_place(connection, None)

    assert catalogue(connection) == first


def test_every_view_says_what_a_row_is_and_every_column_what_it_means(
    connection: duckdb.DuckDBPyConnection,
):
    put_in_place(connection, None)

    entries = catalogue(connection)
    grains = {entry.name: entry.grain for entry in entries}
    assert all((grain or "").startswith("one row per ") for grain in grains.values())
    assert grains["jobs"] == "one row per job"
    silent = [
        f"{entry.name}.{column.name}"
        for entry in entries
        for column in entry.columns
        if not column.meaning
    ]
    assert silent == []
    meanings = {c.name: c.meaning for e in entries if e.name == "success_rates" for c in e.columns}
    assert meanings["low_sample"] is not None
    assert meanings["low_sample"].startswith("fewer than 20 rated jobs")
    assert meanings["source"] == "the account, by the name it has in this ledger"  # inherited
    assert all(entry.grain for entry in catalogue(connection, "staging") if entry.name != "clock")


def test_only_staging_reads_what_is_loaded_and_only_the_clock_the_time():
    for view in packaged():
        assert ("loaded." in view.sql) <= (view.schema == "staging"), view.name
        is_clock = view.name == "clock"
        asks_the_time = re.search(r"\bnow\(\)|\bcurrent_(date|time)|today\(|get_current", view.sql)
        assert (asks_the_time is not None) == is_clock, view.name


def test_the_style_of_the_files():
    for view in packaged():
        lines = view.sql.splitlines()
        assert lines[0].startswith("-- one row"), view.name
        assert len(lines) <= 70, view.name
        assert max(map(len, lines)) <= 100, view.name
        assert not re.search(r"group by all|\bpivot\b|order by all", view.sql), view.name


def test_what_a_select_reads(connection: duckdb.DuckDBPyConnection):
    found = reads(
        connection,
        """
        with recursive jobs as (select * from main.jobs),
        steps as (select 1 as n union all select n + 1 from steps where n < 3)
        select (select max(valid_from) from loaded.job_versions), *
        from jobs join "Mine" using (job_id), steps
        where job_id in (select job_id from open_jobs)
        """,
    )

    assert set(found) == {
        ("main", "jobs"), ("loaded", "job_versions"), ("main", "mine"), ("main", "open_jobs"),
    }  # fmt: skip


def test_own_views_are_added_in_the_order_of_what_they_read(
    connection: duckdb.DuckDBPyConnection, own: Path
):
    (own / "a_last.sql").write_text("select * from b_middle")
    (own / "b_middle.sql").write_text("with x as (select * from c_first) select n, job_id from x")
    (own / "c_first.sql").write_text(
        "-- one row per job of mine\nselect\n    job_id,\n    1 as n,  -- a number, 'quoted'\n"
        "from jobs;\n"
    )

    assert put_in_place(connection, own) == []

    assert names(connection) == sorted([*MARTS, "a_last", "b_middle", "c_first"])
    entries = {entry.name: entry for entry in catalogue(connection)}
    assert entries["c_first"].grain == "one row per job of mine"
    assert entries["a_last"].grain is None
    assert [(c.name, c.type, c.meaning) for c in entries["a_last"].columns] == [
        ("n", "INTEGER", "a number, 'quoted'"),
        ("job_id", "VARCHAR", "the provider's id of the job"),
    ]


def test_an_own_view_may_replace_a_built_in_and_others_read_it(
    connection: duckdb.DuckDBPyConnection, own: Path
):
    (own / "open_jobs.sql").write_text(
        "select source, provider, kind, job_id, true as is_stuck from jobs where not is_terminal"
    )

    assert put_in_place(connection, own) == []

    assert columns(connection, "open_jobs") == [
        "source", "provider", "kind", "job_id", "is_stuck",
    ]  # fmt: skip
    connection.execute("from provider_health").fetchall()


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("", "the file is empty"),
        ("-- one row per nothing\n", "expected a single select"),
        ("select * from nowhere", "Table with name nowhere does not exist"),
        ("select nothing from jobs", '"nothing" not found in FROM clause'),
        ("select 1; select 2", "expected a single select"),
        ("select 1; drop table loaded.job_versions", "expected a single select"),
        ("drop table loaded.job_versions", "expected a single select"),
        ("create table mine as select 1", "expected a single select"),
        ("insert into loaded.sync_runs (sync_id) values ('x')", "expected a single select"),
        (
            "with x as (insert into loaded.sync_runs (sync_id) values ('x') returning *) from x",
            "not allowed as CTE bodies inside a VIEW",
        ),
        ("attach 'other.duckdb'", "expected a single select"),
        ("copy (select 1) to 'out.csv'", "expected a single select"),
        ("select * from read_text('/etc/hostname')", "file system operations are disabled"),
        ("select * from read_csv('/etc/hostname')", "file system operations are disabled"),
        ("from '/etc/hostname'", "does not exist"),
        ("from glob('/etc/*')", "disabled"),
        ("install httpfs", "expected a single select"),
        ("set enable_external_access = true", "expected a single select"),
        ("pragma database_list", "expected a single select"),
        ("call pragma_version()", "expected a single select"),
        ("select * from bad", "it reads itself: 'bad' reads 'bad'"),
    ],
)
def test_a_broken_own_view_is_named_and_takes_nothing_down(
    connection: duckdb.DuckDBPyConnection, own: Path, sql: str, reason: str
):
    (own / "bad.sql").write_text(sql)
    (own / "good.sql").write_text("select count(*) as n from jobs")

    (problem,) = put_in_place(connection, own)

    assert (problem.view, problem.path) == ("bad", own / "bad.sql")
    assert reason in problem.reason
    assert "\n" not in str(problem)
    assert names(connection) == sorted([*MARTS, "good"])
    connection.execute("from provider_health").fetchall()
    assert connection.execute("select count(*) from loaded.sync_runs").fetchall() == [(0,)]


def test_a_file_that_is_no_text_or_no_name(connection: duckdb.DuckDBPyConnection, own: Path):
    (own / "bytes.sql").write_bytes(b"select '\xff'")
    (own / "My View.sql").write_text("select 1 as n")
    (own / 'x" as select 1; --.sql').write_text("select 1 as n")
    (own / "folder.sql").mkdir()

    problems = put_in_place(connection, own)

    assert sorted(problem.view for problem in problems) == [
        "My View", "bytes", "folder", 'x" as select 1; --',
    ]  # fmt: skip
    assert names(connection) == MARTS


def test_a_replacement_that_is_broken_leaves_the_built_in(
    connection: duckdb.DuckDBPyConnection, own: Path
):
    put_in_place(connection, None)
    before = columns(connection, "success_rates")
    (own / "success_rates.sql").write_text("select * from nowhere")

    (problem,) = put_in_place(connection, own)

    assert problem.view == "success_rates"
    assert columns(connection, "success_rates") == before


def test_a_replacement_that_built_ins_cannot_be_made_from_leaves_the_built_in(
    connection: duckdb.DuckDBPyConnection, own: Path
):
    (own / "open_jobs.sql").write_text("select 1 as n")
    (own / "mine.sql").write_text("select n from open_jobs")
    (own / "fine.sql").write_text("select job_id from open_jobs")

    problems = {problem.view: problem.reason for problem in put_in_place(connection, own)}

    assert sorted(problems) == ["mine", "open_jobs"]
    assert problems["open_jobs"].startswith("the view 'provider_health' cannot be made from it: ")
    connection.execute("from provider_health").fetchall()
    assert len(columns(connection, "open_jobs")) > 10


def test_own_views_that_read_each_other_are_named_and_left_out(
    connection: duckdb.DuckDBPyConnection, own: Path
):
    (own / "a.sql").write_text("select * from b")
    (own / "b.sql").write_text("select * from c")
    (own / "c.sql").write_text("select * from a")
    (own / "jobs.sql").write_text("select * from open_jobs")
    (own / "d.sql").write_text("select job_id from jobs")

    problems = put_in_place(connection, own)

    assert [problem.view for problem in problems] == ["a", "b", "c", "jobs"]
    assert all(problem.reason.startswith("it reads itself: ") for problem in problems)
    assert names(connection) == sorted([*MARTS, "d"])
    assert len(columns(connection, "jobs")) == 31


def test_in_the_clone_the_packaged_views_are_read_once(
    connection: duckdb.DuckDBPyConnection,
):
    clone = Path(__file__).parents[2] / "sql"
    assert (clone / "marts" / "jobs.sql").exists()

    assert put_in_place(connection, clone) == []
    assert names(connection) == MARTS


def test_a_project_without_views_of_its_own(connection: duckdb.DuckDBPyConnection, tmp_path: Path):
    assert put_in_place(connection, tmp_path / "nothing") == []
    assert names(connection) == MARTS
