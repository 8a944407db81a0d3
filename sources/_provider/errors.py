"""What can go wrong between us and a provider.

Exception
├── SettingsError              what the user set does not do; nothing was sent
│   ├── CredentialsMissing     no way of logging in can be chosen
│   └── KeptFileBroken         `.dlt/kept.toml` cannot be read, and is left as it is
└── ProviderError              a request came to nothing
    ├── CredentialsRefused     the login, or a token that it had just given
    │   ├── Unauthorized       the token is over; a new one may help
    │   └── NotKept            a new refresh token could not be written down
    ├── NotAvailable           the account may not use this (403, feature missing)
    │   └── TokenNotTaken      nor will it ever, with a token that is good elsewhere
    ├── NotFound               there is no such thing (404, a not-found code)
    ├── Refused                any other 4xx
    ├── ServerFault            5xx, or an error that the provider calls temporary
    ├── RateLimited            too many requests, still so after waiting
    │   └── LimitOutlastsSync  the wait would go beyond the time limit
    ├── QuotaReached           the provider says that the daily quota is used up
    │   └── QuotaGuarded       our own share of the daily quota is used up
    ├── Unreachable            no connection, or one that was dropped
    │   └── TimedOut           no answer in time
    ├── BadReply               an answer that is none: HTML, cut, not what was asked for
    │   └── CutReply           the body ended early
    ├── UnsafeReply            another host, too large: not followed, not read
    ├── TimeLimitReached       the sync's own time limit
    └── Interrupted            the user wants to stop
"""

from typing import ClassVar, Final

MAX_MESSAGE: Final = 300
"""Characters of a message."""


class SettingsError(Exception):
    """What the user set is wrong or missing; the message says what to do. Exit code 2."""


class CredentialsMissing(SettingsError):
    """The credentials that are there allow no way of logging in."""


class KeptFileBroken(SettingsError):
    """`.dlt/kept.toml` cannot be read."""


class ProviderError(Exception):
    """A request came to nothing.

    `str()` of it is one line without control characters or query strings, safe to show and to
    store. Whoever quotes a provider takes the secrets out first (`Redactor.text`).
    """

    kind: ClassVar[str] = "http"
    """`sync_runs.error_kind`."""
    ends_account: ClassVar[bool] = False
    """Nothing more is to be had from the account in this sync."""
    is_planned: ClassVar[bool] = False
    """We stopped by ourselves, as the settings ask for; nothing is wrong."""
    is_transient: bool = False
    """The same request may well succeed a little later."""
    attempts: int = 5
    """How often a request is sent before this is its result."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        # a command that only helps raises none, and starts the sooner without
        from jobledger.sources._provider.redact import one_line

        super().__init__(one_line(message, MAX_MESSAGE))
        self.status = status
        """HTTP status of the answer, where there was one."""
        self.code = code
        """The provider's own error code."""
        self.retry_after = retry_after
        """Seconds after which the provider wants to be asked again."""


class CredentialsRefused(ProviderError):
    """The provider does not know the credentials, or refuses a token it has just given."""

    kind = "credentials"
    ends_account = True


class Unauthorized(CredentialsRefused):
    """The token is not taken any more. Answered with a new one before anybody hears of it."""


class NotKept(CredentialsRefused):
    """What has to be remembered could not be written to `.dlt/kept.toml`."""


class NotAvailable(ProviderError):
    """The account may not use this."""

    kind = "not_available"


class TokenNotTaken(NotAvailable):
    """An older API beside the one that logs in takes no token, though the other takes them."""


class NotFound(ProviderError):
    """There is no such thing."""


class Refused(ProviderError):
    """The provider refuses the request; sending it again would change nothing."""


class ServerFault(ProviderError):
    """The provider failed, or says that the error is temporary."""

    is_transient = True


class RateLimited(ProviderError):
    """Too many requests, in a time or at once."""

    kind = "rate_limited"
    is_transient = True


class LimitOutlastsSync(RateLimited):
    """The provider wants us to wait for longer than this sync may last."""

    is_transient = False
    ends_account = True
    is_planned = True


class QuotaReached(ProviderError):
    """The account's daily quota is used up."""

    kind = "quota"
    ends_account = True


class QuotaGuarded(QuotaReached):
    """Our share of the account's daily quota is used up; what is left is for others."""

    is_planned = True


class Unreachable(ProviderError):
    """No connection, or one that was dropped."""

    kind = "network"
    is_transient = True


class TimedOut(Unreachable):
    """No answer in time."""

    kind = "timeout"


class BadReply(ProviderError):
    """An answer that is none: not JSON, an HTML page, not what was asked for."""

    kind = "bad_reply"


class CutReply(BadReply):
    """The body ended early, or is not whole JSON; like a dropped connection."""

    is_transient = True


class UnsafeReply(ProviderError):
    """An answer that is not followed or read: another host, too large."""

    kind = "unsafe"


class TimeLimitReached(ProviderError):
    """The sync's time limit, or a wait that would go beyond it."""

    kind = "time_limit"
    ends_account = True
    is_planned = True


class Interrupted(ProviderError):
    """The user wants to stop."""

    kind = "interrupted"
    ends_account = True
    is_planned = True
