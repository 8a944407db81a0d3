"""What a client does with every kind of answer, on a clock that costs no time."""

import copy
import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import requests
from responses import matchers

from jobledger.sources._provider.errors import (
    BadReply,
    CredentialsRefused,
    CutReply,
    NotAvailable,
    NotFound,
    ProviderError,
    QuotaReached,
    RateLimited,
    Refused,
    ServerFault,
    TimedOut,
    TokenNotTaken,
    Unreachable,
    UnsafeReply,
)

from .accounts import (
    JOBS,
    PAGE,
    SALESFORCE,
    SECRET,
    TOKEN,
    ZUORA,
    FakeClock,
    calls,
    salesforce,
    zuora,
)


def test_a_request_is_what_the_provider_wants(tmp_path: Path, http: Any) -> None:
    http.get(ZUORA + JOBS, json=PAGE)
    client = zuora(tmp_path, entity_ids="e-1", track_id="t", zuora_version="315.0").client()
    assert client.get(JOBS, {"pageSize": "100", "cursor": "a&b"}) == PAGE
    login, asked = (call.request for call in http.calls)
    assert "Authorization" not in login.headers
    assert login.body == (
        "grant_type=client_credentials&client_id=0c5e1b9e"
        "&client_secret=c1ient%2BS3cret%2Fof%26zuora%3D%3D"
    )
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.url == f"{ZUORA}{JOBS}?pageSize=100&cursor=a%26b"
    assert dict(asked.headers) == {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": "jobledger",
        "Zuora-Entity-Ids": "e-1",
        "Zuora-Track-Id": "t",
        "Zuora-Version": "315.0",
        "Authorization": f"Bearer {TOKEN}",
    }
    assert client.host == "rest.zuora.com"
    assert (client.meter.requests, client.meter.retries) == (2, 0)


def test_a_session_header_takes_the_place_of_authorization(tmp_path: Path, http: Any) -> None:
    http.get(SALESFORCE + "/services/async/62.0/job/750", body=JOB_INFO)
    client = salesforce(tmp_path).client()
    got = client.get("/services/async/62.0/job/750", session_header="X-SFDC-Session")
    assert got == {"id": "750D00000004SkGIAU", "state": "Closed", "numberBatchesTotal": 2}
    asked = http.calls[1].request
    assert asked.headers["X-SFDC-Session"] == TOKEN
    assert "Authorization" not in asked.headers


JOB_INFO = b"""<?xml version="1.0" encoding="UTF-8"?>
<jobInfo xmlns="http://www.force.com/2009/06/asyncapi/dataload">
 <id>750D00000004SkGIAU</id><state>Closed</state><numberBatchesTotal>2</numberBatchesTotal>
</jobInfo>"""

ERRORS: list[tuple[int, Any, type[ProviderError], str | None, int]] = [
    (400, {"code": 71013020, "message": "Bad Request"}, Refused, "71013020", 1),
    (401, {"message": "Authentication error"}, CredentialsRefused, None, 2),
    (403, {"code": 1009, "message": "Access denied"}, NotAvailable, "1009", 1),
    (404, {"code": 71013040, "message": "Job not found"}, NotFound, "71013040", 1),
    (400, {"code": 71013040, "message": "Job not found"}, NotFound, "71013040", 1),
    (400, {"code": 58730250, "message": "locked"}, ServerFault, "58730250", 5),
    (404, "<html><title>404 Not Found</title>", BadReply, None, 1),
    (403, "<!DOCTYPE html><title>Access denied</title>", BadReply, None, 1),
    (400, "<html>Bad Request</html>", BadReply, None, 1),
    (405, "", Refused, None, 1),
    (408, "", ServerFault, None, 5),
    (409, [], Refused, None, 1),
    (410, "[]", Refused, None, 1),
    (420, "<!doctype html><h1>enhance your calm</h1>", ServerFault, None, 5),
    (429, "", RateLimited, None, 5),
    (429, {"code": "50000070", "message": "too many at once"}, RateLimited, "50000070", 8),
    (500, {"reasons": [{"code": "SystemError", "message": "x"}]}, ServerFault, "SystemError", 5),
    (500, {"reasons": [{"code": "50000040", "message": "x"}]}, ServerFault, "50000040", 5),
    (502, "<html><title>Bad &amp; Gateway</title>", ServerFault, None, 5),
    (503, b"\xff\xfe\x00", ServerFault, None, 5),
    (504, "null", ServerFault, None, 5),
    (200, {"success": False, "reasons": [{"code": "50000020"}]}, BadReply, "50000020", 1),
    (200, {"success": False, "reasons": [{"code": 50000040}]}, NotFound, "50000040", 1),
    (200, {"success": False, "reasons": [{"code": "50000010"}]}, NotAvailable, "50000010", 1),
    (200, {"success": False, "reasons": [{"code": "50000050"}]}, ServerFault, "50000050", 5),
    (200, {"success": False, "reasons": [{"code": "50000061"}]}, ServerFault, "50000061", 5),
    (200, {"success": False, "reasons": [{"code": "53100370"}]}, ServerFault, "53100370", 5),
    (200, {"success": False, "reasons": [{"code": "50000099"}]}, ServerFault, "50000099", 5),
    (200, {"success": False, "reasons": [{"code": "50000070"}]}, RateLimited, "50000070", 8),
    (200, {"success": False, "reasons": [{"code": "90000011"}]}, CredentialsRefused, "90000011", 2),
    (200, {"success": False}, BadReply, None, 1),
    (200, {"code": 71013061, "message": "retry"}, ServerFault, "71013061", 5),
    (200, "<!DOCTYPE html><html><title>Sign in</title>", BadReply, None, 1),
    (200, "<a><!DOCTYPE x></a>", BadReply, None, 1),
    (200, '{"jobs": [{"Id"', CutReply, None, 5),
    (200, "", CutReply, None, 5),
    (200, "null!", CutReply, None, 5),
    (204, "", CutReply, None, 5),
    (304, "", BadReply, None, 1),
]


@pytest.mark.parametrize(("status", "body", "error", "code", "sent"), ERRORS)
def test_what_an_answer_amounts_to(
    tmp_path: Path, http: Any, status: int, body: Any, error: Any, code: str | None, sent: int
) -> None:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    http.get(ZUORA + JOBS, status=status, body=text, headers={"Zuora-Request-Id": "r-17"})
    client = zuora(tmp_path).client()
    with pytest.raises(ProviderError) as raised:
        client.get(JOBS, {"cursor": "hidden"})
    assert type(raised.value) is error
    assert (raised.value.code, calls(http, JOBS)) == (code, sent)
    assert raised.value.status == status
    said = str(raised.value)
    assert "rest.zuora.com/objects/jobs" in said
    assert "hidden" not in said
    assert "\n" not in said


SALESFORCE_ERRORS: list[tuple[int, Any, type[ProviderError], str, int]] = [
    (401, [{"message": "Session expired", "errorCode": "INVALID_SESSION_ID"}],
     CredentialsRefused, "INVALID_SESSION_ID", 2),
    (403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
     QuotaReached, "REQUEST_LIMIT_EXCEEDED", 1),
    (200, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
     QuotaReached, "REQUEST_LIMIT_EXCEEDED", 1),
    (403, [{"message": "ConcurrentPerOrgLongTxn Limit exceeded.",
            "errorCode": "REQUEST_LIMIT_EXCEEDED"}], RateLimited, "REQUEST_LIMIT_EXCEEDED", 8),
    (404, [{"errorCode": "NOT_FOUND", "message": "gone"}], NotFound, "NOT_FOUND", 1),
    (403, [{"errorCode": "API_DISABLED_FOR_ORG", "message": "x"}], NotAvailable,
     "API_DISABLED_FOR_ORG", 1),
    (400, {"exceptionCode": "InvalidSessionId", "exceptionMessage": "x"}, CredentialsRefused,
     "InvalidSessionId", 2),
    (400, (b"<error><exceptionCode>InvalidJob</exceptionCode>"
           b"<exceptionMessage>a &amp; b</exceptionMessage></error>"), Refused, "InvalidJob", 1),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "error", "code", "sent"), SALESFORCE_ERRORS)
def test_what_salesforce_means(
    tmp_path: Path, http: Any, status: int, body: Any, error: Any, code: str, sent: int
) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body)
    http.get(f"{SALESFORCE}/jobs", status=status, body=text)
    with pytest.raises(ProviderError) as raised:
        salesforce(tmp_path).client().get("/jobs")
    assert type(raised.value) is error
    assert (raised.value.code, calls(http, "/jobs")) == (code, sent)


@pytest.mark.parametrize("body", ["", "Not Found", '{"code": 404}'])
def test_not_all_that_is_called_html_is_a_page(tmp_path: Path, http: Any, body: str) -> None:
    http.get(ZUORA + JOBS, status=404, body=body, content_type="text/html; charset=utf-8")
    with pytest.raises(NotFound):
        zuora(tmp_path).client().get(JOBS)


def test_an_older_api_that_takes_no_token_says_nothing_of_the_others(
    tmp_path: Path, http: Any
) -> None:
    http.get(f"{SALESFORCE}/jobs", json={"done": True})
    told = {"exceptionCode": "InvalidSessionId", "exceptionMessage": "x"}
    http.get(f"{SALESFORCE}/services/async/62.0/job/750", status=400, json=told)
    client = salesforce(tmp_path).client()
    client.get("/jobs")
    with pytest.raises(TokenNotTaken, match="a new token was refused too") as raised:
        client.get("/services/async/62.0/job/750", session_header="X-SFDC-Session")
    assert (raised.value.status, raised.value.ends_account) == (400, False)
    assert client.get("/jobs") == {"done": True}


def test_a_late_answer_to_an_old_token_does_not_end_a_newer_one(tmp_path: Path, http: Any) -> None:
    given = iter(("first", "second", "third"))
    http.remove("POST", f"{ZUORA}/oauth/token")
    http.add_callback(
        "POST",
        f"{ZUORA}/oauth/token",
        lambda _: (
            200,
            {},
            json.dumps({"access_token": f"token-{next(given)}", "expires_in": 3599}),
        ),
    )
    good = {"token-first"}

    def asked(request: Any) -> tuple[int, dict[str, str], str]:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        return (200, {}, json.dumps(PAGE)) if token in good else (401, {}, "{}")

    account = zuora(tmp_path)

    def slow(request: Any) -> tuple[int, dict[str, str], str]:
        # while this is on its way with the first token, that expires, and the second is taken
        good.clear()
        good.add("token-second")
        account.client().get("/quick")
        return 200, {}, json.dumps(PAGE)

    http.add_callback("GET", f"{ZUORA}/quick", asked)
    http.add_callback("GET", f"{ZUORA}/slow", slow)
    assert account.client().get("/slow") == PAGE
    good.clear()
    good.add("token-third")
    assert account.client().get("/quick") == PAGE


def test_a_secret_in_a_request_id_is_not_cut_in_two(tmp_path: Path, http: Any) -> None:
    token = "t0ken" * 20
    http.replace("POST", f"{ZUORA}/oauth/token", json={"access_token": token})
    http.get(ZUORA + JOBS, status=400, json={}, headers={"Zuora-Request-Id": f"r-{token}"})
    with pytest.raises(Refused) as raised:
        zuora(tmp_path).client().get(JOBS)
    assert str(raised.value).endswith("(request r-[redacted])")


def test_a_login_that_is_not_there_says_nothing_of_the_job_that_was_asked_for(
    tmp_path: Path, http: Any
) -> None:
    told = {"reasons": [{"code": "50000040", "message": "nothing here"}]}
    http.replace("POST", ZUORA + "/oauth/token", status=404, json=told)
    with pytest.raises(Refused) as raised:
        zuora(tmp_path).client().get(JOBS)
    assert raised.value.status is None
    assert str(raised.value) == (
        "no login there: rest.zuora.com/oauth/token: HTTP 404: 50000040: nothing here;"
        " check base_url under [sources.zuora]"
    )


def test_a_failure_that_says_nothing(tmp_path: Path, http: Any) -> None:
    http.get(ZUORA + JOBS, json={"success": False})
    with pytest.raises(BadReply) as raised:
        zuora(tmp_path).client().get(JOBS)
    assert str(raised.value) == (
        "rest.zuora.com/objects/jobs: HTTP 200, which says that it failed and not why"
    )


def test_a_page_whose_name_no_url_can_have(tmp_path: Path, http: Any) -> None:
    with pytest.raises(BadReply, match="half a character"):
        zuora(tmp_path).client().get(JOBS, {"cursor": "\ud83d"})
    assert calls(http, JOBS) == 0


def test_the_whole_message(tmp_path: Path, http: Any) -> None:
    told = {"reasons": [{"code": "58730222", "message": "orderDate\n may\x1b[31m not be null"}]}
    http.get(ZUORA + JOBS, status=400, json=told, headers={"Zuora-Request-Id": "r-17"})
    with pytest.raises(Refused) as raised:
        zuora(tmp_path).client().get(JOBS)
    assert str(raised.value) == (
        "rest.zuora.com/objects/jobs: HTTP 400: 58730222: orderDate may [31m not be null"
        " (request r-17)"
    )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (requests.ConnectTimeout("x"), TimedOut),
        (requests.ReadTimeout("x"), TimedOut),
        (requests.ConnectionError(f"Max retries exceeded with url: /x?token={TOKEN}"), Unreachable),
        (requests.exceptions.SSLError("EOF occurred"), Unreachable),
        (requests.exceptions.ProxyError(f"http://me:{SECRET}@proxy"), Unreachable),
    ],
)
def test_a_network_that_fails(tmp_path: Path, http: Any, fault: Any, error: Any) -> None:
    http.get(ZUORA + JOBS, body=fault)
    clock = FakeClock()
    client = zuora(tmp_path, clock).client()
    with pytest.raises(Unreachable) as raised:
        client.get(JOBS)
    assert type(raised.value) is error
    assert TOKEN not in repr(raised.value)
    assert SECRET not in repr(raised.value)
    assert clock.waits == [1, 2, 4, 8]
    assert (client.meter.requests, client.meter.retries) == (6, 4)
    assert client.meter.throttled_seconds == 0


def test_a_certificate_that_is_wrong_is_not_tried_again(tmp_path: Path, http: Any) -> None:
    http.get(ZUORA + JOBS, body=requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED]"))
    with pytest.raises(Unreachable) as caught:
        zuora(tmp_path).client().get(JOBS)
    assert str(caught.value) == (
        "the certificate of rest.zuora.com cannot be verified; REQUESTS_CA_BUNDLE may name a file"
        " of authorities to trust"
    )
    assert calls(http, JOBS) == 1


def test_a_file_of_authorities_that_is_not_there_is_named(tmp_path: Path, http: Any) -> None:
    # as requests has it, which gives it no number
    said = "Could not find a suitable TLS CA certificate bundle, invalid path: /etc/none.pem"
    http.get(ZUORA + JOBS, body=OSError(said))
    with pytest.raises(Unreachable) as caught:
        zuora(tmp_path, FakeClock()).client().get(JOBS)
    assert str(caught.value) == f"no connection to rest.zuora.com: {said}"


@pytest.mark.parametrize(
    ("base_url", "is_heeded"), [(ZUORA, True), ("http://127.0.0.1:8080", False)]
)
def test_a_proxy_and_certificates_of_the_environment_are_for_other_hosts(
    tmp_path: Path, http: Any, monkeypatch: pytest.MonkeyPatch, base_url: str, is_heeded: bool
) -> None:
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ours.pem")
    http.post(f"{base_url}/oauth/token", json={"access_token": TOKEN})
    http.get(base_url + JOBS, json=PAGE)
    assert zuora(tmp_path, base_url=base_url).client().get(JOBS) == PAGE
    for call in http.calls:
        sent = call.request.req_kwargs
        assert sent["verify"] == ("/etc/ours.pem" if is_heeded else True)
        assert ("proxy.example" in str(sent["proxies"])) is is_heeded


def test_a_path_on_another_host_is_refused(tmp_path: Path, http: Any) -> None:
    http.get(ZUORA + JOBS, json=PAGE)
    client = zuora(tmp_path).client()
    assert client.get(f"{ZUORA}{JOBS}?cursor=x", {"pageSize": "1"}) == PAGE
    assert http.calls[-1].request.url == f"{ZUORA}{JOBS}?cursor=x&pageSize=1"
    for url in (
        "https://evil.example/objects/jobs",
        "http://rest.zuora.com/objects/jobs",
        "https://rest.zuora.com:8443/objects/jobs",
        "https://rest.zuora.com@evil.example/",
        "https://rest.zuora.com:port/",
    ):
        sent = len(http.calls)
        with pytest.raises(UnsafeReply):
            client.get(url)
        assert len(http.calls) == sent


def test_redirects(tmp_path: Path, http: Any) -> None:
    http.get(ZUORA + "/a", status=302, headers={"Location": "/b?x=1"})
    http.get(
        ZUORA + "/b",
        json={"ok": 1},
        match=[matchers.header_matcher({"Authorization": f"Bearer {TOKEN}"})],
    )
    http.get(ZUORA + "/c", status=307, headers={"Location": f"https://evil.example/?t={TOKEN}"})
    http.get(ZUORA + "/d", status=301, headers={"Location": "/d"})
    http.get(ZUORA + "/e", status=301)
    client = zuora(tmp_path).client()
    assert client.get("/a") == {"ok": 1}
    with pytest.raises(UnsafeReply, match=r"redirects to https://evil\.example:443, which is not"):
        client.get("/c")
    with pytest.raises(UnsafeReply, match="again and again"):
        client.get("/d")
    with pytest.raises(BadReply, match="to nowhere"):
        client.get("/e")
    assert not any("evil" in call.request.url for call in http.calls)


def test_bodies_come_compressed(tmp_path: Path, http: Any) -> None:
    body = gzip.compress(json.dumps(PAGE).encode())
    zipped = {"Content-Encoding": "gzip"}
    http.get(ZUORA + "/whole", body=body, headers=zipped)
    http.get(ZUORA + "/two", body=gzip.compress(b'{"a"') + gzip.compress(b": 1}"), headers=zipped)
    http.get(ZUORA + "/cut", body=body[:-9], headers=zipped)
    http.get(ZUORA + "/bad", body=b"\x1f\x8bnonsense", headers=zipped)
    http.get(ZUORA + "/br", body=body, headers={"Content-Encoding": "br"})
    client = zuora(tmp_path).client()
    assert client.get("/whole") == PAGE
    assert client.get("/two") == {"a": 1}
    with pytest.raises(CutReply, match="the compressed answer ends early"):
        client.get("/cut")
    with pytest.raises(CutReply, match="damaged"):
        client.get("/bad")
    with pytest.raises(BadReply, match="a coding that was not asked for, br"):
        client.get("/br")


def test_a_bomb_is_refused(tmp_path: Path, http: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobledger.sources._provider.session.MAX_BODY", 10**6)
    layer = gzip.compress(b"[" + b" " * 50_000_000)
    http.get(ZUORA + JOBS, body=layer, headers={"Content-Encoding": "gzip"})
    http.get(ZUORA + "/large", body=b"[" + b" " * 1_000_000)
    client = zuora(tmp_path).client()
    for path in (JOBS, "/large"):
        with pytest.raises(UnsafeReply, match="more than 1,000,000 bytes"):
            client.get(path)
    assert calls(http, JOBS) == 1


def test_other_types_of_answers(tmp_path: Path, http: Any) -> None:
    table = '"sf__Id","sf__Error",Name\n"","X:--","Salesforce.com"\n'
    http.get(f"{SALESFORCE}/failed", body=table, content_type="text/csv; charset=UTF-8")
    http.get(f"{SALESFORCE}/gone", status=404, json=[{"errorCode": "NOT_FOUND", "message": "x"}])
    client = salesforce(tmp_path).client()
    assert b"".join(client.stream("/failed", headers={"Accept": "text/csv"})) == table.encode()
    assert http.calls[-1].request.headers["Accept"] == "text/csv"
    with pytest.raises(NotFound):
        list(client.stream("/gone"))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"success": false, "reasons": [{"code": "50000040"}]}', NotFound),
        ("<!DOCTYPE html><title>Sign in</title>", BadReply),
    ],
)
def test_an_error_that_calls_itself_good_is_no_table(
    tmp_path: Path, http: Any, body: str, error: Any
) -> None:
    http.get(ZUORA + JOBS, body=body)
    with pytest.raises(error):
        next(zuora(tmp_path).client().stream(JOBS))


def test_a_long_table_comes_piece_by_piece(tmp_path: Path, http: Any) -> None:
    table = b"Id,Error\n" + b"1,x\n" * 3_000_000
    http.get(ZUORA + JOBS, body=table)
    pieces = list(zuora(tmp_path).client().stream(JOBS))
    assert b"".join(pieces) == table
    assert len(pieces) > 10


def test_errors_survive_copying() -> None:
    error = RateLimited("too many", status=429, code="x", retry_after=3.0)
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(twin), twin.status, twin.code, twin.retry_after) == ("too many", 429, "x", 3.0)
