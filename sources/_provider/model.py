"""The job model: what a job is, whoever ran it.

A page of jobs is one Arrow table with `JOBS` as its schema. It is all that the rest of jobledger
sees of a provider: left of it providers differ, right of it nobody knows that they exist.
"""

from enum import StrEnum
from typing import Any, Final, TypeAlias

import pyarrow as pa

Record: TypeAlias = dict[str, Any]
"""A job as its provider wrote it."""


class Status(StrEnum):
    """Where a job stands, in words that all providers share."""

    QUEUED = "queued"
    """accepted, or waiting for its data"""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    """finished; no record known to have failed"""
    PARTIAL = "partial"
    """the provider calls it finished, and at least one record failed"""
    FAILED = "failed"
    CANCELLED = "cancelled"
    """aborted, cancelled or stopped by someone"""
    VANISHED = "vanished"
    """gone before it was seen to finish"""
    UNKNOWN = "unknown"
    """a word we do not know"""


OPEN: Final = frozenset({Status.QUEUED, Status.RUNNING, Status.UNKNOWN})
"""The statuses in which something can still happen to a job."""

TIME: Final = pa.timestamp("us", tz="UTC")


def column(name: str, type_: pa.DataType, *, nullable: bool = True) -> "pa.Field[Any]":
    """A column of a table that is handed over."""
    return pa.field(name, type_, nullable=nullable)


JOBS: Final = pa.schema(
    [
        column("source", pa.string(), nullable=False),
        column("provider", pa.string(), nullable=False),
        column("kind", pa.string(), nullable=False),
        column("job_id", pa.string(), nullable=False),
        column("object", pa.string()),
        column("operation", pa.string()),
        column("status", pa.string()),
        column("provider_status", pa.string()),
        column("is_terminal", pa.bool_()),
        column("created_at", TIME),
        column("started_at", TIME),
        column("finished_at", TIME),
        column("updated_at", TIME),
        column("finished_at_basis", pa.string()),
        column("queue_seconds", pa.float64()),
        column("run_seconds", pa.float64()),
        column("total_seconds", pa.float64()),
        column("run_basis", pa.string()),
        column("records_total", pa.int64()),
        column("records_processed", pa.int64()),
        column("records_succeeded", pa.int64()),
        column("records_failed", pa.int64()),
        column("progress", pa.float64()),
        column("error_code", pa.string()),
        column("error_message", pa.string()),
        column("created_by", pa.string()),
        column("input_bytes", pa.int64()),
        column("output_bytes", pa.int64()),
        column("raw", pa.string()),
        column("row_hash", pa.string(), nullable=False),
    ]
)
"""One row per job. `raw` is the provider's record as canonical JSON, redacted; `row_hash` covers
the job's key and `raw`, which is all that the other columns are made of."""

REJECTED: Final = pa.schema(
    [
        column("sync_id", pa.string()),
        column("source", pa.string()),
        column("kind", pa.string()),
        column("job_id", pa.string()),
        column("field", pa.string()),
        column("problem", pa.string()),
        column("raw", pa.string()),
        column("seen_at", TIME),
    ]
)
"""One row per record or field that could not be read."""

DETAILS: Final = pa.schema(
    [
        column("source", pa.string(), nullable=False),
        column("kind", pa.string(), nullable=False),
        column("job_id", pa.string(), nullable=False),
        column("listing_hash", pa.string()),
        column("detail", pa.string()),
        column("asked_at", TIME),
    ]
)
"""One row per job of a kind whose listing tells only part of it: the listing its row was made
from, and what came of asking for the rest, a `known.Detail`."""
