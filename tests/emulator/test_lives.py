"""A job's record at any time follows from its life."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobledger.emulator import (
    KINDS,
    Behaviour,
    Clock,
    Fate,
    Life,
    Step,
    World,
    salesforce_jobs,
    zuora_jobs,
)
from jobledger.emulator.story import Beginning, day_of, weight

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()
PRESENT = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


def test_data_backfill_through_its_life() -> None:
    life = Life(
        "data_backfill",
        "8ad0",
        (Step(T0, "Pending"), Step(T0 + 10, "Processing"), Step(T0 + 20, "Completed")),
        total=100,
        processed=100,
        failed=10,
        facts={
            "type": "RatePlanCharge",
            "file": ("f1", "file.csv"),
            "result": "r1",
            "user": "a@b.example",
            "bytes": 798,
        },
    )

    def told(seconds: float) -> object:
        moment = life.at(T0 + seconds)
        return moment and zuora_jobs.record(moment, Behaviour())

    head = {
        "id": "8ad0",
        "type": "RatePlanCharge",
        "uploadedFileId": "f1",
        "uploadedFileName": "file.csv",
        "uploadedFileSize": "798Byte",
        "uploadedFileUrl": "http://localhost:8080/apps/v1/files/f1",
        "uploadedBy": "a@b.example",
        "uploadedOn": "1772442000000",
        "failureMessage": "",
        "inputFileSize": 798,
    }
    waiting = {"remainingTime": 60, "remainingTimeText": "About a minute"}
    assert told(-0.001) is None
    assert told(5) == {**head, **waiting, "status": "Pending", "completedPercentage": 0}
    assert told(15) == {
        **head,
        **waiting,
        "status": "Processing",
        "startedProcessingOn": "1772442010000",
        "totalCount": 100,
        "processedCount": 50,
        "failedCount": 5,
        "successCount": 45,
        "completedPercentage": 50,
    }
    assert told(20) == {
        **head,
        "status": "Completed",
        "startedProcessingOn": "1772442010000",
        "completedOn": "1772442020000",
        "resultFileId": "r1",
        "resultFileName": "file.csv_result.zip",
        "resultFileUrl": "http://localhost:8080/apps/v1/files/r1",
        "totalCount": 100,
        "processedCount": 100,
        "failedCount": 10,
        "successCount": 90,
        "outputSize": "4160Byte",
        "outputType": "(url:.csv.zip)",
        "outputFileSize": 4160,
        "remainingTime": 1,
        "remainingTimeText": "",
        "completedPercentage": 100,
    }


def test_ingest_job_through_its_life_until_forgotten() -> None:
    life = Life(
        "ingest",
        "750A",
        (
            Step(T0, "Open"),
            Step(T0 + 5, "UploadComplete"),
            Step(T0 + 10, "InProgress"),
            Step(T0 + 20, "JobComplete"),
        ),
        total=200,
        processed=200,
        failed=20,
        facts={
            "jobType": "V2Ingest",
            "operation": "insert",
            "object": "Account",
            "user": "005A",
            "apex": 0.5,
        },
        forgotten_at=T0 + 1000,
    )

    def told(seconds: float) -> object:
        moment = life.at(T0 + seconds)
        return moment and salesforce_jobs.record(moment, Behaviour())

    head = {
        "id": "750A",
        "operation": "insert",
        "object": "Account",
        "createdById": "005A",
        "createdDate": "2026-03-02T09:00:00.000+0000",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 62.0,
        "jobType": "V2Ingest",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "retries": 0,
    }
    times = ("totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime")
    assert told(1) == {
        **head,
        "systemModstamp": "2026-03-02T09:00:00.000+0000",
        "state": "Open",
        "contentUrl": "services/data/v62.0/jobs/ingest/750A/batches",
        **dict.fromkeys(times, 0),
    }
    assert told(5) == {
        **head,
        "systemModstamp": "2026-03-02T09:00:05.000+0000",
        "state": "UploadComplete",
        "numberRecordsProcessed": 0,
        "numberRecordsFailed": 0,
        **dict.fromkeys(times, 0),
        "isPkChunkingSupported": False,
    }
    assert told(15) == {
        **head,
        "systemModstamp": "2026-03-02T09:00:10.000+0000",
        "state": "InProgress",
        "numberRecordsProcessed": 100,
        "numberRecordsFailed": 10,
        **dict(zip(times, (4700, 4371, 2350), strict=True)),
        "isPkChunkingSupported": False,
    }
    assert told(999) == {
        **head,
        "systemModstamp": "2026-03-02T09:00:20.000+0000",
        "state": "JobComplete",
        "numberRecordsProcessed": 200,
        "numberRecordsFailed": 20,
        **dict(zip(times, (9400, 8742, 4700), strict=True)),
        "isPkChunkingSupported": False,
    }
    assert told(1000) is None


def test_closed_classic_job_is_over_when_its_batches_add_up() -> None:
    life = salesforce_jobs._classic("ingest", Beginning(T0, Fate.COMPLETED, Random(4)))
    closed, total = life.steps[-1].at, life.facts["batches"][0]

    def batches(seconds: float) -> dict[str, object]:
        moment = life.at(closed + seconds)
        assert moment is not None
        record = salesforce_jobs.record(moment, Behaviour())
        return {
            name.removeprefix("numberBatches"): said
            for name, said in record.items()
            if name.startswith("numberBatches") or name == "state"
        }

    assert total > 1
    running = batches(0)
    assert running == {
        "state": "Closed",
        "Queued": total - 1,
        "InProgress": 1,
        "Completed": 0,
        "Failed": 0,
        "Total": total,
    }
    over = batches(life.facts["seconds"])
    assert over == {
        "state": "Closed",
        "Queued": 0,
        "InProgress": 0,
        "Completed": total,
        "Failed": 0,
        "Total": total,
    }


@pytest.mark.parametrize("fate", list(Fate))
@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10_000))
def test_lives_go_forward(kind: str, fate: Fate, seed: int) -> None:
    of = salesforce_jobs if kind in {"ingest", "query"} else zuora_jobs
    life = of.of(kind, Beginning(T0, fate, Random(seed)))
    times = [step.at for step in life.steps]
    assert times == sorted(times)
    assert life.forgotten_at > times[-1]
    # seen at many moments, nothing goes back and nothing fails that was not processed
    moments = [life.at(T0 + (times[-1] - T0 + 1) * part / 20) for part in range(21)]
    processed = [moment.processed for moment in moments]
    failed = [moment.failed for moment in moments]
    assert processed == sorted(processed)
    assert failed == sorted(failed)
    assert max(processed) <= life.total
    if kind != "auto_backfill":
        # which counts batches, but records that failed
        assert all(f <= p for p, f in zip(processed, failed, strict=True))


def test_a_world_is_told_by_its_seed() -> None:
    def told(seed: int) -> dict[str, list[object]]:
        world = World(seed, now=PRESENT, jobs=300)
        return {kind: world.records(kind) for kind in KINDS}

    assert told(7) == told(7)
    assert all(told(7)[kind] != told(8)[kind] for kind in KINDS)


def test_moving_day_by_day_comes_to_the_same_as_being_there() -> None:
    clock = Clock(PRESENT - timedelta(days=20))
    moved, there = (
        World(3, now=PRESENT, jobs=400, clock=clock),
        World(3, now=PRESENT, jobs=400),
    )
    while clock.now() < PRESENT:
        moved.records("ingest")
        clock.advance(timedelta(hours=20))
    clock.set(PRESENT)
    assert {kind: moved.records(kind) for kind in KINDS} == {
        kind: there.records(kind) for kind in KINDS
    }


def test_usual_world_is_of_a_size_to_show() -> None:
    clock = Clock(PRESENT - timedelta(days=100))
    world = World(now=PRESENT, clock=clock)
    shown = []
    while clock.now() < PRESENT:
        shown.append(len(world.jobs("ingest")) + len(world.jobs("query")))
        clock.advance(timedelta(days=1))
    assert min(shown) > 100
    assert max(shown) <= 400
    clock.set(PRESENT)
    zuora = {kind: len(world.jobs(kind)) for kind in KINDS[:4]}
    assert 3_600 < sum(zuora.values()) < 4_600
    # the provider lists no more than the newest 1,000, so the usual world's queries are all had
    assert zuora["data_query"] < 1_000


def test_weekends_are_quiet_and_months_turn_busily() -> None:
    saturday, tuesday, first = date(2026, 11, 21), date(2026, 11, 24), date(2026, 12, 1)
    assert weight(saturday) < weight(tuesday) < weight(first)
    jobs = list(day_of("ingest", tuesday, 1, PRESENT, 20.0))
    hours = [datetime.fromtimestamp(job.at, UTC).hour for job in jobs]
    assert sum(hour in {1, 2, 3, 4} or 7 <= hour <= 18 for hour in hours) == len(hours)


def test_lately_auto_backfills_fail_and_one_object_job_waits() -> None:
    world = World(now=PRESENT)
    week_ago = (PRESENT - timedelta(days=6)).timestamp() * 1000
    late = [job["status"] for job in world.records("auto_backfill") if job["createdOn"] > week_ago]
    assert late.count("FAILED") / len(late) > 0.5
    waiting = [
        job["CreatedDate"]
        for job in world.records("custom_object_bulk")
        if job["status"] == "pending" and job["CreatedDate"] < "2026-11-23T12"
    ]
    assert waiting == ["2026-11-22T07:18:00Z"]


@given(st.integers(0, 2**32))
def test_salesforce_ids_tell_capitals_by_their_end(seed: int) -> None:
    said = salesforce_jobs.salesforce_id("750", Random(seed))
    assert (len(said), said[:3]) == (18, "750")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    for chunk, check in zip((said[:5], said[5:10], said[10:15]), said[15:], strict=True):
        capitals = [letter.isupper() for letter in chunk]
        assert letters.index(check) == sum(1 << n for n, is_one in enumerate(capitals) if is_one)
