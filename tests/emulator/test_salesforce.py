"""Salesforce's API as its documents have it."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jobledger.emulator import Running
from jobledger.emulator.tokens import (
    SALESFORCE_CLIENT_ID,
    SALESFORCE_REFRESH_TOKEN,
    SALESFORCE_USERNAME,
)
from tests.emulator.running import DATA, Asker, salesforce_token, zuora_token

RECORDINGS = Path(__file__).parents[1] / "recordings"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def recording(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text())


def job(number: int, **said: object) -> dict[str, Any]:
    return {
        "id": f"750EM{number:010d}AAA",
        "operation": "insert",
        "object": "Account",
        "createdById": "005EM0000000000AAA",
        "createdDate": "2026-11-24T10:00:00.000+0000",
        "systemModstamp": "2026-11-24T10:00:00.000+0000",
        "state": "JobComplete",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 62.0,
        "jobType": "V2Ingest",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "numberRecordsProcessed": 10,
        "numberRecordsFailed": 2,
        **said,
    }


def test_a_token_is_its_own_providers(emulator: Running) -> None:
    of_salesforce = salesforce_token(emulator).json()["access_token"]
    of_zuora = zuora_token(emulator).json()["access_token"]

    def answers(path: str, token: str) -> int:
        bearer = {"Authorization": f"Bearer {token}"}
        return requests.get(emulator.base_url + path, headers=bearer, timeout=5).status_code

    assert (
        answers("/objects/jobs", of_zuora) == answers(f"{DATA}/jobs/ingest", of_salesforce) == 200
    )
    assert (
        answers("/objects/jobs", of_salesforce) == answers(f"{DATA}/jobs/ingest", of_zuora) == 401
    )


def walk(asker: Asker, path: str, kind: str) -> tuple[list[Any], int]:
    """All rows of a listing, each page asked for by locator at the listing's own path."""
    rows, pages, page = [], 1, asker.json(path)
    while True:
        rows += page["records"]
        if page["done"]:
            assert page["nextRecordsUrl"] is None
            return rows, pages
        locator = page["nextRecordsUrl"].partition("queryLocator=")[2]
        page = asker.json(f"{DATA}/jobs/{kind}?queryLocator={locator}")
        pages += 1


def test_listings_page_by_locator(busy_emulator: Running) -> None:
    asker, world = Asker(busy_emulator), busy_emulator.world
    busy_emulator.behaviour.salesforce_page_size = 10
    ingest, pages = walk(asker, f"{DATA}/jobs/ingest", "ingest")
    query, _ = walk(asker, f"{DATA}/jobs/query", "query")
    assert pages == -(-len(ingest) // 10)
    assert pages > 2
    everything = [*world.records("ingest"), *world.records("query")]
    classic = {said["id"] for said in everything if said["jobType"] == "Classic"}
    assert classic
    assert {row["id"] for row in ingest} == classic | {
        said["id"] for said in everything if said["jobType"] == "V2Ingest"
    }
    assert {row["id"] for row in query} == classic | {
        said["id"] for said in everything if said["jobType"] == "V2Query"
    }
    # in no order, but the same each time
    assert [row["createdDate"] for row in ingest] != sorted(row["createdDate"] for row in ingest)
    assert walk(asker, f"{DATA}/jobs/ingest", "ingest")[0] == ingest
    asked_of = {"numberRecordsProcessed", "totalProcessingTime", "errorMessage", "retries"}
    assert not any(asked_of & set(row) for row in ingest + query)


def test_query_listings_next_url_is_at_the_ingest_path(busy_emulator: Running) -> None:
    asker = Asker(busy_emulator)
    busy_emulator.behaviour.salesforce_page_size = 5
    url = asker.json(f"{DATA}/jobs/query")["nextRecordsUrl"]
    assert re.fullmatch(rf"{DATA}/jobs/ingest\?queryLocator=01g\w{{15}}-5", url)
    followed = asker.ask(url)
    assert (followed.status_code, followed.json()[0]["errorCode"]) == (
        400,
        "INVALID_QUERY_LOCATOR",
    )
    assert asker.ask(url.replace("ingest", "query")).status_code == 200


def test_a_locator_holds_its_listing_unless_pages_shift(emulator: Running) -> None:
    emulator.behaviour.change({"salesforce_page_size": 2, "salesforce_order": "newest"})
    for number in range(4):
        made = f"2026-11-24T10:00:0{number}.000+0000"
        emulator.world.put("ingest", job(number, createdDate=made))

    def second_page() -> list[str]:
        url = asker.json(f"{DATA}/jobs/ingest")["nextRecordsUrl"]
        emulator.world.put("ingest", job(9, createdDate="2026-11-24T11:00:00.000+0000"))
        rows = asker.json(url)["records"]
        emulator.world.purge("ingest", job(9)["id"])
        return [row["id"] for row in rows]

    asker = Asker(emulator)
    assert second_page() == [job(1)["id"], job(0)["id"]]
    emulator.behaviour.shifting_pages = True
    assert second_page() == [job(2)["id"], job(1)["id"]]


def test_filters(emulator: Running) -> None:
    for number, job_type in enumerate(("V2Ingest", "BigObjectIngest", "Classic")):
        emulator.world.put("ingest", job(number, jobType=job_type))
    emulator.world.put("query", job(3, jobType="V2Query", operation="query"))
    emulator.world.put("query", job(4, jobType="Classic", operation="queryAll"))
    asker = Asker(emulator)

    def numbers(path: str) -> list[int]:
        return sorted(int(row["id"][5:15]) for row in asker.json(f"{DATA}/{path}")["records"])

    assert numbers("jobs/ingest") == [0, 1, 2, 4]
    assert numbers("jobs/ingest/?jobType=V2Ingest") == [0]
    assert numbers("jobs/ingest?jobType=BigObjectIngest") == [1]
    assert numbers("jobs/ingest?jobType=Classic") == [2, 4]
    assert numbers("jobs/query") == [2, 3, 4]
    assert numbers("jobs/query?jobType=V2Query") == [3]
    assert numbers("jobs/query?isPkChunkingEnabled=true") == []
    assert numbers("jobs/query?isPkChunkingEnabled=false&concurrencyMode=parallel") == [2, 3, 4]
    assert asker.ask(f"{DATA}/jobs/ingest?jobType=Nope").status_code == 400
    emulator.behaviour.ingest_lists_queries = True
    assert numbers("jobs/ingest") == [0, 1, 2, 3, 4]


def test_recorded_listings_are_served_to_the_letter(emulator: Running) -> None:
    body = recording("list_ingest_real_v37.json")
    emulator.world.put("ingest", body["records"][0])
    text = Asker(emulator).ask(f"{DATA}/jobs/ingest").text
    assert text == json.dumps(body, separators=(",", ":"))


def test_documented_query_listing(emulator: Running) -> None:
    body = recording("list_query_docs_v66.json")
    for row in body["records"]:
        emulator.world.put("query", row)
    emulator.behaviour.salesforce_order = "oldest"
    assert Asker(emulator).json(f"{DATA}/jobs/query")["records"] == body["records"]


@pytest.mark.parametrize("kind", ["ingest", "query"])
def test_recorded_details_are_served_to_the_letter(emulator: Running, kind: str) -> None:
    asker = Asker(emulator)
    for entry in recording(f"{kind}_details_real.json"):
        body = entry["body"]
        if body["id"].startswith("750"):
            emulator.world.put(kind, body)
            text = asker.ask(f"{DATA}/jobs/{kind}/{body['id']}").text
            assert text == json.dumps(body, separators=(",", ":"))


def test_documented_classic_job(emulator: Running) -> None:
    ((body,),) = ([entry["body"] for entry in recording("classic_jobinfo_docs_v36.json")],)
    emulator.world.put("ingest", body)
    asker = Asker(emulator)
    path = f"/services/async/36.0/job/{body['id']}"
    assert asker.json(path) == body
    # a session goes in a header of its own there
    refused = asker.ask(path, {"X-SFDC-Session": "nope"})
    assert refused.status_code == 400
    assert "<exceptionCode>InvalidSessionId</exceptionCode>" in refused.text
    assert asker.ask(f"{DATA}/jobs/ingest/{body['id']}").status_code == 400
    emulator.behaviour.classic_detail = "served"
    assert asker.json(f"{DATA}/jobs/ingest/{body['id']}") == body
    assert asker.json(f"{DATA}/jobs/query/{body['id']}") == body


def test_classic_csv_job_comes_as_xml(busy_emulator: Running) -> None:
    asker = Asker(busy_emulator)
    csv = next(
        said
        for said in busy_emulator.world.records("ingest")
        if said["jobType"] == "Classic" and said["contentType"] == "CSV"
    )
    root = ET.fromstring(asker.ask(f"/services/async/62.0/job/{csv['id']}").content)
    space = "{http://www.force.com/2009/06/asyncapi/dataload}"
    told = {element.tag.removeprefix(space): element.text for element in root}
    assert root.tag == f"{space}jobInfo"
    assert told == {
        name: str(said).replace("+0000", "Z") for name, said in csv.items() if name != "jobType"
    }


def test_jobs_are_forgotten_seven_days_after_their_end(busy_emulator: Running) -> None:
    world = busy_emulator.world
    before = {said["id"] for said in world.records("query")}
    busy_emulator.clock.advance(timedelta(days=7, hours=12))
    assert not before & {said["id"] for said in world.records("query")}
    gone = Asker(busy_emulator).ask(f"{DATA}/jobs/query/{before.pop()}")
    assert (gone.status_code, gone.json()) == (
        404,
        recording("errors_tokens_versions.json")["404_deleted_job"],
    )


def test_results(emulator: Running) -> None:
    asker = Asker(emulator)
    emulator.world.put("ingest", job(1))
    path = f"{DATA}/jobs/ingest/{job(1)['id']}"
    failed = asker.ask(f"{path}/failedResults/")
    assert failed.headers["Content-Type"].startswith("text/csv")
    head, *rows = failed.text.splitlines()
    assert (head, len(rows)) == ('"sf__Id","sf__Error",Name', 2)
    assert len(asker.ask(f"{path}/successfulResults").text.splitlines()) == 1 + 8
    assert asker.ask(f"{path}/unprocessedRecords").text == "Name\n"
    assert asker.ask(f"{path}/nothing").status_code == 404
    recorded = (RECORDINGS / "failedResults_real.csv").read_text()
    emulator.world.put("ingest", job(1), errors=recorded)
    assert asker.ask(f"{path}/failedResults").text == recorded


def test_versions_and_limits(emulator: Running) -> None:
    asker = Asker(emulator)
    versions = requests.get(f"{emulator.base_url}/services/data/", timeout=10)
    assert "Sforce-Limit-Info" not in versions.headers
    assert versions.json()[2:7] == recording("errors_tokens_versions.json")["versions_200"]
    assert versions.json()[-1]["label"] == "Summer '26"
    first, second = asker.ask(f"{DATA}/limits"), asker.ask(f"{DATA}/jobs/ingest")
    infos = [said.headers["Sforce-Limit-Info"] for said in (first, second)]
    assert infos == ["api-usage=1/100000", "api-usage=2/100000"]
    assert first.json()["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_999}
    statuses = {
        version: asker.ask(f"/services/data/v{version}/jobs/query").status_code
        for version in ("30.0", "46.0", "47.0", "67.0", "99.0", "62.1")
    }
    assert statuses == {
        "30.0": 410,
        "46.0": 404,
        "47.0": 200,
        "67.0": 200,
        "99.0": 404,
        "62.1": 404,
    }


def test_daily_allocation_ends_and_comes_back(emulator: Running) -> None:
    emulator.behaviour.daily_requests = 2
    asker = Asker(emulator)
    statuses = [asker.ask(f"{DATA}/jobs/ingest").status_code for _ in range(3)]
    assert statuses == [200, 200, 403]
    refused = asker.ask(f"{DATA}/jobs/ingest")
    assert refused.json() == recording("errors_tokens_versions.json")["403_daily_limit"]
    emulator.clock.advance(timedelta(days=1))
    assert Asker(emulator).ask(f"{DATA}/jobs/ingest").status_code == 200


def test_session_slides_and_ends(emulator: Running) -> None:
    emulator.behaviour.salesforce_session_seconds = 100
    asker = Asker(emulator)
    for _ in range(3):
        emulator.clock.advance(99)
        assert asker.ask(f"{DATA}/limits", {"Authorization": f"OAuth {asker.salesforce}"}).ok
    emulator.clock.advance(100)
    ended = asker.ask(f"{DATA}/limits")
    assert (ended.status_code, ended.json()) == (
        401,
        recording("errors_tokens_versions.json")["401_session"],
    )


def test_client_credentials(emulator: Running) -> None:
    body = salesforce_token(emulator).json()
    assert set(body) == {
        "access_token",
        "signature",
        "scope",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
    }
    assert (body["instance_url"], body["issued_at"]) == (emulator.base_url, "1795530600000")
    wrong = salesforce_token(emulator, client_secret="wrong")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
    unknown = salesforce_token(emulator, grant_type="password")
    assert unknown.json()["error"] == "unsupported_grant_type"


def test_refresh_tokens_rotate_and_an_old_one_revokes_all(emulator: Running) -> None:
    def refreshed(token: str) -> requests.Response:
        return salesforce_token(emulator, grant_type="refresh_token", refresh_token=token)

    assert "refresh_token" not in refreshed(SALESFORCE_REFRESH_TOKEN).json()
    emulator.behaviour.rotates_refresh_tokens = True
    second = refreshed(SALESFORCE_REFRESH_TOKEN).json()["refresh_token"]
    third = refreshed(second).json()["refresh_token"]
    assert len({SALESFORCE_REFRESH_TOKEN, second, third}) == 3
    asker = Asker(emulator)
    assert asker.ask(f"{DATA}/limits").ok
    expired = recording("errors_tokens_versions.json")["oauth_400_refresh_expired"]
    for token in (second, third):
        said = refreshed(token)
        assert (said.status_code, said.json()) == (400, expired)
    assert asker.ask(f"{DATA}/limits").status_code == 401


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_jwt_bearer(emulator: Running, key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = emulator.clock.now().timestamp()
    good = {
        "iss": SALESFORCE_CLIENT_ID,
        "sub": SALESFORCE_USERNAME,
        "aud": "https://login.salesforce.com",
        # as text, the way simple-salesforce has it
        "exp": str(int(now) + 180),
    }

    def said(claims: dict[str, Any], signed_by: Any = key, algorithm: str = "RS256") -> str:
        assertion = jwt.encode(claims, signed_by, algorithm=algorithm)
        response = salesforce_token(emulator, grant_type=JWT_BEARER, assertion=assertion)
        return "ok" if response.ok else str(response.json()["error_description"])

    assert said(good) == "ok"
    assert said(good, other) == "ok"
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    emulator.behaviour.public_key = pem.decode()
    assert said(good) == "ok"
    assert said(good, other) == "invalid assertion"
    assert said(good, "s" * 32, "HS256") == "invalid assertion"
    assert said({**good, "aud": "https://elsewhere.example"}) == "Audience validation failed"
    assert said({**good, "aud": emulator.base_url}) == "ok"
    assert said({**good, "exp": int(now) - 1}) == "expired authorization code"
    assert said({**good, "iss": "other"}) == "client identifier invalid"
    assert said({**good, "sub": "other"}) == "user hasn't approved this consumer"


def test_a_page_holds_a_thousand_jobs(emulator: Running) -> None:
    for number in range(1_001):
        emulator.world.put("ingest", job(number))
    asker = Asker(emulator)
    page = asker.json(f"{DATA}/jobs/ingest")
    assert (len(page["records"]), page["done"]) == (1_000, False)
    assert page["nextRecordsUrl"].endswith("-1000")
