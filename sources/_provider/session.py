"""The requests of one account: its token, what it sends with each, and what comes back.

A 401 gets one new token and one retry, whichever thread meets it first; a token that was new
already and was never taken is not replaced, so that no account can loop.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlencode, urlsplit

import requests

from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.dialect import Dialect
from jobledger.sources._provider.errors import (
    BadReply,
    CredentialsRefused,
    NotAvailable,
    NotFound,
    ProviderError,
    QuotaReached,
    RateLimited,
    Refused,
    SettingsError,
    TokenNotTaken,
    Unauthorized,
    UnsafeReply,
)
from jobledger.sources._provider.json_text import loads
from jobledger.sources._provider.judging import judged, seconds, skew, wait_asked_for
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.limits import Limits, Meter, OnWait
from jobledger.sources._provider.login import Login, Token, listed
from jobledger.sources._provider.redact import Redactor, for_log
from jobledger.sources._provider.reply import (
    MAX_BODY,
    MAX_COMPLAINT,
    Complaint,
    Reply,
    chunks,
    complaint,
    is_failure,
)
from jobledger.sources._provider.settings import SourceSettings
from jobledger.sources._provider.transport import Transport, is_same_origin

_ALWAYS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "jobledger",
}
_CLOCKS_APART: Final = 30.0
"""Seconds between two clocks from which a signed login may well fail for it."""
T = TypeVar("T")
Take: TypeAlias = Callable[[requests.Response, ExitStack], T]
"""Makes something of a good answer; it stays open beyond that if the stack is taken over."""


@dataclass(frozen=True)
class Asked:
    """A request, without what every request has."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    session_header: str | None = None
    """The header that carries the token where it is not `Authorization`."""

    def url(self, base_url: str) -> str:
        """The whole URL.

        Raises `UnsafeReply` for one on another host than the account's, `BadReply` for one that
        cannot be written.
        """
        url = self.path
        if not urlsplit(url).scheme:
            url = f"{base_url}/{url.lstrip('/')}"
        elif not is_same_origin(url, base_url):
            raise UnsafeReply(
                f"asked for a page on {urlsplit(url).hostname}: expected"
                f" {urlsplit(base_url).hostname}"
            )
        try:
            params = urlencode(self.params)
        except UnicodeEncodeError:
            raise BadReply("a page is named by half a character, which no URL can have") from None
        return f"{url}{'&' if '?' in url else '?'}{params}" if params else url


class Session:
    """What all requests of one account share. Threads may share it."""

    def __init__(
        self,
        settings: SourceSettings,
        dialect: Dialect,
        clock: Clock,
        kept: Kept,
        *,
        on_wait: OnWait | None = None,
    ) -> None:
        """Sends nothing yet. Raises `SettingsError`, `CredentialsMissing`, `KeptFileBroken`."""
        self.redactor = Redactor()
        self.clock_skew: float | None = None
        """Seconds by which the provider's clock is ahead of ours, as last told."""
        self._settings = settings
        self._dialect = dialect
        self._clock = clock
        self._login = Login(settings, dialect.flows, dialect.home_domains, kept)
        for secret in self._login.secrets():
            self.redactor.learn(secret)
        if self._login.flow.rotates:
            self.redactor.learn(self._login.refresh_token())
        self._limits = Limits(clock, settings.quota_share, settings.max_concurrent, on_wait)
        self._transport = Transport(settings.base_url, clock, settings.max_concurrent)
        self._turn = threading.Lock()
        self._token: Token | None = None
        self._accepted: set[Token] = set()
        self._clock_correction = 0.0

    @property
    def base_url(self) -> str:
        """Where the account is; the login may have named another host than the settings."""
        return self._settings.base_url if self._token is None else self._token.base_url

    @property
    def is_logged_in(self) -> bool:
        """Whether a login gave a token; that a listing takes it is another matter."""
        return self._token is not None

    def ask(self, meter: Meter, asked: Asked, take: Take[T]) -> T:
        """What `take` makes of a good answer. Raises `ProviderError`, redacted."""

        def once() -> T:
            # no token grows old while one waits
            self._limits.await_turn(meter)
            token = self._current(meter)
            try:
                return self._with(token, meter, asked, take)
            except Unauthorized as refused:
                if token.is_renewal and token not in self._accepted:
                    # new already, and never taken: another one would fare no better
                    raise self._for_good(asked, refused, str(refused)) from None
            token = self._current(meter, refused=token)
            self._limits.count_retry(meter)
            try:
                return self._with(token, meter, asked, take)
            except Unauthorized as refused:
                said = f"{refused}; a new token was refused too"
                raise self._for_good(asked, refused, said) from None

        return self._limits.persist(meter, once)

    def _for_good(self, asked: Asked, refused: Unauthorized, said: str) -> ProviderError:
        # Salesforce's InvalidSessionId also stands for scopes and addresses that are not allowed
        is_elsewhere = asked.session_header is not None and bool(self._accepted)
        kind = TokenNotTaken if is_elsewhere else CredentialsRefused
        return kind(said, status=refused.status, code=refused.code)

    def _with(self, token: Token, meter: Meter, asked: Asked, take: Take[T]) -> T:
        bearer = token.value if asked.session_header else f"Bearer {token.value}"
        headers = {
            **_ALWAYS,
            **self._dialect.headers(self._settings),
            **asked.headers,
            asked.session_header or "Authorization": bearer,
        }
        try:
            with ExitStack() as stack:
                url = asked.url(token.base_url)
                response = stack.enter_context(self._good(meter, url, headers))
                result = take(response, stack)
        except ProviderError as error:
            if error.status is not None and not isinstance(error, Unauthorized):
                self._accepted.add(token)
            raise
        self._accepted.add(token)
        return result

    @contextmanager
    def _good(
        self,
        meter: Meter,
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> Iterator[requests.Response]:
        """A good answer, its body to be read. Raises `ProviderError` if it is none."""
        with self._limits.slot(meter), self._transport.send(url, headers, form) as response:
            ahead = skew(response.headers, self._clock.now())
            self.clock_skew = self.clock_skew if ahead is None else ahead
            self._limits.note_quota(meter, self._dialect.quota(response.headers))
            if response.status_code not in range(200, 300):
                told = complaint(response.status_code, response.headers, _beginning(response))
                error = self.error(response, told)
                # one that asks for patience says itself how long
                if not isinstance(error, RateLimited):
                    self._heed_window(response)
                raise error
            self._heed_window(response)
            yield response

    def _heed_window(self, response: requests.Response) -> None:
        """Sends nothing more where the window of requests, which counts errors too, is used up."""
        if seconds(response.headers.get("RateLimit-Remaining")) == 0:
            host = urlsplit(response.url).hostname
            reset = seconds(response.headers.get("RateLimit-Reset"))
            self._limits.hold(reset or 0.0, f"{host} takes no more requests")

    def error(self, response: requests.Response, told: Complaint) -> ProviderError:
        """The error that an answer amounts to, with nothing secret in it.

        What it says of the account's limits holds from here on.
        """
        parts = urlsplit(response.url)
        request_id = response.headers.get(self._dialect.request_id or "")
        message = f"{parts.netloc.rpartition('@')[2]}{parts.path}: HTTP {told.status}"
        if str(told):
            # redacted before it is cut to length, which would cut a secret in two
            message = f"{message}: {for_log(str(told))[:200]}"
        elif told.status in range(200, 300):
            message = f"{message}, which says that it failed and not why"
        if request_id:
            message = f"{message} (request {for_log(request_id)[:64]})"
        wait = wait_asked_for(response.headers, self._clock.now())
        error = judged(told, self._dialect.meaning(told), for_log(message), wait)
        # whoever waits for the slot of this request must know before it is free
        if isinstance(error, QuotaReached):
            self._limits.end(error)
        elif isinstance(error, RateLimited) and error.retry_after is not None:
            self._limits.hold(error.retry_after, str(error))
        return error

    def _current(self, meter: Meter, *, refused: Token | None = None) -> Token:
        """The token to use: a new one if it is time, or if this very one was refused.

        One thread logs in and the others wait for it. A login that failed is not tried again.
        """
        with self._turn:
            token = self._token
            if token is None or token is refused or self._clock.monotonic() >= token.renew_at:
                self._limits.check()
                try:
                    token = self._new_token(meter, is_renewal=refused is not None)
                except ProviderError as error:
                    self._limits.end(error)
                    raise
                except SettingsError as error:
                    fault = CredentialsRefused(str(error))
                    self._limits.end(fault)
                    raise fault from None
                self._token = token
            return token

    def _new_token(self, meter: Meter, *, is_renewal: bool) -> Token:
        login, name = self._login, self._settings.name
        turn = login.kept.turn(f"login-{name}", self._clock)
        with turn if login.flow.rotates else nullcontext():
            if login.flow.rotates:
                login.kept.rehearse(name)
            try:
                answer = self._limits.persist(meter, lambda: self._logged_in(meter))
            except CredentialsRefused:
                apart = self.clock_skew or 0.0
                if not login.flow.is_timed or abs(apart - self._clock_correction) < _CLOCKS_APART:
                    raise
                self._clock_correction = apart
                answer = self._limits.persist(meter, lambda: self._logged_in(meter))
            if (rotated := login.rotated(answer)) is not None:
                self.redactor.learn(rotated)
                # on the disk before the access token is used, or anything else can go wrong
                login.keep(rotated)
        token = login.token(answer, self._clock.monotonic(), is_renewal=is_renewal)
        self.redactor.learn(token.value)
        return token

    def _logged_in(self, meter: Meter) -> Any:
        """The token endpoint's answer, once."""
        self._limits.await_turn(meter)
        form = self._login.form(self._clock.now(), self._clock_correction)
        for name in ("refresh_token", "assertion"):
            self.redactor.learn(form.get(name, ""))
        url = f"{self._settings.base_url}{self._dialect.token_path}"
        try:
            with self._good(meter, url, _ALWAYS, form) as response:
                return self.value(response, whole(response))
        except NotFound as error:
            # without its status: whoever asked for a job would take this for the job's absence
            name = self._settings.name
            raise Refused(
                f"no login there: {error}; check base_url under [sources.{name}]", code=error.code
            ) from None
        except (Refused, NotAvailable, Unauthorized) as error:
            if error.status not in (400, 401, 403):
                raise
            flow = self._login.flow
            raise CredentialsRefused(
                f"source '{self._settings.name}' cannot log in by {flow.title}: {error}; check"
                f" {listed(flow.needs)} under [sources.{self._settings.name}.credentials], or in"
                " the environment",
                status=error.status,
                code=error.code,
            ) from None

    def value(self, response: requests.Response, reply: Reply) -> Any:
        """A good reply's JSON. Raises `ProviderError` for an error that calls itself good."""
        try:
            value = reply.value()
        except ProviderError as error:
            where = urlsplit(response.url)
            raise type(error)(
                for_log(f"{where.hostname}{where.path}: {error}"), status=error.status
            ) from None
        if is_failure(value):
            raise self.error(response, complaint(reply.status, reply.headers, reply.body))
        return value

    def check(self, response: requests.Response, body: bytes) -> None:
        """Raises `ProviderError` if a good reply's body, of whatever type, is an error."""
        with suppress(ValueError, RecursionError):
            if is_failure(loads(body)):
                raise self.error(response, complaint(response.status_code, response.headers, body))


def whole(response: requests.Response) -> Reply:
    """The answer with all of its body. Raises `ProviderError`."""
    return Reply(response.status_code, response.headers, b"".join(chunks(response, MAX_BODY)))


def _beginning(response: requests.Response) -> bytes:
    """As much as can be had of an error's body; that it is damaged changes nothing."""
    found = bytearray()
    with suppress(ProviderError):
        for piece in chunks(response, MAX_COMPLAINT):
            found += piece
    return bytes(found)
