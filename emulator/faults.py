"""Faults to order: what a provider, or the network before it, does wrong now and then.

A fault waits for requests whose path (with its query, if the pattern has a question mark) fits its
pattern, lets `after` of them pass, and then strikes `times` times.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any, Final, Literal, get_args

Name = Literal[
    "status",
    "html",
    "success_false",
    "rate_limit",
    "concurrency",
    "daily",
    "expire_tokens",
    "slow",
    "cut",
    "drop",
    "redirect",
    "huge",
    "bomb",
    "unreadable",
    "body",
    "repeat_cursor",
    "endless",
    "elsewhere",
]

MEANINGS: Final[Mapping[str, str]] = {
    "status": "`status`, with the error body of the provider's family",
    "html": "an HTML page as a gateway sends it, with `status` (502 unless said)",
    "success_false": "HTTP 200 with success: false, `code` and `message`",
    "rate_limit": "429; with `retry_after` seconds (`as_date`: as a date), else `reset` seconds in"
    " RateLimit-Reset, else neither",
    "concurrency": "too many at once: Zuora 429 with code 50000070 and Retry-After (120 unless"
    " said), Salesforce 403 ConcurrentPerOrgLongTxn",
    "daily": "403 REQUEST_LIMIT_EXCEEDED: TotalRequests",
    "expire_tokens": "all access tokens are void from now on; the request gets its 401",
    "slow": "answers after `seconds` of real time",
    "cut": "the connection ends in the middle of the body",
    "drop": "the connection ends without an answer",
    "redirect": "`status` (302 unless said) to `location`",
    "huge": "a body of `size` bytes (1 GiB unless said), never held in memory",
    "bomb": "a gzip body that unpacks to `size` bytes (1 GiB unless said)",
    "unreadable": "HTTP 200 with half of the JSON",
    "body": "`body` as it stands (text, or else as JSON), with `status` (200 unless said)",
    "repeat_cursor": "the page's cursor or locator is the one it was asked with",
    "endless": "the listing never says that it is done: each page has a next one",
    "elsewhere": "nextRecordsUrl leads to `location`, another host",
}
OF_THE_ANSWER: Final = frozenset({"cut", "unreadable", "repeat_cursor", "endless", "elsewhere"})
"""Faults that spoil an answer; the others stand in its place."""


@dataclass
class Fault:
    """A fault on order."""

    name: Name
    path: str = "*"
    """Pattern of the path, as of a shell: `/objects/jobs*`, `*/jobs/query?*`."""
    times: int | None = 1
    """How often it strikes; None for always."""
    after: int = 0
    """How many fitting requests it lets pass before."""
    status: int | None = None
    seconds: float = 1.0
    retry_after: float | None = None
    as_date: bool = False
    reset: float | None = None
    code: str = "50000060"
    message: str = "Internal error"
    location: str = "https://elsewhere.example"
    size: int = 1 << 30
    body: Any = None
    struck: int = 0
    """How often it did so far."""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Fault":
        """A fault as the control endpoint is given it. Raises `ValueError`."""
        known = {field.name for field in fields(cls)} - {"struck"}
        if unknown := set(said) - known:
            names = ", ".join(sorted(unknown))
            raise ValueError(f"a fault has no {names}; it has {', '.join(sorted(known))}")
        if said.get("name") not in get_args(Name):
            choices = ", ".join(get_args(Name))
            raise ValueError(f"no fault {said.get('name')!r}; there are {choices}")
        return cls(**said)

    def fits(self, path: str, query: str) -> bool:
        """Whether a request is one that it waits for."""
        asked = f"{path}?{query}" if "?" in self.path else path
        # in a shell's pattern `?` is any letter; here it is the question mark
        return fnmatchcase(asked, self.path.replace("?", "[?]"))

    def limit_headers(self, now: datetime) -> dict[str, str]:
        """How long to wait, the way it was ordered to be said."""
        if self.retry_after is None:
            return (
                {}
                if self.reset is None
                else {
                    "RateLimit-Remaining": "0",
                    "RateLimit-Reset": f"{self.reset:g}",
                }
            )
        if self.as_date:
            then = now + timedelta(seconds=self.retry_after)
            return {"Retry-After": format_datetime(then, usegmt=True)}
        return {"Retry-After": f"{self.retry_after:g}"}


class Faults:
    """The faults on order; the first that fits strikes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ordered: list[Fault] = []

    def order(self, name: Name, path: str = "*", **how: Any) -> Fault:
        """Orders a fault. Raises `ValueError` if there is none of that name or kind."""
        fault = Fault.of({"name": name, "path": path, **how})
        self.add(fault)
        return fault

    def add(self, fault: Fault) -> None:
        """Orders a fault."""
        with self._lock:
            self._ordered.append(fault)

    def clear(self) -> None:
        """Cancels all of them."""
        with self._lock:
            self._ordered.clear()

    def told(self) -> list[dict[str, Any]]:
        """The faults on order, those that are spent too."""
        with self._lock:
            return [asdict(fault) for fault in self._ordered]

    def strike(self, path: str, query: str) -> Fault | None:
        """The fault that this request meets; it is counted."""
        with self._lock:
            for fault in self._ordered:
                if not fault.fits(path, query):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                elif fault.times is None or fault.struck < fault.times:
                    fault.struck += 1
                    return fault
        return None
