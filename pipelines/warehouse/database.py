"""A file of DuckDB's: how we open one, what is in it, and what its errors say."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb

from jobledger.pipelines.quoting import literal
from jobledger.sources._provider.redact import one_line

STORAGE_VERSION: Final = "v1.4.0"
"""What readers need: the published file opens in every DuckDB from 1.4 on."""

SETTINGS: Final = {
    "autoinstall_known_extensions": "false",
    # of the machine's memory DuckDB would take most if it could; what is more goes to the disk
    "memory_limit": "200MB",
    # each of its threads fills row groups of its own, and for those of a large machine this is not
    # enough
    "threads": str(min(4, os.cpu_count() or 1)),
    # or else DuckDB loads with one thread; readers order what they read
    "preserve_insertion_order": "false",
    # what readers open is a copy of the file
    "storage_compatibility_version": STORAGE_VERSION,
}


def said(error: Exception) -> str:
    """One line on what the disk or DuckDB would not do."""
    told = error.strerror if isinstance(error, OSError) else None
    return one_line(told or str(error).rpartition("Original error: ")[2], 300)


def has(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether it has this table of ours."""
    return bool(
        connection.execute(
            "select 1 from duckdb_tables() where database_name = current_database()"
            f" and schema_name = 'loaded' and table_name = {literal(table)}"
        ).fetchall()
    )


def name_of(connection: duckdb.DuckDBPyConnection) -> str:
    """What its database is called in SQL."""
    row = connection.execute("select current_database()").fetchone()
    assert row is not None  # noqa: S101 - a connection always has one
    return str(row[0])


def copy_tables(
    connection: duckdb.DuckDBPyConnection,
    origin: str,
    to: str,
    only: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Copies all that was loaded from one attached database to another.

    `only` has the rows that are wanted of a table, as a condition in SQL.
    """
    connection.execute(f'create schema if not exists "{to}".loaded')
    tables = connection.execute(
        "select table_name, sql from duckdb_tables()"
        f" where database_name = {literal(origin)} and schema_name = 'loaded'"
    ).fetchall()
    for table, definition in tables:
        # as it was defined: a table made by `as` would have lost its compression
        shape = definition.removeprefix("CREATE TABLE ")
        connection.execute(f'create or replace table "{to}".{shape}')
        connection.execute(
            f'insert into "{to}".loaded."{table}" from "{origin}".loaded."{table}"'
            f" where {only.get(table, 'true')}"
        )


def wal(path: Path) -> Path:
    """The log that DuckDB keeps beside a file that is written to."""
    return path.with_name(f"{path.name}.wal")
