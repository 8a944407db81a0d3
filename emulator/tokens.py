"""Who may ask: fixed credentials that are no secret, and the tokens given for them."""

import secrets
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

import jwt

from .behaviour import Behaviour
from .clock import Clock

ZUORA_CLIENT_ID: Final = "emulator-zuora-client-00000000000001"
"""36 characters, as Zuora's are."""
ZUORA_CLIENT_SECRET: Final = "emulator-zuora-secret"  # noqa: S105 - no secret
SALESFORCE_CLIENT_ID: Final = "emulator-salesforce-consumer-key"
SALESFORCE_CLIENT_SECRET: Final = "emulator-salesforce-secret"  # noqa: S105 - no secret
SALESFORCE_USERNAME: Final = "integration@emulator.example"
SALESFORCE_REFRESH_TOKEN: Final = "emulator-refresh-token"  # noqa: S105 - no secret
CONFIG: Final = """\
[sources.zuora]
base_url = "{url}"
[sources.salesforce]
base_url = "{url}"
"""
"""What the `.dlt/config.toml` of a project has that is synced from here."""
SECRETS: Final = f"""\
[sources.zuora.credentials]
client_id = "{ZUORA_CLIENT_ID}"
client_secret = "{ZUORA_CLIENT_SECRET}"
[sources.salesforce.credentials]
client_id = "{SALESFORCE_CLIENT_ID}"
client_secret = "{SALESFORCE_CLIENT_SECRET}"
"""
"""Its `.dlt/secrets.toml`."""
Provider: TypeAlias = Literal["zuora", "salesforce"]
AUDIENCES: Final = ("https://login.salesforce.com", "https://test.salesforce.com")


class Tokens:
    """The access tokens that hold, and the refresh token that does."""

    def __init__(self, clock: Clock, behaviour: Behaviour) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._expiry: dict[tuple[Provider, str], float] = {}
        self.refresh_token: str | None = SALESFORCE_REFRESH_TOKEN
        """The refresh token that may be used; None once everything was revoked."""
        self.issued = 0
        """Access tokens given so far."""

    def zuora(self) -> str:
        """A new token for Zuora."""
        return self._issue("zuora", uuid4().hex, self._behaviour.zuora_token_seconds)

    def salesforce(self) -> str:
        """A new session of Salesforce."""
        token = f"00DEM000000EMU0!AQ{secrets.token_hex(40)}"
        return self._issue("salesforce", token, self._behaviour.salesforce_session_seconds)

    def holds(self, provider: Provider, token: str | None) -> bool:
        """Whether a token may be used there now; a session of Salesforce lives on from now."""
        now = self._clock.now().timestamp()
        if token is None or self._expiry.get((provider, token), 0.0) <= now:
            return False
        if provider == "salesforce":
            self._expiry[provider, token] = now + self._behaviour.salesforce_session_seconds
        return True

    def expire(self) -> None:
        """Makes all access tokens void."""
        self._expiry = {}

    def refresh(self, token: str) -> str | None:
        """The refresh token to answer with; None if this one is refused.

        With rotation, one that was used before revokes all there is.
        """
        if token != self.refresh_token:
            if self._behaviour.rotates_refresh_tokens and token.startswith(
                SALESFORCE_REFRESH_TOKEN
            ):
                self.refresh_token = None
                self.expire()
            return None
        if self._behaviour.rotates_refresh_tokens:
            self.refresh_token = f"{SALESFORCE_REFRESH_TOKEN}-{secrets.token_hex(16)}"
        return self.refresh_token

    def complaint(self, assertion: str, base_url: str) -> str | None:
        """What is wrong with a JWT bearer assertion, in Salesforce's words; None if nothing is."""
        try:
            claims = self._claims(assertion)
        except jwt.InvalidTokenError:
            return "invalid assertion"
        if claims.get("aud") not in (*AUDIENCES, base_url):
            return "Audience validation failed"
        try:
            expires_at = float(claims.get("exp", 0))
        except (TypeError, ValueError):
            return "invalid assertion"
        if expires_at <= self._clock.now().timestamp():
            return "expired authorization code"
        if claims.get("iss") != SALESFORCE_CLIENT_ID:
            return "client identifier invalid"
        if claims.get("sub") != SALESFORCE_USERNAME:
            return "user hasn't approved this consumer"
        return None

    def _claims(self, assertion: str) -> dict[str, Any]:
        if jwt.get_unverified_header(assertion).get("alg") != "RS256":
            raise jwt.InvalidAlgorithmError
        # times are checked by the emulator's clock, and `aud` with its own complaint
        options: Any = {
            "verify_signature": bool(self._behaviour.public_key),
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
            "verify_aud": False,
            "verify_sub": False,
        }
        return jwt.decode(
            assertion, self._behaviour.public_key, algorithms=["RS256"], options=options
        )

    def _issue(self, provider: Provider, token: str, seconds: float) -> str:
        self._expiry[provider, token] = self._clock.now().timestamp() + seconds
        self.issued += 1
        return token
