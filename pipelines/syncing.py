"""A sync of a project: its sources, its ledger, its lock."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.ledger import Ledger
from jobledger.pipelines.lock import locked
from jobledger.pipelines.project import Project
from jobledger.pipelines.sync import Assignment, Result, Sync, Watcher
from jobledger.pipelines.views import put_in_place
from jobledger.sources import providers
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.redact import guard_logging
from jobledger.sources._provider.run import Outcome


@dataclass
class Synced(Result):
    """What a sync of a project came to."""

    notes: list[str] = field(default_factory=list)
    """What the user should hear."""


def assignments(
    project: Project, names: Sequence[str] = (), kinds: Sequence[str] = ()
) -> list[Assignment]:
    """What to sync: all sources, or those named, and of their kinds those named.

    Raises `ConfigError` for a name that is none.
    """
    known = providers()
    given = {name: [kind.name for kind in provider.kinds] for name, provider in known.items()}
    sources = project.sources(given, only=names or None)
    found: list[Assignment] = []
    for settings in sources:
        provider = known[settings.provider]
        wanted = settings.kinds or tuple(given[settings.provider])
        chosen = [kind for kind in wanted if not kinds or kind in kinds]
        if chosen:
            found.append(Assignment(settings, provider, chosen))
    missing = set(kinds) - {kind for each in found for kind in each.kinds}
    if missing:
        choices = sorted({kind for each in sources for kind in each.kinds or given[each.provider]})
        raise ConfigError(
            f"no kind '{min(missing)}' in the sources to sync: expected one of {', '.join(choices)}"
        )
    return found


def sync_project(
    project: Project,
    *,
    names: Sequence[str] = (),
    kinds: Sequence[str] = (),
    is_full: bool = False,
    wait: float = 0.0,
    watcher: Watcher,
    stop: threading.Event | None = None,
    clock: Clock | None = None,
) -> Synced:
    """One sync, from the settings to the published file.

    `clock` tells another time than the present, for worlds that are made up. Raises `Busy`,
    `ConfigError`, `SettingsError`.
    """
    work = assignments(project, names, kinds)
    result = Synced()
    state = project.make_state_dir()
    guard_logging()

    def put_views(connection: duckdb.DuckDBPyConnection) -> None:
        problems = put_in_place(connection, project.sql_dir)
        for problem in problems:
            if str(problem) not in result.notes:
                result.notes.append(str(problem))

    with locked(state, wait=wait), Ledger(state / "ledger.duckdb", project.warehouse) as ledger:
        result.notes.extend(ledger.notes)
        sync = Sync(
            ledger=ledger,
            folder=state / "dlt",
            kept=Kept(project.folder / ".dlt" / "kept.toml"),
            clock=clock or Clock(project.time_limit.total_seconds(), stop),
            watcher=watcher,
            put_views=put_views,
            schedule=project.schedule,
            is_full=is_full,
            is_clock_real=clock is None,
        )
        synced = sync.run(work)
    result.runs, result.load_errors = synced.runs, synced.load_errors
    return result


def exit_of(result: Result) -> Exit:
    """The exit code that a sync deserves."""
    if any(run.error_kind == "time_limit" for run in result.runs):
        return Exit.TIME_LIMIT
    if result.load_errors or any(run.outcome is not Outcome.COMPLETE for run in result.runs):
        return Exit.FAILED
    return Exit.DONE
