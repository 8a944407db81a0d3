"""What is known of a kind's jobs before a sync, as its walk needs to hear it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

import pyarrow as pa

from jobledger.sources._provider.kind import Kind
from jobledger.sources._provider.model import TIME, column
from jobledger.sources._provider.seen import Digests


class News(StrEnum):
    """What a listing tells of a job that is not told already."""

    NEW = "new"
    """not in the ledger"""
    CHANGED = "changed"
    RUNNING = "running"
    """unchanged in the listing or older there, but not over when last seen"""
    OWED = "owed"
    """unchanged in the listing, but its detail could not be fetched so far"""
    STALE = "stale"
    """older than what the ledger has; not to be followed"""


class Detail(StrEnum):
    """What came of asking for a job by its id."""

    MERGED = "merged"
    OWED = "owed"
    """it could not be had so far"""
    REFUSED = "refused"
    NOT_TAKEN = "not taken"
    """refused to a token, for good or while something was wrong with tokens: nothing tells which"""


LISTED = pa.schema(
    [
        column("position", pa.int64()),
        column("job_id", pa.string()),
        column("listing_hash", pa.string()),
        column("updated_at", TIME),
    ]
)
"""What is asked about: a job of the listing, and a hash over all that the listing says of it."""


@dataclass(frozen=True)
class KnownJob:
    """The ledger's current version of a job."""

    job_id: str
    row_hash: str
    updated_at: datetime | None
    status: str
    raw: str
    listing_hash: str | None = None
    """The listing it was made from, for kinds with details; None where a listing had no part in it,
    or where its detail lagged behind that."""
    detail: str | None = None
    """What came of asking for its detail, as a `Detail` has it."""
    asked_at: datetime | None = None
    """When it was asked for, as far as that is kept."""


class Judged(NamedTuple):
    """What the ledger makes of a job that a listing shows."""

    news: News
    job: KnownJob | None
    """What it has of it."""


class Known(Protocol):
    """The ledger, as far as a walk may look into it. Safe to use from several threads."""

    def knows(self, source: str, kind: Kind) -> bool:
        """Whether it has any job of a kind."""

    def news(
        self, source: str, kind: Kind, listed: pa.Table, *, is_full: bool
    ) -> list[Judged | None]:
        """For each job of `listed` why it needs looking at, and what the ledger has of it.

        None for one of which all is told. A full sync asks for refused details once more.
        """

    def told(self, source: str, kind: Kind) -> Digests:
        """What listings told of finished jobs of which there is nothing more to ask.

        The sorted digests of their `listing_hash`es: `news` has nothing to say of these, and
        nothing in them was unreadable.
        """

    def open_jobs(self, source: str, kind: Kind) -> list[KnownJob]:
        """All jobs of a kind that were not finished when last seen."""

    def owed(self, source: str, kind: Kind) -> list[KnownJob]:
        """The jobs whose detail is owed."""
