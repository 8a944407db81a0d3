"""Zuora: data backfills, auto backfills, custom object bulk jobs and data queries.

Facts are from the Zuora API reference (List all data backfill jobs, List all auto backfill jobs,
List all custom object bulk jobs, List data query jobs) and its guides on rate limits and error
handling. None of the four listings can be asked for what changed since.
"""

from collections.abc import Mapping

from jobledger.sources._provider.dialect import Dialect, Meaning
from jobledger.sources._provider.fields import (
    code,
    count,
    milliseconds,
    newest,
    percent,
    size,
    text,
    time,
)
from jobledger.sources._provider.kind import Ask, Kind, Provider
from jobledger.sources._provider.login import CLIENT_CREDENTIALS
from jobledger.sources._provider.model import Status
from jobledger.sources._provider.paging import After, Whole, Window
from jobledger.sources._provider.reply import Complaint
from jobledger.sources._provider.settings import SourceSettings

QUEUED, RUNNING, SUCCEEDED = Status.QUEUED, Status.RUNNING, Status.SUCCEEDED
FAILED, CANCELLED = Status.FAILED, Status.CANCELLED

DATA_BACKFILL = Kind(
    name="data_backfill",
    listing="/v1/uno/data-backfill/listjobs",
    paging=Whole("jobs"),
    one=(Ask("/v1/uno/data-backfill/jobs/{id}"),),
    id_field="id",
    operation="backfill",
    words={
        "pending": QUEUED,
        "processing": RUNNING,
        "stopping": RUNNING,
        "completed": SUCCEEDED,
        "failed": FAILED,
        "canceled": CANCELLED,
        "stopped": CANCELLED,
    },
    fields={
        "object": text("type", "importType"),
        "provider_status": text("status"),
        "created_at": time("uploadedOn"),
        "started_at": time("startedProcessingOn"),
        "finished_at": time("completedOn"),
        "updated_at": newest("uploadedOn", "startedProcessingOn", "completedOn"),
        "records_total": count("totalCount"),
        "records_processed": count("processedCount"),
        "records_succeeded": count("successCount"),
        "records_failed": count("failedCount"),
        "progress": percent("completedPercentage"),
        "error_message": text("failureMessage"),
        "created_by": text("uploadedBy"),
        "input_bytes": count("inputFileSize") | size("uploadedFileSize"),
        "output_bytes": count("outputFileSize") | size("outputSize"),
    },
    users=("uploadedBy",),
    volatile=("remainingTime", "remainingTimeText"),
)

AUTO_BACKFILL = Kind(
    name="auto_backfill",
    listing="/v1/uno/data-backfill/propagation/jobs",
    paging=Whole("jobs"),
    one=(Ask("/v1/uno/data-backfill/propagation/jobs/{id}"),),
    id_field="id",
    operation="propagate",
    words={
        "accepted": QUEUED,
        "processing": RUNNING,
        "stopping": RUNNING,
        "completed": SUCCEEDED,
        "failed": FAILED,
        "stopped": CANCELLED,
    },
    fields={
        "object": text("type"),
        "provider_status": text("status"),
        "created_at": time("createdOn"),
        "updated_at": time("updatedOn"),
        "records_failed": count("errorCount"),
        "progress": percent("progress"),
        "created_by": text("updatedByUsername"),
    },
    users=("updatedByUsername",),
)

CUSTOM_OBJECT_BULK = Kind(
    name="custom_object_bulk",
    listing="/objects/jobs",
    # the reference allows 100, the provider's own client no more than 40
    paging=After("jobs", sizes=(100, 40)),
    one=(Ask("/objects/jobs/{id}"),),
    id_field="Id",
    newest_first=True,
    words={
        "pending": QUEUED,
        "accepted": QUEUED,
        "in_progress": RUNNING,
        "completed": SUCCEEDED,
        "failed": FAILED,
        "cancelled": CANCELLED,
    },
    fields={
        "object": text("object"),
        "operation": text("operation"),
        "provider_status": text("status"),
        "created_at": time("CreatedDate"),
        "updated_at": time("UpdatedDate"),
        "run_seconds": milliseconds("processingTime"),
        "records_processed": count("recordsProcessed"),
        "error_code": code("error.code"),
        "error_message": text("error.message"),
        "created_by": text("CreatedById"),
    },
    users=("CreatedById", "UpdatedById"),
    errors=Ask("/objects/jobs/{id}/errors"),
)

DATA_QUERY = Kind(
    name="data_query",
    listing="/query/jobs",
    # 1,000 by the present reference, 100 by the one of 2023
    paging=Window(
        "data",
        sizes=(1000, 100),
        status="queryStatus",
        statuses=("accepted", "in_progress", "completed", "failed", "cancelled"),
    ),
    one=(Ask("/query/jobs/{id}"),),
    id_field="id",
    operation="query",
    words={
        "submitted": QUEUED,
        "accepted": QUEUED,
        "in_progress": RUNNING,
        "completed": SUCCEEDED,
        "failed": FAILED,
        "aborted": FAILED,
        "cancelled": CANCELLED,
        "canceled": CANCELLED,
    },
    fields={
        "provider_status": text("queryStatus"),
        "created_at": time("createdOn"),
        "updated_at": time("updatedOn"),
        "run_seconds": milliseconds("processingTime"),
        "records_processed": count("outputRows"),
        "error_message": text("errorMessage"),
        "created_by": text("createdByUserEmail", "createdBy"),
    },
    users=("createdByUserEmail", "createdBy"),
    query_text=("query",),
)

MEANINGS = {
    "10": Meaning.NOT_AVAILABLE,
    "11": Meaning.UNAUTHORIZED,
    "12": Meaning.NOT_AVAILABLE,
    "40": Meaning.NOT_FOUND,
    "50": Meaning.TRANSIENT,
    "61": Meaning.TRANSIENT,
    "70": Meaning.TRANSIENT,
    "99": Meaning.TRANSIENT,
}
"""What the last two digits of an eight-digit code mean; the first six name the resource."""

CODES = {
    "50000070": Meaning.CONCURRENT_LIMIT,
    "REQUEST_EXCEEDED_LIMIT": Meaning.CONCURRENT_LIMIT,
    "1001": Meaning.NOT_FOUND,  # data queries: No such query
}


def meaning(complaint: Complaint) -> Meaning | None:
    """What an error code means (Zuora, Error handling and Error codes)."""
    code = complaint.code or ""
    if code in CODES:
        return CODES[code]
    if len(code) != len("50000070") or not code.isdecimal():
        return None
    return Meaning.UNAUTHORIZED if code.startswith("9") else MEANINGS.get(code[-2:])


def headers(settings: SourceSettings) -> Mapping[str, str]:
    """The headers that the user may set; Zuora wants them left out otherwise."""
    said = {
        "Zuora-Entity-Ids": settings.entity_ids,
        "Zuora-Org-Ids": settings.org_ids,
        "Zuora-Track-Id": settings.track_id,
        "Zuora-Version": settings.zuora_version,
    }
    return {name: value for name, value in said.items() if value}


PROVIDER = Provider(
    name="zuora",
    title="Zuora",
    kinds=(DATA_BACKFILL, AUTO_BACKFILL, CUSTOM_OBJECT_BULK, DATA_QUERY),
    dialect=Dialect(
        token_path="/oauth/token",  # noqa: S106 - a path
        flows=(CLIENT_CREDENTIALS,),
        headers=headers,
        meaning=meaning,
        request_id="Zuora-Request-Id",
    ),
)
