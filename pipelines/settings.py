"""What a source's settings may say, and how each is read: as TOML has it, or as text."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from jobledger.pipelines.errors import ConfigError
from jobledger.sources._provider.settings import is_loopback

Read: TypeAlias = Callable[[Any, str], Any]
"""A value out of what was said, and where that stands. Raises `ConfigError`."""

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_COUNT: Final = re.compile(r"[0-9]{1,18}")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(said: Any, what: str) -> timedelta:
    """A time span such as `15m`. Raises `ConfigError`."""
    found = _DURATION.fullmatch(said.strip()) if isinstance(said, str) else None
    with suppress(OverflowError):
        if found is not None:
            span = timedelta(**{_UNITS[found[2]]: float(found[1])})
            if span > timedelta(0):
                return span
    raise ConfigError(f'{what} is {said!r}: expected a time such as "30s", "15m", "24h" or "7d"')


def optional(said: Any, _: str = "") -> str | None:
    """A text; None where nothing is said."""
    return None if said in (None, "") else str(said)


def base_url(said: Any, name: str) -> str:
    """The address of a source's provider, without a slash at its end. Raises `ConfigError`."""
    where = f"[sources.{name}] base_url"
    if said is not None and not isinstance(said, str):
        raise ConfigError(f'{where}: expected a text such as "https://rest.zuora.com"')
    if not said:
        raise ConfigError(
            f"{where} is missing: expected the provider's address, such as https://rest.zuora.com"
            " or https://MYDOMAIN.my.salesforce.com; set it there, or as"
            f" SOURCES__{name.upper()}__BASE_URL"
        )
    try:
        parts = urlsplit(said)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"{where} is no URL: expected https://HOST") from None
    if parts.scheme not in {"http", "https"} or not host or set("@?#") & set(said):
        raise ConfigError(f"{where} is no plain URL: expected https://HOST")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"{where}: expected https, since credentials are sent to {host}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def listed(said: str) -> Any:
    """A list that was written as a text, of the environment; None where it is none."""
    if said.lstrip().startswith("["):
        try:
            return json.loads(said.replace("'", '"'))
        except ValueError:
            return None
    return [part.strip() for part in said.split(",") if part.strip()]


def _version(said: Any, what: str) -> str | None:
    version = optional(said)
    if version is None:
        return None
    found = re.fullmatch(r"v?(\d+)(?:\.0)?", version)
    if not found:
        raise ConfigError(f"{what} = '{said}': expected a version such as '62.0'")
    return f"{found[1]}.0"


def _joined(said: Any, _: str) -> str | None:
    return ",".join(map(str, said)) if isinstance(said, list) else optional(said)


def _whole(said: Any, what: str, least: int) -> int:
    text = str(said)
    if isinstance(said, bool) or not _COUNT.fullmatch(text) or int(text) < least:
        raise ConfigError(f"{what}: expected a whole number from {least} on")
    return int(text)


def _share(said: Any, what: str) -> float:
    try:
        share = float(said)
    except (TypeError, ValueError):
        share = 0.0
    if isinstance(said, bool) or not 0 < share <= 1:
        raise ConfigError(f"{what}: expected a share above 0 and up to 1, such as 0.8")
    return share


def _truth(said: Any, what: str) -> bool:
    found = {"true": True, "1": True, "false": False, "0": False}.get(str(said).lower())
    if found is None:
        raise ConfigError(f"{what}: expected true or false")
    return found


READ: Final[Mapping[str, Read]] = {
    "api_version": _version,
    "entity_ids": _joined,
    "org_ids": _joined,
    "track_id": optional,
    "zuora_version": optional,
    "max_concurrent": partial(_whole, least=1),
    "max_details": partial(_whole, least=0),
    "quota_share": _share,
    "full_walk_every": duration,
    "redact_users": _truth,
    "keep_query_text": _truth,
}
"""Settings of a source that have a default (`SourceSettings`), and how each is read."""
