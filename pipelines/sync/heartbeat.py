"""Whether a schedule is alive: the signs of life that it gives, and the lock that it holds.

The operating system gives the lock back however a schedule ends, and containers that share the
folder share it. A PID is somebody else's some day, and in another container it always is.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from jobledger.pipelines.errors import Busy, JobledgerError, unwritable
from jobledger.pipelines.whole_file import whole_file
from jobledger.pipelines.wording import ago, span

BEAT: Final = 15.0
"""Seconds between two signs of life, and between two looks at the clock: a computer that slept
wakes late by the clock, and no timer tells."""
_MISSED_BEATS: Final = 4
_PATIENCE: Final = 1.0
"""Seconds to wait for the lock: whoever asks whether a schedule is alive holds it for a moment."""


@dataclass(frozen=True)
class Heartbeat:
    """The last sign of life of a schedule."""

    pid: int
    rhythm: str
    at: datetime
    next_at: datetime
    path: Path
    """The file that holds it; a schedule that ends takes it away."""
    is_alive: bool


class Heart:
    """Where a schedule of these sources, or of all where there is none, says that it lives."""

    def __init__(self, folder: Path, sources: Sequence[str], rhythm: str) -> None:
        self._rhythm = f"{', '.join(sources)} {rhythm}".lstrip()
        self._path = folder / f"{'-'.join(('schedule', *sorted(sources)))}.json"

    @contextmanager
    def alive(self) -> Iterator[None]:
        """While the schedule lives.

        Raises `Busy` where another one of the same sources does; `ConfigError` where the folder
        cannot be written.
        """
        lock = _lock(self._path)
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            raise Busy(self._taken()) from None
        except OSError as error:
            raise unwritable(self._path.parent, error) from None
        try:
            yield
        finally:
            # one that ended is not one that died; its lock goes while nobody else can have it
            for path in (self._path, Path(lock.lock_file)):
                with suppress(OSError):
                    path.unlink()
            lock.release()

    def beat(self, at: datetime, next_at: datetime) -> None:
        """Gives a sign of life, and says when the next sync is due."""
        content = {
            "pid": os.getpid(),
            "rhythm": self._rhythm,
            "at": at.isoformat(),
            "next_at": next_at.isoformat(),
        }
        # no sign of life is better than no sync
        with suppress(JobledgerError), whole_file(self._path) as file:
            file.write(json.dumps(content).encode())

    def _taken(self) -> str:
        other = None
        with suppress(JobledgerError):
            other = _heartbeat(self._path)
        who = f" ({other.rhythm}, PID {other.pid})" if other else ""
        return (
            f"another schedule of the same sources runs in this project{who}; stop it first, or"
            " let it do the work"
        )


def heartbeats(folder: Path) -> list[Heartbeat]:
    """The last signs of life of the schedules of a project, by what they sync.

    Raises `JobledgerError` for a file that is none.
    """
    found = (_heartbeat(path) for path in sorted(folder.glob("schedule*.json")))
    return [each for each in found if each is not None]


def _heartbeat(path: Path) -> Heartbeat | None:
    try:
        # asked first: one that ends in between takes its file away
        is_alive = _is_alive(path)
        content = json.loads(path.read_bytes())
        return Heartbeat(
            pid=int(content["pid"]),
            rhythm=str(content["rhythm"]),
            at=datetime.fromisoformat(content["at"]),
            next_at=datetime.fromisoformat(content["next_at"]),
            path=path,
            is_alive=is_alive,
        )
    except FileNotFoundError:
        # it ended just now
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobledgerError(f"{path} cannot be read: {type(error).__name__}; remove it") from None


def _lock(path: Path) -> FileLock:
    return FileLock(path.with_suffix(".lock"), mode=0o600)


def _is_alive(path: Path) -> bool:
    lock = _lock(path)
    if not Path(lock.lock_file).exists():
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except (Timeout, OSError):
        # where a lock cannot be asked for, as in a folder that is read-only, its signs must do
        return True


def pulse(heart: Heartbeat, now: datetime, time_limit: timedelta) -> str:
    """What a schedule's last sign of life says. While it syncs it gives none."""
    name = f"schedule ({heart.rhythm})"
    silent = now - heart.at
    if heart.is_alive and silent <= timedelta(seconds=_MISSED_BEATS * BEAT):
        left = (heart.next_at - now).total_seconds()
        return f"{name}: alive, next sync {f'in {span(left)}' if left > 0 else 'now'}"
    # one that reached its time limit still loads what it has read
    if heart.is_alive and heart.next_at <= now and silent < time_limit + timedelta(minutes=10):
        return f"{name}: alive, syncing since {ago(heart.at, now)}"
    fate = f"silent since {ago(heart.at, now)} (PID {heart.pid})"
    if not heart.is_alive:
        fate = f"dead: its process, {heart.pid}, ended after its last sign {ago(heart.at, now)}"
    due = f", and a sync was due {ago(heart.next_at, now)}" if heart.next_at < now else ""
    return (
        f"{name}: {fate}{due}; start it again with 'jobledger schedule', or remove"
        f" {heart.path.parent.name}/{heart.path.name} if something else syncs now"
    )
