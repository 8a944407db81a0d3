"""Waiting as a provider asks for it, and not beyond what there is time and quota for."""

import json
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import responses

from jobledger.sources._provider.client import Account
from jobledger.sources._provider.errors import (
    LimitOutlastsSync,
    NotFound,
    ProviderError,
    QuotaGuarded,
    QuotaReached,
    ServerFault,
    TimeLimitReached,
)
from jobledger.sources._provider.judging import seconds, skew
from jobledger.sources._provider.limits import Limits, Meter

from .accounts import JOBS, PAGE, SALESFORCE, ZUORA, FakeClock, calls, salesforce, zuora


@pytest.mark.parametrize(
    ("status", "headers", "waits"),
    [
        (429, {"Retry-After": "120", "RateLimit-Reset": "7"}, [120]),
        (429, {"Retry-After": "Mon, 23 Nov 2026 12:00:30 GMT"}, [30]),
        (429, {"Retry-After": "Mon, 23 Nov 2026 13:00:30 GMT",
               "Date": "Mon, 23 Nov 2026 13:00:00 GMT"}, [30]),
        (429, {"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT"}, [1]),
        (429, {"Retry-After": "0"}, [1]),
        (429, {"RateLimit-Reset": "0", "RateLimit-Remaining": "0"}, [1]),
        (503, {"Retry-After": "0"}, [1]),
        (429, {"Retry-After": "soon", "RateLimit-Reset": "600"}, [600]),
        (429, {"RateLimit-Reset": "600", "RateLimit-Remaining": "0"}, [600]),
        (429, {"RateLimit-Reset": "600"}, [600]),
        (429, {"RateLimit-Reset": "1200", "RateLimit-Remaining": "399"}, [1]),
        (503, {"RateLimit-Reset": "1200", "RateLimit-Remaining": "399"}, [1]),
        (429, {"Retry-After": "-3"}, [1]),
        (429, {"Retry-After": "nan"}, [1]),
        (429, {}, [1]),
        (503, {"Retry-After": "40"}, [40]),
        (503, {}, [1]),
        (500, {"Retry-After": "40"}, [40]),
        (502, {"Retry-After": "40"}, [40]),
        (408, {"Retry-After": "40"}, [40]),
        (504, {}, [1]),
    ],
)  # fmt: skip
def test_waiting_as_long_as_is_asked_for(
    tmp_path: Path, http: Any, status: int, headers: dict[str, str], waits: list[float]
) -> None:
    http.get(ZUORA + JOBS, status=status, headers=headers)
    http.get(ZUORA + JOBS, json=PAGE)
    clock, told = FakeClock(), []
    client = zuora(
        tmp_path, clock, on_wait=lambda seconds, why: told.append((seconds, why))
    ).client()
    assert client.get(JOBS) == PAGE
    assert clock.waits == waits
    asked_for = status == 429 or "Retry-After" in headers
    assert client.meter.throttled_seconds == (sum(waits) if asked_for else 0)
    assert client.meter.retries == 1
    assert told == [(seconds, f"rest.zuora.com/objects/jobs: HTTP {status}") for seconds in waits]


def test_a_wait_beyond_the_time_limit_ends_the_account_at_once(tmp_path: Path, http: Any) -> None:
    http.get(ZUORA + JOBS, status=429, headers={"Retry-After": "3600"})
    clock = FakeClock(deadline=600)
    account = zuora(tmp_path, clock)
    for client in (account.client(), account.client()):
        with pytest.raises(LimitOutlastsSync, match="waiting 3,600 s for it goes beyond") as raised:
            client.get(JOBS)
        assert (raised.value.kind, raised.value.ends_account) == ("rate_limited", True)
        # nothing was sent again
        assert client.meter.retries == 0
    assert clock.waits == []
    assert calls(http, JOBS) == 1


def test_a_date_that_leaves_its_zone_open_is_utc() -> None:
    now = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
    assert skew({"Date": "Tue, 24 Nov 2026 14:31:00 -0000"}, now) == 60
    assert skew({"Date": "Tue, 24 Nov 2026 15:31:00 +0100"}, now) == 60
    assert skew({"Date": "yesterday"}, now) is None


def test_an_account_ends_with_the_first_error_that_ends_it(tmp_path: Path) -> None:
    limits = Limits(FakeClock(), 0.8, 4, None)
    limits.end(QuotaReached("the day's requests are used", status=403))
    limits.end(ServerFault("another answer was on its way", status=503))
    with pytest.raises(QuotaReached, match="the day's requests are used"):
        limits.check()


@pytest.mark.parametrize("holds", [(120, 5), (5, 120)])
def test_of_two_holds_the_one_that_ends_later_counts(holds: tuple[float, float]) -> None:
    clock, told = FakeClock(), []
    limits = Limits(clock, 0.8, 4, lambda seconds, why: told.append((seconds, why)))
    for seconds_ in holds:
        limits.hold(seconds_, f"held for {seconds_} s")
    meter = Meter()
    limits.await_turn(meter)
    assert (clock.waits, told) == ([120], [(120, "held for 120 s")])
    assert meter.throttled_seconds == 120


def test_a_wait_that_several_threads_share_is_counted_once() -> None:
    meter = Meter()
    assert [meter.throttle(at, 10) for at in (0, 0, 4)] == [True, False, True]
    assert meter.throttled_seconds == 14


@pytest.mark.parametrize(("text", "number"), [("7", 7), (" 7.5 ", 7.5), ("-1", 0), ("1_0", None)])
def test_a_number_of_seconds(text: str, number: float | None) -> None:
    assert seconds(text) == number


def test_no_time_left_to_try_again(tmp_path: Path, http: Any) -> None:
    http.get(ZUORA + JOBS, status=502)
    clock = FakeClock(deadline=5)
    client = zuora(tmp_path, clock).client()
    with pytest.raises(TimeLimitReached, match="HTTP 502; no time is left to try again"):
        client.get(JOBS)
    assert clock.waits == [1, 2]
    assert (client.meter.retries, calls(http, JOBS)) == (2, 3)


def test_a_login_that_fails_is_not_waited_for_again(tmp_path: Path) -> None:
    with responses.RequestsMock() as http:
        http.post(f"{ZUORA}/oauth/token", status=503, headers={"Retry-After": "40"})
        clock = FakeClock()
        client = zuora(tmp_path, clock).client()
        with pytest.raises(ServerFault, match="oauth/token: HTTP 503"):
            client.get(JOBS)
        assert calls(http, "/oauth/token") == ServerFault.attempts
    assert clock.waits == [40] * (ServerFault.attempts - 1)
    assert client.meter.retries == len(clock.waits)


def test_no_requests_left_holds_all_kinds(tmp_path: Path, http: Any) -> None:
    headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": "1200"}
    http.get(ZUORA + JOBS, json=PAGE, headers=headers)
    http.get(ZUORA + JOBS, json=PAGE, headers={"RateLimit-Remaining": "399"})
    clock = FakeClock()
    account = zuora(tmp_path, clock)
    first, second = account.client(), account.client()
    assert first.get(JOBS) == PAGE
    assert clock.waits == []
    assert second.get(JOBS) == PAGE
    assert first.get(JOBS) == PAGE
    assert clock.waits == [1200]
    assert (first.meter.throttled_seconds, second.meter.throttled_seconds) == (0, 1200)


@pytest.mark.parametrize(
    ("status", "more", "waits"),
    [(404, {}, [1200]), (503, {}, [1200]), (429, {"Retry-After": "30"}, [30])],
)
def test_no_requests_left_is_heeded_whatever_else_is_said(
    tmp_path: Path, http: Any, status: int, more: dict[str, str], waits: list[float]
) -> None:
    headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": "1200", **more}
    http.get(ZUORA + JOBS, status=status, headers=headers)
    http.get(ZUORA + JOBS, json=PAGE)
    clock = FakeClock()
    client = zuora(tmp_path, clock).client()
    with suppress(NotFound):
        client.get(JOBS)
    assert client.get(JOBS) == PAGE
    assert [wait for wait in clock.waits if wait > 20] == waits


def test_no_requests_left_and_no_time_to_wait(tmp_path: Path, http: Any) -> None:
    headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": "1200"}
    http.get(ZUORA + JOBS, json=PAGE, headers=headers)
    client = zuora(tmp_path, FakeClock(deadline=600)).client()
    assert client.get(JOBS) == PAGE
    with pytest.raises(LimitOutlastsSync) as raised:
        client.get(JOBS)
    assert raised.value.is_planned
    assert calls(http, JOBS) == 1


def test_the_share_of_the_daily_quota(tmp_path: Path, http: Any) -> None:
    for used in range(78, 85):
        info = f"api-bursts=1/750; per-app-api-usage=17/250(appName=x); api-usage={used}/100"
        http.get(f"{SALESFORCE}/jobs", json=[], headers={"Sforce-Limit-Info": info})
    account = salesforce(tmp_path)
    client, other = account.client(), account.client()
    client.get("/jobs")
    client.get("/jobs")
    client.get("/jobs")
    assert (client.meter.quota_used, client.meter.quota_limit) == (80, 100)
    for each in (client, other):
        with pytest.raises(QuotaGuarded, match=r"80 of the account's 100 .* quota_share = 0\.8"):
            each.get("/jobs")
    assert calls(http, "/jobs") == 3


def test_a_daily_limit_ends_the_account(tmp_path: Path, http: Any) -> None:
    told = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    http.get(f"{SALESFORCE}/jobs", status=403, json=told)
    account = salesforce(tmp_path)
    for _ in range(3):
        with pytest.raises(QuotaReached) as raised:
            account.client().get("/jobs")
        assert (raised.value.kind, raised.value.is_planned) == ("quota", False)
    assert calls(http, "/jobs") == 1


Answered = tuple[int, dict[str, str], str]


def side_by_side(account: Account, http: Any, url: str, answer: Answered) -> dict[str, Any]:
    """What two kinds hear that ask at once, and when any more was sent than the first request.

    The account has one slot: the second waits for it until the first has its answer.
    """
    is_asked = threading.Event()
    heard: dict[str, Any] = {"later": []}

    def answered(_: Any) -> Answered:
        if is_asked.is_set():
            heard["later"].append(account._clock.monotonic())
            return 200, {}, json.dumps(PAGE)
        is_asked.set()
        # time enough for the other one to come as far as the slot
        time.sleep(0.3)
        return answer

    http.add_callback("GET", url, answered)

    def ask(name: str) -> None:
        try:
            heard[name] = account.client().get("/jobs")
        except ProviderError as error:
            heard[name] = type(error)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("first", "second")]
    threads[0].start()
    assert is_asked.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join(30)
    return heard


LIMIT = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]


@pytest.mark.parametrize(
    ("answer", "first", "second"),
    [
        ((403, {}, json.dumps(LIMIT)), QuotaReached, QuotaReached),
        ((200, {"Sforce-Limit-Info": "api-usage=90/100"}, json.dumps(PAGE)), PAGE, QuotaGuarded),
    ],
)
def test_who_waits_for_a_slot_does_not_ask_once_the_account_has_ended(
    tmp_path: Path, http: Any, answer: Answered, first: Any, second: Any
) -> None:
    account = salesforce(tmp_path, max_concurrent=1)
    heard = side_by_side(account, http, f"{SALESFORCE}/jobs", answer)
    assert heard == {"first": first, "second": second, "later": []}


@pytest.mark.parametrize(
    ("answer", "later"),
    [
        # the first is sent again
        ((429, {"Retry-After": "4"}, "{}"), [4, 4]),
        ((200, {"RateLimit-Remaining": "0", "RateLimit-Reset": "4"}, json.dumps(PAGE)), [4]),
    ],
)
def test_who_waits_for_a_slot_waits_as_long_as_the_account_has_to(
    tmp_path: Path, http: Any, answer: Answered, later: list[float]
) -> None:
    account = zuora(tmp_path, max_concurrent=1)
    heard = side_by_side(account, http, f"{ZUORA}/jobs", answer)
    assert heard == {"first": PAGE, "second": PAGE, "later": later}
