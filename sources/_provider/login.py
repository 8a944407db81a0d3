"""Ways of logging in with OAuth 2.0, and what a token answer is worth.

A provider's dialect names the ways it has; which one a source uses is told by the credentials that
are there. Facts: Zuora, Create an OAuth token; Salesforce, OAuth 2.0 client credentials, JWT
bearer and refresh token flows.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jobledger.sources._provider.errors import (
    BadReply,
    CredentialsMissing,
    SettingsError,
    UnsafeReply,
)
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.settings import SourceSettings, is_loopback

PUBLIC: Final = frozenset({"client_id", "username", "audience"})
"""Credentials that are no secrets."""
_SECRET: Final = re.compile("secret|token|key|pass|pwd", re.IGNORECASE)
"""What the names of other tools' secrets have in them."""
_ASSERTION_SECONDS: Final = 180
"""How long a signed assertion holds; Salesforce's own examples have three minutes."""
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_PEM: Final = "-----BEGIN"


@dataclass(frozen=True)
class Flow:
    """A way of logging in."""

    title: str
    mark: str
    """The credential that tells that this way is meant."""
    needs: tuple[str, ...]
    form: Callable[["Login", float], dict[str, str]]
    """The login's form, at a time in epoch seconds."""
    rotates: bool = False
    """The provider may answer with a new refresh token that replaces the one sent."""
    is_timed: bool = False
    """The form holds for a moment only, so that a wrong clock has it refused."""


@dataclass(frozen=True)
class Token:
    """What a login gave."""

    value: str
    base_url: str
    """Where it is to be used."""
    renew_at: float = inf
    """On the monotonic clock."""
    is_renewal: bool = False
    """Got because the one before it was refused."""

    def __repr__(self) -> str:
        return f"Token(base_url={self.base_url!r})"


class Login:
    """The login of one source."""

    def __init__(
        self,
        settings: SourceSettings,
        flows: Sequence[Flow],
        home_domains: Sequence[str],
        kept: Kept,
    ) -> None:
        """Raises `CredentialsMissing`; `SettingsError` if the private key is none."""
        self.settings = settings
        self.flow = choose(settings, flows)
        self.kept = kept
        self._home_domains = home_domains
        self.private_key = (
            _private_key(settings, kept.project) if "private_key" in self.flow.needs else ""
        )

    def secrets(self) -> list[str]:
        """All that must not be shown."""
        credentials = self.settings.credentials
        found = [
            value
            for name, value in credentials.items()
            if name not in PUBLIC and (name in self.flow.needs or _SECRET.search(name))
        ]
        return [*found, self.private_key]

    def form(self, now: datetime, correction: float) -> dict[str, str]:
        """What to send to the token endpoint, whose clock is so many seconds ahead of ours."""
        return self.flow.form(self, now.timestamp() + correction)

    def refresh_token(self) -> str:
        """The refresh token to use: kept or configured. Raises `KeptFileBroken`."""
        configured = self.settings.credentials["refresh_token"]
        return self.kept.refresh_token(self.settings.name, configured)

    def keep(self, token: str) -> None:
        """Keeps a new refresh token, on the disk. Raises `NotKept`, `KeptFileBroken`."""
        configured = self.settings.credentials["refresh_token"]
        self.kept.keep_refresh_token(self.settings.name, configured, token)

    def token(self, answer: Any, monotonic: float, *, is_renewal: bool) -> Token:
        """The token that an answer of the token endpoint holds. Raises `ProviderError`."""
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise BadReply("the login's answer has no access_token")
        if not _TOKEN.fullmatch(answer["access_token"]):
            raise BadReply("the login's answer has an access_token that is no token")
        base_url = self.settings.base_url
        if self._home_domains and answer.get("instance_url"):
            base_url = home(base_url, answer["instance_url"], self._home_domains)
        life = _seconds(answer.get("expires_in"))
        # renewed a little early, so that it does not end on its way
        renew_at = inf if life is None else monotonic + max(life - min(60, life / 10), 1)
        return Token(answer["access_token"], base_url, renew_at, is_renewal)

    def rotated(self, answer: Any) -> str | None:
        """The new refresh token of an answer, if it has one that replaces the one sent."""
        token = answer.get("refresh_token") if isinstance(answer, dict) else None
        if not self.flow.rotates or not token:
            return None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise BadReply("the login's answer has a refresh_token that is no token")
        return token


def choose(settings: SourceSettings, flows: Sequence[Flow]) -> Flow:
    """The way of logging in that the credentials are for. Raises `CredentialsMissing`."""
    given = {name for name, value in settings.credentials.items() if value.strip()}
    section = f"[sources.{settings.name}.credentials]"
    variable = f"SOURCES__{settings.name.upper()}__CREDENTIALS__"
    flow = next((flow for flow in flows if flow.mark in given), None)
    if flow is not None and given.issuperset(flow.needs):
        return flow
    if flow is not None:
        missing = [name for name in flow.needs if name not in given]
        expected = f"{listed(flow.needs)} for {flow.title}"
    else:
        missing = list(flows[-1].needs) if len(flows) == 1 else []
        missing = [name for name in missing if name not in given]
        expected = ", or ".join(f"{listed(each.needs)} for {each.title}" for each in flows)
    lacks = f"{listed(missing)}" if missing else "credentials"
    example = variable + (missing[0] if missing else flows[-1].mark).upper()
    raise CredentialsMissing(
        f"source '{settings.name}' has no {lacks}: expected {expected}; set it under {section} in"
        f" .dlt/secrets.toml, or in the environment as {example}"
    )


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _client_credentials(login: Login, now: float) -> dict[str, str]:  # noqa: ARG001 - as declared
    credentials = login.settings.credentials
    return {
        "grant_type": "client_credentials",
        "client_id": credentials["client_id"],
        "client_secret": credentials["client_secret"],
    }


def _refresh_token(login: Login, now: float) -> dict[str, str]:  # noqa: ARG001 - as declared
    credentials = login.settings.credentials
    return {
        "grant_type": "refresh_token",
        "client_id": credentials["client_id"],
        "client_secret": credentials["client_secret"],
        "refresh_token": login.refresh_token(),
    }


def _jwt_bearer(login: Login, now: float) -> dict[str, str]:
    import jwt

    credentials = login.settings.credentials
    claims = {
        "iss": credentials["client_id"],
        "sub": credentials["username"],
        "aud": credentials.get("audience") or _audience(login.settings.base_url),
        "exp": int(now) + _ASSERTION_SECONDS,
    }
    return {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": jwt.encode(claims, login.private_key, algorithm="RS256"),
    }


CLIENT_CREDENTIALS: Final = Flow(
    title="client credentials",
    mark="client_secret",
    needs=("client_id", "client_secret"),
    form=_client_credentials,
)
REFRESH_TOKEN: Final = Flow(
    title="a refresh token",
    mark="refresh_token",
    needs=("client_id", "client_secret", "refresh_token"),
    form=_refresh_token,
    rotates=True,
)
JWT_BEARER: Final = Flow(
    title="JWT bearer",
    mark="private_key",
    needs=("client_id", "username", "private_key"),
    form=_jwt_bearer,
    is_timed=True,
)


def _audience(base_url: str) -> str:
    """Whom a JWT is for: sandboxes have a login host of their own."""
    host = urlsplit(base_url).hostname or ""
    is_sandbox = host == "test.salesforce.com" or ".sandbox." in host or "--" in host
    return f"https://{'test' if is_sandbox else 'login'}.salesforce.com"


def _private_key(settings: SourceSettings, project: Path) -> str:
    """The key in PEM; given as it is, with its line breaks escaped, or as a path."""
    given = settings.credentials["private_key"].strip()
    where = f"private_key of source '{settings.name}'"
    if _PEM not in given:
        path = project / Path(given).expanduser()
        try:
            given = path.read_text("utf-8").strip()
        except (OSError, ValueError):
            # a key without its first line would be shown if the path were
            raise SettingsError(
                f"{where} is neither a key in PEM ({_PEM} …) nor the path of a file that can be"
                " read; relative paths start from the project's folder"
            ) from None
    import jwt

    key = given.replace("\\n", "\n")
    try:
        jwt.encode({}, key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError, NotImplementedError):
        raise SettingsError(
            f"{where} is no RSA private key in PEM without a passphrase; expected"
            " -----BEGIN PRIVATE KEY-----"
        ) from None
    return key


def home(base_url: str, instance_url: Any, domains: Sequence[str]) -> str:
    """The base URL to use after the login: the answer's `instance_url`, where that can be trusted.

    That is on the same host, on another host of the provider, or from one loopback address to
    another. What stands behind a proxy keeps its own address. Raises `UnsafeReply` otherwise: no
    token is sent to a stranger.
    """
    try:
        there = urlsplit(instance_url)
        host, port = (there.hostname or "").lower(), there.port
    except (TypeError, ValueError, AttributeError):
        raise UnsafeReply("the login's answer has an instance_url that is no URL") from None
    here = urlsplit(base_url)
    if (there.scheme, host, port) == (here.scheme, here.hostname, here.port):
        return base_url
    found = f"{there.scheme}://{there.netloc.rpartition('@')[2]}"
    is_theirs = there.scheme == "https" and _is_within(host, domains)
    if is_theirs:
        return found if _is_within(here.hostname or "", domains) else base_url
    if is_loopback(host) and is_loopback(here.hostname or "") and there.scheme in ("http", "https"):
        return found
    raise UnsafeReply(
        f"the login's answer names another host, {host or 'none'}; expected {here.hostname}"
    )


def _is_within(host: str, domains: Sequence[str]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _seconds(value: Any) -> float | None:
    """A positive number of seconds, however it is written; None for anything else."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < inf and not isinstance(value, bool) else None
