"""HTTP towards a provider: an account, and a client for each of its kinds.

    Client -> Account: Session (token) -> Limits (may I now?) -> Transport (connections)

What is tried again is told by the error (`ProviderError.is_transient`), and which error an answer
amounts to by `judging`. A wait never holds a slot that another kind could use; a limit that the
provider announces is waited out by the whole account, and by no other.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from jobledger.sources._provider.errors import BadReply
from jobledger.sources._provider.limits import Meter
from jobledger.sources._provider.reply import (
    MAX_COMPLAINT,
    chunks,
    html_title,
    is_html,
)
from jobledger.sources._provider.session import Asked, Session, whole

MAX_STREAM: Final = 2**31
"""Bytes of a streamed body after decompression."""


class Account(Session):
    """One account of a provider in one sync. Its kinds share it, each in its own threads."""

    def client(self) -> "Client":
        """A client for one kind, with a meter of its own."""
        return Client(self)


class Client:
    """Asks on behalf of one kind. Threads may share it."""

    def __init__(self, account: Account) -> None:
        self.meter = Meter()
        self._account = account

    @property
    def host(self) -> str:
        """Host and port that answers."""
        return urlsplit(self._account.base_url).netloc

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        session_header: str | None = None,
    ) -> Any:
        """The JSON of a good reply.

        `session_header` names the header that carries the token in place of `Authorization`.
        Raises `ProviderError`.
        """
        account = self._account
        asked = Asked(path, params or {}, session_header=session_header)
        return account.ask(self.meter, asked, lambda got, _: account.value(got, whole(got)))

    def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """The body of a good reply, piece by piece; for what is too large to hold.

        The first piece is asked for again as `get` would; what goes wrong after it is raised as
        `ProviderError`, and what was had so far is not the whole.
        """
        asked = Asked(path, headers=headers or {})
        still_open, first, rest = self._account.ask(self.meter, asked, self._begun)
        with still_open:
            yield first
            yield from rest

    def _begun(
        self, response: requests.Response, stack: ExitStack
    ) -> tuple[ExitStack, bytes, Iterator[bytes]]:
        pieces = chunks(response, MAX_STREAM)
        first = b""
        for piece in pieces:
            first += piece
            if len(first) >= MAX_COMPLAINT:
                break
        else:
            # so little may be an error that calls itself good
            self._account.check(response, first)
        if is_html(response.headers, first):
            title = html_title(first)
            raise BadReply(f"an HTML page ({title}) came instead of records")
        return stack.pop_all(), first, pieces


@dataclass(frozen=True)
class Endpoint:
    """A listing's path, asked for one page after the other (`paging.Listing`)."""

    client: Client
    path: str

    @property
    def host(self) -> str:
        """Host and port that answers."""
        return self.client.host

    def get(self, params: Mapping[str, str]) -> Any:
        """The JSON of one answer. Raises `ProviderError`."""
        return self.client.get(self.path, params)
