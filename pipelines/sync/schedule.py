"""Syncing on a rhythm, until told to stop."""

import json
import os
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from jobledger.pipelines.errors import JobledgerError
from jobledger.pipelines.sync.rhythm import Rhythm
from jobledger.pipelines.whole_file import whole_file
from jobledger.pipelines.wording import ago, span

BEAT: Final = 15.0
"""Seconds between two signs of life, and between two looks at the clock: a computer that slept
wakes late by the clock, and no timer tells."""
_MISSED_BEATS: Final = 4


@dataclass(frozen=True)
class Heartbeat:
    """The last sign of life of a schedule."""

    pid: int
    rhythm: str
    at: datetime
    next_at: datetime
    path: Path
    """The file that holds it; a schedule that ends takes it away."""


@dataclass
class Schedule:
    """Syncs of one project, one at a time."""

    rhythm: Rhythm
    sync: Callable[[], None]
    """One sync. What it raises ends the schedule."""
    folder: Path
    """Where the signs of life go."""
    now: Callable[[], datetime]
    stop: threading.Event
    jitter: float = 0.0
    """Seconds, at the most, by which a sync starts later than it is due: a thousand schedules of
    the same rhythm should not all call at once."""
    on_wait: Callable[[datetime], None] | None = None
    """Hears when the next sync starts, where it does not start at once."""
    sources: Sequence[str] = ()
    """What it syncs; all where empty. Schedules of other sources may go on beside it."""
    _random: random.Random = field(default_factory=random.Random)

    def run(self) -> None:
        """Syncs when it is due, until `stop` is set."""
        try:
            self._run()
        finally:
            # one that ended is not one that died
            with suppress(OSError):
                self._heart.unlink()

    @property
    def _heart(self) -> Path:
        return self.folder / f"{'-'.join(('schedule', *sorted(self.sources)))}.json"

    def _run(self) -> None:
        due = self.rhythm.first(self.now())
        while True:
            starts_at = due + timedelta(seconds=self._random.uniform(0, self.jitter))
            if not self._wait(starts_at):
                return
            started = self.now()
            self.sync()
            if self.stop.is_set():
                return
            # times of a clock that was put back since are nothing to count from
            started = min(started, self.now())
            due = self.rhythm.next(min(due, started), started)

    def _wait(self, until: datetime) -> bool:
        """Waits; False if it is to stop."""
        last = self.now()
        if self.on_wait is not None and until > last:
            self.on_wait(until)
        while True:
            now = self.now()
            if (back := last - now).total_seconds() > BEAT:
                # the clock was put back: what was an hour away still is
                until -= back
            last = now
            self._beat(until)
            left = (until - now).total_seconds()
            if left <= 0:
                return not self.stop.is_set()
            if self.stop.wait(min(left, BEAT)):
                return False

    def _beat(self, next_at: datetime) -> None:
        content = {
            "pid": os.getpid(),
            "rhythm": f"{', '.join(self.sources)} {self.rhythm}".lstrip(),
            "at": self.now().isoformat(),
            "next_at": next_at.isoformat(),
        }
        # no sign of life is better than no sync
        with suppress(JobledgerError), whole_file(self._heart) as file:
            file.write(json.dumps(content).encode())


def heartbeats(folder: Path) -> list[Heartbeat]:
    """The last signs of life of the schedules of a project, by what they sync.

    Raises `JobledgerError` for a file that is none.
    """
    found = (_heartbeat(heart) for heart in sorted(folder.glob("schedule*.json")))
    return [each for each in found if each is not None]


def _heartbeat(heart: Path) -> Heartbeat | None:
    try:
        content = json.loads(heart.read_bytes())
        return Heartbeat(
            pid=int(content["pid"]),
            rhythm=str(content["rhythm"]),
            at=datetime.fromisoformat(content["at"]),
            next_at=datetime.fromisoformat(content["next_at"]),
            path=heart,
        )
    except FileNotFoundError:
        # it ended just now
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobledgerError(f"{heart} cannot be read: {type(error).__name__}; remove it") from None


def pulse(heart: Heartbeat, holder: str, now: datetime, time_limit: timedelta) -> str:
    """What a schedule's last sign of life says.

    While it syncs it gives none, but holds the ledger: `holder` is the PID of whoever does.
    """
    name = f"schedule ({heart.rhythm})"
    silent, is_alive = now - heart.at, _is_alive(heart.pid)
    if is_alive and silent <= timedelta(seconds=_MISSED_BEATS * BEAT):
        left = (heart.next_at - now).total_seconds()
        return f"{name}: alive, next sync {f'in {span(left)}' if left > 0 else 'now'}"
    is_syncing = silent < time_limit + timedelta(minutes=10) and holder == str(heart.pid)
    if is_alive and is_syncing:
        return f"{name}: alive, syncing since {ago(heart.at, now)}"
    fate = f"silent since {ago(heart.at, now)} (PID {heart.pid})"
    if not is_alive:
        fate = f"dead: its process, {heart.pid}, ended after its last sign {ago(heart.at, now)}"
    due = f", and a sync was due {ago(heart.next_at, now)}" if heart.next_at < now else ""
    return (
        f"{name}: {fate}{due}; start it again with 'jobledger schedule', or remove"
        f" {heart.path.parent.name}/{heart.path.name} if something else syncs now"
    )


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
