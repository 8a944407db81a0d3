"""What the health summary says, asked of the published ledger.

Each view is asked once, with what is shown and no more. Rates and durations of the last `days` are
of the jobs that `success_rates` and `job_durations` count, by the same rules: of 1, 7 or 30 days
they are what `success_rates` says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

import duckdb

from jobledger.pipelines.query import asked, present
from jobledger.pipelines.wording import ago

T = TypeVar("T")

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_ONE_SYNC: Final = timedelta(hours=1)
"""What was read within it counts as read at once."""

SEVERITY: Final = ("failing", "stuck", "stale", "degraded", "no data", "idle", "healthy")
"""What health there is, the worst first."""

SPARK_DAYS: Final = 14
"""Days of the small trend beside a kind."""

DEFINITIONS: Final = {
    "rated": "rated = succeeded + partial + failed; cancelled and vanished jobs are in no rate",
    "success": "success = succeeded ÷ rated; partial jobs ran through with failed records",
    "records": "records = 1 − failed ÷ processed records, of the jobs that tell both",
    "low sample": "low sample = fewer than 20 rated jobs: do not read much into the rate",
    "failure rate": "failure rate = failed ÷ rated, by the day (UTC) on which the job ended",
    "anomaly": (
        "anomaly = a day at least 3 standard deviations above the 28 days before it, with at"
        " least 3 failed jobs"
    ),
    "run": (
        "run time = the provider's own processing time, else finished − started; p95 = what 95 %"
        " of the rated jobs took at most"
    ),
    "total": "total = finished − created, shown where the provider tells no run time",
    "stuck": (
        "stuck = waiting for its data for over 24 h; slow: older than 3 × what 95 % of such jobs"
        " took, and at least 1 h (24 h where that is not known); or no change for over 24 h"
    ),
    "reasons": (
        "failed and partial jobs of the period, by message; ids, numbers, dates and quoted values"
        " are folded into #"
    ),
    "health": (
        "health, the first that holds: stale (no complete sync for twice the schedule), no data,"
        " failing (at least half of 3 or more jobs of 7 days failed), stuck, degraded (a tenth"
        " failed, or an anomaly in the last 2 days), idle (nothing finished in 30 days), healthy;"
        " partial jobs do not count as failed"
    ),
}
"""What the numbers mean; they stand beside them."""

_LAST_DAYS: Final = """
cross join staging.clock as clock
where day > cast(clock.now at time zone 'UTC' as date) - {days}
    and day <= cast(clock.now at time zone 'UTC' as date)
order by source, kind, day
"""
"""Of a view by day: the last days, today included, oldest first."""

_KINDS: Final = """
with since as (
    select now - interval {hours} hours as since from staging.clock
),

ended as (
    select
        source,
        provider,
        kind,
        count(*) filter (where is_finished) as finished,
        count(*) filter (where is_rated) as rated,
        count(*) filter (where status = 'succeeded') as succeeded,
        count(*) filter (where status = 'partial') as partial,
        count(*) filter (where status = 'failed') as failed,
        sum(records_processed) filter (where is_rated and records_failed is not null)
            as records_processed,
        sum(records_failed) filter (where is_rated and records_processed is not null)
            as records_failed,
        quantile_cont(run_seconds, [0.5, 0.95]) filter (where is_rated) as run,
        quantile_cont(total_seconds, [0.5, 0.95]) filter (where is_rated) as total,
    from staging.outcomes
    cross join since
    where counted_at >= since.since
    group by source, provider, kind
)

select
    provider_health.source,
    provider_health.provider,
    provider_health.kind,
    provider_health.health,
    provider_health.reason,
    provider_health.last_finished_at,
    provider_health.open_jobs,
    provider_health.stuck_jobs,
    sync_health.last_sync_at,
    sync_health.last_outcome,
    sync_health.last_complete_at,
    sync_health.gaps,
    sync_health.rejected_7d,
    sync_health.requests_7d,
    coalesce(ended.finished, 0) as finished,
    coalesce(ended.rated, 0) as rated,
    coalesce(ended.succeeded, 0) as succeeded,
    coalesce(ended.failed, 0) as failed,
    ended.succeeded / nullif(ended.rated, 0) as success_rate,
    ended.partial / nullif(ended.rated, 0) as partial_rate,
    1 - ended.records_failed / nullif(ended.records_processed, 0) as record_success_rate,
    coalesce(ended.rated, 0) < 20 as low_sample,
    ended.run[1] as run_p50,
    ended.run[2] as run_p95,
    ended.total[1] as total_p50,
    ended.total[2] as total_p95,
from provider_health
join sync_health using (source, provider, kind)
left join ended using (source, provider, kind)
order by provider_health.source, provider_health.kind
"""

_TRENDS: Final = """
select
    source,
    kind,
    day,
    failed,
    rated,
    failure_rate,
    failure_rate_7d,
    is_anomaly,
from failure_trends
"""

_REASONS: Final = """
select
    source,
    kind,
    fingerprint,
    count(*) filter (where status = 'failed') as failed,
    count(*) filter (where status = 'partial') as partial,
    try_cast(sum(records_failed) as bigint) as records_failed,
    min(counted_at) as first_at,
    max(counted_at) as last_at,
    arg_max(job_id, (counted_at, job_id)) as example_job_id,
    arg_max(left(error_message, 500), (counted_at, job_id)) as example_message,
    count(*) over () as among,
from staging.failures
cross join staging.clock as clock
where counted_at >= clock.now - interval {hours} hours
group by source, kind, fingerprint
order by failed desc, partial desc, last_at desc, source, kind, fingerprint
limit {limit}
"""

_STUCK: Final = """
select
    source,
    kind,
    job_id,
    object,
    operation,
    status,
    provider_status,
    age_seconds,
    seconds_since_change,
    expected_seconds,
    stuck_reason,
from open_jobs
where is_stuck
order by age_seconds desc, source, kind, job_id
limit {limit}
"""


@dataclass(frozen=True)
class Day:
    """A day (UTC) of a kind."""

    source: str
    kind: str
    day: date
    failed: int
    rated: int
    failure_rate: float | None
    failure_rate_7d: float | None
    is_anomaly: bool


@dataclass(frozen=True)
class Kind:
    """How a kind of jobs of a source is."""

    source: str
    provider: str
    kind: str
    health: str
    reason: str
    last_finished_at: datetime | None
    open_jobs: int
    stuck_jobs: int
    last_sync_at: datetime
    last_outcome: str
    last_complete_at: datetime | None
    gaps: int
    rejected_7d: int
    requests_7d: int
    finished: int
    rated: int
    succeeded: int
    failed: int
    success_rate: float | None
    partial_rate: float | None
    record_success_rate: float | None
    low_sample: bool
    run_p50: float | None
    run_p95: float | None
    total_p50: float | None
    total_p95: float | None

    @property
    def severity(self) -> tuple[int, str, str]:
        """Its place among others, the worst first."""
        known = SEVERITY.index(self.health) if self.health in SEVERITY else 0
        return known, self.source, self.kind


@dataclass(frozen=True)
class Reason:
    """What failed and partial jobs of a kind say."""

    source: str
    kind: str
    fingerprint: str
    failed: int
    partial: int
    records_failed: int | None
    first_at: datetime
    last_at: datetime
    example_job_id: str
    example_message: str | None
    among: int
    """How many reasons there are."""

    @property
    def words(self) -> str:
        """What it says; a partial job need not say anything."""
        if self.fingerprint == "(no message)" and self.example_message is None:
            return "no message" if self.failed else "no message, some records failed"
        return self.fingerprint


@dataclass(frozen=True)
class Stuck:
    """An open job that should have moved by now."""

    source: str
    kind: str
    job_id: str
    object: str | None
    operation: str | None
    status: str
    provider_status: str | None
    age_seconds: float
    seconds_since_change: float
    expected_seconds: float | None
    stuck_reason: str


@dataclass(frozen=True)
class Summary:
    """How everything is, at a moment."""

    now: datetime
    days: int
    kinds: Sequence[Kind]
    trends: dict[tuple[str, str], list[Day]]
    """Of each source and kind, oldest day first; today is the last."""
    reasons: Sequence[Reason]
    stuck: Sequence[Stuck]

    @property
    def worst_first(self) -> list[Kind]:
        """The kinds, those that need someone first."""
        return sorted(self.kinds, key=lambda kind: kind.severity)

    @property
    def freshness(self) -> str:
        """See `freshness`."""
        synced = [
            (f"{kind.source} {kind.kind}", kind.last_sync_at, kind.last_complete_at)
            for kind in self.kinds
        ]
        return freshness(synced, self.now)

    @property
    def rated(self) -> int:
        """Rated jobs of the period."""
        return sum(kind.rated for kind in self.kinds)

    @property
    def open(self) -> int:
        """Jobs that are not terminal."""
        return sum(kind.open_jobs for kind in self.kinds)

    @property
    def stuck_jobs(self) -> int:
        """Open jobs that should have moved by now; more than `stuck` shows."""
        return sum(kind.stuck_jobs for kind in self.kinds)

    @property
    def more_reasons(self) -> int:
        """Reasons beyond those that are shown."""
        return self.reasons[0].among - len(self.reasons) if self.reasons else 0

    @property
    def success_rate(self) -> float | None:
        """Succeeded ÷ rated, of all kinds."""
        return sum(kind.succeeded for kind in self.kinds) / self.rated if self.rated else None


def freshness(synced: Sequence[tuple[str, datetime, datetime | None]], now: datetime) -> str:
    """When all was last synced in full, what was not then, and that a later sync came to nothing.

    `synced` has the names, last syncs and last complete syncs of all kinds.
    """
    if not synced:
        return "never synced"
    last = ago(max(at for _, at, _ in synced), now)
    complete_at = max(complete or _NEVER for _, _, complete in synced)
    if complete_at == _NEVER:
        return f"never synced in full, tried {last}"
    newest = ago(complete_at, now)
    name, _, complete = min(synced, key=lambda each: (each[2] or _NEVER, each[0]))
    in_full = ago(complete, now)
    # of one sync some kinds are read sooner than others
    is_behind = complete is None or complete_at - complete >= _ONE_SYNC
    behind = f", but {name} in full {in_full}" if is_behind and in_full != newest else ""
    # of one sync a kind may be read in full long before another fails
    is_in_vain = all(complete is None or complete < at for _, at, complete in synced)
    failed = f"; the sync {last} read no kind in full" if is_in_vain and last != newest else ""
    return f"synced {newest}{behind}{failed}"


def by_kind(
    connection: duckdb.DuckDBPyConnection, by_day: str, days: int, make: Callable[..., T]
) -> dict[tuple[str, str], list[T]]:
    """What a select of a view by day gives for the last `days`, by source and kind."""
    found: dict[tuple[str, str], list[T]] = {}
    for row in asked(connection, by_day + _LAST_DAYS.format(days=days)):
        found.setdefault((row["source"], row["kind"]), []).append(make(**row))
    return found


def read(
    connection: duckdb.DuckDBPyConnection, days: int, *, reasons: int = 6, stuck: int = 5
) -> Summary:
    """How everything is, over the last `days`; with so many reasons and stuck jobs at the most."""
    hours = 24 * days
    return Summary(
        now=present(connection),
        days=days,
        kinds=[Kind(**row) for row in asked(connection, _KINDS.format(hours=hours))],
        trends=by_kind(connection, _TRENDS, max(days, SPARK_DAYS), Day),
        reasons=[
            Reason(**row) for row in asked(connection, _REASONS.format(hours=hours, limit=reasons))
        ],
        stuck=[Stuck(**row) for row in asked(connection, _STUCK.format(limit=stuck))],
    )
