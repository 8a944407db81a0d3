"""What each format makes of each type, as bytes."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobledger.pipelines.errors import JobledgerError, QueryError
from jobledger.pipelines.output.grid import Grid
from jobledger.pipelines.output.writing import Format, print_rows, write_result
from jobledger.pipelines.query import open_published
from tests.pipelines.published import publish

GOLDEN = Path(__file__).parents[1] / "golden"
HARD_TYPES = (GOLDEN / "hard_types.sql").read_text("utf-8")
FORMATS: tuple[Format, ...] = get_args(Format)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_published(publish(tmp_path / "jobs.duckdb")) as connection:
        yield connection


def golden(name: str, content: bytes) -> None:
    """Compares with a golden file; JOBLEDGER_WRITE_GOLDEN=1 writes it, to be read in the diff."""
    path = GOLDEN / name
    if os.environ.get("JOBLEDGER_WRITE_GOLDEN"):
        path.write_bytes(content)
    assert content == path.read_bytes()


@pytest.mark.parametrize("format_", [f for f in FORMATS if f != "parquet"])
def test_every_type_in_every_format(
    connection: duckdb.DuckDBPyConnection,
    capfdbinary: pytest.CaptureFixture[bytes],
    format_: Format,
) -> None:
    assert write_result(connection, HARD_TYPES, format=format_) == 4
    golden(f"hard_types.{format_}", capfdbinary.readouterr().out)


def test_every_type_in_parquet(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "hard.parquet"
    assert write_result(connection, HARD_TYPES, format="parquet", output=path) == 4
    # the file's bytes name the writer's version: its types and values are what is promised
    types = [f"{column['name']}: {column['type']}" for column in _schema(path)]
    with duckdb.connect() as other:
        found = other.execute(f"select columns(*)::varchar from '{path}'")
        rows = [repr(row) for row in found.fetchall()]
        names = [each[0] for each in found.description or ()]
    assert [each.split(":")[0] for each in types] == names
    golden("hard_types.parquet.txt", ("\n".join(types + rows) + "\n").encode())
    metadata = pq.ParquetFile(path).metadata
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert path.stat().st_mode & 0o777 == 0o600


def _schema(path: Path) -> list[dict[str, str]]:
    return [
        {"name": column.name, "type": str(column.type)}
        for column in pq.read_schema(path).remove_metadata()
    ]


def test_what_is_written_is_read_back_by_others(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    sql = "select source, error_message, finished_at, raw from jobs"
    for format_ in ("csv", "json", "jsonl"):
        write_result(connection, sql, format=format_, output=tmp_path / f"out.{format_}")
    objects = json.loads((tmp_path / "out.json").read_text("utf-8"))
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == objects
    assert objects[0] == {
        "source": "zuora",
        "error_message": None,
        "finished_at": "2026-11-23T12:00:00Z",
        "raw": {"id": "q-1", "rows": 3},
    }
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert rows[0] == list(objects[0])
    assert rows[2] == ["zuora", "no such column: Foo", "2026-11-24T08:30:00.25Z", '{"id": "q-2"}']


def test_null_in_an_only_column_is_a_row_of_csv(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    sql = "select * from (values ('a'), (null), ('')) as t (x)"
    assert write_result(connection, sql, format="csv", output=path) == 3
    assert path.read_bytes() == b'x\na\n""\n""\n'
    assert len(pd.read_csv(path)) == 3


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("json", b"[]\n"),
        ("jsonl", b""),
        ("csv", b"a,b\n"),
        ("markdown", b"| a | b |\n| ---: | --- |\n"),
        ("table", "a  b\n─  ─\n".encode()),
    ],
)
def test_no_rows(
    connection: duckdb.DuckDBPyConnection,
    capfdbinary: pytest.CaptureFixture[bytes],
    format_: Format,
    expected: bytes,
) -> None:
    assert write_result(connection, "select 1 as a, '' as b where false", format=format_) == 0
    assert capfdbinary.readouterr().out == expected


def test_a_name_that_comes_twice_gets_a_number(
    connection: duckdb.DuckDBPyConnection, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_result(connection, "select 1 as a, 2 as a, 3 as A", format="jsonl")
    assert len(json.loads(capfdbinary.readouterr().out)) == 3


def test_what_a_terminal_would_obey_is_written_out(
    connection: duckdb.DuckDBPyConnection, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    controls = [*range(32), 127, *range(128, 160), 0x202E, 0x2066, 0x2028]
    # DuckDB's text may hold any character but, in some releases, a zero
    evil = " || ".join(f"chr({code})" for code in controls if code)
    for format_ in ("table", "json", "jsonl", "markdown"):
        write_result(connection, f'select {evil} as "a\x1b[2J"', format=format_)
        written = capfdbinary.readouterr().out.decode()
        assert not [c for c in written if ord(c) in controls and c != "\n"], format_
    write_result(connection, f"select {evil} as a", format="json")
    (row,) = json.loads(capfdbinary.readouterr().out)
    assert row["a"] == "".join(map(chr, controls[1:]))


def test_a_table_says_what_it_leaves_out(
    connection: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert write_result(connection, "from range(1234)") == 1000
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1002
    assert err == "the first 1,000 rows of 1,234: --limit N shows more\n"
    assert write_result(connection, "from range(1234)", limit=1100) == 1100
    assert capfd.readouterr().err == ""
    assert write_result(connection, "from range(1000)") == 1000
    assert capfd.readouterr().err == ""


def test_doubles_in_a_table_have_four_decimals(
    connection: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    write_result(connection, "select unnest([2/3, 1.0, 0.00001234, 1e22, 0, 12345.678]) as x")
    assert [line.strip() for line in capfd.readouterr().out.splitlines()[2:]] == [
        *("0.6667", "1", "1.234e-05", "1e+22", "0", "12345.678")
    ]


def test_the_order_of_the_query_is_kept(
    connection: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    sql = "select hash(i)::varchar as h from range(300000) t(i) order by hash(i) desc"
    write_result(connection, sql, format="jsonl")
    hashes = [int(json.loads(line)["h"]) for line in capfd.readouterr().out.splitlines()]
    assert hashes == sorted(hashes, reverse=True)
    assert len(hashes) == 300_000


def test_a_file_is_written_whole_or_not_at_all(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "rows"
    path.write_text("what was there")
    late = "select case when i < 200000 then '1' else 'x' end::int as n from range(300000) t(i)"
    for format_ in FORMATS:
        with pytest.raises(QueryError, match="Could not convert string 'x'"):
            write_result(connection, late, format=format_, output=path, limit=300_000)
        assert path.read_text() == "what was there"
        assert list(folder.iterdir()) == [path]
    # and the connection is as good as before
    assert write_result(connection, "jobs", format="csv", output=path) == 3


def test_a_place_that_cannot_be_written_is_one_clear_error(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(JobledgerError, match=r"cannot write .*/none/x: No such file or directory"):
        write_result(connection, "jobs", format="csv", output=tmp_path / "none" / "x")
    for format_ in FORMATS:
        with pytest.raises(JobledgerError, match="cannot write /dev/full: No space left on device"):
            write_result(connection, "jobs", format=format_, output=Path("/dev/full"))
    assert Path("/dev/full").is_char_device()


def test_rows_of_ours_as_a_table(capfd: pytest.CaptureFixture[str]) -> None:
    print_rows(("source", "position"), [("zuora", None), ("sf\x1b", "2026")])
    assert capfd.readouterr().out == (
        "source  position\n──────  ────────\nzuora   NULL\nsf\\x1b  2026\n"
    )


def test_a_last_column_that_does_not_fit_goes_on_below_where_wanted() -> None:
    rows: list[list[str | None]] = [["jobs", "one row per job, as it stands now"], ["mine", None]]
    names, are_numbers = ["view", "holds"], [False, False]
    wrapped = Grid(names, are_numbers, rows, is_wrapped=True)
    assert wrapped.lines(32, is_styled=False) == (
        [
            "view  holds",
            f"{'─' * 4}  {'─' * 26}",
            "jobs  one row per job, as it",
            "      stands now",
            "mine  NULL",
        ],
        2,
        False,
    )
    # what would be too narrow to read is cut, and so it is in a table of other things
    cut = "jobs  one row per job,…"
    assert wrapped.lines(24, is_styled=False)[0][2] == cut
    assert Grid(names, are_numbers, rows).lines(24, is_styled=False)[0][2] == cut
    whole, _, is_cut = wrapped.lines(80, is_styled=False)
    assert (len(whole), is_cut) == (4, False)


def test_letters_of_double_width_are_not_cut_where_they_go_on_below() -> None:
    grid = Grid(["a", "b"], [False, False], [["1", "日本" * 10]], is_wrapped=True)
    lines, _, is_cut = grid.lines(27, is_styled=False)
    assert lines[2:] == [f"1  {'日本' * 6}", f"   {'日本' * 4}"]
    assert not is_cut


def test_one_row_that_does_not_fit_goes_from_above_to_below(
    connection: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("jobledger.pipelines.output.writing.terminal_width", lambda stream: 40)
    columns = ", ".join(f"{at} as name_{at}" for at in range(6))
    sql = f"select {columns}, null as nothing, 'word ' || repeat('x', 20) as text"
    write_result(connection, sql)
    out, err = capfd.readouterr()
    assert out == (
        "column   value\n"
        f"{'─' * 7}  {'─' * 25}\n"
        "name_0   0\nname_1   1\nname_2   2\nname_3   3\nname_4   4\nname_5   5\n"
        f"nothing  NULL\ntext     word {'x' * 20}\n"
    )
    assert err == ""
    # many are compared, and so stay side by side
    write_result(connection, f"{sql} from range(2)")
    out, err = capfd.readouterr()
    assert out.startswith("name_0  name_1  name_2  name_3  name_4\n")
    assert err.startswith("5 of 8 columns fit")
