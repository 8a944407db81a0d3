"""Zuora's API: token, the four listings, their single jobs, and errors in its three families.

After the API reference: Create an OAuth token, List all data backfill jobs, List all auto backfill
jobs, List all custom object bulk jobs, List data query jobs, and the guides on rate limits and
error handling.
"""

from collections.abc import Awaitable, Callable
from itertools import islice
from random import Random
from typing import Any, Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import zuora_jobs
from .answers import Refused, answer, bearer, dumps, form
from .state import State
from .tokens import ZUORA_CLIENT_ID, ZUORA_CLIENT_SECRET
from .world import Job, shuffled

Endpoint = Callable[[Request], Awaitable[Response]]

OBJECT_STATUSES: Final = (
    "pending",
    "accepted",
    "in_progress",
    "completed",
    "failed",
    "cancelled",
)
QUERY_STATUSES: Final = ("accepted", "in_progress", "completed", "failed", "cancelled")
RATE_LIMIT: Final = "{0}, 50000;w=60, {0};w=3600, 27000000;w=86400"
CONCURRENT: Final = 40


class Zuora:
    """The routes of a tenant."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """What is served."""
        guarded = self._guarded
        backfills = "/v1/uno/data-backfill"
        return [
            Route("/oauth/token", self.token, methods=["POST"]),
            Route(f"{backfills}/listjobs", guarded(self._whole("data_backfill"))),
            Route(f"{backfills}/jobs/{{id}}", guarded(self._backfill("data_backfill"))),
            Route(f"{backfills}/propagation/jobs", guarded(self._whole("auto_backfill"))),
            Route(f"{backfills}/propagation/jobs/{{id}}", guarded(self._backfill("auto_backfill"))),
            Route("/objects/jobs", guarded(self.objects)),
            Route("/objects/jobs/{id}", guarded(self.one_object)),
            Route("/objects/jobs/{id}/errors", guarded(self.object_errors)),
            Route("/query/jobs", guarded(self.queries)),
            Route("/query/jobs/{id}", guarded(self.one_query)),
        ]

    async def token(self, request: Request) -> Response:
        """Gives a token for client credentials."""
        fields = await form(request)
        if fields.get("grant_type") != "client_credentials" or "authorization" in request.headers:
            return answer({"code": 400, "message": "Invalid grant_type"}, 400)
        sent = fields.get("client_id"), fields.get("client_secret")
        if sent != (ZUORA_CLIENT_ID, ZUORA_CLIENT_SECRET):
            return answer({"message": "Authentication error"}, 401)
        token = self._state.tokens.zuora()
        return answer(
            {
                "access_token": token,
                "token_type": "bearer",
                "expires_in": self._state.behaviour.zuora_token_seconds,
                "scope": "user.emulator entity.emulator service.echo.read tenant.19",
                "jti": token,
            },
            headers={"X-RateLimit-Limit-minute": "2000", "X-RateLimit-Remaining-minute": "1999"},
        )

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            if not self._state.tokens.holds("zuora", bearer(request, "bearer")):
                return answer(error_body(request.url.path, 401), 401)
            return await endpoint(request)

        return guarded

    def _whole(self, kind: str) -> Endpoint:
        async def whole(_: Request) -> Response:
            world = self._state.world
            rows = [world.listed(job) for job in world.jobs(kind)]
            return answer({"success": True, "jobs": rows})

        return whole

    def _backfill(self, kind: str) -> Endpoint:
        async def one(request: Request) -> Response:
            job = self._state.world.find(kind, request.path_params["id"])
            if job is None:
                # this family says so with HTTP 200
                return answer(failure("50000040", "The job does not exist"))
            return answer({"success": True, "job": self._state.world.record(job)})

        return one

    async def objects(self, request: Request) -> Response:
        """A page of custom object jobs; the cursor is the last job of the page before."""
        behaviour, world = self._state.behaviour, self._state.world
        size = _page_size(request, 25, behaviour.objects_page_max, error_body("/objects", 400))
        status, after = request.query_params.get("status"), request.query_params.get("cursor")
        if status is not None and status not in OBJECT_STATUSES:
            raise Refused(400, error_body("/objects", 400))
        if after is not None and world.find("custom_object_bulk", after) is None:
            raise Refused(400, error_body("/objects", 400))
        if behaviour.objects_order == "newest":
            rows = world.newest_first("custom_object_bulk", after)
        else:
            rows = iter(self._in_another_order(after))
        wanted = (row for row in rows if status is None or _said(row, "status") == status)
        page = list(islice(wanted, size))
        is_last = next(wanted, None) is None
        body: dict[str, Any] = {"count": len(page)}
        if page and (behaviour.cursor_on_last_page or not is_last):
            body["cursor"] = _said(page[-1], "Id")
        return answer({**body, "jobs": page})

    def _in_another_order(self, after: str | None) -> list[Any]:
        world = self._state.world
        jobs = world.jobs("custom_object_bulk")
        if self._state.behaviour.objects_order == "shuffled":
            jobs.sort(key=lambda job: shuffled(world.seed, job))
        ids = [job.id for job in jobs]
        return [world.listed(job) for job in jobs[ids.index(after) + 1 if after else 0 :]]

    async def one_object(self, request: Request) -> Response:
        """A custom object job, bare."""
        return answer(self._state.world.record(self._object(request)))

    async def object_errors(self, request: Request) -> Response:
        """The records of a job that failed."""
        job = self._object(request)
        body = self._state.world.record(job)
        errors = getattr(job, "errors", None)
        if errors is None:
            dice = Random(job.id)  # noqa: S311 - no secret depends on it
            errors = zuora_jobs.row_errors(body, dice)
        return answer({"errors": errors})

    def _object(self, request: Request) -> Job:
        job_id = request.path_params["id"]
        job = self._state.world.find("custom_object_bulk", job_id)
        if job is None:
            message = f"Job not found for id '{job_id}'."
            raise Refused(404, {"code": 71013040, "message": message})
        return job

    async def queries(self, request: Request) -> Response:
        """The newest data queries; what is older cannot be had."""
        refusal = {"code": 400, "message": "Unable to process JSON"}
        size = _page_size(request, 20, self._state.behaviour.query_page_max, refusal)
        status = request.query_params.get("queryStatus")
        if status is not None and status not in QUERY_STATUSES:
            raise Refused(400, refusal)
        rows = self._state.world.newest_first("data_query")
        wanted = (row for row in rows if status is None or _said(row, "queryStatus") == status)
        return answer({"data": list(islice(wanted, size))})

    async def one_query(self, request: Request) -> Response:
        """A data query, inside `data`."""
        job_id = request.path_params["id"]
        job = self._state.world.find("data_query", job_id)
        if job is None:
            raise Refused(404, {"code": 1001, "message": f"No such query: {job_id}"})
        return answer({"data": self._state.world.record(job)})


def _said(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, dict) else None


def _page_size(request: Request, usual: int, most: int, refusal: Any) -> int:
    said = request.query_params.get("pageSize", str(usual))
    if not said.isdecimal() or not 1 <= int(said) <= most:
        raise Refused(400, refusal)
    return int(said)


def failure(code: str, message: str) -> dict[str, Any]:
    """An error of the /v1 family, which may come with HTTP 200."""
    return {
        "success": False,
        "processId": uuid4().hex[:16].upper(),
        "reasons": [{"code": code, "message": message}],
        "requestId": str(uuid4()),
    }


def error_body(path: str, status: int) -> Any:
    """What an error of this status looks like, in the family that the path belongs to."""
    if path.startswith("/oauth"):
        return {"message": "Authentication error"} if status == 401 else _bare(status)  # noqa: PLR2004
    if path.startswith("/v1"):
        match status:
            case 401:
                reasons = [{"message": "Unauthorized", "code": "90000011"}]
                return {"success": False, "reasons": reasons}
            case 403:
                return failure("50000010", "You do not have permission to access this resource")
            case 404:
                return failure("50000040", "The job does not exist")
            case 429:
                return failure("50000070", CONCURRENCY_MESSAGE)
            case 500:
                # the documented sample has no `success`
                reasons = [{"code": "SystemError", "message": "internal server error"}]
                return {"reasons": reasons}
        return failure("50000020" if status < 500 else "50000060", f"HTTP {status}")  # noqa: PLR2004
    if status == 401:  # noqa: PLR2004
        return {"message": "Failed to get user info"}
    if path.startswith("/objects"):
        known: dict[int, dict[str, Any]] = {
            400: {"code": 71013020, "message": "Bad Request"},
            403: {"code": 71013012, "message": "User does not have permission to view jobs."},
            404: {"code": 71013040, "message": "Not Found."},
            429: {"code": 50000070, "message": CONCURRENCY_MESSAGE},
            500: {"code": 71013060, "message": "Internal error"},
            503: {"code": 71013061, "message": "Service unavailable, please retry later."},
        }
        return known.get(status, _bare(status))
    known = {
        403: {"code": 1009, "message": "Access denied for restricted job"},
        404: {"code": 1001, "message": "No such query"},
        429: {"code": "REQUEST_EXCEEDED_LIMIT", "message": CONCURRENCY_MESSAGE},
    }
    return known.get(status, _bare(status))


CONCURRENCY_MESSAGE: Final = (
    "The total number of concurrent requests has exceeded the limit allowed by the system."
    " Please resubmit your request later."
)


def _bare(status: int) -> dict[str, Any]:
    return {"code": status, "message": f"HTTP {status}"}


def success_false(path: str, code: str, message: str) -> bytes:
    """An error that comes with HTTP 200."""
    if path.startswith("/v1"):
        return dumps(failure(code, message))
    return dumps({"success": False, "reasons": [{"code": code, "message": message}]})


def headers(request: Request, state: State) -> dict[str, str]:
    """The headers that every answer has."""
    now, path = state.world.now(), request.url.path
    used = state.zuora_usage.count(now)
    limit = state.behaviour.hourly_requests
    said = {"Zuora-Request-Id": str(uuid4())}
    if "zuora-track-id" in request.headers:
        said["Zuora-Track-Id"] = request.headers["zuora-track-id"]
    if path.startswith("/oauth"):
        return said
    said["RateLimit-Limit"] = RATE_LIMIT.format(limit)
    said["RateLimit-Remaining"] = str(max(0, limit - used))
    said["RateLimit-Reset"] = str(state.zuora_usage.seconds_left(now))
    if path.startswith("/v1"):
        said["Concurrency-Limit-Type"] = "Default"
        said["Concurrency-Limit-Limit"] = str(CONCURRENT)
        said["Concurrency-Limit-Remaining"] = str(CONCURRENT - 1)
    return said
