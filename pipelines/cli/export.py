"""`jobledger export`."""

import sys
import time
from typing import Any

import click

from jobledger.pipelines.cli.shared import TakesSql, pass_project
from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.project import Project


@click.command(cls=TakesSql)
@click.argument("sql", metavar="VIEW|SQL")
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    required=True,
    help="The file or folder to write; - is stdout.",
)
@click.option(
    "--format",
    type=click.Choice(["parquet", "csv", "jsonl"]),
    help="What PATH's ending says, else Parquet, compressed with zstd.",
)
@click.option(
    "--partition-by",
    metavar="COL,…",
    multiple=True,
    help="Write a folder of Parquet files, hive partitioned: COL=VALUE/…; may be repeated.",
)
@pass_project
def command(
    project: Project,
    sql: str,
    output: str,
    format: Any,  # noqa: A002 - the option's name
    partition_by: tuple[str, ...],
) -> None:
    """Write a view, or what a query gives, to a file.

    Whole or not at all: an export that fails leaves what was there. Only its owner can read it. A
    folder that is there is replaced if an earlier export wrote it, or if it is empty.
    """
    from jobledger.pipelines.output.export import FORMATS, export, size
    from jobledger.pipelines.output.formats import chosen
    from jobledger.pipelines.output.grid import is_watched
    from jobledger.pipelines.query import open_published
    from jobledger.pipelines.wording import many

    path = project.output(output)
    _check_json(output, format)
    by = [name.strip() for name in ",".join(partition_by).split(",") if name.strip()]
    # a folder of Parquet files is no more a jobs.csv than one file of it is
    known, what = (("parquet",), "a folder") if by else (FORMATS, "a file")
    asked = format or "parquet" if by else format
    format = chosen(asked, output, known, "parquet", what=what)  # noqa: A001 - the option's name
    progress = _Progress() if is_watched(sys.stderr) else None
    try:
        with open_published(project.warehouse) as connection:
            rows = export(
                connection,
                sql,
                path,
                format=format,
                partition_by=by,
                progress=progress,
            )
    finally:
        if progress:
            progress.clear()
    where = f"{output} ({_bytes(size(path))})" if path else "stdout"
    click.echo(f"{many(rows, 'row')} → {where}", err=True)


def _check_json(output: str, said: str | None) -> None:
    # of `query` a file of that name is one array, which is not what is written here
    if said is None and output.lower().endswith(".json"):
        raise ConfigError(
            f"{output}: expected .jsonl for JSON Lines (or --format jsonl), or 'jobledger query …"
            f" -o {output}' for one JSON array"
        )


class _Progress:
    """One line on the terminal, for an export that takes a while."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 0.5
        self._is_shown = False

    def __call__(self, rows: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.1
            self._is_shown = True
            click.echo(f"\r{rows:,} rows ", nl=False, err=True)

    def clear(self) -> None:
        if self._is_shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - SI units
            return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
