"""A sync of a project: its sources, its ledger, its lock."""

import threading
from collections.abc import Sequence

from jobledger.pipelines.exits import Exit
from jobledger.pipelines.project import Project
from jobledger.pipelines.sync.assignments import assignments, without
from jobledger.pipelines.sync.loading import Result, Sync, Watcher
from jobledger.pipelines.sync.rhythm import configured
from jobledger.pipelines.warehouse.held import held, views_of
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.errors import SettingsError
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.run import Outcome


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
    schedule: float | None = None,
) -> Result:
    """One sync, from the settings to the published file.

    `schedule` is the rhythm in seconds that it belongs to; the settings' where None. `clock` tells
    another time than the present, for worlds that are made up. Raises `Busy`,
    `ConfigError`, `SettingsError`.
    """
    work = assignments(project, names, kinds)
    notes = [f"warning: {each}" for each in project.warnings]
    if schedule is None and (rhythm := configured(project)) is not None:
        schedule = rhythm.seconds
    with held(project, wait=wait, stop=stop) as ledger:
        notes.extend(ledger.notes)
        sync = Sync(
            ledger=ledger,
            folder=project.state_dir / "dlt",
            kept=Kept(project.kept_file),
            clock=clock or Clock(project.time_limit.total_seconds(), stop),
            watcher=watcher,
            put_views=views_of(project, notes),
            schedule=schedule,
            is_full=is_full,
            is_clock_real=clock is None,
        )
        result = sync.run(work)
    for assignment in work:
        refused = [
            run.kind
            for run in result.runs
            if run.source == assignment.settings.name and run.error_kind == "not_available"
        ]
        if refused:
            notes.append(without(assignment, refused))
    result.notes = [*notes, *result.notes]
    return result


def exit_of(result: Result) -> Exit:
    """The exit code that a sync deserves."""
    if any(isinstance(error, SettingsError) for error in result.load_errors.values()):
        return Exit.USAGE
    if any(run.error_kind == "time_limit" for run in result.runs):
        return Exit.TIME_LIMIT
    if result.load_errors or any(run.outcome is not Outcome.COMPLETE for run in result.runs):
        return Exit.FAILED
    return Exit.DONE
