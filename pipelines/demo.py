"""A look at jobledger without an account: the emulator's world, synced twice."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from jobledger.pipelines.errors import ConfigError, JobledgerError, unwritable
from jobledger.pipelines.project import Project
from jobledger.sources._provider.clock import Clock

if TYPE_CHECKING:
    from jobledger.emulator import Running

FOLDER: Final = "jobledger-demo"
BETWEEN: Final = timedelta(days=6)
"""What passes between the two syncs: a little less than Salesforce keeps finished jobs for."""
_MARK: Final = "# made by 'jobledger demo', which makes it anew each time"


class StandingClock(Clock):
    """Tells one and the same time, as the world that is synced does."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self._now = now

    def now(self) -> datetime:
        """The time, in UTC."""
        return self._now


def demo_project(folder: Path) -> Project:
    """An empty project for the demo.

    Raises `ConfigError` for a folder with anything else in it, `JobledgerError` where the emulator
    is not installed.
    """
    try:
        import_module("jobledger.emulator")
    except ModuleNotFoundError as error:
        raise JobledgerError(
            f"the demo needs the provider emulator, whose {error.name} is not installed: run"
            " pip install 'jobledger[demo]'"
        ) from None
    config = folder / ".dlt" / "config.toml"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not config.exists() or not config.read_text("utf-8").startswith(_MARK):
            raise ConfigError(
                f"{folder} is there already and is not the demo's; name another folder, as in"
                " 'jobledger --project DIR demo'"
            )
        shutil.rmtree(folder)
    try:
        config.parent.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder, error) from None
    return Project(folder, {})


def settings_of(url: str) -> tuple[str, str]:
    """What to write into config.toml and secrets.toml to sync from an emulator at that address."""
    from jobledger.emulator import tokens

    return f"{_MARK}\n{tokens.CONFIG.format(url=url)}", tokens.SECRETS


@contextmanager
def emulated(project: Project, now: datetime, starts_at: datetime) -> Iterator["Running"]:
    """The emulator with a world whose present is `now`, and the project set to sync from it."""
    from jobledger.emulator import World, serving
    from jobledger.emulator.clock import Clock as WorldClock

    with serving(World(now=now, clock=WorldClock(starts_at))) as running:
        config, secrets = settings_of(running.base_url)
        folder = project.folder / ".dlt"
        (folder / "config.toml").write_text(config)
        (folder / "secrets.toml").touch(mode=0o600)
        (folder / "secrets.toml").write_text(secrets)
        yield running


def synced_twice(project: Project, now: datetime, sync: Callable[[Clock], None]) -> None:
    """Syncs the emulator's world as it was, lets time pass there, and syncs it as it is `now`."""
    with emulated(project, now, now - BETWEEN) as running:
        sync(StandingClock(now - BETWEEN))
        running.clock.set(now)
        sync(StandingClock(now))


def stand_still(project: Project, now: datetime) -> None:
    """Makes the views take `now` for the present for good, so that what they say stays the same."""
    with duckdb.connect(project.warehouse) as connection:
        connection.execute(
            f"create or replace view staging.clock as select timestamptz '{now.isoformat()}' as now"
        )
