"""What is particular to a provider's HTTP; a provider's file fills it in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from jobledger.sources._provider.login import Flow
from jobledger.sources._provider.reply import Complaint
from jobledger.sources._provider.settings import SourceSettings


class Meaning(Enum):
    """What an error of a provider asks of us, whatever HTTP status it comes with."""

    TRANSIENT = auto()
    """temporary: ask again a little later"""
    NOT_FOUND = auto()
    NOT_AVAILABLE = auto()
    """the account may not use this"""
    UNAUTHORIZED = auto()
    """the token is over: get a new one"""
    DAILY_LIMIT = auto()
    """nothing more today"""
    CONCURRENT_LIMIT = auto()
    """too much at once: wait until some of it is done"""


def _no_headers(settings: SourceSettings) -> Mapping[str, str]:  # noqa: ARG001 - as declared
    return {}


def _no_meaning(complaint: Complaint) -> Meaning | None:  # noqa: ARG001 - as declared
    return None


def _no_quota(headers: Mapping[str, str]) -> tuple[int, int] | None:  # noqa: ARG001 - as declared
    return None


@dataclass(frozen=True)
class Dialect:
    """How a provider speaks HTTP where providers differ."""

    token_path: str
    """Where tokens are had."""
    flows: tuple[Flow, ...]
    """Ways of logging in. The first whose `mark` is among the credentials is taken."""
    home_domains: tuple[str, ...] = ()
    """A token answer may name another base URL (`instance_url`) within these; empty: never."""
    headers: Callable[[SourceSettings], Mapping[str, str]] = _no_headers
    """Headers of every request but the login."""
    meaning: Callable[[Complaint], Meaning | None] = _no_meaning
    """What an error means; None where its HTTP status tells."""
    quota: Callable[[Mapping[str, str]], tuple[int, int] | None] = _no_quota
    """Used and limit of the account's daily quota, from the headers of a reply."""
    request_id: str | None = None
    """The header that names the request, for whoever asks the provider's support."""
