"""The time, and waiting: passed in wherever either is needed, so that tests have their own."""

import threading
import time
from datetime import UTC, datetime
from math import inf

from jobledger.sources._provider.errors import Interrupted, TimeLimitReached


class Clock:
    """The real time, until the sync's time limit or until someone wants to stop."""

    def __init__(
        self, deadline_seconds: float | None = None, stop: threading.Event | None = None
    ) -> None:
        """`deadline_seconds` from now is the time limit; `stop` is set to interrupt."""
        self._stop = stop or threading.Event()
        self._deadline = inf if deadline_seconds is None else self.monotonic() + deadline_seconds

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow, whatever is done to the computer's clock."""
        return time.monotonic()

    @property
    def is_stopped(self) -> bool:
        """Whether someone wants to stop."""
        return self._stop.is_set()

    def remaining(self) -> float:
        """Seconds to the time limit, 0 or less once it has passed; infinite where none is set."""
        return self._deadline - self.monotonic()

    def check(self) -> None:
        """Raises `Interrupted` or `TimeLimitReached` if it is over."""
        if self.is_stopped:
            raise Interrupted("interrupted")
        if self.remaining() <= 0:
            raise TimeLimitReached("the time limit of the sync is reached")

    def wait(self, seconds: float) -> None:
        """Waits, unless there is no time for it.

        Raises `Interrupted` as soon as someone wants to stop, and `TimeLimitReached` at once,
        without waiting, if the wait would go beyond the time limit.
        """
        self.check()
        if seconds >= self.remaining():
            raise TimeLimitReached(f"a wait of {seconds:.0f} s would go beyond the time limit")
        self._sleep(seconds)
        self.check()

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
