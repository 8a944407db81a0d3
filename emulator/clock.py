"""The emulator's time: it stands still until it is moved, or runs at a rate."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time to jobs, tokens and limits alike. Any thread may read or move it."""

    def __init__(self, now: datetime | None = None, *, rate: float = 0.0) -> None:
        """Starts at `now` (else at the real time); `rate` is emulated seconds a real second."""
        self._rate = rate
        self._told, self._since = (now or datetime.now(UTC)).astimezone(UTC), time.monotonic()

    def now(self) -> datetime:
        """The time, in UTC."""
        if not self._rate:
            return self._told
        return self._told + timedelta(seconds=self._rate * (time.monotonic() - self._since))

    def set(self, now: datetime) -> None:
        """Moves to a time, forth or back. Raises `ValueError` if it has no zone."""
        if now.tzinfo is None:
            raise ValueError(f"{now.isoformat()} says no zone; the emulator's time is UTC")
        self._told, self._since = now.astimezone(UTC), time.monotonic()

    def advance(self, by: timedelta | float) -> datetime:
        """Moves on by so much (a number is seconds), and says what time it is then."""
        self.set(self.now() + (by if isinstance(by, timedelta) else timedelta(seconds=by)))
        return self.now()
