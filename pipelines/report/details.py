"""What the page shows beyond the summary: outcomes by day, durations by object, newest failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import duckdb

from jobledger.pipelines.query import asked
from jobledger.pipelines.report.summary import by_kind

_OBJECTS: Final = 40
_FAILURES: Final = 15

_OUTCOMES: Final = """
select
    source,
    kind,
    day,
    succeeded,
    partial,
    failed,
    cancelled,
from job_outcomes_daily
"""

_DURATIONS: Final = """
with ended as (
    select
        source,
        kind,
        object,
        count(*) as n,
        count(run_seconds) = 0 as is_total,
        quantile_cont(run_seconds, [0.5, 0.9, 0.95, 0.99, 1]) as run,
        quantile_cont(total_seconds, [0.5, 0.9, 0.95, 0.99, 1]) as total,
    from staging.outcomes
    cross join staging.clock as clock
    where is_rated and counted_at >= clock.now - interval {hours} hours
    group by source, kind, object
),

chosen as (
    select *, case when is_total then total else run end as seconds from ended
)

select
    source,
    kind,
    object,
    n,
    is_total,
    seconds[1] as p50,
    seconds[2] as p90,
    seconds[3] as p95,
    seconds[4] as p99,
    seconds[5] as longest,
    count(*) over () as among,
from chosen
where seconds is not null
order by p95 desc, source, kind, object
limit {limit}
"""

_FAILED: Final = """
select
    source,
    kind,
    job_id,
    object,
    operation,
    status,
    finished_at,
    records_failed,
    left(coalesce(error_message, error_code), 500) as message,
from failed_jobs
limit {limit}
"""


@dataclass(frozen=True)
class Outcomes:
    """How the jobs of a kind ended on a day (UTC)."""

    source: str
    kind: str
    day: date
    succeeded: int
    partial: int
    failed: int
    cancelled: int


@dataclass(frozen=True)
class Duration:
    """How long the rated jobs of an object took, in seconds."""

    source: str
    kind: str
    object: str | None
    n: int
    is_total: bool
    """From created to finished, since no run time is told."""
    p50: float
    p90: float
    p95: float
    p99: float
    longest: float
    among: int
    """How many objects there are."""


@dataclass(frozen=True)
class Failure:
    """A failed or partial job."""

    source: str
    kind: str
    job_id: str
    object: str | None
    operation: str | None
    status: str
    finished_at: datetime | None
    records_failed: int | None
    message: str | None


@dataclass(frozen=True)
class Details:
    """What only the page has room for."""

    outcomes: dict[tuple[str, str], list[Outcomes]]
    """Of each source and kind, oldest day first."""
    durations: Sequence[Duration]
    failures: Sequence[Failure]

    @property
    def more_durations(self) -> int:
        """Objects beyond those that are shown."""
        return self.durations[0].among - len(self.durations) if self.durations else 0


def read_details(connection: duckdb.DuckDBPyConnection, days: int) -> Details:
    """The details of the last `days`; the longest durations and the newest failures only."""
    durations = asked(connection, _DURATIONS.format(hours=24 * days, limit=_OBJECTS))
    failures = asked(connection, _FAILED.format(limit=_FAILURES))
    return Details(
        by_kind(connection, _OUTCOMES, days, Outcomes),
        [Duration(**row) for row in durations],
        [Failure(**row) for row in failures],
    )
