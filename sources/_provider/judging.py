"""Which error an answer amounts to.

The provider's own code goes before the HTTP status, since a code says more. Retry policy: Zuora,
Error handling; Salesforce, Status codes and error responses.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import Final

from jobledger.sources._provider.dialect import Meaning
from jobledger.sources._provider.errors import (
    BadReply,
    NotAvailable,
    NotFound,
    ProviderError,
    QuotaReached,
    RateLimited,
    Refused,
    ServerFault,
    Unauthorized,
)
from jobledger.sources._provider.reply import Complaint

_PATIENCE: Final = 8
"""How often is asked where others of the account's users are in the way: for about two minutes
where the provider does not say how long."""
_TEMPORARY: Final = frozenset({408, 420})
_OF_A_GATEWAY: Final = frozenset({400, 403, 404})
"""With these a gateway's own page may come in the place of the provider's answer."""


def judged(
    complaint: Complaint, meaning: Meaning | None, message: str, retry_after: float | None
) -> ProviderError:
    """The error that a complaint amounts to."""
    status, code = complaint.status, complaint.code
    if meaning is Meaning.DAILY_LIMIT:
        return QuotaReached(message, status=status, code=code)
    if meaning is Meaning.CONCURRENT_LIMIT:
        error = RateLimited(message, status=status, code=code, retry_after=retry_after)
        error.attempts = _PATIENCE
        return error
    if status == 429:  # noqa: PLR2004 - HTTP: Too Many Requests
        return RateLimited(message, status=status, code=code, retry_after=retry_after)
    kind = _by_status(complaint)
    if kind is not Unauthorized and not (meaning in _OF_THE_REQUEST and kind is ServerFault):
        kind = _KINDS.get(meaning, kind)
    wait = retry_after if kind is ServerFault else None
    return kind(message, status=status, code=code, retry_after=wait)


_KINDS: Final[Mapping[Meaning | None, type[ProviderError]]] = {
    Meaning.UNAUTHORIZED: Unauthorized,
    Meaning.TRANSIENT: ServerFault,
    Meaning.NOT_FOUND: NotFound,
    Meaning.NOT_AVAILABLE: NotAvailable,
}


_OF_THE_REQUEST: Final = frozenset({Meaning.NOT_FOUND, Meaning.NOT_AVAILABLE})
"""What a provider that fails cannot tell."""


def _by_status(complaint: Complaint) -> type[ProviderError]:
    status = complaint.status
    if status == 401:  # noqa: PLR2004 - HTTP: Unauthorized
        return Unauthorized
    if status in _OF_A_GATEWAY and complaint.is_page:
        # it says nothing of what the provider has, or would tell
        return BadReply
    if status == 403:  # noqa: PLR2004 - HTTP: Forbidden
        return NotAvailable
    if status == 404:  # noqa: PLR2004 - HTTP: Not Found
        return NotFound
    if status in _TEMPORARY or status >= 500:  # noqa: PLR2004 - HTTP: server errors
        return ServerFault
    return Refused if status >= 400 else BadReply  # noqa: PLR2004 - HTTP: client errors


def wait_asked_for(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the provider wants us to wait: `Retry-After`, else `RateLimit-Reset`.

    Zuora tells the latter with every answer: while requests are left, it is not what is in the way.
    """
    asked = headers.get("Retry-After")
    if asked is not None:
        if (wait := seconds(asked)) is not None:
            return wait
        until, there = _date(asked), _date(headers.get("Date"))
        if until is not None:
            # by the provider's own clock where it tells, since ours may differ
            return max((until - (there or now)).total_seconds(), 0.0)
    left = seconds(headers.get("RateLimit-Remaining"))
    return None if left else seconds(headers.get("RateLimit-Reset"))


def seconds(text: str | None) -> float | None:
    """A number of seconds; None if it is none."""
    try:
        # Python takes 1_0 for ten
        value = float((text or "").replace("_", "?"))
    except ValueError:
        return None
    return max(value, 0.0) if -inf < value < inf else None


def skew(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds by which the provider's clock is ahead of ours; None where it does not tell."""
    there = _date(headers.get("Date"))
    return None if there is None else (there - now).total_seconds()


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
