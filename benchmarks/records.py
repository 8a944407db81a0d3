"""The jobs that the benchmarks' provider shows: believable records, made as fast as can be.

Job 0 is the newest. Its number is the first eight digits of its id, so that a cursor tells where it
stands; the other digits are random, since ids that compress well would flatter the ledger's size.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

OBJECTS = ("vehicle", "passenger", "UsageRecord", "Account", "RatePlanCharge", "Invoice", "Order")
OPERATIONS = ("create", "update", "delete")
USERS = tuple(f"2c92c0f96a07409d016a0a58ab11{each:04x}" for each in range(40))
MESSAGES = (
    (71012560, "Service limit reached, please retry later."),
    (71012520, 'input string \\"{}\\" is not a valid UUID'),
    (71013620, "row {}: the header does not match the object's fields"),
)
OPEN = 10
"""The newest jobs, which are still at work."""
APART = timedelta(seconds=20)
"""From one job to the next: 10,000,000 of them make six years of a busy tenant."""


def zuora_id(number: int, chance: random.Random) -> str:
    """The id of a job."""
    rest = f"{chance.getrandbits(72):018x}"
    return f"{number:08x}-{rest[:4]}-4{rest[4:7]}-8{rest[7:10]}-{rest[:4]}{rest[10:]}"


def number_of(job_id: str) -> int:
    """Where a job stands."""
    return int(job_id[:8], 16)


def custom_object_jobs(first: int, count: int, now: datetime, version: int = 0) -> Iterator[bytes]:
    """Zuora's custom object bulk jobs; another version of a job has changed since."""
    chance = random.Random(first)
    for number in range(first, first + count):
        job_id = zuora_id(number, chance)
        drawn = chance.random()
        created = now - APART * number
        took = 20 + int(drawn * 90_000)
        updated = created + timedelta(milliseconds=took + 400) + timedelta(hours=version)
        user, records = USERS[number % 40], int(drawn * 25_000)
        status, error = "completed", ""
        if number < OPEN:
            status, took = "in_progress", 0
        elif drawn < 0.04:  # noqa: PLR2004 - a share of jobs
            code, message = MESSAGES[number % 3]
            status = "failed"
            error = f'"error":{{"code":{code},"message":"{message.format(records)}"}},'
        elif drawn < 0.05:  # noqa: PLR2004
            status, took, records = "cancelled", 0, 0
        yield (
            f'{{"Id":"{job_id}","CreatedById":"{user}","CreatedDate":"{_iso(created)}",'
            f'"UpdatedById":"{user}","UpdatedDate":"{_iso(updated)}",{error}'
            f'"namespace":"default","object":"{OBJECTS[number % 7]}",'
            f'"operation":"{OPERATIONS[number % 3]}","processingTime":{took},'
            f'"recordsProcessed":{records + version},"status":"{status}"}}'
        ).encode()


def salesforce_job(number: int, now: datetime, *, is_query: bool, is_detail: bool) -> bytes:
    """Salesforce's jobs: the listing's part, or all that asking by id tells."""
    kind, operation = ("query", "query") if is_query else ("ingest", OPERATIONS[number % 3])
    prefix = "750R1" if is_query else "750H1"
    job_id = f"{prefix}{number:08x}IAQ00"[:18]
    created = _iso(now - APART * number).replace("Z", "+0000")
    rest = (
        f',"numberRecordsProcessed":{number % 9_973},"numberRecordsFailed":{number % 3},'
        f'"retries":0,"totalProcessingTime":{number % 60_000},"apiActiveProcessingTime":7,'
        '"apexProcessingTime":0'
    )
    return (
        f'{{"id":"{job_id}","operation":"{operation}","object":"{OBJECTS[number % 7]}",'
        f'"createdById":"0050Y000000pyREQAY","createdDate":"{created}",'
        f'"systemModstamp":"{created}","state":"JobComplete","concurrencyMode":"Parallel",'
        f'"contentType":"CSV","apiVersion":62.0,"jobType":"V2{kind.title()}",'
        f'"lineEnding":"LF","columnDelimiter":"COMMA"{rest if is_detail else ""}}}'
    ).encode()


def backfill_job(number: int, now: datetime) -> bytes:
    """Zuora's data backfills."""
    ended = int((now - APART * number).timestamp() * 1000)
    return (
        f'{{"id":"bf-{number:08x}","type":"Order","status":"Completed","totalCount":1000,'
        f'"processedCount":1000,"successCount":999,"failedCount":1,"completedPercentage":100,'
        f'"uploadedBy":"{USERS[number % 40]}","uploadedOn":"{ended - 90_000}",'
        f'"startedProcessingOn":"{ended - 60_000}","completedOn":"{ended}","inputFileSize":798}}'
    ).encode()


def propagation_job(number: int, now: datetime) -> bytes:
    """Zuora's auto backfills."""
    at = _iso(now - APART * number)
    return (
        f'{{"id":"ab-{number:08x}","type":"RatePlan","status":"COMPLETED","progress":"100.00%",'
        f'"errorCount":0,"createdOn":"{at}","updatedOn":"{at}","updatedByUsername":"a@example.com"}}'
    ).encode()


def query_job(number: int, now: datetime) -> bytes:
    """Zuora's data queries."""
    at = _iso(now - APART * number)
    return (
        f'{{"id":"dq-{number:08x}","createdBy":"{USERS[number % 40]}","query":"select 1 from t",'
        f'"queryStatus":"completed","remainingRetries":3,"sourceData":"LIVE","updatedOn":"{at}",'
        f'"useIndexJoin":false,"outputRows":{number},"processingTime":{number % 60_000}}}'
    ).encode()


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
