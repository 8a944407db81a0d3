"""Salesforce's API: login, versions, limits, both listings of bulk jobs, and single jobs.

After the Bulk API 2.0 and Bulk API Developer Guide: Get Information About All Jobs, Get Information
About a Job, Get Job Failed Record Results, JobInfo (Bulk API 1.0), and the REST API's pages on
versions, limits and OAuth errors.
"""

import base64
import csv
import io
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final
from urllib.parse import unquote, urlencode
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import salesforce_jobs, tokens
from .answers import Refused, answer, bearer, dumps, form
from .salesforce_jobs import MOST_ROWS, Record, salesforce_id
from .state import State
from .world import GONE, Job, shuffled

Endpoint = Callable[[Request], Awaitable[Response]]

OLDEST: Final = 31
NEWEST: Final = 67
RETIRED: Final = 30
INGEST_SINCE: Final = 41
QUERY_SINCE: Final = 47
RESULT_IDS_SINCE: Final = 53
JOB_TYPES: Final = {
    "ingest": ("BigObjectIngest", "Classic", "V2Ingest"),
    "query": ("BigObjectIngest", "Classic", "V2Ingest", "V2Query"),
}
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
NAMESPACE: Final = "http://www.force.com/2009/06/asyncapi/dataload"
SNAPSHOTS: Final = 200
"""Listings that are kept for their locators."""
ASYNC_LACKS: Final = frozenset({"jobType", "lineEnding", "columnDelimiter", "contentUrl"})
"""What JobInfo of Bulk API 1.0 does not have."""


class Salesforce:
    """The routes of an org."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._dice = Random(state.world.seed)  # noqa: S311 - no secret depends on it

    def routes(self) -> list[Route]:
        """What is served."""
        guarded, data = self._guarded, "/services/data/v{version}"
        return [
            Route("/services/oauth2/token", self.token, methods=["POST"]),
            Route("/services/data", self.versions),
            Route(f"{data}/limits", guarded(self.limits, OLDEST)),
            Route(f"{data}/jobs/ingest", guarded(self._listing("ingest"), INGEST_SINCE)),
            Route(f"{data}/jobs/ingest/{{id}}", guarded(self._one("ingest"), INGEST_SINCE)),
            Route(f"{data}/jobs/ingest/{{id}}/{{what}}", guarded(self.results, INGEST_SINCE)),
            Route(f"{data}/jobs/query", guarded(self._listing("query"), QUERY_SINCE)),
            Route(f"{data}/jobs/query/{{id}}", guarded(self._one("query"), QUERY_SINCE)),
            Route("/services/async/{version}/job/{id}", self.classic),
        ]

    async def token(self, request: Request) -> Response:
        """Logs in with client credentials, a signed assertion or a refresh token."""
        fields = await form(request)
        held, refresh = self._state.tokens, None
        match fields.get("grant_type"):
            case "client_credentials":
                if _client(request, fields) != (
                    tokens.SALESFORCE_CLIENT_ID,
                    tokens.SALESFORCE_CLIENT_SECRET,
                ):
                    return _oauth_error("invalid_client", "invalid client credentials")
            case grant if grant == JWT_BEARER:
                base_url = str(request.base_url).rstrip("/")
                wrong = held.complaint(fields.get("assertion", ""), base_url)
                if wrong is not None:
                    return _oauth_error("invalid_grant", wrong)
            case "refresh_token":
                client_id, secret = _client(request, fields)
                if client_id != tokens.SALESFORCE_CLIENT_ID:
                    return _oauth_error("invalid_client_id", "client identifier invalid")
                if secret != tokens.SALESFORCE_CLIENT_SECRET:
                    return _oauth_error("invalid_client", "invalid client credentials")
                refresh = held.refresh(fields.get("refresh_token", ""))
                if refresh is None:
                    return _oauth_error("invalid_grant", "expired access/refresh token")
            case _:
                return _oauth_error("unsupported_grant_type", "grant type not supported")
        url = str(request.base_url).rstrip("/")
        body = {
            "access_token": held.salesforce(),
            "signature": base64.b64encode(bytes(32)).decode(),
            "scope": "api",
            "instance_url": url,
            "id": f"{url}/id/{salesforce_id('00D', Random(0))}/{salesforce_jobs.USERS[0]}",  # noqa: S311
            "token_type": "Bearer",
            "issued_at": str(int(1000 * self._state.world.now())),
        }
        if refresh is not None and self._state.behaviour.rotates_refresh_tokens:
            body["refresh_token"] = refresh
        return answer(body)

    def _guarded(self, endpoint: Endpoint, since: int) -> Endpoint:
        """Lets in whoever has a session and calls left, at a version that has the resource."""

        async def guarded(request: Request) -> Response:
            version = _major(request.path_params["version"])
            if version is not None and version <= RETIRED:
                return answer(_error("GONE", f"API version {version}.0 is retired"), 410)
            if version is None or not since <= version <= NEWEST:
                return answer(error_body(request.url.path, 404), 404)
            token = bearer(request, "bearer", "oauth")
            if not self._state.tokens.holds("salesforce", token):
                return answer(error_body(request.url.path, 401), 401)
            if self._state.salesforce_usage.used > self._state.behaviour.daily_requests:
                return answer(DAILY_LIMIT, 403)
            return await endpoint(request)

        return guarded

    async def versions(self, _: Request) -> Response:
        """The versions there are, which one need not log in for."""
        return answer(
            [
                {"label": _label(v), "url": f"/services/data/v{v}.0", "version": f"{v}.0"}
                for v in range(OLDEST, NEWEST + 1)
            ]
        )

    async def limits(self, _: Request) -> Response:
        """The org's limits, as far as they concern bulk jobs."""
        most, used = self._state.behaviour.daily_requests, self._state.salesforce_usage.used
        return answer(
            {
                "DailyApiRequests": {"Max": most, "Remaining": max(0, most - used)},
                "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 14_620},
                "DailyBulkV2QueryFileStorageMB": {"Max": 976_562, "Remaining": 976_110},
                "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 9_951},
            }
        )

    def _listing(self, kind: str) -> Endpoint:
        async def listing(request: Request) -> Response:
            params = request.query_params
            filters = {
                name: params[name] for name in ("jobType", "isPkChunkingEnabled") if name in params
            }
            locator = params.get("queryLocator")
            if locator is None:
                jobs, name, start = self._jobs(kind, filters), self._locator(), 0
                snapshots = self._state.snapshots
                snapshots[name] = [kind, filters, jobs]
                if len(snapshots) > SNAPSHOTS:
                    del snapshots[next(iter(snapshots))]
            else:
                jobs, name, start = self._resumed(kind, locator)
            size = self._state.behaviour.salesforce_page_size
            world, end = self._state.world, start + size
            rows = [world.listed(job) for job in jobs[start:end]]
            # a job may be forgotten while its listing is read
            rows = [row for row in rows if row is not GONE]
            is_done = end >= len(jobs)
            url = None if is_done else self._next_url(request, kind, f"{name}-{end}", filters)
            return answer({"done": is_done, "nextRecordsUrl": url, "records": rows})

        return listing

    def _next_url(self, request: Request, kind: str, locator: str, filters: dict[str, str]) -> str:
        # the documents have the query listing's own next page at the ingest path
        path = "ingest" if kind == "ingest" else self._state.behaviour.query_locator_path
        kept = filters if self._state.behaviour.next_url_keeps_filters else {}
        query = urlencode({**kept, "queryLocator": locator})
        return f"/services/data/v{request.path_params['version']}/jobs/{path}?{query}"

    def _locator(self) -> str:
        return salesforce_id("01g", self._dice)

    def _resumed(self, kind: str, locator: str) -> tuple[list[Job], str, int]:
        name, _, start = locator.rpartition("-")
        known = self._state.snapshots.get(name)
        if known is None or known[0] != kind or not start.isdecimal():
            raise Refused(400, _error("INVALID_QUERY_LOCATOR", "invalid query locator"))
        jobs = self._jobs(kind, known[1]) if self._state.behaviour.shifting_pages else known[2]
        return jobs, name, int(start)

    def _jobs(self, kind: str, filters: dict[str, str]) -> list[Job]:
        """The jobs of a listing, in its order."""
        job_type = filters.get("jobType")
        if job_type is not None and job_type not in JOB_TYPES[kind]:
            raise Refused(400, _error("INVALID_FIELD", f"invalid jobType: {job_type}"))
        world, behaviour = self._state.world, self._state.behaviour
        chunked = filters.get("isPkChunkingEnabled", "").lower() == "true"
        found = [
            job
            for of in ("ingest", "query")
            for job in world.jobs(of)
            if self._is_listed(kind, job, of, job_type) and (not chunked or _is_chunked(job))
        ]
        if behaviour.salesforce_order == "shuffled":
            found.sort(key=lambda job: shuffled(world.seed, job))
        else:
            newest = behaviour.salesforce_order == "newest"
            found.sort(key=lambda job: (job.created_at, job.id), reverse=newest)
        return found

    def _is_listed(self, kind: str, job: Job, of: str, wanted: str | None) -> bool:
        row = self._state.world.listed(job)
        job_type = row.get("jobType") if isinstance(row, dict) else None
        if job_type is None:
            is_classic = _is_classic(self._state.world.record(job))
            job_type = "Classic" if is_classic else f"V2{of.capitalize()}"
        if wanted is not None:
            return bool(job_type == wanted)
        if job_type == "Classic":
            return True
        if kind == "query":
            return of == "query"
        return of == "ingest" or self._state.behaviour.ingest_lists_queries

    def _one(self, kind: str) -> Endpoint:
        async def one(request: Request) -> Response:
            job_id = request.path_params["id"]
            job = self._find(kind, job_id)
            body = self._state.world.record(job)
            if _is_classic(body) and self._state.behaviour.classic_detail == "refused":
                message = f"The job {job_id} is not a Bulk API 2.0 job"
                raise Refused(400, _error("API_ERROR", message))
            return answer(body)

        return one

    def _find(self, kind: str, job_id: str) -> Job:
        job = self._state.world.find(kind, job_id)
        if job is None:
            other = self._state.world.find("query" if kind == "ingest" else "ingest", job_id)
            # Classic jobs belong to both
            if other is None or not _is_classic(self._state.world.record(other)):
                raise Refused(404, NOT_FOUND)
            job = other
        return job

    async def results(self, request: Request) -> Response:
        """Rows of a job: failedResults, successfulResults, unprocessedrecords; as CSV."""
        job = self._find("ingest", request.path_params["id"])
        body = self._state.world.record(job)
        has_ids = (_major(request.path_params["version"]) or 0) >= RESULT_IDS_SINCE
        match request.path_params["what"].lower():
            case "failedresults":
                put = getattr(job, "errors", None)
                return _csv(put if put is not None else _failed_csv(job, body, has_ids=has_ids))
            case "successfulresults":
                return _csv(_successful_csv(job, body, has_ids=has_ids))
            case "unprocessedrecords":
                return _csv("Name\n")
        raise Refused(404, NOT_FOUND)

    async def classic(self, request: Request) -> Response:
        """A Classic job by Bulk API 1.0: JSON for JSON jobs, else XML."""
        session = request.headers.get("x-sfdc-session")
        if not self._state.tokens.holds("salesforce", session):
            return _async_error("InvalidSessionId", "Invalid session id")
        job_id = request.path_params["id"]
        for kind in ("ingest", "query"):
            job = self._state.world.find(kind, job_id)
            body = None if job is None else self._state.world.record(job)
            if isinstance(body, dict) and _is_classic(body):
                info = {name: said for name, said in body.items() if name not in ASYNC_LACKS}
                if "JSON" in str(body.get("contentType")):
                    return answer(info)
                return _xml("jobInfo", info)
        return _async_error("InvalidJob", f"Unable to find object: {job_id}")


def _client(request: Request, fields: dict[str, str]) -> tuple[str | None, str | None]:
    """Who logs in: by the form, or by HTTP Basic."""
    said = bearer(request, "basic")
    if said is None:
        return fields.get("client_id"), fields.get("client_secret")
    try:
        client_id, _, secret = base64.b64decode(said).decode().partition(":")
    except ValueError:
        return None, None
    return unquote(client_id), unquote(secret)


def _major(version: str) -> int | None:
    major, _, minor = version.partition(".")
    return int(major) if major.isdecimal() and minor == "0" else None


def _label(version: int) -> str:
    """Three a year, winter's named for the year to come; 33.0 was Spring '15."""
    years, season = divmod(version - 33, 3)
    name = ("Spring", "Summer", "Winter")[season]
    return f"{name} '{15 + years + (name == 'Winter')}"


def _is_classic(body: Any) -> bool:
    return isinstance(body, dict) and (
        body.get("jobType") == "Classic" or "numberBatchesTotal" in body
    )


def _is_chunked(job: Job) -> bool:
    life = getattr(job, "life", None)
    return life is not None and bool(life.facts.get("isPkChunked"))


def _failed_csv(job: Job, body: Record, *, has_ids: bool) -> str:
    dice = Random(job.id)  # noqa: S311 - no secret depends on it
    # recorded answers quote sf__Id and sf__Error, and leave the customer's columns bare
    head = '"sf__Id","sf__Error",Name' if has_ids else '"sf__Error",Name'
    rows = [
        ",".join(f'"{cell}"' for cell in (row if has_ids else row[1:]))
        for row in salesforce_jobs.failed_rows(body, dice)
    ]
    return "\n".join([head, *rows]) + "\n"


def _successful_csv(job: Job, body: Record, *, has_ids: bool) -> str:
    dice = Random(job.id)  # noqa: S311 - no secret depends on it
    done = body.get("numberRecordsProcessed", 0) - body.get("numberRecordsFailed", 0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*(("sf__Id",) if has_ids else ()), "sf__Created", "Name"))
    for number in range(min(MOST_ROWS, done)):
        known = (salesforce_id("001", dice),) if has_ids else ()
        writer.writerow((*known, "true", f"Customer {number}"))
    return text.getvalue()


def _csv(text: str) -> Response:
    return Response(text, media_type="text/csv")


def _oauth_error(code: str, description: str) -> Response:
    return answer({"error": code, "error_description": description}, 400)


def _async_error(code: str, message: str) -> Response:
    return _xml("error", {"exceptionCode": code, "exceptionMessage": message}, 400)


def _xml(root: str, fields: Record, status: int = 200) -> Response:
    inside = "".join(f"\n <{name}>{_text(said)}</{name}>" for name, said in fields.items())
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{inside}\n</{root}>'
    )
    return Response(body, status, media_type="application/xml")


def _text(said: Any) -> str:
    # Bulk API 1.0 gives its times with a Z
    return escape(str(said).replace("+0000", "Z") if said is not None else "")


def _error(code: str, message: str) -> list[Record]:
    return [{"errorCode": code, "message": message}]


NOT_FOUND: Final = _error("NOT_FOUND", "The requested resource does not exist")
DAILY_LIMIT: Final = _error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
CONCURRENT_LIMIT: Final = _error(
    "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."
)


def error_body(path: str, status: int) -> Any:
    """What an error of this status looks like."""
    if path.startswith("/services/oauth2"):
        return {"error": "invalid_grant", "error_description": "authentication failure"}
    match status:
        case 401:
            return [
                {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"},
            ]
        case 403:
            return _error(
                "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."
            )
        case 404:
            return NOT_FOUND
        case 405:
            return _error("METHOD_NOT_ALLOWED", "HTTP Method not allowed. Allowed are GET")
        case 500:
            return _error("UNKNOWN_EXCEPTION", "An unexpected error occurred.")
        case 503:
            message = "The server is unavailable for maintenance or overloaded"
            return _error("SERVER_UNAVAILABLE", message)
    return _error("API_ERROR", f"HTTP {status}")


def success_false(_: str, code: str, message: str) -> bytes:
    """An error that comes with HTTP 200, which Salesforce's do not; for completeness."""
    return dumps({"success": False, "errors": _error(code, message)})


def headers(request: Request, state: State) -> dict[str, str]:
    """The headers that every answer has: what is used of the daily allocation."""
    path = request.url.path
    if not path.startswith("/services/data/v"):
        return {}
    used = state.salesforce_usage.count(state.world.now())
    return {"Sforce-Limit-Info": f"api-usage={used}/{state.behaviour.daily_requests}"}
