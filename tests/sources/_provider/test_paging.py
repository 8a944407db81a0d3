"""Listings are walked to their end, whatever their provider does there."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from jobledger.sources._provider.errors import (
    BadReply,
    NotFound,
    ProviderError,
    Refused,
    UnsafeReply,
)
from jobledger.sources._provider.paging import After, Locator, Page, Paging, Whole, Window
from jobledger.sources._provider.reply import is_failure

Answer = Callable[[Mapping[str, str]], Any]


class Listing:
    host = "acme.my.salesforce.com"

    def __init__(self, answer: Answer) -> None:
        self.asked: list[dict[str, str]] = []
        self._answer = answer

    def get(self, params: Mapping[str, str]) -> Any:
        self.asked.append(dict(params))
        assert len(self.asked) < 200, "an endless walk"
        answer = self._answer(params)
        if isinstance(answer, ProviderError):
            raise answer
        return answer


def walked(paging: Paging, listing: Listing) -> list[Any]:
    """All records in order, each once, with `unseen` set as a walk sets it."""
    seen: list[Any] = []
    for page in paging.pages(listing):
        _mark(page, seen)
    return seen


def _mark(page: Page, seen: list[Any]) -> None:
    for record in page.records:
        if record not in seen:
            page.unseen += 1
            seen.append(record)


def objects(count: int, *, cursor_at_end: bool = True, cap: int = 100) -> Answer:
    """Jobs by exclusive cursor, at most `cap` a page."""

    def answer(params: Mapping[str, str]) -> Any:
        start = int(params["cursor"]) + 1 if "cursor" in params else 0
        page = list(range(start, count))[: min(int(params["pageSize"]), cap)]
        is_last = start + len(page) >= count
        more = {"cursor": str(page[-1])} if page and (cursor_at_end or not is_last) else {}
        return {"count": len(page), "jobs": page, **more}

    return answer


AFTER = After("jobs", sizes=(100, 40))


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
@pytest.mark.parametrize("cursor_at_end", [True, False])
@pytest.mark.parametrize("cap", [100, 40, 7])
def test_after_walks_to_the_end(count: int, cursor_at_end: bool, cap: int) -> None:
    listing = Listing(objects(count, cursor_at_end=cursor_at_end, cap=cap))
    assert walked(AFTER, listing) == list(range(count))


def test_after_takes_a_smaller_page_where_the_large_one_is_refused() -> None:
    def answer(params: Mapping[str, str]) -> Any:
        too_large = int(params["pageSize"]) > 40
        return Refused("pageSize", status=400) if too_large else objects(100)(params)

    listing = Listing(answer)
    assert walked(AFTER, listing) == list(range(100))
    assert [params["pageSize"] for params in listing.asked] == ["100", "40", "40", "40", "40"]


@pytest.mark.parametrize("status", [403, 404, 422])
def test_what_is_refused_for_another_reason_is_not_asked_for_in_a_smaller_size(status: int) -> None:
    listing = Listing(lambda params: Refused("no", status=status))
    with pytest.raises(Refused, match="no"):
        walked(AFTER, listing)
    assert len(listing.asked) == 1


@pytest.mark.parametrize("cursor", [None, ""])
def test_a_cursor_that_says_nothing_is_an_end(cursor: str | None) -> None:
    listing = Listing(lambda params: {"jobs": list(range(100)), "cursor": cursor})
    assert walked(AFTER, listing) == list(range(100))
    assert len(listing.asked) == 1


def test_a_cursor_that_repeats_is_an_end_only_on_a_short_page() -> None:
    short = {"jobs": list(range(30)), "cursor": "x"}
    assert walked(AFTER, Listing(lambda params: short)) == list(range(30))
    full = {"jobs": list(range(100)), "cursor": "x"}
    with pytest.raises(BadReply, match="the cursor repeats"):
        walked(AFTER, Listing(lambda params: full))


def test_ever_new_cursors_without_a_new_job_are_a_loop() -> None:
    turns = iter(range(1000))
    with pytest.raises(BadReply, match="no new job"):
        walked(AFTER, Listing(lambda params: {"jobs": [1], "cursor": str(next(turns))}))


LOCATOR = Locator("records", next_url="nextRecordsUrl", locator="queryLocator")


def org(count: int, next_path: str = "/services/data/v62.0/jobs/ingest") -> Answer:
    """Jobs a thousand a page, the next page named by a URL with a locator."""

    def answer(params: Mapping[str, str]) -> Any:
        start = int(params.get("queryLocator", "01g-0").split("-")[1])
        end = min(start + 1000, count)
        done = end == count
        url = None if done else f"{next_path}?queryLocator=01g-{end}"
        return {"done": done, "nextRecordsUrl": url, "records": list(range(start, end))}

    return answer


@pytest.mark.parametrize("count", [0, 1, 1000, 1001, 3500])
def test_locator_walks_to_the_end_with_the_locator_alone(count: int) -> None:
    listing = Listing(org(count))
    assert walked(LOCATOR, listing) == list(range(count))
    assert all(set(params) <= {"queryLocator"} for params in listing.asked)


@pytest.mark.parametrize("refusal", [Refused("expired", status=400), NotFound("?", status=404)])
def test_a_locator_that_is_refused_starts_the_listing_over_once(refusal: ProviderError) -> None:
    refusals = iter([True])

    def answer(params: Mapping[str, str]) -> Any:
        if params.get("queryLocator") == "01g-2000" and next(refusals, False):
            return refusal
        return org(3000)(params)

    assert walked(LOCATOR, Listing(answer)) == list(range(3000))


def test_a_locator_that_is_always_refused_ends_the_walk() -> None:
    def answer(params: Mapping[str, str]) -> Any:
        return Refused("no", status=400) if params else org(3000)(params)

    with pytest.raises(Refused):
        walked(LOCATOR, Listing(answer))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"done": False, "records": [1]}, "has no nextRecordsUrl"),
        ({"done": False, "records": [1], "nextRecordsUrl": "/jobs?x=1"}, "has no queryLocator"),
        ({"done": False, "records": [1], "nextRecordsUrl": "http://[bad"}, "is no URL"),
        ({"done": False, "records": [1], "nextRecordsUrl": 5}, "not text"),
        ({"done": False, "records": [1], "nextRecordsUrl": "/j?queryLocator=a"}, "repeats"),
        ({"done": True}, "no list 'records'"),
        ([], "not a JSON object"),
    ],
)
def test_a_listing_that_cannot_be_walked_says_why(answer: Any, problem: str) -> None:
    with pytest.raises(BadReply, match=problem):
        walked(LOCATOR, Listing(lambda params: answer))


def test_a_next_page_on_another_host_is_refused() -> None:
    answer = org(3000, "https://evil.example/jobs")
    with pytest.raises(UnsafeReply, match=r"another host, evil\.example"):
        walked(LOCATOR, Listing(answer))
    for port in ("", ":443"):
        own = org(3000, f"https://ACME.my.salesforce.com{port}/services/data/v62.0/jobs/ingest")
        assert walked(LOCATOR, Listing(own)) == list(range(3000))


def test_whole_takes_a_success_without_a_list_as_empty_and_nothing_else() -> None:
    assert walked(Whole("jobs"), Listing(lambda params: {"success": True})) == []
    assert not is_failure({"success": True, "message": "There are no jobs", "requestId": "1"})
    assert is_failure({"message": "There are no jobs", "requestId": "1"})
    assert walked(Whole("jobs"), Listing(lambda params: {"success": True, "jobs": None})) == []
    answers: list[dict[str, Any]] = [{"jobs": "none"}, {"success": True, "data": [{"id": "1"}]}]
    for answer in answers:
        with pytest.raises(BadReply):
            walked(Whole("jobs"), Listing(lambda _, said=answer: said))  # type: ignore[misc]


def test_a_window_that_is_full_is_asked_once_per_status() -> None:
    window = Window("data", sizes=(3, 2), status="queryStatus", statuses=("completed", "failed"))
    full = Listing(
        lambda params: {
            "data": {"completed": [3, 9], "failed": []}.get(
                params.get("queryStatus", ""), [1, 2, 3]
            )
        }
    )
    assert walked(window, full) == [1, 2, 3, 9]
    assert full.asked == [
        {"pageSize": "3"},
        {"pageSize": "3", "queryStatus": "completed"},
        {"pageSize": "3", "queryStatus": "failed"},
    ]
    part = Listing(lambda params: {"data": [1, 2]})
    assert (walked(window, part), len(part.asked)) == ([1, 2], 1)
