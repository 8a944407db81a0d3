"""Every column of every kind, read from recorded and documented bodies: whole rows."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobledger.sources._provider.model import JOBS, Record
from tests.sources.scripted import reader

RECORDINGS = Path(__file__).parents[1] / "recordings"


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text())


def read(provider: str, kind: str, *records: Record) -> list[dict[str, Any]]:
    """The rows of these records without what is the same for all: hash and raw are tested apart."""
    reading = reader(provider, kind)
    rows = reading.jobs(reading.take_page(records)).to_pylist()
    assert reading.rejected == []
    for row, record in zip(rows, records, strict=True):
        assert len(row.pop("row_hash")) == 32
        assert json.loads(row.pop("raw")).keys() == record.keys()
    return rows


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def row(**said: Any) -> dict[str, Any]:
    """A row in which everything else is NULL."""
    return {name: said.get(name) for name in JOBS.names if name not in {"raw", "row_hash"}}


def test_data_backfill() -> None:
    (record,) = recorded("zuora_made.json")["data_backfill"]["jobs"]
    assert read("zuora", "data_backfill", record) == [
        row(
            source="zuora",
            provider="zuora",
            kind="data_backfill",
            job_id=record["id"],
            object="RatePlanCharge",
            operation="backfill",
            status="partial",
            provider_status="Completed",
            is_terminal=True,
            created_at=at("2023-11-09T08:14:53"),
            started_at=at("2023-11-09T08:14:54"),
            finished_at=at("2023-11-09T08:14:56"),
            updated_at=at("2023-11-09T08:14:56"),
            finished_at_basis="reported",
            queue_seconds=1.0,
            run_seconds=2.0,
            total_seconds=3.0,
            run_basis="timestamps",
            records_total=2,
            records_processed=2,
            records_succeeded=1,
            records_failed=1,
            progress=1.0,
            created_by="user@zuora.com",
            input_bytes=798,
            output_bytes=492,
        )
    ]


def test_a_data_backfill_may_say_import_type_iso_times_and_sizes_as_text_only() -> None:
    record = {
        "id": "1",
        "importType": "MemoDetail",
        "uploadedOn": "2023-11-09T08:14:53Z",
        "startedProcessingOn": "",
        "completedOn": None,
        "uploadedFileSize": "1.5KB",
        "outputSize": "492Byte",
        "status": "Processing",
        "completedPercentage": 40,
        "failureMessage": "",
    }
    assert read("zuora", "data_backfill", record) == [
        row(
            source="zuora",
            provider="zuora",
            kind="data_backfill",
            job_id="1",
            object="MemoDetail",
            operation="backfill",
            status="running",
            provider_status="Processing",
            is_terminal=False,
            created_at=at("2023-11-09T08:14:53"),
            updated_at=at("2023-11-09T08:14:53"),
            progress=0.4,
            input_bytes=1536,
            output_bytes=492,
        )
    ]


def test_auto_backfill() -> None:
    (record,) = recorded("zuora_made.json")["auto_backfill"]["jobs"]
    assert read("zuora", "auto_backfill", record) == [
        row(
            source="zuora",
            provider="zuora",
            kind="auto_backfill",
            job_id=record["id"],
            object="BookingDate",
            operation="propagate",
            status="succeeded",
            provider_status="COMPLETED",
            is_terminal=True,
            created_at=at("2023-12-14T08:03:26"),
            finished_at=at("2023-12-14T08:03:29"),
            updated_at=at("2023-12-14T08:03:29"),
            finished_at_basis="last_modified",
            total_seconds=3.0,
            records_failed=0,
            progress=1.0,
            created_by="user@zuora.com",
        )
    ]


def test_custom_object_bulk() -> None:
    (record,) = recorded("zuora_made.json")["custom_object_bulk"]["jobs"]
    assert read("zuora", "custom_object_bulk", record) == [
        row(
            source="zuora",
            provider="zuora",
            kind="custom_object_bulk",
            job_id="ed4b9701-bafb-4976-8019-b08269430153",
            object="passenger",
            operation="delete",
            status="failed",
            provider_status="failed",
            is_terminal=True,
            created_at=at("2021-03-15T06:47:18"),
            finished_at=at("2021-03-15T06:47:18"),
            updated_at=at("2021-03-15T06:47:18"),
            finished_at_basis="last_modified",
            run_seconds=1.882,
            total_seconds=0.0,
            run_basis="reported",
            records_processed=500,
            error_code="71012560",
            error_message="Service limit reached, please retry later.",
            created_by="7b39d73f-22e6-404a-b8e7-894f7620e91c",
        )
    ]


def test_data_query() -> None:
    (record,) = recorded("zuora_made.json")["data_query"]["data"]
    newer = {**record, "createdOn": "2018-08-17T13:14:00Z", "createdByUserEmail": "a@example.com"}
    expected = row(
        source="zuora",
        provider="zuora",
        kind="data_query",
        job_id=record["id"],
        operation="query",
        status="succeeded",
        provider_status="completed",
        is_terminal=True,
        finished_at=at("2018-08-17T13:14:19.170"),
        updated_at=at("2018-08-17T13:14:19.170"),
        finished_at_basis="last_modified",
        run_seconds=0.516,
        run_basis="reported",
        records_processed=12,
        created_by="2c92c0f9-6a07-409d-016a-0a58ab1172ec",
    )
    assert read("zuora", "data_query", record, newer) == [
        expected,
        {
            **expected,
            "created_at": at("2018-08-17T13:14:00"),
            "total_seconds": 19.17,
            "created_by": "a@example.com",
        },
    ]


def salesforce(kind: str, record: Record, **said: Any) -> dict[str, Any]:
    return row(
        source="salesforce",
        provider="salesforce",
        kind=kind,
        job_id=record["id"],
        object=record["object"],
        operation=record["operation"],
        provider_status=record["state"],
        created_by=record["createdById"],
        **said,
    )


def test_salesforce_ingest_as_recorded() -> None:
    bodies = {
        (body["id"], body["state"], body["apiVersion"]): body
        for body in (each["body"] for each in recorded("ingest_details_real.json"))
        if body["id"].startswith("750") and "jobType" in body
    }
    running = bodies["750Hp00001HoutWIAR", "InProgress", 58.0]
    done = bodies["750Hp00001HoutWIAR", "JobComplete", 58.0]
    failed = bodies["7501v00000u4PdKAAU", "Failed", 50.0]
    opened = bodies["7500Y00000BSfbrQAD", "Open", 37.0]
    assert read("salesforce", "ingest", opened, running, done, failed) == [
        salesforce(
            "ingest",
            opened,
            status="queued",
            is_terminal=False,
            created_at=at("2018-12-05T10:56:43"),
            updated_at=at("2018-12-05T10:56:43"),
        ),
        salesforce(
            "ingest",
            running,
            status="running",
            is_terminal=False,
            created_at=at("2023-12-12T19:04:49"),
            updated_at=at("2023-12-12T19:04:51"),
            records_processed=10,
            records_succeeded=10,
            records_failed=0,
        ),
        salesforce(
            "ingest",
            done,
            status="succeeded",
            is_terminal=True,
            created_at=at("2023-12-12T19:04:49"),
            finished_at=at("2023-12-12T19:04:52"),
            updated_at=at("2023-12-12T19:04:52"),
            finished_at_basis="last_modified",
            run_seconds=0.224,
            total_seconds=3.0,
            run_basis="reported",
            records_processed=10,
            records_succeeded=10,
            records_failed=0,
        ),
        salesforce(
            "ingest",
            failed,
            status="failed",
            is_terminal=True,
            created_at=at("2022-07-19T10:58:28"),
            finished_at=at("2022-07-19T11:09:44"),
            updated_at=at("2022-07-19T11:09:44"),
            finished_at_basis="last_modified",
            run_seconds=0.0,
            total_seconds=676.0,
            run_basis="reported",
            records_processed=0,
            records_succeeded=0,
            records_failed=0,
            error_message="InvalidBatch : InvalidBatch : Field name not found : Email",
        ),
    ]


def test_salesforce_query_as_recorded() -> None:
    waiting, done, _ = (each["body"] for each in recorded("query_details_real.json"))
    assert read("salesforce", "query", waiting, done) == [
        salesforce(
            "query",
            waiting,
            status="queued",
            is_terminal=False,
            created_at=at("2023-12-12T19:54:10"),
            updated_at=at("2023-12-12T19:54:10"),
        ),
        salesforce(
            "query",
            done,
            status="succeeded",
            is_terminal=True,
            created_at=at("2023-12-12T19:54:10"),
            finished_at=at("2023-12-12T19:54:13"),
            updated_at=at("2023-12-12T19:54:13"),
            finished_at_basis="last_modified",
            run_seconds=0.112,
            total_seconds=3.0,
            run_basis="reported",
            records_processed=30,
        ),
    ]


@pytest.mark.parametrize(
    ("batches", "status"),
    [
        ({}, "running"),
        ({"Total": 10, "Completed": 9, "Failed": 0}, "running"),
        ({"Total": 10, "Completed": 10, "Failed": 0}, "succeeded"),
        ({"Total": 10, "Completed": 8, "Failed": 2}, "partial"),
        ({"Total": 10, "Completed": 0, "Failed": 10}, "failed"),
        ({"Total": 0, "Completed": 0, "Failed": 0}, "succeeded"),
    ],
)
def test_a_closed_classic_job_is_over_when_its_batches_add_up(
    batches: dict[str, int], status: str
) -> None:
    (entry,) = recorded("classic_jobinfo_docs_v36.json")
    counted = {f"numberBatches{name}": number for name, number in batches.items()}
    other = {k: v for k, v in entry["body"].items() if not k.startswith("numberBatches")}
    (found,) = read("salesforce", "ingest", {**other, **counted})
    is_over = status != "running"
    assert found == salesforce(
        "ingest",
        entry["body"],
        status=status,
        is_terminal=is_over,
        created_at=at("2015-11-19T01:45:03"),
        finished_at=at("2015-11-19T01:45:03") if is_over else None,
        updated_at=at("2015-11-19T01:45:03"),
        finished_at_basis="last_modified" if is_over else None,
        run_seconds=5.759 if is_over else None,
        total_seconds=0.0 if is_over else None,
        run_basis="reported" if is_over else None,
        records_processed=100,
        records_succeeded=100,
        records_failed=0,
    )


def test_a_record_that_failed_makes_a_finished_job_partial() -> None:
    done = {**recorded("ingest_details_real.json")[3]["body"], "numberRecordsFailed": 3}
    (found,) = read("salesforce", "ingest", done)
    assert (found["status"], found["records_succeeded"]) == ("partial", 7)
