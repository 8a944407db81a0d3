"""How a listing is walked from its first page to its last.

Each way is a frozen dataclass whose `pages` asks the listing and yields one page at a time.
Whoever takes a page says in `page.unseen` how many of its jobs were not seen before in this walk:
a provider that goes round in circles is noticed by that, and the walk ends with an error instead
of never.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from jobledger.sources._provider.errors import BadReply, NotFound, Refused, UnsafeReply

_PAGES_WITHOUT_NEWS: Final = 10
"""Pages in a row, each with another cursor, that may bring nothing new before we call it a loop."""


@dataclass
class Page:
    """The records of one answer."""

    records: list[Any]
    is_cut: bool = False
    """The listing goes no further than this page, though it has as many rows as were asked for."""
    unseen: int = 0
    """Set by the taker."""


class Listing(Protocol):
    """What is walked."""

    @property
    def host(self) -> str:
        """Host and port that answers."""

    def get(self, params: Mapping[str, str]) -> Any:
        """The JSON of one answer."""


class Paging(Protocol):
    """A way of walking a listing."""

    def pages(self, listing: Listing) -> Iterator[Page]:
        """All pages. Raises `ProviderError`; a walk that ends without one was whole."""


def _is_full(value: Any) -> bool:
    return isinstance(value, list | dict) and bool(value)


def _records(answer: Any, key: str) -> list[Any]:
    if not isinstance(answer, dict):
        raise BadReply("the listing is not a JSON object")
    records = answer.get(key)
    if (
        records is None
        and answer.get("success") is True
        and not any(map(_is_full, answer.values()))
    ):
        # a tenant without jobs: the provider calls it a success and leaves the empty list out
        return []
    if not isinstance(records, list):
        raise BadReply(f"the listing has no list '{key}'")
    return records


def _first(listing: Listing, sizes: tuple[int, ...]) -> tuple[Any, int]:
    """The first page at the largest size that the provider takes."""
    for size in sizes[:-1]:
        try:
            return listing.get({"pageSize": str(size)}), size
        except Refused as refused:
            if refused.status != 400:  # noqa: PLR2004 - HTTP: Bad Request
                raise
    return listing.get({"pageSize": str(sizes[-1])}), sizes[-1]


@dataclass(frozen=True)
class Whole:
    """Everything in one answer."""

    key: str

    def pages(self, listing: Listing) -> Iterator[Page]:
        """One page."""
        yield Page(_records(listing.get({}), self.key))


@dataclass(frozen=True)
class After:
    """Pages that each start after the job named by the last one's cursor.

    How such a listing ends is not documented (Zuora, List all custom object bulk jobs): an empty
    page, no cursor, or a cursor that repeats. A short page alone is no end, since a provider may
    give less than it is asked for.
    """

    key: str
    sizes: tuple[int, ...]
    """Page sizes to try, largest first; the next one where the provider refuses with 400."""

    def pages(self, listing: Listing) -> Iterator[Page]:
        """All pages; `BadReply` if they go round in circles."""
        answer, size = _first(listing, self.sizes)
        asked: set[str] = set()
        without_news = 0
        while True:
            page = Page(_records(answer, self.key))
            yield page
            cursor = answer.get("cursor")
            if not page.records or cursor is None or cursor == "":
                return
            if not isinstance(cursor, str | int):
                raise BadReply("the cursor is neither text nor a number")
            cursor = str(cursor)
            without_news = 0 if page.unseen else without_news + 1
            if cursor in asked and not page.unseen:
                if len(page.records) < size:
                    return
                raise BadReply("the cursor repeats on a full page that has no new job")
            if without_news >= _PAGES_WITHOUT_NEWS:
                raise BadReply(f"{without_news} pages in a row have no new job")
            asked.add(cursor)
            answer = listing.get({"pageSize": str(size), "cursor": cursor})


@dataclass(frozen=True)
class Locator:
    """Pages that name the next one (Salesforce, Get Information About All Jobs).

    `done: true` marks the last. The query listing's documented `nextRecordsUrl` points at the
    ingest listing, so only its `queryLocator` is taken and the listing's own path is kept.
    """

    key: str
    next_url: str
    locator: str

    def pages(self, listing: Listing) -> Iterator[Page]:
        """All pages; a locator that the provider refuses is answered by starting over once."""
        answer = listing.get({})
        asked: set[str] = set()
        walked = without_news = 0
        allowed = _PAGES_WITHOUT_NEWS
        while True:
            page = Page(_records(answer, self.key))
            yield page
            walked += 1
            if answer.get("done") is True:
                return
            locator = self._locator(answer.get(self.next_url), listing.host)
            without_news = 0 if page.unseen else without_news + 1
            if locator in asked and not page.unseen:
                raise BadReply("the locator repeats on a page that has no new job")
            if without_news >= allowed:
                raise BadReply(f"{without_news} pages in a row have no new job")
            asked.add(locator)
            try:
                answer = listing.get({self.locator: locator})
            except (Refused, NotFound):
                if allowed > _PAGES_WITHOUT_NEWS:
                    raise
                # how long a locator lives is not documented; what was seen is not taken twice
                answer = listing.get({})
                allowed += walked
                asked.clear()

    def _locator(self, url: Any, host: str) -> str:
        if not url:
            raise BadReply(f"the listing is not done and has no {self.next_url}")
        if not isinstance(url, str):
            raise BadReply(f"{self.next_url} is not text")
        try:
            parts = urlsplit(url)
            found = parse_qs(parts.query).get(self.locator)
        except ValueError:
            raise BadReply(f"{self.next_url} is no URL") from None
        if parts.netloc and _plain(parts.netloc) != _plain(host):
            raise UnsafeReply(f"{self.next_url} points at another host, {parts.hostname}")
        if not found:
            raise BadReply(f"{self.next_url} has no {self.locator}")
        return found[0]


def _plain(host: str) -> str:
    """A host without the port that goes without saying."""
    return host.lower().removesuffix(":443")


@dataclass(frozen=True)
class Window:
    """The newest jobs and no more; asked once per status too where that may show more of them.

    Zuora, List data query jobs: newest first, at most `pageSize`, no cursor.
    """

    key: str
    sizes: tuple[int, ...]
    status: str
    statuses: tuple[str, ...]

    def pages(self, listing: Listing) -> Iterator[Page]:
        """The window and, where it is full, one for each status."""
        answer, size = _first(listing, self.sizes)
        records = _records(answer, self.key)
        is_full = len(records) >= size
        yield Page(records, is_cut=is_full)
        if is_full:
            for status in self.statuses:
                answer = listing.get({"pageSize": str(size), self.status: status})
                yield Page(_records(answer, self.key))
