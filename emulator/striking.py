"""How a fault is done to an answer."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from . import salesforce, zuora
from .answers import answer, dumps
from .faults import Fault
from .state import State

PAGE: Final = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
CHUNK: Final = b" " * (1 << 16)


def is_salesforce(path: str) -> bool:
    """Whose path it is."""
    return path.startswith("/services")


def in_place(fault: Fault, request: Request, state: State) -> Response | None:
    """The answer that a fault gives in place of the right one; None if the right one is due."""
    path, now = request.url.path, state.clock.now()
    of = salesforce if is_salesforce(path) else zuora
    match fault.name:
        case "status":
            status = fault.status or 500
            return answer(of.error_body(path, status), status, fault.limit_headers(now))
        case "html":
            status = fault.status or 502
            return Response(PAGE.format(f"{status} Bad Gateway"), status, media_type="text/html")
        case "success_false":
            body = of.success_false(path, fault.code, fault.message)
            return Response(body, media_type="application/json")
        case "rate_limit":
            # the documents say nothing of the body
            return answer({"message": "Too Many Requests"}, 429, fault.limit_headers(now))
        case "concurrency" if is_salesforce(path):
            return answer(salesforce.CONCURRENT_LIMIT, 403)
        case "concurrency":
            waits = fault.limit_headers(now) or {"Retry-After": "120"}
            return answer(zuora.error_body(path, 429), 429, waits)
        case "daily":
            return answer(salesforce.DAILY_LIMIT, 403)
        case "redirect":
            return Response(b"", fault.status or 302, {"Location": fault.location})
        case "huge":
            return StreamingResponse(_spaces(fault.size), media_type="application/json")
        case "bomb":
            headers = {"Content-Encoding": "gzip"}
            return StreamingResponse(_bomb(fault.size), 200, headers, "application/json")
        case "body":
            said = fault.body
            body = said.encode() if isinstance(said, str) else dumps(said)
            return Response(body, fault.status or 200, media_type="application/json")
        case "expire_tokens":
            state.tokens.expire()
    return None


async def _spaces(size: int) -> AsyncIterator[bytes]:
    yield b'{"jobs": ['
    for _ in range(size // len(CHUNK)):
        yield CHUNK
        await asyncio.sleep(0)
    yield b"]}"


def _bomb(size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(b'{"jobs": [')
    for _ in range(size // len(CHUNK)):
        yield packer.compress(CHUNK)
    yield packer.compress(b"]}") + packer.flush()


def spoiled(fault: Fault, request: Request, body: bytes, state: State) -> bytes:
    """A right answer's body with the fault in it; `cut` is left to whoever sends it."""
    if fault.name == "unreadable":
        return body[: max(1, len(body) // 2)]
    try:
        said = orjson.loads(body)
    except ValueError:
        return body
    if isinstance(said, dict):
        match fault.name:
            case "repeat_cursor":
                _repeat(said, request)
            case "endless":
                _go_on(said, request, state)
            case _:
                _lead_away(said, request, fault.location)
    return dumps(said)


def _repeat(said: dict[str, Any], request: Request) -> None:
    params = request.query_params
    if "queryLocator" in params:
        said["done"] = False
        said["nextRecordsUrl"] = f"{request.url.path}?queryLocator={params['queryLocator']}"
    elif "cursor" in params:
        said["cursor"] = params["cursor"]


def _go_on(said: dict[str, Any], request: Request, state: State) -> None:
    if "records" in said and said.get("done"):
        # a locator past the end gives an empty page, and so on for ever
        latest = next(reversed(state.snapshots), "01g")
        name, _, start = request.query_params.get("queryLocator", f"{latest}-0").rpartition("-")
        past = int(start) + max(1, len(said["records"]))
        said["done"] = False
        said["nextRecordsUrl"] = f"{request.url.path}?queryLocator={name}-{past}"
    elif "jobs" in said and not (said["jobs"] and said.get("cursor")):
        # round and round: what comes after the last page follows the newest job
        newest: Any = next(state.world.newest_first("custom_object_bulk"), {})
        said["cursor"] = newest.get("Id")


def _lead_away(said: dict[str, Any], request: Request, location: str) -> None:
    url = said.get("nextRecordsUrl") or f"{request.url.path}?queryLocator=01g-1"
    asked = urlsplit(str(url))
    locator = parse_qs(asked.query).get("queryLocator", ["01g-1"])[0]
    said["done"] = False
    said["nextRecordsUrl"] = f"{location}{asked.path}?queryLocator={locator}"
