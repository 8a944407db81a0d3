"""`jobledger query`."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from jobledger.pipelines.cli.shared import SECONDS, TakesSql, give_up, json_or, pass_project
from jobledger.pipelines.errors import QueryError
from jobledger.pipelines.project import Project


@click.command(cls=TakesSql)
@click.argument("sql", required=False, metavar="[SQL|VIEW]")
@click.option(
    "-f",
    "--file",
    type=click.File(encoding="utf-8"),
    help="Read the SQL from this file; - is stdin.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--format",
    type=click.Choice(["table", "csv", "json", "jsonl", "markdown", "parquet"]),
    help="How to write the rows: what FILE's ending says, else as a table, on a terminal and"
    " elsewhere.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to this file; - is stdout.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="At most so many rows; a table has at most 1,000 unless told.",
)
@click.option(
    "--timeout",
    type=SECONDS,
    metavar="SECONDS",
    help="Stop a query that takes longer, with exit code 5.",
)
@pass_project
def command(
    project: Project,
    sql: str | None,
    file: Any,
    as_json: bool,  # noqa: FBT001 - click's
    format: Any,  # noqa: A002 - the option's name
    output: str | None,
    limit: int | None,
    timeout: float | None,
) -> None:
    """Ask the ledger: one SQL query, or the name of a view.

    It only reads: it cannot write, reach the network or read other files. 'jobledger views' lists
    what there is to ask.

    A table fits the terminal, shows four decimals and cuts long texts; the other formats are
    exact. Times are ISO 8601 in UTC. In JSON a record is an object, and NaN and infinities are
    null; in CSV (RFC 4180) NULL is empty and an empty text is "", as is NULL where there is one
    column.
    """
    if (sql is None) == (file is None):
        raise click.UsageError(
            "expected one of SQL, the name of a view, and -f FILE (-f - reads stdin)"
        )
    from jobledger.pipelines.output.formats import chosen
    from jobledger.pipelines.output.writing import FORMATS, write_result
    from jobledger.pipelines.query import open_published, time_limit

    path = project.output(output)
    asked = json_or(format, as_json=as_json)
    format = chosen(asked, output, FORMATS, "table")  # noqa: A001 - the option's name
    text = _read(file) if sql is None else sql
    with (
        open_published(project.warehouse) as connection,
        time_limit(connection, timeout, give_up),
        _files_told(sql),
    ):
        write_result(
            connection,
            text,
            format=format,
            output=path,
            limit=limit,
        )


@contextmanager
def _files_told(sql: str | None) -> Iterator[None]:
    """Says how a file is run where its name was refused as SQL."""
    try:
        yield
    except QueryError as error:
        if sql is None or not _is_file(sql):
            raise
        step = f"to run a file: jobledger query -f {shlex.quote(sql)}"
        raise QueryError(f"{error}; {step}") from error


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        # SQL may be longer than any name is
        return False


def _read(file: Any) -> str:
    try:
        return str(file.read())
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read {file.name}: {error}") from None
