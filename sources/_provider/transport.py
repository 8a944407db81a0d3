"""Sending one request and getting the beginning of its answer, without trusting either end.

No credentials follow a redirect to another host, none are taken from the environment (`.netrc`),
no cookies are kept. A request ends when the sync's time limit does, or when the user wants to
stop, even while it waits for a server that says nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Final
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.errors import (
    BadReply,
    ProviderError,
    Refused,
    SettingsError,
    TimedOut,
    Unreachable,
    UnsafeReply,
)
from jobledger.sources._provider.settings import is_loopback
from jobledger.sources._provider.watch import WHOLE_TIMEOUT, Adapter, Watch

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 130.0
"""Seconds between two bytes. Zuora's gateway gives up after 120."""
_REDIRECTS: Final = 2
_GET_AGAIN: Final = frozenset({301, 302, 303, 307, 308})


class Transport:
    """The connections of one account."""

    def __init__(self, base_url: str, clock: Clock, max_concurrent: int) -> None:
        """Raises `SettingsError` unless `base_url` is https or loopback."""
        parts = urlsplit(base_url)
        is_local = is_loopback(parts.hostname or "")
        if not parts.hostname or parts.scheme not in {"http", "https"}:
            raise SettingsError("base_url is no URL: expected https:// and a host")
        if parts.scheme == "http" and not is_local:
            raise SettingsError(
                f"base_url has http, to {parts.hostname}: expected https, except to this computer"
            )
        self._clock = clock
        self._watch = Watch(clock)
        self._session = requests.Session()
        # a proxy of the environment has no business between us and this very computer
        self._session.trust_env = not is_local
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.clear()
        adapter = Adapter(pool_maxsize=max_concurrent)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    @contextmanager
    def send(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Iterator[requests.Response]:
        """The answer, its body not read yet: to a POST of `form`, else to a GET.

        Raises `ProviderError`.
        """
        with self._watch.over() as exchange:
            try:
                with self._followed(url, headers, form) as response:
                    yield response
            except ProviderError as error:
                if exchange.is_cut and isinstance(error, Unreachable):
                    self._clock.check()
                    raise TimedOut(f"no whole answer within {WHOLE_TIMEOUT:.0f} s") from None
                if isinstance(error, TimedOut):
                    self._clock.check()
                raise

    @contextmanager
    def _followed(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> Iterator[requests.Response]:
        for _ in range(_REDIRECTS + 1):
            response = self._sent(url, headers, form)
            if response.status_code not in _GET_AGAIN:
                with response:
                    yield response
                return
            response.close()
            url = _redirected(url, response.headers.get("Location"), is_login=form is not None)
        raise UnsafeReply(f"{urlsplit(url).hostname} redirects again and again")

    def _sent(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> requests.Response:
        host = urlsplit(url).hostname
        left = max(self._clock.remaining(), 0.01)
        try:
            return self._session.request(
                "GET" if form is None else "POST",
                url,
                headers=dict(headers),
                data=form,
                # without one, requests would take credentials from .netrc instead of ours
                auth=_as_it_is,
                timeout=(min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)),
                allow_redirects=False,
                stream=True,
            )
        except requests.Timeout:
            raise TimedOut(f"{host} did not answer in time") from None
        except requests.exceptions.SSLError as error:
            fault = Unreachable(f"no secure connection to {host}")
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                fault = Unreachable(
                    f"the certificate of {host} cannot be verified; REQUESTS_CA_BUNDLE may name a"
                    " file of authorities to trust"
                )
                fault.is_transient = False
            raise fault from None
        except requests.exceptions.ProxyError:
            raise Unreachable(f"the proxy on the way to {host} cannot be reached") from None
        except (requests.ConnectionError, HTTPError, OSError) as error:
            if isinstance(error, requests.RequestException | HTTPError | ConnectionError):
                raise Unreachable(f"{_reason(error)} {host}") from None
            # a file of authorities that is not there is an OSError of requests' own
            raise Unreachable(f"no connection to {host}: {error.strerror or error}") from None
        except (requests.RequestException, ValueError):
            raise Refused(f"a request to {host} that HTTP has no way of writing") from None


def _reason(error: BaseException) -> str:
    said = str(error)
    if "NameResolution" in said or "getaddrinfo" in said:
        return "no address is known for"
    if "refused" in said.lower():
        return "no connection: refused by"
    return "the connection was dropped by"


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _redirected(url: str, location: str | None, *, is_login: bool) -> str:
    """Where to ask instead. Raises `UnsafeReply` for another host, `BadReply` for nowhere."""
    if not location:
        raise BadReply(f"{urlsplit(url).hostname} redirects to nowhere")
    there = urljoin(url, location)
    if is_login or not is_same_origin(url, there):
        raise UnsafeReply(
            f"{urlsplit(url).hostname} redirects to {origin(there)}, which is not followed"
        )
    return there


def origin(url: str) -> str:
    """Scheme, host and port."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "no URL"
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def is_same_origin(url: str, other: str) -> bool:
    """Whether both have the same scheme, host and port."""
    return origin(url) == origin(other) != "no URL"
