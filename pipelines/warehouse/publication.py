"""Publishing: the file that readers open is replaced whole, by one that was read first."""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from jobledger.pipelines.errors import JobledgerError
from jobledger.pipelines.query import is_damage
from jobledger.pipelines.quoting import literal
from jobledger.pipelines.warehouse.database import (
    SETTINGS,
    STORAGE_VERSION,
    copy_tables,
    name_of,
    said,
    wal,
)
from jobledger.pipelines.whole_file import keep_readers
from jobledger.sources._provider.on_disk import sync_folder


def publish(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    target: Path,
    put_views: Callable[[duckdb.DuckDBPyConnection], None],
    *,
    only: Mapping[str, str] | None = None,
    give_up: Callable[[], None] = lambda: None,
) -> None:
    """Replaces `target`, whole, by what the database at `path` holds, with the views in place.

    `only` has the rows that are wanted of a table, as a condition in SQL: of the others the file
    has no trace. What it comes from is let go by `give_up`, once all is in place but for the last
    step. Raises `JobledgerError` where it cannot be written; what was there stays.
    """
    # a link to another disk stays one
    target = target.resolve()
    fresh = target.with_name(f".{target.name}.new")
    try:
        for leftover in (fresh, wal(fresh)):
            leftover.unlink(missing_ok=True)
        if only is None and _is_compact(connection, path):
            # a tenth of the time; what is damaged in it is found by reading it
            fresh.touch(mode=0o600)
            shutil.copyfile(path, fresh)
        else:
            _copy_to(connection, fresh, only or {})
        with duckdb.connect(
            fresh, config={**SETTINGS, "enable_external_access": "false"}
        ) as reader:
            _read_whole(reader)
            _drop_staging(reader)
            put_views(reader)
            reader.execute("checkpoint")
        give_up()
        _replace(fresh, target)
    except (duckdb.Error, OSError) as error:
        if isinstance(error, duckdb.Error) and is_damage(error):
            raise
        raise JobledgerError(
            f"{target} could not be written: {said(error)}; readers keep what was there, and"
            " what was synced is published by the next sync"
        ) from error
    finally:
        for leftover in (fresh, wal(fresh)):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def _is_compact(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether everything is in the file now, and at least half of the file is used."""
    with connection.cursor() as cursor:
        try:
            cursor.execute("checkpoint")
        except duckdb.TransactionException:
            return False
        ((total, used),) = cursor.execute(
            "select total_blocks, used_blocks from pragma_database_size()"
            " where database_name = current_database()"
        ).fetchall()
    return bool(used * 2 >= total and not wal(path).exists())


def _copy_to(connection: duckdb.DuckDBPyConnection, fresh: Path, only: Mapping[str, str]) -> None:
    with connection.cursor() as cursor:
        attach = f"attach {literal(fresh)} as fresh (storage_version '{STORAGE_VERSION}')"
        try:
            cursor.execute(attach)
            fresh.chmod(0o600)
            cursor.execute("begin")
            copy_tables(cursor, name_of(cursor), "fresh", only)
            cursor.execute("commit")
            cursor.execute("detach fresh")
        except BaseException:
            # it would be in the way of the next publication
            for step in ("rollback", "detach database if exists fresh"):
                with suppress(duckdb.Error):
                    cursor.execute(step)
            raise


def _read_whole(connection: duckdb.DuckDBPyConnection) -> None:
    """Reads every value of every table. Raises `duckdb.Error` where there is damage."""
    for (table,) in connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'loaded'"
    ).fetchall():
        connection.execute(f'select bit_xor(hash(each)) from loaded."{table}" as each').fetchall()


def _drop_staging(connection: duckdb.DuckDBPyConnection) -> None:
    """Drops what dlt loads into before it merges."""
    for (schema,) in connection.execute(
        "select schema_name from duckdb_schemas() where database_name = current_database()"
        " and starts_with(schema_name, 'loaded_')"
    ).fetchall():
        connection.execute(f'drop schema "{schema}" cascade')


def _replace(fresh: Path, target: Path) -> None:
    """Puts a file in the place of another in one step, and takes care that it stays there."""
    with fresh.open("rb+") as file:
        os.fsync(file.fileno())
    keep_readers(fresh, target)
    # a client that wrote into the old file left its log beside it: against the new file it would
    # make every open fail
    wal(target).unlink(missing_ok=True)
    try:
        fresh.replace(target)
    except PermissionError as error:
        raise JobledgerError(
            f"{target} could not be replaced, since another program holds it open; what was synced"
            " is kept and is published by the next sync"
        ) from error
    wal(target).unlink(missing_ok=True)
    sync_folder(target.parent)
