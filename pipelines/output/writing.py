"""Writing what a query gives: as a table, CSV, JSON, JSON lines, Markdown or Parquet.

Rows are written while they come, outside the connection, which can write nothing itself. Only a
table is held, up to its first rows.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeAlias

import duckdb

from jobledger.pipelines.errors import QueryError
from jobledger.pipelines.output.cells import Column, columns, dumps, selected, text
from jobledger.pipelines.output.grid import Grid, is_styled, printable, terminal_width
from jobledger.pipelines.query import in_one_line, question, read_transaction
from jobledger.pipelines.whole_file import whole_file
from jobledger.pipelines.wording import exact

Format: TypeAlias = Literal["table", "csv", "json", "jsonl", "markdown", "parquet"]
FORMATS: Final = ("table", "csv", "json", "jsonl", "markdown", "parquet")

TABLE_ROWS: Final = 1000
"""How many rows a table has, unless told otherwise."""

_COUNTED: Final = 1_000_000
"""How far we count what a table leaves out."""

_BATCH: Final = 2000
_LONG: Final = 20
_ODD_JSON: Final = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_QUOTED_IN_CSV: Final = re.compile(r'[",\r\n]')

Row: TypeAlias = Sequence[Any]
Progress: TypeAlias = Callable[[int], None]
"""Hears how many rows were written so far."""


def write_result(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    *,
    format: Format = "table",  # noqa: A002 - the option's name
    output: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    is_wrapped: bool = False,
    is_shared: bool = False,
) -> int:
    """Asks the SQL, or the view of that name, and writes what it gives; gives the number of rows.

    A table `is_wrapped` where its last column should rather go on in the next line than be cut.
    Writes to stdout, or to the `output` file, whole or not at all; one that `is_shared` stays
    readable for whoever could read it. A name that two columns share
    gets a number at the second. Raises `QueryError`, and `JobledgerError` if it cannot be written.
    """
    asked = question(connection, sql)
    if format == "parquet" and asked.is_plan:
        raise QueryError("a plan is nothing for Parquet: expected a query, or another --format")
    if format == "parquet" and output is None and sys.stdout.isatty():
        raise QueryError("Parquet is nothing for a terminal: expected -o FILE, or a pipe")
    stdout = nullcontext(sys.stdout.buffer)
    with (
        whole_file(output, is_shared=is_shared) if output else stdout as stream,
        read_transaction(connection),
    ):
        if asked.is_plan:
            found, rows = _plan(connection, asked.sql)
        else:
            with in_one_line(lines_before=1):
                found = columns(connection, asked.sql)
            if format == "parquet":
                from jobledger.pipelines.output.parquet import write_parquet

                return write_parquet(connection, asked.sql, found, stream, limit, progress)
            if format == "table":
                return _write_table(
                    connection, asked.sql, found, stream, limit, is_wrapped=is_wrapped
                )
            rows = _rows(connection, asked.sql, found, limit)
        write = _write_text if format == "table" else _WRITERS[format]
        count = write(found, _told(rows, progress), stream)
        stream.flush()
        return count


def print_rows(names: Sequence[str], rows: Sequence[Row]) -> None:
    """Prints rows that no query gave as a table."""
    stream = sys.stdout.buffer
    cells = [[_cell(value) for value in row] for row in rows]
    lines, *_ = Grid(names, [False] * len(names), cells).lines(
        terminal_width(stream), is_styled=is_styled(stream)
    )
    stream.write(("\n".join(lines) + "\n").encode())
    stream.flush()


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, found: list[Column], limit: int | None
) -> Iterator[Row]:
    """The rows as values that JSON can hold, as they come."""
    readers = [column.read for column in found]
    wanted = selected(found, [column.text_type for column in found], sql, limit)
    with in_one_line(lines_before=1):
        connection.execute(wanted)
        while batch := connection.fetchmany(_BATCH):
            for row in batch:
                yield [
                    None if value is None else read(value)
                    for read, value in zip(readers, row, strict=True)
                ]


def _plan(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[Column], Iterator[Row]]:
    with in_one_line():
        connection.execute(sql)
        found = [Column(name, type_) for name, type_, *_ in connection.description or ()]
        return found, iter(connection.fetchall())


def _told(rows: Iterable[Row], progress: Progress | None) -> Iterable[Row]:
    if progress is None:
        return rows
    return _telling(rows, progress)


def _telling(rows: Iterable[Row], progress: Progress) -> Iterator[Row]:
    for count, row in enumerate(rows):
        if count % _BATCH == 0:
            progress(count)
        yield row


# the formats


def _write_csv(found: list[Column], rows: Iterable[Row], stream: IO[bytes]) -> int:
    """RFC 4180: NULL is empty, an empty text is `""`.

    So is NULL in an only column, where an empty line would be read as no row at all.
    """
    # what a terminal would obey is written out there, and there alone
    safe = printable if stream.isatty() else _as_is
    null = "" if len(found) > 1 else '""'

    def line(values: Iterable[str | None]) -> bytes:
        cells = (null if value is None else _csv_cell(safe(value)) for value in values)
        return (",".join(cells) + "\n").encode()

    stream.write(line(column.name for column in found))
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - told at the end
        stream.write(line(None if value is None else text(value) for value in row))
    return count


def _csv_cell(value: str) -> str:
    if value and not _QUOTED_IN_CSV.search(value):
        return value
    return '"' + value.replace('"', '""') + '"'


def _write_jsonl(found: list[Column], rows: Iterable[Row], stream: IO[bytes]) -> int:
    """One object a line."""
    count = 0
    for count, line in enumerate(_objects(found, rows), 1):  # noqa: B007
        stream.write(line + b"\n")
    return count


def _write_json(found: list[Column], rows: Iterable[Row], stream: IO[bytes]) -> int:
    """One array, an object a line."""
    count = 0
    stream.write(b"[")
    for count, line in enumerate(_objects(found, rows), 1):
        stream.write((b"\n  " if count == 1 else b",\n  ") + line)
    stream.write(b"\n]\n" if count else b"]\n")
    return count


def _objects(found: list[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    names = [column.name for column in found]
    for row in rows:
        line = dumps(dict(zip(names, row, strict=True)))
        if not line.isascii():
            # JSON allows these as they are, a terminal does not take them as text
            line = _ODD_JSON.sub(_escaped, line.decode()).encode()
        yield line.replace(b"\x7f", b"\\u007f")


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _write_markdown(found: list[Column], rows: Iterable[Row], stream: IO[bytes]) -> int:
    """A table as GitHub has it; NULL is empty."""

    def line(cells: Iterable[str]) -> bytes:
        return f"| {' | '.join(cells)} |\n".encode()

    stream.write(line(_markdown_cell(column.name) for column in found))
    stream.write(line("---:" if column.is_number else "---" for column in found))
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        stream.write(line("" if v is None else _markdown_cell(text(v)) for v in row))
    return count


def _markdown_cell(value: str) -> str:
    value = value.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "<br>".join(map(printable, lines))


def _write_text(found: list[Column], rows: Iterable[Row], stream: IO[bytes]) -> int:  # noqa: ARG001
    """A plan, drawn as DuckDB draws it."""
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        lines = map(printable, str(row[-1]).rstrip("\n").split("\n"))
        stream.write(("\n".join(lines) + "\n").encode())
    return count


_WRITERS: Final[dict[str, Callable[[list[Column], Iterable[Row], IO[bytes]], int]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "markdown": _write_markdown,
}


# the table


def _write_table(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    found: list[Column],
    stream: IO[bytes],
    limit: int | None,
    *,
    is_wrapped: bool,
) -> int:
    most = TABLE_ROWS if limit is None else limit
    rows = list(_rows(connection, sql, found, most + 1 if limit is None else most))
    shown = rows[:most]
    grid = Grid(
        [printable(column.name) for column in found],
        [column.is_number for column in found],
        [[_cell(value) for value in row] for row in shown],
        is_wrapped,
    )
    width, style = terminal_width(stream), is_styled(stream)
    lines, columns_shown, is_cut = grid.lines(width, is_styled=style)
    if columns_shown < len(found) and len(shown) == 1:
        # a job is read from above to below, whole
        grid = grid.turned()
        lines, _, is_cut = grid.lines(width, is_styled=style)
        columns_shown = len(found)
    stream.write(("\n".join(lines) + "\n").encode())
    stream.flush()
    if columns_shown < len(found):
        _say(
            f"{columns_shown} of {len(found)} columns fit: name those that you want, or see all"
            " with --format jsonl"
        )
    elif is_cut:
        _say("what ends in … is cut to fit: --format jsonl shows all of it")
    if len(rows) > most:
        _say(f"the first {most:,} rows of {_count(connection, sql)}: --limit N shows more")
    elif not rows:
        _say("no rows")
    return len(shown)


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return exact(value)
    if not isinstance(value, float) or not isfinite(value):
        return printable(text(value))
    # four decimals are what an eye takes in; what they would not show keeps four digits
    short = f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{value:.4g}" if (value and short in {"0", "-0"}) or len(short) > _LONG else short


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    with in_one_line(lines_before=1):
        row = connection.execute(
            f"select count(*) from (select 1 from (\n{sql}\n) limit {_COUNTED + 1})"
        ).fetchone()
    count = int(row[0]) if row else 0
    return f"{count:,}" if count <= _COUNTED else f"more than {_COUNTED:,}"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _as_is(value: str) -> str:
    return value
