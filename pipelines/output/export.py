"""Exports: files for others, whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

import duckdb

from jobledger.pipelines.errors import ConfigError, JobledgerError, QueryError, choices
from jobledger.pipelines.output.cells import columns
from jobledger.pipelines.output.writing import Progress, write_result
from jobledger.pipelines.query import in_one_line, question, read_transaction

Format: TypeAlias = Literal["parquet", "csv", "jsonl"]
FORMATS: Final = ("parquet", "csv", "jsonl")


def export(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    path: Path | None,
    *,
    format: Format = "parquet",  # noqa: A002 - the option's name
    partition_by: Sequence[str] = (),
    progress: Progress | None = None,
) -> int:
    """Writes what the SQL, or the view of that name, gives; gives the number of rows.

    Without a `path` it goes to stdout. With `partition_by`, `path` is a folder of hive partitions,
    which replaces an earlier one. Raises `QueryError`, `ConfigError`, and `JobledgerError` if it
    cannot be written.
    """
    if not partition_by:
        if path and path.is_dir():
            raise ConfigError(
                f"{path} is a folder: expected a file, or --partition-by COL to write a folder"
            )
        return write_result(connection, sql, format=format, output=path, progress=progress)
    if format != "parquet":
        raise ConfigError(f"--partition-by writes Parquet: expected no --format {format}")
    if path is None:
        raise ConfigError("--partition-by writes a folder: expected its name, not -")
    return _partitioned(connection, sql, path, partition_by, progress)


def size(path: Path) -> int:
    """The bytes of a file, or of all files below a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def _partitioned(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    path: Path,
    by: Sequence[str],
    progress: Progress | None,
) -> int:
    from jobledger.pipelines.output.parquet import write_partitions

    asked = question(connection, sql)
    if asked.is_plan:
        raise QueryError("a plan has nothing to export: expected a query")
    with read_transaction(connection):
        with in_one_line(lines_before=1):
            found = columns(connection, asked.sql)
        names = [column.name for column in found]
        for name in by:
            if name not in names:
                raise ConfigError(f"--partition-by: no column '{name}'{choices(name, names)}")
        if len(set(by)) < len(by):
            raise ConfigError("--partition-by names a column twice")
        if set(by) >= set(names):
            raise ConfigError("--partition-by names every column: expected one that is left over")
        with _whole_folder(path) as fresh:
            return write_partitions(connection, asked.sql, found, fresh, by, progress)


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """A folder to write into that takes its place when all of it is written.

    Only its owner can read it. There is no way to swap two folders in one step that works
    everywhere: for a moment between two renames there is none. Raises `JobledgerError`.
    """
    path = path.resolve()
    _check_replaceable(path)
    try:
        fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise JobledgerError(f"cannot write {path}: {error.strerror}") from None
    old = fresh.with_name(f"{fresh.name}.old")
    try:
        yield fresh
        for part in fresh.rglob("*"):
            part.chmod(0o700 if part.is_dir() else 0o600)
        _put_in_place(fresh, path, old)
    except OSError as error:
        raise JobledgerError(
            f"cannot write {path}: {error.strerror or error}; what was there is as it was"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


def _put_in_place(fresh: Path, path: Path, old: Path) -> None:
    try:
        if path.exists():
            path.rename(old)
        fresh.rename(path)
    except BaseException:
        # Ctrl-C too may come between the two
        if old.exists() and not path.exists():
            old.rename(path)
        raise


def _check_replaceable(path: Path) -> None:
    """Only an earlier export is replaced: what else is in a folder is somebody's."""
    if not path.exists():
        return
    if not path.is_dir():
        raise ConfigError(f"{path} is a file: --partition-by writes a folder; name another one")
    from jobledger.pipelines.output.parquet import is_part

    for folder, folders, files in os.walk(path):
        # a link to a folder is not walked into, and is nothing that an export writes
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*files, *links):
            found = Path(folder, name).relative_to(path)
            if not is_part(path, found):
                raise ConfigError(
                    f"{path} holds what no export wrote ({found}) and would be replaced: name"
                    " another folder"
                )
