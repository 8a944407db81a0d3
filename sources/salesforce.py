"""Salesforce: Bulk API ingest and query jobs, and the Classic jobs that come back with both.

Facts are from the Bulk API 2.0 and Bulk API Developer Guide (Get Information About All Jobs, Get
Information About a Job, JobInfo). Listings come in an indeterminate order and say neither counts
nor times, which only the job itself does. Finished jobs are gone after seven days.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from jobledger.sources._provider.dialect import Dialect, Meaning
from jobledger.sources._provider.fields import count, milliseconds, read_count, text, time
from jobledger.sources._provider.kind import Ask, Kind, Provider
from jobledger.sources._provider.login import CLIENT_CREDENTIALS, JWT_BEARER, REFRESH_TOKEN
from jobledger.sources._provider.model import Record, Status
from jobledger.sources._provider.paging import Locator
from jobledger.sources._provider.reply import Complaint

WORDS = {
    "open": Status.QUEUED,
    "uploadcomplete": Status.QUEUED,
    "inprogress": Status.RUNNING,
    "jobcomplete": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "aborted": Status.CANCELLED,
    # Classic only: no new batches, but those it has may still run
    "closed": Status.RUNNING,
}

_INGEST: Final = frozenset({"V2Ingest", "BigObjectIngest"})
"""Words for jobs that write, which the listing of query jobs knows too (`jobType` of Get
Information About All Query Jobs)."""
_WRITES: Final = frozenset({"insert", "update", "upsert", "delete", "harddelete"})
"""Operations of such jobs, in small letters (`operation` of Create a Job)."""

FIELDS = {
    "object": text("object"),
    "operation": text("operation"),
    "provider_status": text("state"),
    "created_at": time("createdDate"),
    "updated_at": time("systemModstamp"),
    "run_seconds": milliseconds("totalProcessingTime"),
    "records_processed": count("numberRecordsProcessed"),
    "records_failed": count("numberRecordsFailed"),
    "error_message": text("errorMessage"),
    "created_by": text("createdById"),
}


def is_classic(record: Record) -> bool:
    """A job of Bulk API 1.0, which both listings show."""
    return record.get("jobType") == "Classic" or "numberBatchesTotal" in record or is_closed(record)


def is_closed(record: Record) -> bool:
    """A Classic job that takes no more batches; no other job knows this word."""
    return str(record.get("state")).lower() == "closed"


def tells_how_it_ended(record: Record) -> bool:
    """Whether an answer says all that there is to know: of a closed job its batches as well."""
    return not is_closed(record) or "numberBatchesTotal" in record


def reads(record: Record) -> bool:
    """A job that reads; whichever listing shows it, it is a job of kind `query`."""
    is_query = record.get("jobType") == "V2Query"
    return is_query or str(record.get("operation")).lower() in {"query", "queryall"}


def is_ingest(record: Record) -> bool:
    """What the listing of ingest jobs shows, but for jobs that read."""
    return not reads(record)


def is_query(record: Record) -> bool:
    """What the listing of query jobs shows, but for jobs that write."""
    writes = str(record.get("operation")).lower() in _WRITES
    return reads(record) or not (writes or is_classic(record) or record.get("jobType") in _INGEST)


def of_batches(record: Record, status: Status) -> Status:
    """What a closed Classic job came to: it is over when its batches add up to the total."""
    if not is_closed(record):
        return status
    try:
        total, done, failed = (
            read_count(record.get(f"numberBatches{name}"))
            for name in ("Total", "Completed", "Failed")
        )
    except ValueError:
        return Status.RUNNING
    if done + failed < total:
        return Status.RUNNING
    if failed and failed == total:
        return Status.FAILED
    return Status.PARTIAL if failed else Status.SUCCEEDED


CLASSIC_JOB = Ask(
    "/services/async/{version}/job/{id}",
    only=is_classic,
    session_header="X-SFDC-Session",
    adds_to_listing=True,
)

INGEST = Kind(
    name="ingest",
    listing="/services/data/v{version}/jobs/ingest",
    paging=Locator("records", next_url="nextRecordsUrl", locator="queryLocator"),
    one=(
        Ask("/services/data/v{version}/jobs/ingest/{id}", is_enough=tells_how_it_ended),
        CLASSIC_JOB,
    ),
    id_field="id",
    words=WORDS,
    fields=FIELDS,
    rest_succeeded=True,
    details=True,
    forgets_after=timedelta(days=7),
    users=("createdById",),
    belongs=is_ingest,
    refine=of_batches,
    left_alone=frozenset({"closed"}),
    errors=Ask("/services/data/v{version}/jobs/ingest/{id}/failedResults/"),
)

QUERY = replace(
    INGEST,
    name="query",
    listing="/services/data/v{version}/jobs/query",
    one=(
        Ask("/services/data/v{version}/jobs/query/{id}", is_enough=tells_how_it_ended),
        CLASSIC_JOB,
    ),
    belongs=is_query,
    errors=None,
)

CODES = {
    "INVALID_SESSION_ID": Meaning.UNAUTHORIZED,
    "InvalidSessionId": Meaning.UNAUTHORIZED,  # Bulk API 1.0
    "NOT_FOUND": Meaning.NOT_FOUND,
    "API_DISABLED_FOR_ORG": Meaning.NOT_AVAILABLE,
    "SERVER_UNAVAILABLE": Meaning.TRANSIENT,
}


def meaning(complaint: Complaint) -> Meaning | None:
    """What an error code means; one code stands for the daily and for the concurrent limit."""
    if complaint.code == "REQUEST_LIMIT_EXCEEDED":
        is_concurrent = "concurrent" in (complaint.message or "").lower()
        return Meaning.CONCURRENT_LIMIT if is_concurrent else Meaning.DAILY_LIMIT
    return CODES.get(complaint.code or "")


def quota(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Used and limit of the org's daily requests, from `Sforce-Limit-Info`."""
    found = re.search(r"(?<![\w-])api-usage=(\d+)/(\d+)", headers.get("Sforce-Limit-Info", ""))
    return (int(found[1]), int(found[2])) if found else None


PROVIDER = Provider(
    name="salesforce",
    title="Salesforce",
    kinds=(INGEST, QUERY),
    dialect=Dialect(
        token_path="/services/oauth2/token",  # noqa: S106 - a path
        flows=(JWT_BEARER, REFRESH_TOKEN, CLIENT_CREDENTIALS),
        home_domains=("salesforce.com", "force.com", "salesforce.mil", "cloudforce.com"),
        meaning=meaning,
        quota=quota,
    ),
    api_version="62.0",
)
