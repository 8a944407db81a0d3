"""Clients that were written by others read what the emulator serves."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from aiosalesforce import Salesforce as AsyncSalesforce
from aiosalesforce.auth import ClientCredentialsFlow
from aiosalesforce.exceptions import SalesforceError
from pydantic import TypeAdapter
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceResourceNotFound

from jobledger.emulator import Running
from jobledger.emulator.tokens import SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET
from tests.emulator.running import Asker, zuora_token

ORG = "https://emulator.my.salesforce.com"


class ToLoopback(HTTPAdapter):
    """Sends what is meant for https, which these clients insist on, to the emulator."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def send(self, request: Any, *args: Any, **how: Any) -> requests.Response:
        asked = urlsplit(request.url)
        query = f"?{asked.query}" if asked.query else ""
        request.url = f"{self._base_url}{asked.path}{query}"
        return super().send(request, *args, **how)


class ToLoopbackAsync(httpx.AsyncHTTPTransport):
    """Likewise."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._url = httpx.URL(base_url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(
            scheme=self._url.scheme, host=self._url.host, port=self._url.port
        )
        return await super().handle_async_request(request)


@pytest.fixture
def simple(busy_emulator: Running) -> Salesforce:
    session = requests.Session()
    session.mount("https://", ToLoopback(busy_emulator.base_url))
    return Salesforce(
        consumer_key=SALESFORCE_CLIENT_ID,
        consumer_secret=SALESFORCE_CLIENT_SECRET,
        domain="emulator.my",
        version="62.0",
        session=session,
    )


def test_simple_salesforce_lists_jobs(busy_emulator: Running, simple: Salesforce) -> None:
    busy_emulator.behaviour.change({"salesforce_page_size": 20, "salesforce_order": "oldest"})
    page: Any = simple.restful("jobs/ingest", params={"jobType": "V2Ingest"})
    rows = page["records"]
    while not page["done"]:
        locator = page["nextRecordsUrl"].partition("=")[2]
        page = simple.restful("jobs/ingest", params={"queryLocator": locator})
        rows += page["records"]
    expected = [
        job["id"] for job in busy_emulator.world.records("ingest") if job["jobType"] == "V2Ingest"
    ]
    assert len(expected) > 40
    assert [row["id"] for row in rows] == expected
    assert simple.api_usage["api-usage"].total == 100_000
    assert simple.api_usage["api-usage"].used == -(-len(expected) // 20)


def test_simple_salesforce_reads_failed_results(busy_emulator: Running, simple: Salesforce) -> None:
    partial: dict[str, Any] = next(
        job
        for job in busy_emulator.world.records("ingest")
        if job["jobType"] == "V2Ingest" and job["numberRecordsFailed"]
    )
    bulk: Any = simple.bulk2
    handler = bulk.Account
    text = handler.get_failed_records(partial["id"])
    assert len(text.splitlines()) == 1 + min(1_000, partial["numberRecordsFailed"])


def test_simple_salesforce_renews_and_knows_errors(
    busy_emulator: Running, simple: Salesforce
) -> None:
    with pytest.raises(SalesforceResourceNotFound) as missing:
        simple.restful("jobs/ingest/750nope")
    said: Any = missing.value.content
    assert said == [
        {
            "errorCode": "NOT_FOUND",
            "message": "The requested resource does not exist",
        }
    ]
    busy_emulator.tokens.expire()
    limits: Any = simple.restful("limits")
    assert limits["DailyApiRequests"]["Max"] == 100_000
    assert busy_emulator.tokens.issued == 2


def asynchronously(running: Running, use: Any) -> Any:
    async def run() -> Any:
        async with httpx.AsyncClient(transport=ToLoopbackAsync(running.base_url)) as client:
            auth = ClientCredentialsFlow(SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET)
            return await use(AsyncSalesforce(client, base_url=ORG, auth=auth, version="62.0"))

    return asyncio.run(run())


@pytest.mark.parametrize("is_pk_chunking_enabled", [None, False])
def test_aiosalesforce_lists_jobs_through_several_pages(
    busy_emulator: Running, is_pk_chunking_enabled: bool | None
) -> None:
    busy_emulator.behaviour.salesforce_page_size = 20

    async def list_jobs(salesforce: AsyncSalesforce) -> list[Any]:
        listing = salesforce.bulk_v2.ingest.list_jobs(is_pk_chunking_enabled)
        return [job async for job in listing]

    jobs = asynchronously(busy_emulator, list_jobs)
    world = busy_emulator.world
    expected = {
        job["id"]: job
        for kind in ("ingest", "query")
        for job in world.records(kind)
        if job["jobType"] in {"V2Ingest", "Classic"}
    }
    assert len(jobs) == len(expected) > 40
    for job in jobs:
        said = expected[job.id]
        assert (job.state, job.object, job.operation, job.job_type, job.line_ending) == (
            said["state"],
            said["object"],
            said["operation"],
            said["jobType"],
            said.get("lineEnding"),
        )
        assert job.created_date == datetime.fromisoformat(said["createdDate"])
    pages = [seen for seen in busy_emulator.requests if seen.path.endswith("/jobs/ingest")]
    assert len(pages) == -(-len(expected) // 20)


def test_aiosalesforce_renews_its_session_and_knows_a_missing_job(busy_emulator: Running) -> None:
    async def get_job(salesforce: AsyncSalesforce) -> Any:
        await salesforce.get_limits()
        busy_emulator.tokens.expire()
        limits = await salesforce.get_limits()
        with pytest.raises(SalesforceError) as missing:
            await salesforce.bulk_v2.ingest.get_job("750nope")
        return limits, missing.value.error_code

    limits, code = asynchronously(busy_emulator, get_job)
    assert limits["DailyApiRequests"]["Max"] == 100_000
    assert code == "NOT_FOUND"
    assert busy_emulator.tokens.issued == 2


class Models:
    """The models of zuora-sdk by name, each imported when it is asked for.

    The package imports all of its 1,700 models and 80 clients at once, for a quarter of a minute.
    """

    def __init__(self) -> None:
        named = Path(sys.modules["zuora_sdk.models"].__path__[0], "__init__.py").read_text()
        self._modules = {
            name: module
            for module, name in re.findall(
                r"^from (zuora_sdk\.models\.\w+) import (\w+)", named, re.MULTILINE
            )
        }

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._modules[name]), name)


@pytest.fixture(scope="module")
def sdk() -> Iterator[Models]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("zuora_sdk", "zuora_sdk.models"):
            # the package without what its `__init__` does
            package = ModuleType(name)
            found = find_spec(name)
            assert found
            package.__path__ = list(found.submodule_search_locations or ())
            patch.setitem(sys.modules, name, package)
        yield Models()


# how the SDK makes its models is its own affair
of_sdk = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")


def checked(model: Any, record: dict[str, Any]) -> dict[str, Any]:
    """A record's values read as a model declares them, by the names that the record has.

    The models themselves check nothing: their constructors leave validation out.
    """
    read = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if alias not in record:
            continue
        kind: Any = (
            Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        )
        read[alias] = TypeAdapter(kind).validate_python(record[alias])
        if hasattr(model, f"{name}_validate_enum"):
            getattr(model, f"{name}_validate_enum")(record[alias])
    return read


@of_sdk
@pytest.mark.parametrize("empty", ["absent", "null"])
def test_zuora_sdk_reads_data_backfills(busy_emulator: Running, sdk: Models, empty: str) -> None:
    busy_emulator.behaviour.change(
        {"backfill_type_key": "importType", "empty_backfill_fields": empty}
    )
    asker = Asker(busy_emulator)
    # the SDK's own call goes to `date-backfill`, which is a typing error of its
    text = asker.ask("/v1/uno/data-backfill/listjobs").text
    read, said = sdk.GETListDataBackfillJobs200Response.from_json(text), json.loads(text)["jobs"]
    assert read.success is True
    assert len(read.jobs) == len(said) > 100
    for job, record in zip(read.jobs, said, strict=True):
        values = checked(sdk.Job, record)
        assert set(values) == set(record)
        uploaded = datetime.fromtimestamp(int(record["uploadedOn"]) / 1000, UTC)
        assert values["uploadedOn"] == uploaded
        assert values["status"].value == record["status"] == job.status
        assert (job.total_count, job.failed_count, job.success_count) == (
            record.get("totalCount"),
            record.get("failedCount"),
            record.get("successCount"),
        )
        assert job.additional_properties == {}
    one = asker.ask(f"/v1/uno/data-backfill/jobs/{said[0]['id']}").text
    assert vars(sdk.GETDataBackfillJobById200Response.from_json(one).job) == vars(read.jobs[0])
    gone = asker.ask("/v1/uno/data-backfill/jobs/nope").text
    failed = sdk.GETDataBackfillJobById200Response.from_json(gone)
    assert (failed.success, failed.reasons[0].message) == (False, "The job does not exist")


@of_sdk
def test_zuora_sdk_reads_auto_backfills_as_their_twins(busy_emulator: Running, sdk: Models) -> None:
    # it has no model of this listing, but of one that differs by `type` alone
    text = Asker(busy_emulator).ask("/v1/uno/data-backfill/propagation/jobs").text
    read = sdk.GETListBookingDateBackfillJobs200Response.from_json(text)
    said = json.loads(text)["jobs"]
    assert len(read.jobs) == len(said) > 50
    for job, record in zip(read.jobs, said, strict=True):
        assert {**checked(sdk.BookingDateJob, record), "type": record["type"]} == record
        assert job.additional_properties == {"type": record["type"]}


@of_sdk
def test_zuora_sdk_reads_custom_object_jobs(busy_emulator: Running, sdk: Models) -> None:
    asker, cursor, seen = Asker(busy_emulator), "", set()
    while True:
        text = asker.ask(f"/objects/jobs?pageSize=40{cursor}").text
        page = sdk.CustomObjectBulkJobResponseCollection.from_json(text)
        if not page.jobs:
            break
        assert page.count == len(page.jobs)
        for job, record in zip(page.jobs, json.loads(text)["jobs"], strict=True):
            values = checked(sdk.CustomObjectBulkJobResponse, record)
            assert set(values) == set(record)
            assert values["CreatedDate"] == datetime.fromisoformat(record["CreatedDate"])
            assert (job.error and job.error.code) == record.get("error", {}).get("code")
            told = (job.status, job.processing_time, job.records_processed)
            fields = ("status", "processingTime", "recordsProcessed")
            assert told == tuple(record[name] for name in fields)
            seen.add(job.id)
        cursor = f"&cursor={page.cursor}"
    jobs = busy_emulator.world.records("custom_object_bulk")
    assert seen == {job["Id"] for job in jobs}
    failed = next(job["Id"] for job in jobs if job["status"] == "failed")
    errors = asker.ask(f"/objects/jobs/{failed}/errors").text
    read = sdk.CustomObjectBulkJobErrorResponseCollection.from_json(errors)
    assert [(error.code, error.message, error.row) for error in read.errors] == [
        (error["code"], error["message"], error["row"]) for error in json.loads(errors)["errors"]
    ]


@of_sdk
def test_zuora_sdk_reads_data_queries(busy_emulator: Running, sdk: Models) -> None:
    busy_emulator.behaviour.query_says_created = False
    asker = Asker(busy_emulator)
    text = asker.ask("/query/jobs?pageSize=1000").text
    read, said = sdk.GetDataQueryJobsResponse.from_json(text).data, json.loads(text)["data"]
    assert len(read) == len(said) > 100
    # in newer samples, or from other clients, but not in the SDK's model
    newer = {"retries", "errorMessage"}
    for job, record in zip(read, said, strict=True):
        # its schema has ids of 64 characters, which is an error of the document it was made from
        long = {name: record[name].ljust(64) for name in ("id", "createdBy")}
        values = checked(sdk.DataQueryJob, {**record, **long})
        assert set(record) - set(values) <= newer
        assert values["updatedOn"] == datetime.fromisoformat(record["updatedOn"])
        told = (job.id, job.query_status, job.output_rows, job.processing_time, job.data_file)
        fields = ("id", "queryStatus", "outputRows", "processingTime", "dataFile")
        assert told == tuple(record.get(name) for name in fields)
    one = asker.ask(f"/query/jobs/{said[0]['id']}").text
    assert vars(sdk.GetDataQueryJobResponse.from_json(one).data) == vars(read[0])


@of_sdk
def test_zuora_sdk_reads_tokens_and_errors(emulator: Running, sdk: Models) -> None:
    response = zuora_token(emulator)
    token = sdk.TokenResponse.from_json(response.text)
    assert (token.token_type, token.expires_in) == ("bearer", 3599)
    assert set(checked(sdk.TokenResponse, response.json())) == set(response.json())
    missing = Asker(emulator).ask("/query/jobs/nope").text
    error = sdk.DataQueryErrorResponse.from_json(missing)
    assert (error.code, error.message) == (1001, "No such query: nope")
