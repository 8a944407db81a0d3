"""What one sync of one kind did: a row of `loaded.sync_runs`, filled in as it goes."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import pyarrow as pa

from jobledger.sources._provider.limits import Meter
from jobledger.sources._provider.model import TIME, column


class Outcome(StrEnum):
    """How a sync of a kind ended."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    """some of the listing, or a detail, was not read"""
    FAILED = "failed"
    """nothing was read"""


class Scope(StrEnum):
    """How far a listing was walked."""

    FULL = "full"
    """to its end"""
    RECENT = "recent"
    """from the newest job down to those that nothing had happened to"""


@dataclass
class Run:
    """One sync of one kind, in the making."""

    sync_id: str
    source: str
    provider: str
    kind: str
    started_at: datetime
    schedule_seconds: float | None = None
    """How often this sync is meant to run, where that is known."""
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    error_kind: str | None = None
    error_message: str | None = None
    pages: int = 0
    jobs_listed: int = 0
    jobs_changed: int = 0
    jobs_new: int = 0
    jobs_finished: int = 0
    """Seen to have ended since the last sync, well or not."""
    jobs_failed: int = 0
    details_fetched: int = 0
    details_pending: int = 0
    open_jobs: int = 0
    rejected: int = 0
    listed_from: datetime | None = None
    """When the oldest job that the listing showed was created."""
    gap_from: datetime | None = None
    gap_to: datetime | None = None
    scope: Scope = Scope.FULL
    meter: Meter = field(default_factory=Meter)

    @property
    def requests(self) -> int:
        """Requests sent, retries and logins included."""
        return self.meter.requests

    @property
    def retries(self) -> int:
        """Requests sent again after a fault or a limit."""
        return self.meter.retries

    @property
    def throttled_seconds(self) -> float:
        """Time spent waiting because the provider asked for it."""
        return self.meter.throttled_seconds

    @property
    def quota_used(self) -> int | None:
        """The account's use of its daily quota, as last told."""
        return self.meter.quota_used

    @property
    def quota_limit(self) -> int | None:
        """The account's daily quota, as last told."""
        return self.meter.quota_limit

    def row(self) -> pa.Table:
        """This run as one row of `RUNS`."""
        values = {name: [getattr(self, name)] for name in RUNS.names}
        return pa.table(values, schema=RUNS)


RUNS = pa.schema(
    [
        column("sync_id", pa.string()),
        column("source", pa.string()),
        column("provider", pa.string()),
        column("kind", pa.string()),
        column("started_at", TIME),
        column("finished_at", TIME),
        column("outcome", pa.string()),
        column("error_kind", pa.string()),
        column("error_message", pa.string()),
        column("requests", pa.int64()),
        column("retries", pa.int64()),
        column("throttled_seconds", pa.float64()),
        column("pages", pa.int64()),
        column("jobs_listed", pa.int64()),
        column("jobs_changed", pa.int64()),
        column("details_fetched", pa.int64()),
        column("details_pending", pa.int64()),
        column("open_jobs", pa.int64()),
        column("rejected", pa.int64()),
        column("quota_used", pa.int64()),
        column("quota_limit", pa.int64()),
        column("listed_from", TIME),
        column("gap_from", TIME),
        column("gap_to", TIME),
        column("scope", pa.string()),
        column("schedule_seconds", pa.float64()),
    ]
)
"""The columns of `loaded.sync_runs`."""
