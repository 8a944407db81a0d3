"""What the user says of one account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address


@dataclass(frozen=True)
class SourceSettings:
    """One source: an account of a provider, under the user's name for it."""

    name: str
    provider: str
    base_url: str
    """Scheme and host, without a trailing slash; https, except to loopback."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    kinds: tuple[str, ...] = ()
    """Which of the provider's are synced."""
    api_version: str | None = None
    entity_ids: str | None = None
    org_ids: str | None = None
    track_id: str | None = None
    zuora_version: str | None = None
    max_concurrent: int = 4
    """Requests in flight for this account."""
    max_details: int = 2000
    """Detail requests a sync, all kinds together."""
    quota_share: float = 0.8
    """Of the account's daily quota; calling stops there."""
    full_walk_every: timedelta = timedelta(hours=24)
    redact_users: bool = False
    keep_query_text: bool = True


def is_loopback(host: str) -> bool:
    """Whether a host is this very computer."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
