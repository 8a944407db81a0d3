"""Answers in JSON, and what both providers' routes need to give them."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON: Final = "application/json;charset=UTF-8"


class Refused(Exception):
    """The answer is an error of the provider's."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.answer = answer(body, status)


def dumps(body: Any) -> bytes:
    """JSON text, of what orjson will not write too: a lone surrogate, a number beyond 64 bits."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(dumps(body), status, headers, JSON)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent url-encoded."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))


def bearer(request: Request, *schemes: str) -> str | None:
    """The token that a request carries by one of these schemes."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in schemes else None
