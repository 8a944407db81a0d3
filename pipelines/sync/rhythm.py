"""When a schedule's syncs are due."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Protocol

from cronsim import CronSim, CronSimError

from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.project import Project
from jobledger.pipelines.settings import duration


class Rhythm(Protocol):
    """A rhythm of syncs."""

    @property
    def seconds(self) -> float:
        """The longest time between two syncs, which freshness is measured by."""

    def first(self, now: datetime) -> datetime:
        """When the first sync is due."""

    def next(self, due: datetime, started: datetime) -> datetime:
        """When the next is due, after one that was due and started then."""


@dataclass(frozen=True)
class Every:
    """From one start to the next."""

    span: timedelta

    @property
    def seconds(self) -> float:
        """As it was set."""
        return self.span.total_seconds()

    def first(self, now: datetime) -> datetime:
        """At once."""
        return now

    def next(self, due: datetime, started: datetime) -> datetime:
        """A span later; one that was missed altogether, as by a computer asleep, is not made up."""
        planned = due + self.span
        return planned if planned > started else started + self.span

    def __str__(self) -> str:
        seconds = self.seconds
        for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
            if seconds % size == 0:
                return f"every {seconds / size:g}{unit}"
        return f"every {seconds:g}s"


_YEARS: Final = timedelta(days=4 * 366)
"""How far ahead the days of a cron expression are looked at: the 29th of February is one."""


@dataclass(frozen=True)
class Cron:
    """As cron has it, in this computer's time zone."""

    expression: str

    @property
    def seconds(self) -> float:
        """The longest gap: a rhythm of working days is not late on a Monday."""
        # a day has the same times as any other, so days and times are looked at apart: a year of
        # minutes would be half a million
        *times, day, month, weekday = self.expression.split()
        at = _fires(f"{' '.join(times)} * * *", timedelta(days=1))
        on = _fires(f"0 0 {day} {month} {weekday}", _YEARS)
        in_a_day = [fire - start for start, fire in pairwise(at) if fire.date() == at[0].date()]
        its_length = sum(in_a_day, timedelta(0))
        between_days = [fire - start - its_length for start, fire in pairwise(on)]
        return max([*in_a_day, *between_days]).total_seconds()

    def first(self, now: datetime) -> datetime:
        """The next time that the expression names."""
        # by the clock on the wall, which in autumn tells an hour twice: from an hour back, the
        # first instant after now that any of the times told may mean
        local = now.astimezone().replace(tzinfo=None)
        for fire in CronSim(self.expression, local - timedelta(hours=2)):
            if due := [at for at in _meant(fire) if at > now]:
                return due[0].astimezone(now.tzinfo)
        raise AssertionError("a cron expression has no end")

    def next(self, due: datetime, started: datetime) -> datetime:
        """The next time after the start; one sync stands for all that were slept through."""
        return self.first(max(due, started))

    def __str__(self) -> str:
        return f"at {self.expression}"


_FIELDS: Final = 5
"""A sixth would be seconds, and one star too many a sync every second."""


def _meant(told: datetime) -> list[datetime]:
    """The instants that a time by the clock on the wall may mean, in order.

    One that spring leaves out is as long after the last that there was as it would have been.
    """
    meant = sorted(told.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    is_left_out = meant[0].astimezone().replace(tzinfo=None) != told
    return meant[1:] if is_left_out else meant


def _fires(expression: str, ahead: timedelta) -> list[datetime]:
    """When it is due, from any day on, for so long and once more."""
    found: list[datetime] = []
    for fire in CronSim(expression, datetime(2025, 12, 31, 23, 59, 59)):  # noqa: DTZ001 - any will do
        found.append(fire)
        if fire - found[0] >= ahead and len(found) > 1:
            break
    return found


def rhythm(every: str | None, cron: str | None, what: str = "--every") -> Rhythm:
    """The rhythm of a `15m` or of a cron expression. Raises `ConfigError`."""
    if cron is None:
        return Every(duration(every, what))
    if not _is_cron(cron):
        raise ConfigError(
            f"'{cron}' is no cron expression: expected five fields (minute, hour, day, month,"
            " weekday), such as '15 * * * *' or '0 7 * * 1-5'"
        )
    return Cron(cron)


def _is_cron(expression: str) -> bool:
    try:
        next(CronSim(expression, datetime(2026, 1, 1)))  # noqa: DTZ001 - only to see whether it can
    except (CronSimError, StopIteration):
        return False
    return len(expression.split()) == _FIELDS


def configured(project: Project) -> Rhythm | None:
    """The rhythm that the settings tell; None where they do not."""
    every, cron = project.schedule
    if every is None and cron is None:
        return None
    if every is not None and cron is not None:
        raise ConfigError("[schedule] has every and cron: expected one of them")
    return rhythm(every, cron, "[schedule] every")
