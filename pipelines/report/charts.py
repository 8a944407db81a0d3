"""The page's charts as shapes in the units of their own drawing; the template makes SVG of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil, log10
from typing import Final

from jobledger.pipelines.report.details import Duration, Outcomes
from jobledger.pipelines.report.summary import Day
from jobledger.pipelines.wording import many, share, span

_MOST_BARS: Final = 120
"""More days than these are drawn as several days a bar."""
_TICK_HEIGHT: Final = 12.0
_NOTHING: Final = Outcomes("", "", date.min, 0, 0, 0, 0)
_PARTS: Final = ("succeeded", "partial", "failed", "cancelled")


@dataclass(frozen=True)
class Part:
    """A piece of a bar."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day, or some: what is drawn of it, and what is said when one points at it."""

    x: float
    width: float
    parts: Sequence[Part]
    dot: tuple[float, float] | None
    """Where its failure rate is."""
    is_anomaly: bool
    said: str


@dataclass(frozen=True)
class Trend:
    """Failure rates above, numbers of jobs below, by day."""

    width: float
    height: float
    rates_height: float
    bars: Sequence[Bar]
    line: str
    """The points of the failure rate of 7 days."""
    rate_top: float
    """The rate at the upper edge."""
    most: int
    """The most jobs a bar has."""
    first: date
    last: date
    label: str
    """What there is to see, for those who do not."""


def trend(
    outcomes: Sequence[Outcomes],
    rates: Sequence[Day] = (),
    *,
    since: date | None = None,
    size: tuple[float, float] = (360, 140),
) -> Trend | None:
    """How the jobs of a kind ended, and how large a share failed; None where there was no day.

    `since` is the day with which it begins, so that several charts have the same axis.
    """
    if not outcomes:
        return None
    before = (outcomes[0].day - (since or outcomes[0].day)).days
    outcomes = [
        *(
            replace(_NOTHING, day=outcomes[0].day - timedelta(days=ahead))
            for ahead in range(before, 0, -1)
        ),
        *outcomes,
    ]
    step = ceil(len(outcomes) / _MOST_BARS)
    # what is left over is at the old end: a last bar of fewer days would look like a fall
    ends = range(len(outcomes), 0, -step)
    buckets = [outcomes[max(0, end - step) : end] for end in reversed(ends)]
    by_day = {rate.day: rate for rate in rates}
    width, height = size
    rates_height = height * 0.46 if rates else 0.0
    top, floor = rates_height + (10 if rates else 4), height
    most = max(sum(_count(bucket, name) for name in _PARTS) for bucket in buckets)
    shown = [_rate(bucket) for bucket in buckets]
    weekly = [
        by_day[bucket[-1].day].failure_rate_7d if bucket[-1].day in by_day else None
        for bucket in buckets
    ]
    rate_top = _nice(max([0.1, *(rate for rate in (*shown, *weekly) if rate is not None)]))

    def rate_y(rate: float) -> float:
        return round(_TICK_HEIGHT + (rates_height - _TICK_HEIGHT) * (1 - rate / rate_top), 1)

    slot = width / len(buckets)
    bars, points = [], []
    for at, bucket in enumerate(buckets):
        x, y, parts = at * slot, floor, []
        for name in _PARTS:
            count = _count(bucket, name)
            if count:
                # whatever there is can be seen
                tall = max(1.0, (floor - top) * count / most)
                y -= tall
                parts.append(
                    Part(
                        name,
                        round(x + slot * 0.1, 2),
                        round(y, 1),
                        round(slot * 0.8, 2),
                        round(tall, 1),
                    )
                )
        rate, seven = shown[at], weekly[at]
        middle = round(x + slot / 2, 1)
        is_anomaly = any(by_day[each.day].is_anomaly for each in bucket if each.day in by_day)
        dot = (middle, rate_y(rate)) if rates and rate is not None else None
        bars.append(
            Bar(
                round(x, 2),
                round(slot, 2),
                parts,
                dot,
                is_anomaly,
                _said(bucket, rate, seven, is_anomaly=is_anomaly),
            )
        )
        if rates and seven is not None:
            points.append(f"{middle},{rate_y(seven)}")
    total = sum(_count(bucket, name) for bucket in buckets for name in _PARTS)
    failed = sum(_count(bucket, "failed") for bucket in buckets)
    return Trend(
        width,
        height,
        rates_height,
        bars,
        " ".join(points),
        rate_top,
        most,
        outcomes[0].day,
        outcomes[-1].day,
        f"{many(total, 'job')} ended from {outcomes[0].day} to {outcomes[-1].day},"
        f" {failed:,} failed",
    )


def together(kinds: Iterable[Sequence[Outcomes]]) -> list[Outcomes]:
    """The outcomes of all kinds, by day."""
    days: dict[date, list[Outcomes]] = {}
    for outcomes in kinds:
        for each in outcomes:
            days.setdefault(each.day, []).append(each)
    return [
        Outcomes("", "", day, *(_count(each, name) for name in _PARTS))
        for day, each in sorted(days.items())
    ]


@dataclass(frozen=True)
class Range:
    """From what half took to what 95 % took, and the longest, on an axis common to all."""

    half: float
    most: float
    longest: float
    said: str


def ranges(durations: Sequence[Duration], width: float = 200) -> list[Range]:
    """Where the durations are on a logarithmic axis of that width."""
    if not durations:
        return []
    low = log10(max(0.1, min(each.p50 for each in durations)))
    high = max(log10(max(0.1, *(each.longest for each in durations))), low + 1)

    def x(seconds: float) -> float:
        return round(3 + (width - 6) * (log10(max(0.1, seconds)) - low) / (high - low), 1)

    return [
        Range(
            max(x(each.p50), 3),
            x(each.p95),
            x(each.longest),
            f"half within {span(each.p50)}, 90 % within {span(each.p90)}, 95 % within"
            f" {span(each.p95)}, 99 % within {span(each.p99)}, longest {span(each.longest)}",
        )
        for each in durations
    ]


def _count(bucket: Iterable[Outcomes], name: str) -> int:
    return sum(getattr(each, name) for each in bucket)


def _rate(bucket: Sequence[Outcomes]) -> float | None:
    rated = sum(_count(bucket, name) for name in ("succeeded", "partial", "failed"))
    return _count(bucket, "failed") / rated if rated else None


def _nice(rate: float) -> float:
    """The next round rate."""
    return next((top for top in (0.1, 0.25, 0.5) if rate <= top), 1.0)


def _said(
    bucket: Sequence[Outcomes], rate: float | None, seven: float | None, *, is_anomaly: bool
) -> str:
    days = f"{bucket[0].day:%a %d %b %Y}"
    if len(bucket) > 1:
        days += f" to {bucket[-1].day:%a %d %b %Y}"
    counts = [f"{_count(bucket, name):,} {name}" for name in _PARTS if _count(bucket, name)]
    lines = [days, ", ".join(counts) or "nothing ended"]
    if rate is not None:
        lines.append(f"failure rate {share(rate)}")
    if seven is not None:
        lines.append(f"{share(seven)} over 7 days")
    if is_anomaly:
        lines.append("anomaly")
    return "\n".join(lines)
