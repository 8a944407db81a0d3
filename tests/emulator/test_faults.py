"""Every fault that can be ordered, as a client meets it."""

import gzip
import json
import time
import zlib
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
import requests

from jobledger.emulator import Running
from jobledger.emulator.faults import MEANINGS, Fault, Name
from tests.emulator.running import DATA, Asker
from tests.emulator.test_salesforce import job
from tests.emulator.test_zuora import object_job

LISTJOBS = "/v1/uno/data-backfill/listjobs"
LISTINGS = (
    LISTJOBS,
    "/v1/uno/data-backfill/propagation/jobs",
    "/objects/jobs",
    "/query/jobs",
    f"{DATA}/jobs/ingest",
    f"{DATA}/jobs/query",
)


@pytest.fixture
def asker(emulator: Running) -> Asker:
    for number in range(5):
        emulator.world.put("custom_object_bulk", object_job(number))
        emulator.world.put("ingest", job(number))
    return Asker(emulator)


def test_each_fault_is_explained() -> None:
    assert set(MEANINGS) == set(get_args(Name))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 420, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("path", LISTINGS)
def test_status_then_well_again(asker: Asker, path: str, status: int) -> None:
    asker.running.faults.order("status", path, status=status, times=2)
    assert [asker.ask(path).status_code for _ in range(3)] == [status, status, 200]
    assert isinstance(asker.ask("/nowhere").json(), dict)


def test_bodies_are_of_the_family(asker: Asker) -> None:
    asker.running.faults.order("status", status=500, times=None)
    said = {path: asker.ask(path).json() for path in (LISTJOBS, "/objects/jobs", LISTINGS[4])}
    assert said == {
        LISTJOBS: {"reasons": [{"code": "SystemError", "message": "internal server error"}]},
        "/objects/jobs": {"code": 71013060, "message": "Internal error"},
        LISTINGS[4]: [
            {"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred."}
        ],
    }


def test_it_waits_for_its_path_and_its_turn(asker: Asker) -> None:
    faults = asker.running.faults
    faults.order("status", "/objects/jobs?*cursor=*", status=503, after=1)
    cursor = asker.json("/objects/jobs?pageSize=1")["cursor"]
    path = f"/objects/jobs?pageSize=1&cursor={cursor}"
    assert [asker.ask(path).status_code for _ in range(3)] == [200, 503, 200]
    assert faults.told()[0]["struck"] == 1
    faults.order("status", "/query/*", times=None)
    faults.clear()
    assert asker.ask("/query/jobs").status_code == 200


def test_html(asker: Asker) -> None:
    asker.running.faults.order("html")
    asker.running.faults.order("html", status=200)
    first, second = asker.ask("/query/jobs"), asker.ask("/query/jobs")
    assert (first.status_code, second.status_code) == (502, 200)
    assert first.headers["Content-Type"].startswith("text/html")
    assert second.text.startswith("<html>")


def test_success_false(asker: Asker) -> None:
    asker.running.faults.order("success_false", code="50000061", message="Try again", times=None)
    for path in LISTINGS[:4]:
        response = asker.ask(path)
        body = response.json()
        assert (response.status_code, body["success"], body["reasons"]) == (
            200,
            False,
            [{"code": "50000061", "message": "Try again"}],
        )


@pytest.mark.parametrize(
    ("how", "headers"),
    [
        ({"retry_after": 7}, {"Retry-After": "7"}),
        (
            {"retry_after": 90, "as_date": True},
            {"Retry-After": "Tue, 24 Nov 2026 14:31:30 GMT"},
        ),
        ({"reset": 600}, {"RateLimit-Remaining": "0", "RateLimit-Reset": "600"}),
        ({}, {"RateLimit-Reset": "3600"}),
    ],
)
def test_rate_limit(asker: Asker, how: dict[str, Any], headers: dict[str, str]) -> None:
    asker.running.faults.order("rate_limit", **how)
    response = asker.ask("/objects/jobs")
    assert response.status_code == 429
    assert {name: response.headers[name] for name in headers} == headers
    assert ("Retry-After" in response.headers) is ("retry_after" in how)


def test_limits_of_concurrency_and_of_the_day(asker: Asker) -> None:
    faults = asker.running.faults
    faults.order("concurrency", times=3)
    v1, objects, salesforce = (asker.ask(LISTINGS[n]) for n in (0, 2, 4))
    assert (v1.status_code, v1.headers["Retry-After"]) == (429, "120")
    assert v1.json()["reasons"][0]["code"] == "50000070"
    assert (objects.status_code, objects.json()["code"]) == (429, 50000070)
    assert (salesforce.status_code, salesforce.json()) == (
        403,
        [
            {
                "errorCode": "REQUEST_LIMIT_EXCEEDED",
                "message": "ConcurrentPerOrgLongTxn Limit exceeded.",
            }
        ],
    )
    faults.order("daily")
    daily = asker.ask(LISTINGS[4])
    assert (daily.status_code, daily.json()[0]["message"]) == (403, "TotalRequests Limit exceeded.")


def test_tokens_expire_in_between(asker: Asker) -> None:
    asker.running.faults.order("expire_tokens", "/objects/*", after=1)
    assert [asker.ask("/objects/jobs").status_code for _ in range(3)] == [200, 401, 401]
    assert asker.ask(LISTINGS[4]).status_code == 401
    assert Asker(asker.running).ask("/objects/jobs").status_code == 200


def test_slow(asker: Asker) -> None:
    asker.running.faults.order("slow", seconds=0.4)
    began = time.perf_counter()
    with pytest.raises(requests.ReadTimeout):
        asker.ask("/objects/jobs", timeout=0.1)
    assert asker.ask("/objects/jobs").status_code == 200
    assert time.perf_counter() - began < 30


@pytest.mark.parametrize("name", ["cut", "drop"])
@pytest.mark.parametrize("path", [*LISTINGS, "/objects/jobs/" + str(object_job(1)["Id"])])
def test_broken_connections(asker: Asker, path: str, name: Name) -> None:
    asker.running.faults.order(name)
    broken = requests.exceptions.ChunkedEncodingError if name == "cut" else requests.ConnectionError
    with pytest.raises(broken):
        asker.ask(path)
    assert asker.ask(path).status_code == 200


def test_redirect(asker: Asker) -> None:
    asker.running.faults.order("redirect", location="http://localhost:9/x", status=307)
    response = asker.ask("/objects/jobs")
    assert (response.status_code, response.headers["Location"]) == (307, "http://localhost:9/x")


def test_huge_bodies_and_bombs(asker: Asker) -> None:
    faults, size = asker.running.faults, 8 << 20
    faults.order("huge", size=size)
    huge = asker.ask("/objects/jobs", {"Accept-Encoding": "identity"})
    assert len(huge.content) == size + len('{"jobs": []}')
    faults.order("bomb", size=size)
    bomb = asker.ask("/objects/jobs", stream=True)
    packed = bomb.raw.read(decode_content=False)
    assert bomb.headers["Content-Encoding"] == "gzip"
    assert len(packed) < size / 100
    assert len(gzip.decompress(packed)) == size + len('{"jobs": []}')
    assert zlib.decompress(packed, 31)[:10] == b'{"jobs": ['


def test_unreadable_and_given_bodies(asker: Asker) -> None:
    faults = asker.running.faults
    faults.order("unreadable")
    with pytest.raises(json.JSONDecodeError):
        json.loads(asker.ask("/objects/jobs").text)
    faults.order("body", body="not at all JSON", status=202)
    faults.order("body", body={"jobs": "none"})
    text, made = asker.ask("/objects/jobs"), asker.ask("/objects/jobs")
    assert (text.status_code, text.text) == (202, "not at all JSON")
    assert (made.status_code, made.json()) == (200, {"jobs": "none"})


def test_repeated_cursor(asker: Asker) -> None:
    asker.running.faults.order("repeat_cursor", "/objects/jobs?*cursor=*", times=None)
    first = asker.json("/objects/jobs?pageSize=2")
    path = f"/objects/jobs?pageSize=2&cursor={first['cursor']}"
    second, third = asker.json(path), asker.json(path)
    assert second == third
    assert second["cursor"] == first["cursor"]


def test_repeated_locator(asker: Asker) -> None:
    asker.running.behaviour.salesforce_page_size = 2
    asker.running.faults.order("repeat_cursor", f"{DATA}/jobs/ingest?query*", times=None)
    url = asker.json(f"{DATA}/jobs/ingest")["nextRecordsUrl"]
    assert asker.json(url)["nextRecordsUrl"] == url
    assert asker.json(url)["done"] is False


@pytest.mark.parametrize("size", [2, 100])
def test_endless_cursors(asker: Asker, size: int) -> None:
    asker.running.faults.order("endless", "/objects/jobs*", times=None)
    asker.running.behaviour.cursor_on_last_page = False
    page = asker.json(f"/objects/jobs?pageSize={size}")
    for _ in range(12):
        assert page["jobs"]
        page = asker.json(f"/objects/jobs?pageSize={size}&cursor={page['cursor']}")


@pytest.mark.parametrize("kind", ["ingest", "query"])
def test_endless_locators(asker: Asker, kind: str) -> None:
    asker.running.faults.order("endless", f"{DATA}/jobs/{kind}*", times=None)
    seen, page = set(), asker.json(f"{DATA}/jobs/{kind}")
    for _ in range(12):
        assert page["done"] is False
        assert page["nextRecordsUrl"] not in seen
        seen.add(page["nextRecordsUrl"])
        page = asker.json(page["nextRecordsUrl"])


def test_next_page_elsewhere(asker: Asker) -> None:
    asker.running.faults.order("elsewhere", location="http://localhost:9")
    page = asker.json(f"{DATA}/jobs/ingest")
    asked = urlsplit(page["nextRecordsUrl"])
    assert (page["done"], asked.netloc, asked.path) == (
        False,
        "localhost:9",
        f"{DATA}/jobs/ingest",
    )


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"name": "nope"}, "no fault 'nope'; there are status, html"),
        ({"name": "html", "often": 3}, "a fault has no often; it has after"),
    ],
)
def test_no_such_fault(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Fault.of(said)
