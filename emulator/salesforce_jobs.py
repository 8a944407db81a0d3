"""Salesforce's bulk jobs: how their lives are made, and what their records say at a moment.

Ingest and query jobs of Bulk API 2.0, and Classic ones of Bulk API 1.0, which both listings show.
The fields and their order are those of recorded answers and of the Bulk API Developer Guide.
"""

import string
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from .behaviour import Behaviour
from .lives import Fate, Life, Moment, Step
from .story import Beginning

Record = dict[str, Any]

WEEK: Final = 7 * 86_400
"""Seconds that a job is kept after its end; one that never ends, after its creation."""
CLASSIC_SHARE: Final = 0.12
API_VERSION: Final = 62.0
LISTED: Final = frozenset(
    {
        "apiVersion",
        "columnDelimiter",
        "concurrencyMode",
        "contentType",
        "contentUrl",
        "createdById",
        "createdDate",
        "id",
        "jobType",
        "lineEnding",
        "object",
        "operation",
        "state",
        "systemModstamp",
    }
)
"""The fields that a listing has, by the documents: no counts, no times, no error."""
BATCH_ROWS: Final = 10_000
MOST_ROWS: Final = 1_000
"""Rows of a job's results that are made up, at the most."""

OBJECTS: Final = ("Account", "Contact", "Opportunity", "Invoice__c", "Usage__c", "Case", "Lead")
FAILURES: Final = (
    "InvalidBatch : InvalidBatch : Field name not found : {object}_External_Id__c",
    "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
    "ExceededQuota : ApiBatchItems Limit exceeded.",
)
QUERY_FAILURES: Final = (
    "INVALID_FIELD: No such column 'Legacy_Id__c' on entity '{object}'.",
    "Query timeout: Your query request was running for too long.",
)
ROW_FAILURES: Final = (
    "FIELD_CUSTOM_VALIDATION_EXCEPTION:Type must contain a value.:Type --",
    "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
    "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--",
    "DUPLICATE_VALUE:duplicate value found: Code__c duplicates value on record with id: {id}:--",
)


def of(kind: str, beginning: Beginning) -> Life:
    """The life of a Salesforce job."""
    if beginning.dice.random() < CLASSIC_SHARE:
        return _classic(kind, beginning)
    return _ingest(beginning) if kind == "ingest" else _query(beginning)


def record(moment: Moment, behaviour: Behaviour) -> Record:  # noqa: ARG001 - other kinds need it
    """What Salesforce says of the job when asked for it by id."""
    return _RECORDS[moment.life.facts["jobType"]](moment)


def listed(job: Any) -> Any:
    """What a listing says of a job, given its record."""
    if not isinstance(job, dict):
        return job
    return {name: value for name, value in job.items() if name in LISTED}


def salesforce_id(prefix: str, dice: Random) -> str:
    """An id of 18 characters: the last three say which of the others are capital letters."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits
    number = "".join(dice.choice(alphabet) for _ in range(6))
    body = f"{prefix}EM00000{number}"[:15].ljust(15, "0")
    checks = string.ascii_uppercase + "012345"
    chunks = (body[start : start + 5] for start in (0, 5, 10))
    return body + "".join(
        checks[sum(1 << place for place, letter in enumerate(chunk) if letter.isupper())]
        for chunk in chunks
    )


USERS: Final = tuple(salesforce_id("005", Random(n)) for n in range(4))  # noqa: S311 - no secret


def _ingest(beginning: Beginning) -> Life:
    fate, dice = beginning.fate, beginning.dice
    at = float(int(beginning.at))
    total = _size(dice, 2_500)
    object_ = dice.choice(OBJECTS)
    operation = dice.choice(("insert", "update", "upsert", "upsert", "delete"))
    uploaded = at + dice.randint(1, 25)
    starts = uploaded + dice.randint(1, 40)
    ends = starts + 1 + int(total / dice.uniform(80, 500))
    steps = [Step(at, "Open"), Step(uploaded, "UploadComplete"), Step(starts, "InProgress")]
    processed, failed, message = total, 0, None
    match fate:
        case Fate.FAILED:
            message = dice.choice(FAILURES).format(object=object_)
            steps.append(Step(starts + dice.randint(1, 300), "Failed"))
            processed = 0 if "Invalid" in message else total // 3
        case Fate.CANCELLED:
            # a job left open is tidied away some hours later
            steps[1:] = [Step(at + dice.choice((900, 3_600, 8 * 3_600)), "Aborted")]
            processed = 0
        case _:
            steps.append(Step(ends, "JobComplete"))
            failed = max(1, int(total * dice.uniform(0, 0.15))) if fate is Fate.PARTIAL else 0
    facts: dict[str, Any] = {
        "jobType": "V2Ingest",
        "operation": operation,
        "object": object_,
        "user": dice.choice(USERS),
        "apex": dice.uniform(0, 0.6),
    }
    if operation == "upsert":
        facts["externalIdFieldName"] = f"{object_.removesuffix('__c')}_External_Id__c"
    return _life("ingest", dice, steps, total, processed, failed, message, facts)


def _query(beginning: Beginning) -> Life:
    fate, dice = beginning.fate, beginning.dice
    at = float(int(beginning.at))
    rows = _size(dice, 20_000)
    object_ = dice.choice(OBJECTS)
    starts = at + dice.randint(1, 15)
    ends = starts + 1 + int(rows / dice.uniform(300, 3_000))
    steps = [Step(at, "UploadComplete"), Step(starts, "InProgress")]
    processed, message = rows, None
    match fate:
        case Fate.FAILED:
            message = dice.choice(QUERY_FAILURES).format(object=object_)
            steps.append(Step(starts + dice.randint(1, 120), "Failed"))
            processed = 0
        case Fate.CANCELLED:
            steps.append(Step(starts + dice.randint(1, 30), "Aborted"))
            processed = 0
        case _:
            steps.append(Step(ends, "JobComplete"))
    facts = {
        "jobType": "V2Query",
        "operation": dice.choice(("query", "query", "queryAll")),
        "object": object_,
        "user": dice.choice(USERS),
        "isPkChunkingSupported": object_ != "Case",
    }
    return _life("query", dice, steps, rows, processed, 0, message, facts)


def _classic(kind: str, beginning: Beginning) -> Life:
    fate, dice = beginning.fate, beginning.dice
    at = float(int(beginning.at))
    total = _size(dice, 30_000)
    batches = 1 + total // BATCH_ROWS
    closed = at + dice.randint(5, 120)
    steps = [Step(at, "Open")]
    processed, failed, failed_batches = total, 0, 0
    match fate:
        case Fate.CANCELLED:
            steps.append(Step(closed, "Aborted"))
            processed = 0
        case Fate.FAILED if dice.random() < 0.5:  # noqa: PLR2004 - even odds
            steps.append(Step(closed, "Failed"))
            processed = 0
        case _:
            steps.append(Step(closed, "Closed"))
            if fate is Fate.FAILED:
                failed_batches, processed = batches, 0
            elif fate is Fate.PARTIAL:
                failed = max(1, int(total * dice.uniform(0, 0.1)))
                failed_batches = dice.choice((0, 0, batches // 3))
    seconds = 5 + int(processed / dice.uniform(150, 400))
    facts = {
        "jobType": "Classic",
        "operation": "query" if kind == "query" else dice.choice(("insert", "update", "upsert")),
        "object": dice.choice(OBJECTS),
        "user": dice.choice(USERS),
        "contentType": dice.choice(("CSV", "CSV", "JSON")),
        "concurrencyMode": dice.choice(("Parallel", "Parallel", "Serial")),
        "batches": (batches, failed_batches),
        "seconds": seconds,
        "isPkChunked": kind == "query" and batches > 1,
        "apex": dice.uniform(0, 0.5),
    }
    life = _life(kind, dice, steps, total, processed, failed, None, facts)
    # a closed job's batches run on; they are over only so much later
    ends = steps[-1].at + (seconds if steps[-1].state == "Closed" else 0)
    return Life(
        life.kind,
        life.id,
        life.steps,
        total,
        processed,
        failed,
        facts=facts,
        forgotten_at=ends + WEEK,
    )


def _life(
    kind: str,
    dice: Random,
    steps: list[Step],
    total: int,
    processed: int,
    failed: int,
    message: str | None,
    facts: Mapping[str, Any],
) -> Life:
    return Life(
        kind,
        salesforce_id("750", dice),
        tuple(steps),
        total,
        processed,
        failed,
        message,
        None,
        facts,
        forgotten_at=steps[-1].at + WEEK,
    )


def _size(dice: Random, typical: float) -> int:
    """A number of records: mostly near what is typical, now and then many times as many."""
    return max(1, int(dice.lognormvariate(0, 1.1) * typical))


def _head(moment: Moment) -> Record:
    life, facts = moment.life, moment.life.facts
    head: Record = {
        "id": life.id,
        "operation": facts["operation"],
        "object": facts["object"],
        "createdById": facts["user"],
        "createdDate": stamp(life.created_at),
        "systemModstamp": stamp(moment.since),
        "state": moment.state,
    }
    if "externalIdFieldName" in facts:
        head["externalIdFieldName"] = facts["externalIdFieldName"]
    return {
        **head,
        "concurrencyMode": facts.get("concurrencyMode", "Parallel"),
        "contentType": facts.get("contentType", "CSV"),
        "apiVersion": API_VERSION,
        "jobType": facts["jobType"],
    }


def _ingest_record(moment: Moment) -> Record:
    life, facts = moment.life, moment.life.facts
    said = _head(moment)
    if moment.state == "Open":
        said["contentUrl"] = f"services/data/v{API_VERSION}/jobs/ingest/{life.id}/batches"
    said |= {"lineEnding": "LF", "columnDelimiter": "COMMA"}
    started = moment.when("InProgress")
    if moment.state != "Open":
        said["numberRecordsProcessed"] = moment.processed if started else 0
        said["numberRecordsFailed"] = moment.failed if started else 0
    total = _processing_time(moment, started)
    said |= {
        "retries": 0,
        "totalProcessingTime": total,
        "apiActiveProcessingTime": int(total * 0.93),
        "apexProcessingTime": int(total * facts["apex"]),
    }
    if moment.state != "Open":
        said["isPkChunkingSupported"] = False
    if life.message and moment.state == "Failed":
        said["errorMessage"] = life.message
    return said


def _query_record(moment: Moment) -> Record:
    life, facts = moment.life, moment.life.facts
    said = _head(moment) | {"lineEnding": "LF", "columnDelimiter": "COMMA"}
    started = moment.when("InProgress")
    if started is not None:
        said["numberRecordsProcessed"] = moment.processed
    said |= {
        "retries": 0,
        "totalProcessingTime": _processing_time(moment, started),
        "isPkChunkingSupported": facts["isPkChunkingSupported"],
    }
    if life.message and moment.state == "Failed":
        said["errorMessage"] = life.message
    return said


def _processing_time(moment: Moment, started: float | None) -> int:
    if started is None:
        return 0
    until = moment.since if moment.is_last and moment.state != "InProgress" else moment.now
    # something is left out: the job waits between its batches
    return int(940 * (until - started))


def _classic_record(moment: Moment) -> Record:
    life, facts = moment.life, moment.life.facts
    total, failing = facts["batches"]
    share = _batches_done(moment)
    done, failed = int((total - failing) * share), int(failing * share)
    is_cut = moment.state in {"Aborted", "Failed"}
    left = 0 if is_cut or moment.state == "Open" else total - done - failed
    spent = int(1000 * facts["seconds"] * share)
    # by /services/async a job says neither its type nor anything of lines; the listing does
    return _head(moment) | {
        "numberBatchesQueued": max(0, left - 1),
        "numberBatchesInProgress": min(1, left),
        "numberBatchesCompleted": done,
        "numberBatchesFailed": failed,
        "numberBatchesTotal": 0 if is_cut or moment.state == "Open" else total,
        "numberRecordsProcessed": int(life.processed * share),
        "numberRecordsFailed": int(life.failed * share),
        "numberRetries": 0,
        "totalProcessingTime": spent,
        "apiActiveProcessingTime": int(spent * 0.9),
        "apexProcessingTime": int(spent * facts["apex"]),
    }


def _batches_done(moment: Moment) -> float:
    closed = moment.when("Closed")
    if closed is None:
        return 0.0
    seconds: float = moment.life.facts["seconds"]
    return min(1.0, (moment.now - closed) / seconds)


def failed_rows(job: Any, dice: Random) -> list[tuple[str, ...]]:
    """Rows of `failedResults`: id, error, and the customer's own column."""
    count = job.get("numberRecordsFailed") if isinstance(job, dict) else None
    return [
        (
            "",
            dice.choice(ROW_FAILURES).format(id=salesforce_id("001", dice)),
            f"Customer {dice.randrange(10_000)}",
        )
        for _ in range(min(MOST_ROWS, count if isinstance(count, int) else 0))
    ]


def stamp(at: float) -> str:
    """A time the way Salesforce gives it: whole seconds, `.000`, and an offset without colon."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


_RECORDS: Final = {
    "V2Ingest": _ingest_record,
    "V2Query": _query_record,
    "Classic": _classic_record,
}
