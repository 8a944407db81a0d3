"""A project's ledger, held: one process at a time may open it to write."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import duckdb

from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.project import Project
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.pipelines.warehouse.lock import locked
from jobledger.pipelines.warehouse.views import put_in_place
from jobledger.sources import known_kinds
from jobledger.sources._provider.redact import guard_logging

_UNLOADABLE: Final = frozenset("'%?\\")
"""What dlt or DuckDB stumbles over in the path of a file."""


@contextmanager
def held(
    project: Project, *, wait: float = 0.0, stop: threading.Event | None = None
) -> Iterator[Ledger]:
    """The ledger, for as long as nobody else may write.

    Raises `Busy`, `ConfigError`, and `JobledgerError` where it cannot be opened.
    """
    check_path(project)
    state = project.make_state_dir()
    guard_logging()
    with locked(state, wait=wait, stop=stop), Ledger(project.ledger, project.warehouse) as ledger:
        yield ledger


def check_path(project: Project) -> None:
    """Raises `ConfigError` for a project in a folder that nothing can be loaded from."""
    if odd := sorted(_UNLOADABLE.intersection(project.folder.absolute().as_posix())):
        raise ConfigError(
            f"the project's path has a {odd[0]} in it, with which nothing can be loaded; move it to"
            f" a folder without one: {project.folder}"
        )


def views_of(project: Project, notes: list[str]) -> Callable[[duckdb.DuckDBPyConnection], None]:
    """Puts the views in place at publication; what is wrong with one joins `notes`, once."""

    def put(connection: duckdb.DuckDBPyConnection) -> None:
        left_out = _left_out(project, connection)
        for problem in put_in_place(connection, project.sql_dir, left_out):
            if str(problem) not in notes:
                notes.append(str(problem))

    return put


def _left_out(project: Project, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """The sources and kinds that were synced once, and that the settings do not have any more."""
    try:
        sources = project.sources(known_kinds())
    except ConfigError:
        # what is wrong with the settings is a sync's to say, and no reason not to publish
        return []
    wanted = {source.name: source.kinds for source in sources}
    synced = connection.execute("select distinct source, kind from loaded.sync_runs order by all")
    return [
        (source, kind) for source, kind in synced.fetchall() if kind not in wanted.get(source, ())
    ]
