"""All that the emulator knows while it serves."""

from dataclasses import dataclass, field
from typing import Any

from .behaviour import Behaviour
from .clock import Clock
from .faults import Faults
from .tokens import Tokens
from .world import World


@dataclass(frozen=True)
class Seen:
    """A request that was answered."""

    method: str
    path: str
    query: str
    """As it was sent, without the question mark."""
    status: int
    """What it was answered with; 0 where there was no answer."""
    headers: dict[str, str]
    """Those that concern the provider: `zuora-*`, `accept-encoding`, `user-agent`."""


class Window:
    """Counts requests over a stretch of the emulator's time."""

    def __init__(self, seconds: int) -> None:
        self.used = 0
        self._seconds = seconds
        self._until = 0.0

    def count(self, now: float, *, by: int = 1) -> int:
        """Counts some more, and says how many there were in this stretch."""
        if not self._until - self._seconds <= now < self._until:
            # the first stretch begins with what others had used before
            self.used = 0 if self._until else self.used
            self._until = now + self._seconds
        self.used += by
        return self.used

    def seconds_left(self, now: float) -> int:
        """How long until it starts anew."""
        return max(0, int(self._until - now))


@dataclass
class State:
    """The world, and what clients did so far."""

    world: World
    faults: Faults = field(default_factory=Faults)
    requests: list[Seen] = field(default_factory=list)
    zuora_usage: Window = field(default_factory=lambda: Window(3_600))
    salesforce_usage: Window = field(default_factory=lambda: Window(86_400))
    snapshots: dict[str, list[Any]] = field(default_factory=dict)
    """What the locators of Salesforce's listings stand for."""
    base_url: str = ""
    tokens: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.clock, self.behaviour)

    @property
    def clock(self) -> Clock:
        """The time of everything here."""
        return self.world.clock

    @property
    def behaviour(self) -> Behaviour:
        """The settings of everything here."""
        return self.world.behaviour
