"""What a provider answered: its body, read with care, and its complaints in any of their shapes."""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, Final
from xml.etree import ElementTree as ET

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from jobledger.sources._provider.errors import (
    BadReply,
    CutReply,
    TimedOut,
    Unreachable,
    UnsafeReply,
)
from jobledger.sources._provider.json_text import loads

MAX_BODY: Final = 256 * 2**20
"""Bytes of a body after decompression. A page of a thousand jobs has less than one megabyte; a
thousand queries of a megabyte each, which is not likely at all, would be refused."""
MAX_COMPLAINT: Final = 2**20
"""Bytes of an error's body that are looked at."""
_CHUNK: Final = 2**20
"""Bytes of a body that are read at once. A page of a thousand jobs fits in: in pieces of 64 kB,
putting it together took as long as reading it."""
_XML: Final = re.compile(
    r"<(?:\w+:)?(exceptionCode|exceptionMessage|errorCode|message)>([^<]*)<", re.IGNORECASE
)
_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,14}")
_TITLE: Final = re.compile(r"<(title|h1)[^>]*>\s*([^<]+)", re.IGNORECASE)
_NOTHING_BUT_AN_ERROR: Final = frozenset(
    {"code", "message", "errorCode", "errorMessage", "error", "error_description", "fields"}
    | {"exceptionCode", "exceptionMessage", "success", "processId", "requestId", "reasons"}
)


@dataclass(frozen=True)
class Reply:
    """A good answer, whole."""

    status: int
    headers: Mapping[str, str]
    """Their names may be asked for in any case."""
    body: bytes

    def value(self) -> Any:
        """The body as a JSON value. Raises `CutReply`, or `BadReply` if it is HTML.

        A flat XML document counts as an object: Salesforce's Bulk API 1.0 answers with XML for a
        job whose data is CSV or XML (JobInfo).
        """
        if is_html(self.headers, self.body):
            raise BadReply(
                f"an HTML page ({html_title(self.body)}) came instead of JSON", status=self.status
            )
        if self.body[:64].lstrip().startswith(b"<"):
            return _flat_xml(self.body, self.status)
        try:
            return loads(self.body)
        except ValueError:
            problem = "is not whole JSON" if self.body.strip() else "is empty"
            raise CutReply(f"the answer {problem}", status=self.status) from None


def _flat_xml(body: bytes, status: int) -> dict[str, Any]:
    if b"<!" in body:
        raise BadReply("an XML document with declarations came instead of JSON", status=status)
    try:
        root = ET.fromstring(body)  # noqa: S314 - no declarations, so no entities
    except ET.ParseError:
        raise CutReply("the answer is not whole XML", status=status) from None
    return {child.tag.rpartition("}")[2]: _number(child.text or "") for child in root}


def _number(text: str) -> str | int:
    return int(text) if _COUNT.fullmatch(text) else text


@dataclass(frozen=True)
class Complaint:
    """An error in the provider's own words."""

    status: int
    code: str | None = None
    message: str | None = None
    is_page: bool = False
    """A web page came: a gateway's, or a proxy's."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.message) if part)


def content_type(headers: Mapping[str, str]) -> str:
    """The media type, in lower case, without its parameters."""
    return headers.get("Content-Type", "").split(";")[0].strip().lower()


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a web page came, whatever it says that it is."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return True
    # some servers call whatever they send so, also where they send nothing
    is_called = content_type(headers) in {"text/html", "application/xhtml+xml"}
    return is_called and start.startswith(b"<")


def html_title(body: bytes) -> str:
    """The title of a web page, or its first heading."""
    found = _TITLE.search(body[:65536].decode(errors="replace"))
    return " ".join(unescape(found[2]).split()) if found else "without a title"


def complaint(status: int, headers: Mapping[str, str], body: bytes) -> Complaint:
    """What an answer complains of; it may have any shape, or none."""
    if is_html(headers, body):
        return Complaint(status, message=f"an HTML page ({html_title(body)})", is_page=True)
    try:
        answer = loads(body)
    except (ValueError, RecursionError):
        text = body[:4096].decode(errors="replace")
        found = {name.lower(): unescape(value) for name, value in _XML.findall(text)}
        code = found.get("exceptioncode") or found.get("errorcode")
        message = found.get("exceptionmessage") or found.get("message")
        return Complaint(status, code, message or (None if found else text.strip() or None))
    return Complaint(status, *_told(answer))


def _told(answer: Any) -> tuple[str | None, str | None]:
    """Code and message, from the shapes that Zuora and Salesforce are known to use.

    Zuora, error handling: `reasons`, `code`/`message`, `Errors`. Salesforce: an array of
    `errorCode`/`message`; `error`/`error_description` from the login; `exceptionCode`/
    `exceptionMessage` from Bulk API 1.0.
    """
    if isinstance(answer, list):
        return _told(answer[0]) if answer else (None, None)
    if not isinstance(answer, dict):
        return None, _text(answer)
    for inner in (answer.get("reasons"), answer.get("Errors"), answer.get("errors")):
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            return _told(inner[0])
    if isinstance(answer.get("error"), dict):
        return _told(answer["error"])
    code = _first(answer, "code", "Code", "errorCode", "exceptionCode", "error")
    message = _first(
        answer, "message", "Message", "exceptionMessage", "errorMessage", "error_description"
    )
    return code, message


def _first(answer: dict[str, Any], *names: str) -> str | None:
    return next((text for name in names if (text := _text(answer.get(name)))), None)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def is_failure(answer: Any) -> bool:
    """Whether an answer with HTTP 200 is an error all the same."""
    if isinstance(answer, list):
        return bool(answer) and isinstance(answer[0], dict) and "errorCode" in answer[0]
    if not isinstance(answer, dict):
        return False
    for name in ("success", "Success"):
        if name in answer and answer[name] in (False, "false", "False"):
            return True
        if name in answer and answer[name] in (True, "true", "True"):
            return False
    code, message = _told(answer)
    return (code or message) is not None and answer.keys() <= _NOTHING_BUT_AN_ERROR


def chunks(response: requests.Response, limit: int) -> Iterator[bytes]:
    """The body, decompressed, piece by piece.

    Done here since a few bytes can be made to decompress into gigabytes, which libraries do in one
    go. Raises `UnsafeReply` beyond `limit` bytes, `CutReply` if the body ends early.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in {"gzip", "x-gzip"}:
        pieces = _unzipped(_raw(response))
    elif coding in {"identity", ""}:
        pieces = _raw(response)
    else:
        raise BadReply(f"the answer is in a coding that was not asked for, {coding}")
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise UnsafeReply(f"the answer has more than {limit:,} bytes and was not read")
        yield piece


def _raw(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.raw.stream(_CHUNK, decode_content=False)
    except ReadTimeoutError:
        raise TimedOut("the answer stopped in the middle") from None
    except (HTTPError, OSError):
        raise Unreachable("the connection was dropped in the middle of the answer") from None


def _unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    # 31: gzip, and nothing else
    machine = zlib.decompressobj(31)
    is_begun = False
    for piece in pieces:
        rest = piece
        while rest:
            if machine.eof:
                # a gzip file may have several members
                machine = zlib.decompressobj(31)
            is_begun = True
            try:
                out = machine.decompress(rest, _CHUNK)
                yield out
                while not machine.eof and (machine.unconsumed_tail or len(out) == _CHUNK):
                    out = machine.decompress(machine.unconsumed_tail, _CHUNK)
                    yield out
            except zlib.error:
                raise CutReply("the compressed answer is damaged") from None
            rest = machine.unused_data
    if is_begun and not machine.eof:
        raise CutReply("the compressed answer ends early")
