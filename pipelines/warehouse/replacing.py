"""Whether what readers have is this ledger's to replace."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import duckdb

from jobledger.pipelines.errors import ConfigError, QueryError
from jobledger.pipelines.query import attached
from jobledger.pipelines.warehouse.database import has, wal

_NEWEST_SYNC: Final = """
select sync_id from loaded.sync_runs order by started_at desc limit 1
"""


def newest_sync(published: Path) -> list[tuple[str]]:
    """The newest sync that readers know of, if any.

    Raises `ConfigError` for a file that is somebody's own, which we would replace.
    """
    if not published.exists():
        return []
    if not os.access(published, os.R_OK):
        raise ConfigError(
            f"{published} may not be read: run jobledger as the user who made it, or name another"
            " path under [warehouse] in .dlt/config.toml"
        )
    try:
        if _is_duckdb(published):
            with attached(published) as connection:
                if _is_ledger(connection, published):
                    is_synced = has(connection, "sync_runs")
                    return connection.execute(_NEWEST_SYNC).fetchall() if is_synced else []
    except (QueryError, duckdb.Error):
        # damaged: what is ours heals
        return []
    raise ConfigError(
        f"{published} is no ledger of jobledger's, and would be replaced: move it away, and the"
        " next sync writes its own, or name another path under [warehouse] in .dlt/config.toml"
    )


def check_publishes(path: Path, published: Path) -> None:
    """Raises `ConfigError` where a sync into the ledger at `path` would be refused for its end.

    What cannot be opened now is a sync's to tell.
    """
    newest = newest_sync(published)
    if not (newest and path.exists()):
        return
    with suppress(duckdb.Error), duckdb.connect(path, read_only=True) as connection:
        check_knows(connection, newest, path, published)


def check_knows(
    connection: duckdb.DuckDBPyConnection,
    newest: Sequence[tuple[str]],
    path: Path,
    published: Path,
) -> None:
    """Raises `ConfigError` where readers have syncs that this ledger would take from them."""
    known = connection.execute("select distinct sync_id from loaded.sync_runs").fetchall()
    if not set(newest) <= set(known):
        raise ConfigError(
            f"{published} has syncs that {path.parent} does not know, and would lose them: another"
            " project publishes there, or a backup was put back. To go on from what it has, remove"
            f" {path.parent}; else name another path under [warehouse] in .dlt/config.toml"
        )


def _is_duckdb(path: Path) -> bool:
    with path.open("rb") as file:
        begins = file.read(12)
    return not begins or begins[8:] == b"DUCK"


def _is_ledger(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    is_empty = not connection.execute("select 1 from duckdb_tables()").fetchone()
    # what whoever has it open wrote last may be in the log alone
    return has(connection, "job_versions") or (is_empty and not wal(path).exists())
