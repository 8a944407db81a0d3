"""The world's calendar: how many jobs begin on a day, at which hour, and how they end.

A day's jobs follow from the seed, the kind and the date alone, so that any stretch of time can be
told without what came before. What goes wrong lately is told back from the world's present, so that
a health view has something to show: auto backfills fail, data queries are worse than they were, a
custom object job waits for a file that never comes, the rest is well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import exp, sqrt
from random import Random
from typing import Final

from .lives import Fate

DAYS: Final = 120
"""How far back a world goes unless told otherwise."""
WEEKEND: Final = 0.3
NIGHTLY: Final = 0.35
"""Share of jobs that a scheduler starts at night."""


@dataclass(frozen=True)
class Incident:
    """A stretch of days in which a kind fails more than usual."""

    first: float
    """Days before the world's present."""
    last: float
    failing: float
    """Probability that a job fails."""


@dataclass(frozen=True)
class Kind:
    """How jobs of a kind come and end."""

    per_day: float
    """Jobs a day in a world of the usual size."""
    failing: float
    partial: float
    cancelled: float
    incidents: tuple[Incident, ...] = ()
    specials: tuple["Special", ...] = ()


@dataclass(frozen=True)
class Special:
    """One job of which more is to be told."""

    days_before: float
    """When it was made, in days before the present."""
    fate: Fate
    pace: float = 1.0
    """How many times longer than usual everything takes."""


USUAL: Final = 4000
"""Jobs that Zuora has in all, in a world of the usual size."""

KINDS: Final = {
    "data_backfill": Kind(
        6.5,
        failing=0.02,
        partial=0.16,
        cancelled=0.03,
        specials=(Special(6.05, Fate.PARTIAL, pace=300),),
    ),
    "auto_backfill": Kind(
        4.0, failing=0.03, partial=0.08, cancelled=0.03, incidents=(Incident(6, 0, 0.75),)
    ),
    "custom_object_bulk": Kind(
        15.5,
        failing=0.04,
        partial=0.0,
        cancelled=0.03,
        incidents=(Incident(33, 32, 0.8), Incident(74, 72.5, 0.7)),
        specials=(
            Special(2.3, Fate.ABANDONED),
            Special(0.9, Fate.STUCK),
            Special(6.2, Fate.COMPLETED, pace=400),
        ),
    ),
    "data_query": Kind(
        6.5,
        failing=0.04,
        partial=0.0,
        cancelled=0.04,
        incidents=(Incident(7, 0, 0.24), Incident(51, 50, 0.8)),
    ),
    "ingest": Kind(
        26.0,
        failing=0.015,
        partial=0.2,
        cancelled=0.03,
        incidents=(Incident(12, 11, 0.7),),
        specials=(Special(6.1, Fate.PARTIAL, pace=600),),
    ),
    "query": Kind(8.0, failing=0.02, partial=0.0, cancelled=0.02),
}


@dataclass(frozen=True)
class Beginning:
    """A job about to be made: when, how it ends, and the dice to fill it in with."""

    at: float
    """Epoch seconds."""
    fate: Fate
    dice: Random
    pace: float = 1.0
    """How many times longer than usual everything takes."""


def day_of(kind: str, day: date, seed: int, present: datetime, size: float) -> Iterator[Beginning]:
    """The jobs of a kind that begin on a day, in no order; `size` 1 is a world of usual size."""
    told = KINDS[kind]
    dice = Random(f"{seed}/{kind}/{day.isoformat()}")  # noqa: S311 - no secret depends on it
    midnight = datetime.combine(day, time(), UTC)
    for _ in range(_poisson(dice, told.per_day * size * weight(day))):
        at = midnight + timedelta(seconds=_second_of_day(dice, day))
        fate = _fate(dice, told, (present - at) / timedelta(days=1))
        yield Beginning(at.timestamp(), fate, dice)
    for special in told.specials:
        at = present - timedelta(days=special.days_before)
        if at.date() == day:
            yield Beginning(float(int(at.timestamp())), special.fate, dice, special.pace)


def weight(day: date) -> float:
    """How busy a day is: weekends are quiet, bills run around the turn of the month."""
    busy = WEEKEND if day.weekday() >= 5 else 1.2  # noqa: PLR2004 - Saturday
    if day.day <= 3:  # noqa: PLR2004 - the first days of a month
        return busy * 2.0
    return busy * (1.5 if (day + timedelta(days=1)).day == 1 else 1.0)


def _second_of_day(dice: Random, day: date) -> float:
    is_nightly = day.weekday() >= 5 or dice.random() < NIGHTLY  # noqa: PLR2004 - Saturday
    # a scheduler's jobs start on the hour and a little after; people work from eight to seven
    if is_nightly:
        seconds = 3600 * dice.choice((1, 2, 2, 3, 4)) + dice.expovariate(1 / 240)
    else:
        seconds = 3600 * dice.triangular(7.5, 19.0, 10.5)
    return round(min(seconds, 86_399.0), 3)


def _fate(dice: Random, told: Kind, days_before: float) -> Fate:
    failing = told.failing
    for incident in told.incidents:
        if incident.last <= days_before < incident.first:
            failing = incident.failing
    roll = dice.random()
    for fate, odds in (
        (Fate.FAILED, failing),
        (Fate.CANCELLED, told.cancelled),
        (Fate.PARTIAL, told.partial),
    ):
        if roll < odds:
            return fate
        roll -= odds
    return Fate.COMPLETED


def _poisson(dice: Random, mean: float) -> int:
    if mean > 50:  # noqa: PLR2004 - where a normal draw is as good
        return max(0, round(dice.gauss(mean, sqrt(mean))))
    count, product, floor = 0, dice.random(), exp(-mean)
    while product > floor:
        count += 1
        product *= dice.random()
    return count
