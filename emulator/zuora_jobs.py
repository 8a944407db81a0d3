"""Zuora's four kinds of jobs: how their lives are made, and what their records say at a moment.

The fields are those of the API reference, each with the form that its samples have: a data backfill
gives its times as texts of milliseconds, an auto backfill as numbers, the others in ISO 8601.
"""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, Final
from uuid import UUID

from .behaviour import Behaviour
from .lives import Fate, Life, Moment, Step
from .story import Beginning

Record = dict[str, Any]

TENANT_ZONE: Final = timezone(timedelta(hours=8))
"""The zone of the documented sample's readable times."""
USERS: Final = ("billing.ops@emulator.example", "revenue@emulator.example", "etl@emulator.example")
USER_IDS: Final = tuple(str(UUID(int=0x2C92_C0F9 << 96 | n)) for n in (1, 2, 3))

BACKFILLED: Final = (
    "RatePlanCharge",
    "RatePlanCharge",
    "InvoiceDetail",
    "InvoiceItemAdjustment",
    "MemoDetail",
    "ProductRatePlanCharge",
)
BACKFILL_FAILURES: Final = (
    "The uploaded file is missing the required column: chargeSegmentId",
    "Unable to parse file {file}: row 1 has 7 columns, 9 expected",
    "The job was terminated because the data backfill service was restarted",
)
CUSTOM_OBJECTS: Final = ("vehicle", "passenger", "meter_reading", "device", "entitlement")
BULK_FAILURES: Final = (
    (71012560, "Service limit reached, please retry later."),
    (71013620, "The file has 12 columns but the header of object {object} has 11."),
    (71013660, "Internal error, please contact support with request id {uuid}."),
)
ROW_FAILURES: Final = (
    (71012520, 'input string "{number}" is not a valid UUID'),
    (71012522, "required property 'vin__c' is missing"),
    (71012530, "Record with unique value '{number}' already exists"),
)
QUERIES: Final = (
    "select accountnumber, balance from account where updateddate > timestamp '{day} 00:00:00'",
    "select i.invoicenumber, i.amount, a.name from invoice i join account a on i.accountid = a.id",
    "select s.name, r.mrr from subscription s join rateplancharge r on r.subscriptionid = s.id",
    "select * from usage where startdatetime >= date '{day}'",
    "select paymentnumber, amount, gatewayresponse from payment where createddate >= date '{day}'",
)
QUERY_FAILURES: Final = (
    "Query exceeded the maximum time limit of 3600.00s",
    "Column 'updateddate' cannot be resolved",
    "Table owl.data.usage_{number} does not exist",
    "failed to process object",
)


def of(kind: str, beginning: Beginning) -> Life:
    """The life of a Zuora job."""
    return _MAKERS[kind](beginning)


def record(moment: Moment, behaviour: Behaviour) -> Record:
    """What Zuora says of the job."""
    return _RECORDS[moment.life.kind](moment, behaviour)


def hex_id(dice: Random) -> str:
    """An id of Zuora's own objects: 32 hexadecimal digits."""
    return f"8ad0{dice.getrandbits(112):028x}"


def uuid(dice: Random) -> str:
    """A random UUID."""
    return str(UUID(int=dice.getrandbits(128), version=4))


def _data_backfill(beginning: Beginning) -> Life:
    at, fate, dice = beginning.at, beginning.fate, beginning.dice
    name, total = f"backfill_{dice.randrange(10_000):04d}.csv", _size(dice, 1_500)
    starts = at + dice.uniform(1, 90)
    ends = starts + 4 + total / dice.uniform(60, 200)
    steps = [Step(at, "Pending"), Step(starts, "Processing")]
    processed, failed, message = total, 0, None
    match fate:
        case Fate.FAILED:
            message = dice.choice(BACKFILL_FAILURES).format(file=name)
            steps.append(Step(starts + dice.uniform(2, 60), "Failed"))
            processed = 0
        case Fate.CANCELLED if dice.random() < 0.5:  # noqa: PLR2004 - even odds
            steps[1:] = [Step(at + dice.uniform(1, 50), "Canceled")]
            processed = 0
        case Fate.CANCELLED:
            stops = starts + (ends - starts) * dice.random()
            steps += [Step(stops, "Stopping"), Step(stops + dice.uniform(1, 20), "Stopped")]
            processed = int(total * (stops - starts) / (ends - starts))
        case _:
            steps.append(Step(ends, "Completed"))
            failed = max(1, int(total * dice.uniform(0, 0.2))) if fate is Fate.PARTIAL else 0
    facts = {
        "type": dice.choice(BACKFILLED),
        "file": (hex_id(dice), name),
        "result": hex_id(dice),
        "user": dice.choice(USERS),
        "bytes": 120 + total * dice.randint(60, 110),
    }
    return Life(
        "data_backfill", hex_id(dice), tuple(steps), total, processed, failed, message, None, facts
    )


def _auto_backfill(beginning: Beginning) -> Life:
    at, fate, dice = beginning.at, beginning.fate, beginning.dice
    batches = dice.randint(1, 24)
    starts = at + dice.uniform(1, 30)
    ends = starts + batches * dice.uniform(2, 25)
    share = dice.uniform(0.05, 0.9)
    steps = [Step(at, "ACCEPTED"), Step(starts, "PROCESSING")]
    processed, failed = batches, 0
    match fate:
        case Fate.FAILED | Fate.CANCELLED:
            word = "FAILED" if fate is Fate.FAILED else "STOPPED"
            steps.append(Step(starts + (ends - starts) * share, word))
            processed = int(batches * share)
            failed = _size(dice, 40) if fate is Fate.FAILED else 0
        case _:
            steps.append(Step(ends, "COMPLETED"))
            failed = _size(dice, 12) if fate is Fate.PARTIAL else 0
    facts = {
        "type": dice.choice(("BookingDate", "RatePlanCharge", "RatePlanCharge", "OrderLineItem")),
        "user": dice.choice(USERS),
    }
    return Life(
        "auto_backfill", hex_id(dice), tuple(steps), batches, processed, failed, facts=facts
    )


def _custom_object_bulk(beginning: Beginning) -> Life:
    at, fate, dice = beginning.at, beginning.fate, beginning.dice
    operation = dice.choice(("create", "create", "update", "update", "delete"))
    if fate is Fate.ABANDONED:
        operation = "create"
    total = _size(dice, 4_000)
    object_ = dice.choice(CUSTOM_OBJECTS)
    is_delete = operation == "delete"
    steps = [Step(at, "accepted" if is_delete else "pending")]
    starts = at + (dice.uniform(1, 20) if is_delete else dice.uniform(5, 400))
    ends = starts + 0.05 + total / dice.uniform(300, 900)
    processed, code, message = total, None, None
    match fate:
        case Fate.ABANDONED:
            processed = 0
        case Fate.STUCK:
            steps.append(Step(starts, "in_progress"))
        case Fate.CANCELLED:
            # whoever forgot the file notices a day or two later
            steps.append(Step(at + dice.choice((600, 3_600, 86_400 * 1.6)), "cancelled"))
            processed = 0
        case Fate.FAILED:
            code, message = dice.choice(BULK_FAILURES)
            message = message.format(object=object_, uuid=uuid(dice))
            steps += [Step(starts, "in_progress"), Step(ends, "failed")]
            processed = dice.choice((0, total // 8))
        case _:
            steps += [Step(starts, "in_progress"), Step(ends, "completed")]
    facts = {"object": object_, "operation": operation, "user": dice.choice(USER_IDS)}
    return Life(
        "custom_object_bulk",
        uuid(dice),
        tuple(steps),
        total,
        processed,
        0,
        message,
        code,
        facts,
    )


def _data_query(beginning: Beginning) -> Life:
    at, fate, dice = beginning.at, beginning.fate, beginning.dice
    rows = _size(dice, 9_000)
    starts = at + dice.uniform(0.2, 40)
    ends = starts + 0.3 + rows / dice.uniform(150, 2_500)
    steps = [Step(at, "accepted"), Step(starts, "in_progress")]
    message, retries = None, 3
    match fate:
        case Fate.FAILED:
            message = dice.choice(QUERY_FAILURES).format(number=dice.randrange(1_000))
            is_slow = "time limit" in message
            steps.append(Step(starts + (4 * 3_600 if is_slow else dice.uniform(1, 30)), "failed"))
            retries = 0 if is_slow else 3
        case Fate.CANCELLED:
            steps.append(Step(starts + (ends - starts) * dice.random(), "cancelled"))
        case _:
            steps.append(Step(ends, "completed"))
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    who = dice.randrange(len(USERS))
    facts = {
        "query": dice.choice(QUERIES).format(day=day),
        "retries": retries,
        "source": dice.choice(("LIVE", "LIVE", "WAREHOUSE")),
        "user": USER_IDS[who],
        "email": USERS[who],
        "signature": f"{dice.getrandbits(160):040x}",
    }
    return Life("data_query", uuid(dice), tuple(steps), rows, rows, 0, message, None, facts)


def _size(dice: Random, typical: float) -> int:
    """A number of records: mostly near what is typical, now and then many times as many."""
    return max(1, int(dice.lognormvariate(0, 1.1) * typical))


def _data_backfill_record(moment: Moment, behaviour: Behaviour) -> Record:
    life, facts = moment.life, moment.life.facts
    file_id, name = facts["file"]
    started = moment.when("Processing")
    is_over = moment.state in {"Completed", "Failed", "Canceled", "Stopped"}
    has_output = moment.state in {"Completed", "Stopped"}
    has_counts = started is not None and moment.state != "Failed"
    output = 60 + moment.processed * 41
    said = {
        "id": life.id,
        behaviour.backfill_type_key: facts["type"],
        "uploadedFileId": file_id,
        "uploadedFileName": name,
        "uploadedFileSize": f"{facts['bytes']}Byte",
        "uploadedFileUrl": f"http://localhost:8080/apps/v1/files/{file_id}",
        "uploadedBy": facts["user"],
        "uploadedOn": _milliseconds_text(life.created_at),
        "startedProcessingOn": None if started is None else _milliseconds_text(started),
        "completedOn": _milliseconds_text(moment.since) if is_over else None,
        "resultFileId": facts["result"] if has_output else None,
        "resultFileName": f"{name}_result.zip" if has_output else None,
        "resultFileUrl": (
            f"http://localhost:8080/apps/v1/files/{facts['result']}" if has_output else None
        ),
        "totalCount": life.total if has_counts else None,
        "failedCount": moment.failed if has_counts else None,
        "processedCount": moment.processed if has_counts else None,
        "successCount": moment.processed - moment.failed if has_counts else None,
        "status": moment.state,
        "failureMessage": (life.message or "") if is_over else "",
        "outputSize": f"{output}Byte" if has_output else None,
        "outputType": "(url:.csv.zip)" if has_output else None,
        "inputFileSize": facts["bytes"],
        "outputFileSize": output if has_output else None,
        "remainingTime": 1 if is_over else 60,
        "remainingTimeText": "" if is_over else "About a minute",
        "completedPercentage": int(100 * moment.processed / life.total) if has_counts else 0,
    }
    if behaviour.empty_backfill_fields == "null":
        return said
    return {name: value for name, value in said.items() if value is not None}


def _auto_backfill_record(moment: Moment, behaviour: Behaviour) -> Record:  # noqa: ARG001
    life, facts = moment.life, moment.life.facts
    finished = moment.processed
    return {
        "id": life.id,
        "createdOn": _milliseconds(life.created_at),
        "createdOnReadable": _readable(life.created_at),
        "updatedOn": _milliseconds(moment.since),
        "updatedOnReadable": _readable(moment.since),
        "updatedByUsername": facts["user"],
        "status": moment.state,
        "type": facts["type"],
        "batchSentCount": 0 if moment.state == "ACCEPTED" else life.total,
        "batchFinishedCount": finished,
        "errorCount": moment.failed,
        "progress": f"{100 * finished / life.total:.2f}%",
    }


def _custom_object_bulk_record(moment: Moment, behaviour: Behaviour) -> Record:  # noqa: ARG001
    life, facts = moment.life, moment.life.facts
    started = moment.when("in_progress")
    is_over = moment.state in {"completed", "failed"}
    said: Record = {
        "Id": life.id,
        "CreatedById": facts["user"],
        "CreatedDate": zulu(life.created_at),
        "UpdatedById": facts["user"],
        "UpdatedDate": zulu(moment.since),
    }
    if life.code is not None and moment.state == "failed":
        said["error"] = {"code": life.code, "message": life.message}
    return {
        **said,
        "namespace": "default",
        "object": facts["object"],
        "operation": facts["operation"],
        "processingTime": (
            round(1000 * (moment.since - started)) if is_over and started is not None else 0
        ),
        # documented samples of jobs that are not over say 0, those in progress too
        "recordsProcessed": moment.processed if is_over else 0,
        "status": moment.state,
    }


def _data_query_record(moment: Moment, behaviour: Behaviour) -> Record:
    life, facts = moment.life, moment.life.facts
    said: Record = {
        "id": life.id,
        "query": facts["query"],
        "useIndexJoin": False,
        "sourceData": facts["source"],
        "queryStatus": moment.state,
        "remainingRetries": facts["retries"] if moment.is_last else 3,
        "retries": 3,
        "updatedOn": zulu(moment.since),
        "createdBy": facts["user"],
    }
    if behaviour.query_says_created:
        said["createdOn"] = zulu(life.created_at)
        said["createdByUserEmail"] = facts["email"]
    if moment.state == "completed":
        said["dataFile"] = (
            "https://owl-emulator-query-result.s3.us-west-2.amazonaws.com/"
            f"{life.id}_{_milliseconds(moment.since)}.jsonl"
            f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=7200&X-Amz-Signature={facts['signature']}"
        )
        said["outputRows"] = life.processed
        said["processingTime"] = round(1000 * (moment.since - life.created_at))
    if moment.state == "failed":
        said["errorMessage"] = life.message
    return said


def row_errors(job: Any, dice: Random) -> list[Record]:
    """What `/objects/jobs/{id}/errors` says of a job; `record` is the customer's own row."""
    if not isinstance(job, dict) or job.get("status") != "failed":
        return []
    found = []
    for row in sorted(dice.sample(range(2, 400), dice.randint(2, 9))):
        code, message = dice.choice(ROW_FAILURES)
        number = dice.randrange(100_000, 999_999)
        vehicle = {"vin__c": f"EMU{number}", "owner__c": f"Owner {number % 97}"}
        found.append(
            {
                "code": code,
                "message": message.format(number=number),
                "record": {**vehicle, "object__c": job.get("object")},
                "row": row,
            }
        )
    return found


def zulu(at: float) -> str:
    """ISO 8601 in UTC with as many digits of a fraction as there are, up to milliseconds."""
    told = datetime.fromtimestamp(round(at, 3), UTC).replace(tzinfo=None)
    return told.isoformat(timespec="milliseconds").rstrip("0").rstrip(".") + "Z"


def _milliseconds(at: float) -> int:
    return round(1000 * at)


def _milliseconds_text(at: float) -> str:
    return str(_milliseconds(at))


def _readable(at: float) -> str:
    return datetime.fromtimestamp(at, TENANT_ZONE).strftime("%Y-%m-%dT%H:%M:%S%z")


_MAKERS: Final = {
    "data_backfill": _data_backfill,
    "auto_backfill": _auto_backfill,
    "custom_object_bulk": _custom_object_bulk,
    "data_query": _data_query,
}
_RECORDS: Final = {
    "data_backfill": _data_backfill_record,
    "auto_backfill": _auto_backfill_record,
    "custom_object_bulk": _custom_object_bulk_record,
    "data_query": _data_query_record,
}
