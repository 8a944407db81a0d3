"""What an account may do now: its provider's limits, our own, and trying again."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_random_exponential

from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.errors import (
    LimitOutlastsSync,
    ProviderError,
    QuotaGuarded,
    RateLimited,
    TimeLimitReached,
)

T = TypeVar("T")
OnWait = Callable[[float, str], None]
"""Told of every wait: seconds, and why."""
_BACKOFF: Final = wait_random_exponential(multiplier=1, max=60)
"""Full jitter: anything from 0 to 1, 2, 4 … 60 seconds (Zuora, Error handling)."""


@dataclass
class Meter:
    """What the requests of one kind came to."""

    requests: int = 0
    """Sent, those sent again and logins included."""
    retries: int = 0
    """Sent again after a fault or a limit."""
    throttled_seconds: float = 0.0
    """Waited because the provider asked for it."""
    quota_used: int | None = None
    quota_limit: int | None = None
    _throttled_until: float = -inf

    def throttle(self, now: float, seconds: float) -> bool:
        """Counts a wait, once however many threads of a kind wait; whether it was a new one."""
        until = now + seconds
        new = until - max(now, self._throttled_until)
        if new <= 0:
            return False
        self.throttled_seconds += new
        self._throttled_until = until
        return True


class Limits:
    """The limits of one account. Threads share it; nothing is held while one waits."""

    def __init__(
        self, clock: Clock, quota_share: float, max_concurrent: int, on_wait: OnWait | None
    ) -> None:
        self._clock = clock
        self._slots = threading.BoundedSemaphore(max_concurrent)
        self._share = quota_share
        self._on_wait = on_wait or (lambda seconds, why: None)  # noqa: ARG005 - nobody asks
        self._lock = threading.Lock()
        self._held_until = -inf
        self._held_for = ""
        self._in_flight = 0
        self._quota: tuple[int, int] | None = None
        self._end: ProviderError | None = None

    def end(self, error: ProviderError) -> None:
        """Nothing more is asked of the account; whoever tries gets this error."""
        with self._lock:
            self._end = self._end or error

    def check(self) -> None:
        """Raises the error that the account ended with, if it has."""
        if self._end is not None:
            raise copy.copy(self._end)

    @contextmanager
    def slot(self, meter: Meter) -> Iterator[None]:
        """One more request is under way: as many at once as the account may have, others wait.

        Whoever has waited for its slot heeds what the answers before it said of limits. Raises
        what ended the account, `QuotaGuarded` if it would be one too many, and as `await_turn`.
        """
        while True:
            self.await_turn(meter)
            with self._slots:
                if not self._admits(meter):
                    # nobody waits in a slot that another could use
                    continue
                try:
                    yield
                finally:
                    with self._lock:
                        self._in_flight -= 1
                return

    def _admits(self, meter: Meter) -> bool:
        """Whether a request may be sent at once; it is counted then."""
        self._clock.check()
        with self._lock:
            self.check()
            if self._clock.monotonic() < self._held_until:
                return False
            if self._quota is not None:
                used, limit = self._quota
                # those on their way count, though the provider has not said so yet
                if used + self._in_flight >= self._share * limit:
                    raise QuotaGuarded(
                        f"{used:,} of the account's {limit:,} daily requests are used, and"
                        f" quota_share = {self._share:g} leaves the rest to others"
                    )
            self._in_flight += 1
            meter.requests += 1
            return True

    def count_retry(self, meter: Meter) -> None:
        """A request is about to be sent again."""
        with self._lock:
            meter.retries += 1

    def note_quota(self, meter: Meter, quota: tuple[int, int] | None) -> None:
        """The provider told what of the daily quota is used, and how much there is."""
        if quota is not None and quota[1] > 0:
            with self._lock:
                if self._quota is not None:
                    # answers may overtake each other: the one that says less is the older
                    quota = max(self._quota[0], quota[0]), quota[1]
                self._quota = meter.quota_used, meter.quota_limit = quota

    def hold(self, seconds: float, why: str) -> None:
        """No kind of the account sends anything for so long."""
        with self._lock:
            until = self._clock.monotonic() + seconds
            if until > self._held_until:
                self._held_until, self._held_for = until, why

    def await_turn(self, meter: Meter) -> None:
        """Waits as long as the account is held. Raises `LimitOutlastsSync` if that is too long."""
        while True:
            self._clock.check()
            self.check()
            with self._lock:
                now, why = self._clock.monotonic(), self._held_for
                left = self._held_until - now
                if left <= 0:
                    return
                if left >= self._clock.remaining():
                    raise LimitOutlastsSync(
                        f"{why}; waiting {left:,.0f} s for it goes beyond the time limit"
                    )
                is_new = meter.throttle(now, left)
            if is_new:
                self._on_wait(left, why)
            self._clock.wait(left)

    def persist(self, meter: Meter, once: Callable[[], T]) -> T:
        """What `once` gives, tried again as its errors allow. Raises the last of them."""

        def is_worth_it(state: RetryCallState) -> bool:
            error = _error(state)
            return error is not None and error.is_transient

        def is_enough(state: RetryCallState) -> bool:
            error = _error(state)
            return error is None or state.attempt_number >= error.attempts

        def seconds(state: RetryCallState) -> float:
            error = _error(state)
            asked = None if error is None else error.retry_after
            # 0, or a time that is over by our clock, is no leave to ask without a pause
            return asked or _BACKOFF(state)

        def pause(state: RetryCallState) -> None:
            if (error := _error(state)) is not None:
                self._pause(meter, error, state.upcoming_sleep)

        return Retrying(
            retry=is_worth_it,
            stop=is_enough,
            wait=seconds,
            before_sleep=pause,
            sleep=lambda _: None,
            reraise=True,
        )(once)

    def _pause(self, meter: Meter, error: ProviderError, seconds: float) -> None:
        # a login that came to nothing was tried again already
        self.check()
        if isinstance(error, RateLimited):
            # whoever is next finds the account held, this very request too
            self.hold(seconds, str(error))
            self.await_turn(meter)
        elif seconds >= self._clock.remaining():
            raise TimeLimitReached(f"{error}; no time is left to try again") from error
        else:
            if error.retry_after is not None:
                with self._lock:
                    meter.throttle(self._clock.monotonic(), seconds)
            self._on_wait(seconds, str(error))
            self._clock.wait(seconds)
        self.count_retry(meter)


def _error(state: RetryCallState) -> ProviderError | None:
    error = None if state.outcome is None else state.outcome.exception()
    return error if isinstance(error, ProviderError) else None
