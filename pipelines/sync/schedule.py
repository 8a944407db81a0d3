"""Syncing on a rhythm, until told to stop."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from jobledger.pipelines.sync.heartbeat import BEAT, Heart
from jobledger.pipelines.sync.rhythm import Rhythm


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
        """Syncs when it is due, until `stop` is set.

        Raises `Busy` where another schedule of the same sources runs; `ConfigError` where the
        folder cannot be written.
        """
        heart = Heart(self.folder, self.sources, str(self.rhythm))
        with heart.alive():
            self._run(heart)

    def _run(self, heart: Heart) -> None:
        due = self.rhythm.first(self.now())
        while True:
            starts_at = due + timedelta(seconds=self._random.uniform(0, self.jitter))
            if not self._wait(starts_at, heart):
                return
            started = self.now()
            self.sync()
            if self.stop.is_set():
                return
            # times of a clock that was put back since are nothing to count from
            started = min(started, self.now())
            due = self.rhythm.next(min(due, started), started)

    def _wait(self, until: datetime, heart: Heart) -> bool:
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
            heart.beat(now, until)
            left = (until - now).total_seconds()
            if left <= 0:
                return not self.stop.is_set()
            if self.stop.wait(min(left, BEAT)):
                return False
