"""Zuora's API as its documents have it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from jobledger.emulator import Running
from jobledger.emulator.tokens import ZUORA_CLIENT_ID
from tests.emulator.running import Asker, zuora_token

MADE = json.loads((Path(__file__).parents[1] / "recordings" / "zuora_made.json").read_text())
BACKFILLS = "/v1/uno/data-backfill"


def object_job(number: int, status: str = "completed") -> dict[str, object]:
    return {
        "Id": f"00000000-0000-4000-8000-{number:012d}",
        "CreatedById": "u",
        "CreatedDate": f"2026-11-{1 + number // 24:02d}T{number % 24:02d}:00:00Z",
        "UpdatedById": "u",
        "UpdatedDate": f"2026-11-{1 + number // 24:02d}T{number % 24:02d}:00:01Z",
        "namespace": "default",
        "object": "vehicle",
        "operation": "create",
        "processingTime": 62,
        "recordsProcessed": number,
        "status": status,
    }


def test_token(emulator: Running) -> None:
    body = zuora_token(emulator).json()
    assert (body["token_type"], body["expires_in"], len(body["access_token"])) == (
        "bearer",
        3599,
        32,
    )
    wrong = zuora_token(emulator, client_secret="wrong")
    assert (wrong.status_code, wrong.json()) == (401, {"message": "Authentication error"})
    assert len(ZUORA_CLIENT_ID) == 36


def test_token_expires_by_the_emulators_clock(emulator: Running) -> None:
    emulator.behaviour.zuora_token_seconds = 60
    asker = Asker(emulator)
    emulator.clock.advance(59)
    assert asker.ask("/objects/jobs").status_code == 200
    emulator.clock.advance(1)
    refused = {
        path: (asker.ask(path).status_code, asker.ask(path).json())
        for path in (f"{BACKFILLS}/listjobs", "/objects/jobs", "/query/jobs")
    }
    v1 = {"success": False, "reasons": [{"message": "Unauthorized", "code": "90000011"}]}
    other = {"message": "Failed to get user info"}
    assert refused == {
        f"{BACKFILLS}/listjobs": (401, v1),
        "/objects/jobs": (401, other),
        "/query/jobs": (401, other),
    }


@pytest.mark.parametrize(
    ("kind", "listing", "one"),
    [
        ("data_backfill", f"{BACKFILLS}/listjobs", f"{BACKFILLS}/jobs/"),
        ("auto_backfill", f"{BACKFILLS}/propagation/jobs", f"{BACKFILLS}/propagation/jobs/"),
        ("custom_object_bulk", "/objects/jobs", "/objects/jobs/"),
        ("data_query", "/query/jobs", "/query/jobs/"),
    ],
)
def test_what_is_put_is_served_to_the_letter(
    emulator: Running, kind: str, listing: str, one: str
) -> None:
    body = MADE[kind]
    (record,) = body.get("jobs") or body["data"]
    job_id = emulator.world.put(kind, record)
    asker = Asker(emulator)
    # the very text, so that the order of keys and the form of numbers are told too
    assert asker.ask(listing).text == json.dumps(body, separators=(",", ":"))
    wrapped = {
        "data_backfill": {"success": True, "job": record},
        "auto_backfill": {"success": True, "job": record},
        "custom_object_bulk": record,
        "data_query": {"data": record},
    }[kind]
    assert asker.ask(one + job_id).text == json.dumps(wrapped, separators=(",", ":"))


@pytest.mark.parametrize("has_cursor", [True, False])
@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
@pytest.mark.parametrize("size", [1, 10, 33, 100])
def test_object_jobs_by_cursor(emulator: Running, size: int, order: str, has_cursor: bool) -> None:
    emulator.behaviour.change({"objects_order": order, "cursor_on_last_page": has_cursor})
    jobs = [object_job(number) for number in range(33)]
    for job in jobs:
        emulator.world.put("custom_object_bulk", job)
    asker, seen, cursor, pages = Asker(emulator), [], None, 0
    while True:
        after = f"&cursor={cursor}" if cursor else ""
        page = asker.json(f"/objects/jobs?pageSize={size}{after}")
        pages += 1
        seen += page["jobs"]
        assert page["count"] == len(page["jobs"])
        if "cursor" not in page:
            break
        assert page["cursor"] == page["jobs"][-1]["Id"]
        cursor = page["cursor"]
    assert sorted(seen, key=lambda job: str(job["Id"])) == jobs
    if order == "newest":
        assert seen == jobs[::-1]
    assert pages == -(-33 // size) + has_cursor


def test_object_jobs_that_appear_meanwhile_do_not_shift_later_pages(emulator: Running) -> None:
    for number in range(6):
        emulator.world.put("custom_object_bulk", object_job(number))
    asker = Asker(emulator)
    first = asker.json("/objects/jobs?pageSize=3")
    emulator.world.put("custom_object_bulk", object_job(7))
    second = asker.json(f"/objects/jobs?pageSize=3&cursor={first['cursor']}")
    numbers = [job["recordsProcessed"] for job in first["jobs"] + second["jobs"]]
    assert numbers == [5, 4, 3, 2, 1, 0]


def test_object_jobs_by_status_and_default_size(emulator: Running) -> None:
    for number in range(30):
        status = "failed" if number % 3 == 0 else "completed"
        emulator.world.put("custom_object_bulk", object_job(number, status))
    asker = Asker(emulator)
    assert asker.json("/objects/jobs")["count"] == 25
    failed = asker.json("/objects/jobs?status=failed")
    assert [job["recordsProcessed"] for job in failed["jobs"]] == list(range(27, -1, -3))
    for wrong in ("pageSize=101", "pageSize=0", "pageSize=x", "cursor=nope", "status=done"):
        response = asker.ask(f"/objects/jobs?{wrong}")
        assert (response.status_code, response.json()) == (
            400,
            {"code": 71013020, "message": "Bad Request"},
        )


def test_queries_are_a_window_of_the_newest(busy_emulator: Running) -> None:
    asker = Asker(busy_emulator)
    whole = asker.json("/query/jobs?pageSize=1000")["data"]
    assert len(whole) > 100
    assert whole == busy_emulator.world.records("data_query")[::-1]
    assert asker.json("/query/jobs")["data"] == whole[:20]
    assert (
        asker.json("/query/jobs?pageSize=7&queryStatus=failed")["data"]
        == [job for job in whole if job["queryStatus"] == "failed"][:7]
    )
    assert asker.ask("/query/jobs?pageSize=1001").status_code == 400
    busy_emulator.behaviour.query_page_max = 100
    assert asker.ask("/query/jobs?pageSize=101").status_code == 400
    # `submitted` is a status, but none to ask by
    assert asker.ask("/query/jobs?queryStatus=submitted").status_code == 400


def test_fields_come_with_the_states(busy_emulator: Running) -> None:
    with_result = {"dataFile", "outputRows", "processingTime"}
    for job in busy_emulator.world.records("data_query"):
        assert (with_result <= set(job)) is (job["queryStatus"] == "completed")
        assert ("errorMessage" in job) is (job["queryStatus"] == "failed")
    for job in busy_emulator.world.records("custom_object_bulk"):
        assert ("error" in job) is (job["status"] == "failed")
    for job in busy_emulator.world.records("data_backfill"):
        assert ("resultFileId" in job) is (job["status"] in {"Completed", "Stopped"})
        if "totalCount" in job:
            assert job["processedCount"] == job["successCount"] + job["failedCount"]
            assert job["status"] != "Completed" or job["processedCount"] == job["totalCount"]


def test_what_documents_leave_open_can_be_set(busy_emulator: Running) -> None:
    busy_emulator.behaviour.change(
        {
            "empty_backfill_fields": "null",
            "backfill_type_key": "importType",
            "query_says_created": False,
        }
    )
    asker = Asker(busy_emulator)
    jobs = asker.json(f"{BACKFILLS}/listjobs")["jobs"]
    assert {len(job) for job in jobs} == {26}
    assert all("importType" in job and "type" not in job for job in jobs)
    (query,) = asker.json("/query/jobs?pageSize=1")["data"]
    assert "createdOn" not in query


def test_errors_of_each_family(emulator: Running) -> None:
    asker = Asker(emulator)
    v1 = asker.ask(f"{BACKFILLS}/jobs/nope")
    assert v1.status_code == 200
    assert {name: v1.json()[name] for name in ("success", "reasons")} == {
        "success": False,
        "reasons": [{"code": "50000040", "message": "The job does not exist"}],
    }
    objects = asker.ask("/objects/jobs/nope")
    assert (objects.status_code, objects.json()) == (
        404,
        {"code": 71013040, "message": "Job not found for id 'nope'."},
    )
    query = asker.ask("/query/jobs/nope")
    assert (query.status_code, query.json()) == (
        404,
        {"code": 1001, "message": "No such query: nope"},
    )
    posted = requests.post(f"{emulator.base_url}/query/jobs", timeout=10)
    assert (posted.status_code, posted.json()["code"]) == (405, 405)


def test_failed_records_of_a_job(emulator: Running) -> None:
    asker = Asker(emulator)
    job = object_job(1, "failed")
    emulator.world.put("custom_object_bulk", job)
    made = asker.json(f"/objects/jobs/{job['Id']}/errors")["errors"]
    assert made == asker.json(f"/objects/jobs/{job['Id']}/errors")["errors"]
    assert [set(error) for error in made] == [{"code", "message", "record", "row"}] * len(made)
    said = [{"code": 71012520, "message": "x", "record": {"vin__c": "A"}, "row": 12}]
    emulator.world.put("custom_object_bulk", job, errors=said)
    assert asker.json(f"/objects/jobs/{job['Id']}/errors") == {"errors": said}
    emulator.world.put("custom_object_bulk", object_job(2))
    other = object_job(2)["Id"]
    assert asker.json(f"/objects/jobs/{other}/errors") == {"errors": []}
    assert asker.ask("/objects/jobs/nope/errors").status_code == 404


def test_headers(emulator: Running) -> None:
    asker = Asker(emulator)
    v1 = asker.ask(f"{BACKFILLS}/listjobs", {"Zuora-Track-Id": "mine"}).headers
    told = {name: said for name, said in v1.items() if "limit" in name.lower()}
    assert told == {
        "ratelimit-limit": "2250000, 50000;w=60, 2250000;w=3600, 27000000;w=86400",
        "ratelimit-remaining": "2249998",
        "ratelimit-reset": "3600",
        "concurrency-limit-type": "Default",
        "concurrency-limit-limit": "40",
        "concurrency-limit-remaining": "39",
    }
    assert (v1["Zuora-Track-Id"], len(v1["Zuora-Request-Id"])) == ("mine", 36)
    assert v1["Date"] == "Tue, 24 Nov 2026 14:30:00 GMT"
    emulator.clock.advance(timedelta(minutes=20))
    asker = Asker(emulator)
    objects = asker.ask("/objects/jobs").headers
    assert "Zuora-Track-Id" not in objects
    assert not [name for name in objects if name.lower().startswith("concurrency")]
    assert objects["RateLimit-Reset"] == "2400"


def test_gzip_of_what_is_long_for_whoever_asks(emulator: Running) -> None:
    asker = Asker(emulator)
    short = asker.ask("/objects/jobs", {"Accept-Encoding": "gzip"}).headers
    for number in range(9):
        emulator.world.put("custom_object_bulk", object_job(number))
    long = asker.ask("/objects/jobs", {"Accept-Encoding": "gzip"})
    plain = asker.ask("/objects/jobs", {"Accept-Encoding": "identity"})
    encodings = [said.get("Content-Encoding") for said in (short, long.headers, plain.headers)]
    assert encodings == [None, "gzip", None]
    assert long.json() == plain.json()
