"""The emulator's own endpoint."""

from typing import Any

import pytest
import requests

from jobledger.emulator import Clock, Running, World
from tests.emulator.running import DATA, NOW, Asker
from tests.emulator.test_zuora import object_job


class Control:
    def __init__(self, running: Running) -> None:
        self.url = f"{running.base_url}/_emulator"

    def __call__(self, method: str, path: str = "", said: Any = None) -> Any:
        response = requests.request(method, self.url + path, json=said, timeout=10)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
def control(emulator: Running) -> Control:
    return Control(emulator)


def test_it_tells_what_it_is(busy_emulator: Running) -> None:
    about = Control(busy_emulator)("GET")
    assert about["now"] == "2026-11-24T14:30:00+00:00"
    assert about["base_url"] == busy_emulator.base_url
    assert set(about["jobs"]) == {
        "data_backfill",
        "auto_backfill",
        "custom_object_bulk",
        "data_query",
        "ingest",
        "query",
    }
    assert requests.get(busy_emulator.base_url, timeout=10).json() == about


def test_clock(control: Control) -> None:
    assert control("GET", "/clock") == {"now": "2026-11-24T14:30:00+00:00"}
    moved = control("PUT", "/clock", {"advance_seconds": 3600})
    assert moved == {"now": "2026-11-24T15:30:00+00:00"}
    set_ = control("PUT", "/clock", {"now": "2026-12-01T00:00:00+02:00"})
    assert set_ == {"now": "2026-11-30T22:00:00+00:00"}


def test_jobs(emulator: Running, control: Control) -> None:
    record = object_job(1)
    put = control("POST", "/jobs/custom_object_bulk", {"record": record})
    assert put == {"id": record["Id"]}
    control("POST", "/jobs/custom_object_bulk", {"record": {**record, "status": "failed"}})
    assert control("GET", "/jobs/custom_object_bulk") == {"jobs": [{**record, "status": "failed"}]}
    assert control("DELETE", f"/jobs/custom_object_bulk/{record['Id']}") == {"purged": 1}
    assert control("DELETE", f"/jobs/custom_object_bulk/{record['Id']}") == {"purged": 0}
    for number in range(3):
        control("POST", "/jobs/custom_object_bulk", {"record": object_job(number)})
    assert control("DELETE", "/jobs/custom_object_bulk") == {"purged": 3}
    assert Asker(emulator).json("/objects/jobs") == {"count": 0, "jobs": []}


def test_a_job_whose_listing_says_something_else(emulator: Running, control: Control) -> None:
    said = {"record": {"id": "q1", "queryStatus": "completed"}, "listed": {"id": "q1"}}
    control("POST", "/jobs/data_query", said)
    asker = Asker(emulator)
    assert asker.json("/query/jobs") == {"data": [{"id": "q1"}]}
    assert asker.json("/query/jobs/q1") == {"data": said["record"]}


def test_records_that_nobody_should_send(emulator: Running) -> None:
    bad = ["text", None, 7, {"id": 2**70}, {"id": "\ud800"}, {"no": "id"}, ["x"]]
    for record in bad:
        for kind in ("data_query", "custom_object_bulk", "data_backfill", "ingest"):
            emulator.world.put(kind, record, listed=record)
    asker = Asker(emulator)
    shown = {
        "data_query": asker.json("/query/jobs")["data"],
        "custom_object_bulk": asker.json("/objects/jobs")["jobs"],
        "data_backfill": asker.json("/v1/uno/data-backfill/listjobs")["jobs"],
        "ingest": asker.json(f"{DATA}/jobs/ingest")["records"],
    }
    for kind, rows in shown.items():
        assert sorted(map(repr, rows)) == sorted(map(repr, bad)), kind


def test_a_life(emulator: Running, control: Control) -> None:
    life = {
        "id": "8ad0",
        "steps": [
            {"at": "2026-11-24T14:00:00+00:00", "state": "ACCEPTED"},
            {"at": "2026-11-24T14:20:00+00:00", "state": "PROCESSING"},
            {"at": "2026-11-24T14:40:00+00:00", "state": "COMPLETED"},
        ],
        "total": 4,
        "processed": 4,
        "facts": {"type": "BookingDate", "user": "a@b.example"},
    }
    assert control("POST", "/jobs/auto_backfill", {"life": life}) == {"id": "8ad0"}
    asker, told = Asker(emulator), []
    for _ in range(2):
        (job,) = asker.json("/v1/uno/data-backfill/propagation/jobs")["jobs"]
        told.append((job["status"], job["progress"], job["updatedOnReadable"]))
        control("PUT", "/clock", {"advance_seconds": 600})
    assert told == [
        ("PROCESSING", "50.00%", "2026-11-24T22:20:00+0800"),
        ("COMPLETED", "100.00%", "2026-11-24T22:40:00+0800"),
    ]


def test_faults(emulator: Running, control: Control) -> None:
    control("POST", "/faults", {"name": "status", "path": "/query/jobs", "status": 503})
    asker = Asker(emulator)
    assert asker.ask("/query/jobs").status_code == 503
    (ordered,) = control("GET", "/faults")["ordered"]
    assert (ordered["name"], ordered["struck"]) == ("status", 1)
    control("POST", "/faults", {"name": "html", "times": None})
    control("DELETE", "/faults")
    assert control("GET", "/faults")["ordered"] == []
    assert asker.ask("/query/jobs").status_code == 200


def test_request_log(emulator: Running, control: Control) -> None:
    asker = Asker(emulator)
    control("DELETE", "/requests")
    emulator.faults.order("drop", after=1)
    asker.ask("/objects/jobs?pageSize=3", {"Zuora-Org-Ids": "o1", "User-Agent": "t"})
    with pytest.raises(requests.ConnectionError):
        asker.ask("/query/jobs")
    log = control("GET", "/requests")
    assert log["count"] == 2
    first, second = log["requests"]
    assert first == {
        "method": "GET",
        "path": "/objects/jobs",
        "query": "pageSize=3",
        "status": 200,
        "headers": {
            "accept-encoding": first["headers"]["accept-encoding"],
            "user-agent": "t",
            "zuora-org-ids": "o1",
        },
    }
    assert (second["path"], second["status"]) == ("/query/jobs", 0)
    assert asker.zuora not in str(log)


def test_behaviour_and_tokens(emulator: Running, control: Control) -> None:
    said = control("PATCH", "/behaviour", {"salesforce_page_size": 7})
    assert said["salesforce_page_size"] == emulator.behaviour.salesforce_page_size == 7
    asker = Asker(emulator)
    control("DELETE", "/tokens")
    assert asker.ask("/objects/jobs").status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "said", "complaint"),
    [
        ("PUT", "/clock", {"now": "2026-12-01T00:00:00"}, "ValueError: 2026-12-01T00:00:00 says"),
        ("PUT", "/clock", {}, "KeyError: 'advance_seconds'"),
        ("POST", "/jobs/nope", {"record": {}}, "ValueError: no kind 'nope'; there are data_"),
        ("POST", "/faults", {"name": "nope"}, "ValueError: no fault 'nope'; there are status"),
        ("POST", "/faults", [], "ValueError: an object is expected"),
        ("PATCH", "/behaviour", {"nope": 1}, "ValueError: no setting 'nope'; there are zuora_"),
        (
            "PATCH",
            "/behaviour",
            {"salesforce_order": "best"},
            "ValueError: salesforce_order is one of shuffled, newest, oldest, not 'best'",
        ),
        (
            "PATCH",
            "/behaviour",
            {"salesforce_page_size": "7"},
            "ValueError: salesforce_page_size is of type int, not str",
        ),
    ],
)
def test_what_is_wrong_is_said(
    emulator: Running, method: str, path: str, said: Any, complaint: str
) -> None:
    url = f"{emulator.base_url}/_emulator{path}"
    response = requests.request(method, url, json=said, timeout=10)
    assert response.status_code == 400
    assert response.json()["error"].startswith(complaint)


def test_another_world_begins_anew(emulator: Running) -> None:
    emulator.world.put("custom_object_bulk", object_job(1))
    emulator.faults.order("html", times=None)
    emulator.renew(World(jobs=0, clock=Clock(NOW)))
    assert emulator.requests == []
    assert Asker(emulator).json("/objects/jobs") == {"count": 0, "jobs": []}
    assert [seen.path for seen in emulator.requests] == [
        "/oauth/token",
        "/services/oauth2/token",
        "/objects/jobs",
    ]
