"""Records that cannot be read: a bad field costs itself, a bad record costs itself, no more."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobledger.sources import providers
from jobledger.sources._provider.json_text import loads
from jobledger.sources._provider.model import JOBS
from jobledger.sources._provider.readings import Reading, Readings
from tests.sources.scripted import reader

KINDS = [(p.name, kind.name) for p in providers().values() for kind in p.kinds]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["2023-13-45T99:00:00Z", "1699517693000", "", "9" * 30, "\ud800", "100.00%"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def fields(provider: str, kind: str) -> list[str]:
    found = providers()[provider].kind(kind)
    places = {place for field in found.fields.values() for place, _ in field.places}
    return sorted({place.split(".")[0] for place in places})


def usual(provider: str, kind: str, job_id: str) -> dict[str, Any]:
    """A record in which every field says what it usually does."""
    found = providers()[provider].kind(kind)
    record: dict[str, Any] = {found.id_field: job_id}
    for name, field in found.fields.items():
        for place, _ in field.places:
            outer, _, last = place.rpartition(".")
            inside = record.setdefault(outer, {}) if outer else record
            if name == "provider_status":
                inside[last] = next(iter(found.words))
            elif name.endswith("_at"):
                inside[last] = "2018-12-05T10:56:43.000+0000"
            elif name.startswith("records_") or name in {"run_seconds", "progress"}:
                inside[last] = 7
            elif name.endswith("_bytes"):
                inside[last] = "798"
            else:
                inside[last] = "a word"
    return record


@pytest.mark.parametrize(("provider", "kind"), KINDS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_whatever_a_record_says_it_becomes_a_row_and_its_raw_the_same_row_again(
    provider: str, kind: str, data: st.DataObject
) -> None:
    found = providers()[provider].kind(kind)
    names = st.sampled_from([*fields(provider, kind), "numberBatchesTotal", "other"])
    record = data.draw(st.dictionaries(names, anything)) | {found.id_field: "x"}
    reading = reader(provider, kind)
    taken = reading.take(record)
    assert taken is not None
    (row,) = reading.jobs(Readings.of([taken])).to_pylist()
    assert list(row) == JOBS.names
    assert loads(row["raw"].encode()) == json.loads(row["raw"])
    for rejected in reading.rejected:
        assert rejected.job_id == "x"
        assert rejected.problem
        json.loads(rejected.raw)
    # what is kept of a record is enough to read it again, should the model change
    again = reader(provider, kind)
    kept = Reading("x", loads(row["raw"].encode()), row["raw"])
    (reread,) = again.jobs(Readings.of([kept])).to_pylist()
    if not taken.problems:
        assert reread == row


@pytest.mark.parametrize(("provider", "kind"), KINDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_page_with_odd_records_says_what_each_says_alone(
    provider: str, kind: str, data: st.DataObject
) -> None:
    page = [usual(provider, kind, f"id {at}") for at in range(data.draw(st.integers(1, 5)))]
    names = st.sampled_from([*page[0], "numberBatchesTotal", "other"])
    for at in data.draw(st.sets(st.sampled_from(range(len(page))))):
        page[at][data.draw(names)] = data.draw(anything)
    items: list[Any] = [*page, *data.draw(st.lists(anything, max_size=1))]
    together = reader(provider, kind)
    rows = together.jobs(together.take_page(items)).to_pylist()
    alone = [reader(provider, kind) for _ in items]
    taken = [each.take(item) for each, item in zip(alone, items, strict=True)]
    assert rows == [
        row
        for each, reading in zip(alone, taken, strict=True)
        if reading is not None
        for row in each.jobs(Readings.of([reading])).to_pylist()
    ]
    problems = sorted(map(repr, together.rejected))
    assert problems == sorted(repr(one) for each in alone for one in each.rejected)


@pytest.mark.parametrize("item", [None, 5, "text", [], [{"id": "a"}], {}, {"id": None}, {"id": ""}])
def test_what_is_no_job_is_reported_and_not_a_row(item: Any) -> None:
    reading = reader("zuora", "data_query")
    assert reading.take(item) is None
    (rejected,) = reading.rejected
    assert (rejected.job_id, json.loads(rejected.raw)) == (None, item)


def test_a_bad_field_is_null_and_reported_and_the_rest_of_the_job_is_kept() -> None:
    reading = reader("zuora", "data_query")
    record = {
        "id": "a",
        "queryStatus": "failed",
        "updatedOn": "yesterday",
        "outputRows": 2**64,
        "errorMessage": "half a \ud83d",
        "createdBy": {"name": "u"},
    }
    taken = reading.take(record)
    assert taken is not None
    (row,) = reading.jobs(Readings.of([taken])).to_pylist()
    assert {
        name: row[name] for name in ("job_id", "status", "updated_at", "records_processed")
    } == {
        "job_id": "a",
        "status": "failed",
        "updated_at": None,
        "records_processed": None,
    }
    assert (row["error_message"], row["created_by"]) == (None, None)
    assert sorted((each.field, each.problem) for each in reading.rejected) == [
        ("createdBy", "expected text, got an object"),
        ("errorMessage", "text with half a character (a lone surrogate)"),
        ("outputRows", "a number beyond 64 bits"),
        ("updatedOn", "not a date and time"),
    ]


def test_a_name_with_half_a_character_can_be_written_down() -> None:
    reading = reader("zuora", "data_query")
    assert reading.take({"id": "a", "\ud83d": {"\ud83d": "\ud83d"}}) is not None
    fields = [each.field for each in reading.rejected]
    assert pa.array(fields, pa.string()).to_pylist() == ["", "\ufffd", "\ufffd.\ufffd"]


def test_a_text_of_a_million_characters_is_kept_whole() -> None:
    reading = reader("zuora", "data_query")
    long = "select " + "x" * 1_000_000
    taken = reading.take({"id": "a", "query": long, "errorMessage": long})
    assert taken is not None
    (row,) = reading.jobs(Readings.of([taken])).to_pylist()
    assert (row["error_message"], json.loads(row["raw"])["query"]) == (long, long)
    assert reading.rejected == []


def test_query_strings_and_users_are_kept_out_where_that_is_asked_for() -> None:
    record = {
        "id": "a",
        "query": "select secret",
        "createdBy": "ann@example.com",
        "createdByUserEmail": "ann@example.com",
        "dataFile": "https://bucket.s3.amazonaws.com/a_1.jsonl?X-Amz-Signature=s3cr3t",
        "errorMessage": "ann@example.com: see https://x.example/a?token=s3cr3t now",
    }
    reading = reader("zuora", "data_query", redact_users=True, keep_query_text=False)
    taken = reading.take(record)
    assert taken is not None
    (row,) = reading.jobs(Readings.of([taken])).to_pylist()
    raw = json.loads(row["raw"])
    assert raw["dataFile"] == "https://bucket.s3.amazonaws.com/a_1.jsonl"
    assert "query" not in raw
    assert row["created_by"] == raw["createdBy"] == raw["createdByUserEmail"]
    assert row["created_by"].startswith("user:")
    assert row["error_message"] == f"{row['created_by']}: see https://x.example/a now"


def test_a_user_is_hashed_however_it_is_written() -> None:
    record = {
        "id": "a",
        "createdBy": "ann.smith@example.com",
        "dataFile": "https://x.example/ann.smith%40example.com/a.csv",
        "errorMessage": "ANN.Smith@example.com and O'Neil",
        "createdByUserEmail": "O'Neil",
        "note": "<b>O&#x27;Neil</b>",
    }
    reading = reader("zuora", "data_query", redact_users=True)
    taken = reading.take(record)
    assert taken is not None
    raw = json.loads(taken.raw)
    ann, neil = raw["createdBy"], raw["createdByUserEmail"]
    assert ann.startswith("user:")
    assert raw == {
        "id": "a",
        "createdBy": ann,
        "createdByUserEmail": neil,
        "dataFile": f"https://x.example/{ann}/a.csv",
        "errorMessage": f"{ann} and {neil}",
        "note": f"<b>{neil}</b>",
    }
    assert reading.take([record]) is None
    assert "smith" not in reading.rejected[0].raw.lower()


def test_a_user_who_is_called_as_a_status_changes_no_status() -> None:
    record = {"id": "Plan1", "type": "RatePlanCharge", "status": "COMPLETED", "failedCount": 0}
    names = {"createdByUsername": "COMPLETED", "updatedByUsername": "Plan"}
    reading = reader("zuora", "auto_backfill", redact_users=True)
    taken = reading.take({**record, **names, "note": "by Plan"})
    assert taken is not None
    (row,) = reading.jobs(Readings.of([taken])).to_pylist()
    told = [row[name] for name in ("job_id", "object", "provider_status", "status")]
    assert told == ["Plan1", "RatePlanCharge", "COMPLETED", "succeeded"]
    raw = json.loads(row["raw"])
    assert raw["note"] == f"by {raw['updatedByUsername']}"
    assert "Plan" not in raw["updatedByUsername"]


def test_a_count_below_zero_is_no_failed_record() -> None:
    reading = reader("salesforce", "ingest")
    taken = reading.take({"id": "a", "state": "JobComplete", "numberRecordsFailed": -1})
    assert taken is not None
    (row,) = reading.jobs(Readings.of([taken])).to_pylist()
    assert (row["status"], row["records_failed"]) == ("succeeded", -1)


def test_an_error_that_quotes_the_query_keeps_none_of_it() -> None:
    query = "select Name from account\nwhere Balance > 5"
    reading = reader("zuora", "data_query", keep_query_text=False)
    taken = reading.take(
        {"id": "a", "query": f"{query} ", "errorMessage": f"line 1:8 of [{query}] is wrong"}
    )
    assert taken is not None
    (row,) = reading.jobs(Readings.of([taken])).to_pylist()
    assert row["error_message"] == "line 1:8 of [[redacted]] is wrong"
    assert "Balance" not in row["raw"]
    # what is no query by itself stays
    taken = reading.take({"id": "select", "query": "select", "errorMessage": "select what?"})
    assert taken is not None
    assert json.loads(taken.raw) == {"errorMessage": "select what?", "id": "select"}


def test_a_record_without_an_id_is_reported_without_its_query() -> None:
    reading = reader("zuora", "data_query", keep_query_text=False)
    assert reading.take({"query": "select secret", "queryStatus": "failed"}) is None
    assert [json.loads(each.raw) for each in reading.rejected] == [{"queryStatus": "failed"}]


def test_a_new_signature_on_a_presigned_url_changes_no_hash() -> None:
    reading = reader("zuora", "data_query")
    hashes = set()
    for signature in ("one", "two"):
        taken = reading.take({"id": "a", "dataFile": f"https://b.s3/a?X-Amz-Signature={signature}"})
        assert taken is not None
        hashes.add(reading.row_hash(taken))
    assert len(hashes) == 1


def test_what_two_columns_are_read_from_is_told_once() -> None:
    reading = reader("zuora", "data_backfill")
    taken = reading.take({"id": "a", "status": "Completed", "completedOn": "z", "uploadedOn": "x"})
    assert taken is not None
    reading.jobs(Readings.of([taken]))
    assert sorted((each.field, each.problem) for each in reading.rejected) == [
        ("completedOn", "not a date and time"),
        ("uploadedOn", "not a date and time"),
    ]


@pytest.mark.parametrize("error", ["text", [{"code": 1}], 5])
def test_an_error_that_is_no_object_is_told(error: object) -> None:
    reading = reader("zuora", "custom_object_bulk")
    taken = reading.take({"Id": "a", "status": "failed", "error": error})
    assert taken is not None
    (row,) = reading.jobs(Readings.of([taken])).to_pylist()
    assert (row["status"], row["error_code"], row["error_message"]) == ("failed", None, None)
    assert [(each.field, each.problem) for each in reading.rejected] == [
        ("error", "expected an object")
    ]
