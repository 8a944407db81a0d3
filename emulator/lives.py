"""What becomes of a job, told in advance, so that its record at any time follows from its life."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf
from typing import Any, Final

RUNNING: Final = frozenset({"Processing", "PROCESSING", "in_progress", "InProgress"})
"""The states in which records are processed."""
STUCK_SHARE: Final = 0.37
"""How far a job gets that then hangs."""


class Fate(StrEnum):
    """How a job ends."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    """it runs through, and some records fail"""
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    """it waits for data that never comes"""
    STUCK = "stuck"
    """it hangs in mid-run"""


@dataclass(frozen=True, slots=True)
class Step:
    """A state, from a time on (epoch seconds)."""

    at: float
    state: str


@dataclass(frozen=True, slots=True)
class Life:
    """A job from its creation until the provider forgets it."""

    kind: str
    id: str
    steps: tuple[Step, ...]
    """In order of time; the first is its creation."""
    total: int = 0
    """Records it has to process."""
    processed: int = 0
    """Records it has processed in the end, failed ones included."""
    failed: int = 0
    message: str | None = None
    """Why it failed."""
    code: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What does not change: object, operation, who made it, sizes."""
    forgotten_at: float = inf

    def stretched(self, pace: float) -> "Life":
        """The same life, so many times slower; it is forgotten as long after its end as before."""
        if pace == 1:
            return self
        begun, ended = self.steps[0].at, self.steps[-1].at
        steps = tuple(Step(begun + (step.at - begun) * pace, step.state) for step in self.steps)
        return replace(self, steps=steps, forgotten_at=self.forgotten_at + steps[-1].at - ended)

    @property
    def created_at(self) -> float:
        """When it begins, in epoch seconds."""
        return self.steps[0].at

    def at(self, now: float) -> "Moment | None":
        """The job at a time; None before it is made and after it is forgotten."""
        if now < self.steps[0].at or now >= self.forgotten_at:
            return None
        reached = [step for step in self.steps if step.at <= now]
        return Moment(self, tuple(reached), now)


@dataclass(frozen=True, slots=True)
class Moment:
    """A job at a time of its life."""

    life: Life
    reached: tuple[Step, ...]
    now: float

    @property
    def state(self) -> str:
        """The state it is in."""
        return self.reached[-1].state

    @property
    def since(self) -> float:
        """When it came into that state."""
        return self.reached[-1].at

    @property
    def is_last(self) -> bool:
        """Nothing more happens to it."""
        return len(self.reached) == len(self.life.steps)

    def when(self, *states: str) -> float | None:
        """When it came into one of these states, if it has."""
        return next((step.at for step in self.reached if step.state in states), None)

    @property
    def share(self) -> float:
        """How much of its work is done, 0 to 1."""
        if self.state not in RUNNING:
            return 1.0 if any(step.state in RUNNING for step in self.reached) else 0.0
        if self.is_last:
            return STUCK_SHARE
        return (self.now - self.since) / (self.life.steps[len(self.reached)].at - self.since)

    @property
    def processed(self) -> int:
        """Records processed so far, failed ones included."""
        return int(self.life.processed * self.share)

    @property
    def failed(self) -> int:
        """Records failed so far."""
        return int(self.life.failed * self.share)
