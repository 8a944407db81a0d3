"""Every fault that the emulator knows, on every kind, wherever a sync can meet it.

What is asked each time: how the run ended, the exit code, what was kept, that other kinds of the
account are as without the fault, and that the next sync makes the ledger equal to a fresh one.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest

from jobledger.emulator import KINDS, Running
from jobledger.emulator.faults import Name
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.sync.loading import Result
from jobledger.pipelines.sync.project_sync import exit_of
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources._provider import session
from jobledger.sources._provider.run import Outcome, Run
from tests.faults.provider import DETAILS, KINDS_OF, LISTINGS, TOKENS, Walks, provider_of, served

THOROUGH = "JOBLEDGER_TEST_MORE" in os.environ
PAGED = ("custom_object_bulk", "ingest", "query")
BEFORE_SECOND_PAGE = {"custom_object_bulk": 2, "ingest": 1, "query": 1}
"""Requests to a listing before its second page; Zuora's first is refused for its page size."""
FIRST_PAGE = {"custom_object_bulk": 40, "ingest": 2, "query": 2}


@dataclass(frozen=True)
class Case:
    """A fault, and what it does to a kind: `error` is the run's `error_kind`, None for nothing."""

    name: Name
    error: str | None
    said: Mapping[str, Any] = field(default_factory=dict)
    providers: tuple[str, ...] = ("zuora", "salesforce")
    places: tuple[str, ...] = ("token", "first", "later", "detail")
    of_token: str | None = None
    """`error_kind` where the login meets it, if that differs."""
    of_detail: str | None = None
    """likewise for single jobs; `refused` where the answer counts as a refusal of that job."""
    ends_account: bool = False

    @property
    def title(self) -> str:
        told = [str(value) for key, value in self.said.items() if key in ("status", "code")]
        return "-".join([self.name, *told, *(["once"] if self.said.get("times") == 1 else [])])


ONCE = {"times": 1}
LISTED = ("first", "later")
CASES = (
    Case("status", "http", {"status": 400}, of_token="credentials", of_detail="refused"),
    Case("status", "credentials", {"status": 401}),
    Case("status", "not_available", {"status": 403}, of_token="credentials", of_detail="refused"),
    Case("status", "http", {"status": 404}, of_detail="refused"),
    Case("status", "http", {"status": 408}),
    Case("status", "rate_limited", {"status": 429}),
    Case("status", "http", {"status": 500}),
    Case("status", "http", {"status": 503}),
    Case("status", None, {"status": 503, **ONCE}),
    Case("html", "http", {"status": 502}),
    Case("html", "bad_reply", {"status": 200}),
    Case("html", "bad_reply", {"status": 404}),
    Case("success_false", "bad_reply", {"code": "50000060"}),
    Case("success_false", "bad_reply", {"code": "50000020"}),
    Case("rate_limit", "rate_limited", {"retry_after": 7}),
    Case("rate_limit", "rate_limited", {"retry_after": 7, "as_date": True}),
    Case("rate_limit", "rate_limited", {"reset": 9}),
    Case("rate_limit", None, {"retry_after": 7, **ONCE}),
    Case("concurrency", "rate_limited"),
    Case("concurrency", None, ONCE),
    Case("daily", "quota", providers=("salesforce",), ends_account=True),
    Case("expire_tokens", "credentials", places=("first", "later", "detail")),
    Case("expire_tokens", None, ONCE, places=("first", "later", "detail")),
    Case("slow", None, {"seconds": 0.02, **ONCE}),
    Case("cut", "network"),
    Case("cut", None, ONCE),
    Case("drop", "network"),
    Case("drop", None, ONCE),
    Case("redirect", "unsafe"),
    Case("redirect", "unsafe", {"location": "http://127.0.0.1:1"}),
    Case("huge", "unsafe", {"size": 4 << 20}),
    Case("bomb", "unsafe", {"size": 4 << 20}),
    Case("unreadable", "bad_reply"),
    Case("unreadable", None, ONCE),
    Case("body", "bad_reply", {"body": {"unexpected": 1}}),
    Case("body", "bad_reply", {"body": "[]"}),
    Case("body", "bad_reply", {"body": ""}),
    # Zuora's have no end to be kept from where all jobs were seen; see test_bounds
    Case("repeat_cursor", "bad_reply", providers=("salesforce",), places=("later",)),
    Case("endless", "bad_reply", providers=("salesforce",), places=LISTED),
    Case("elsewhere", "unsafe", providers=("salesforce",), places=("first",)),
)
PAGES_ONLY = {"repeat_cursor", "endless"}


def _places() -> Iterator[tuple[Case, str, str]]:
    for case in CASES:
        for provider in case.providers:
            for place in case.places:
                kinds = KINDS_OF[provider]
                if place == "later" or case.name in PAGES_ONLY:
                    kinds = tuple(kind for kind in kinds if kind in PAGED)
                if place == "token":
                    kinds = kinds[:1]
                for kind in kinds:
                    yield case, kind, place


def _chosen() -> Iterator[tuple[Case, str, str]]:
    """Each fault on each kind and in each place; every combination where that is asked for."""
    for case, kind, place in _places():
        turn = CASES.index(case) + KINDS.index(kind)
        is_due = {"first": turn % 2 == 0, "detail": turn % 2 == 1, "later": turn % 2 == 1}
        if THOROUGH or kind == "custom_object_bulk" or is_due.get(place, True):
            yield case, kind, place


PLACES = [
    pytest.param(case, kind, place, id=f"{case.title}-{kind}-{place}-{number}")
    for number, (case, kind, place) in enumerate(_chosen())
]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def walks(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walks]:
    folder = tmp_path_factory.mktemp("faults")
    (folder / ".dlt").mkdir()
    with Ledger(folder / "ledger.duckdb", folder / "jobs.duckdb") as ledger:
        ledger.connection.execute("set threads = 1")
        yield Walks(ledger, folder, running.base_url)


@pytest.fixture(scope="module")
def fresh(walks: Walks) -> Mapping[str, Mapping[tuple[str, str], Any]]:
    return {provider: walks.fresh(provider) for provider in KINDS_OF}


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    # the true limits are tried in test_distrust
    monkeypatch.setattr(session, "MAX_BODY", 2 << 20)


def test_no_fault_of_the_emulator_is_left_out() -> None:
    assert {case.name for case in CASES} == set(get_args(Name))


@pytest.mark.parametrize(("case", "kind", "place"), PLACES)
def test_a_fault(
    case: Case,
    kind: str,
    place: str,
    running: Running,
    walks: Walks,
    fresh: Mapping[str, Mapping[tuple[str, str], Any]],
) -> None:
    source = provider_of(kind)
    partner = {"auto_backfill": "data_query"}.get(kind, KINDS_OF[source][1])
    kinds = (kind, KINDS_OF[source][0] if partner == kind else partner)
    whole = {key: row for key, row in fresh[source].items() if key[0] in kinds}
    running.faults.clear()
    walks.forget(source)
    if place == "detail" and source == "zuora":
        # its listings tell all, so single jobs are asked for only when they miss an open one
        walks.sync(source, kinds=kinds)
        running.faults.order("body", LISTINGS[kind], times=1, body=_without_jobs(kind))
    path = {"token": TOKENS[source], "detail": DETAILS[kind]}.get(place, LISTINGS[kind])
    passed = BEFORE_SECOND_PAGE[kind] if place == "later" else 0
    running.faults.order(case.name, path, **{"times": None, "after": passed, **case.said})
    before = walks.jobs(source)

    runs = walks.sync(source, kind, kinds=kinds)

    run, others = runs[kind], [each for each in runs.values() if each.kind != kind]
    error = _error(case, place)
    jobs = walks.jobs(source)
    assert (run.outcome, run.error_kind) == _end(error, place, run), run.error_message
    assert exit_of(Result(list(runs.values()))) is (Exit.DONE if error is None else Exit.FAILED)
    if error is not None:
        assert run.error_message
    if error is not None and (
        place == "token" or case.ends_account or case.name == "expire_tokens"
    ):
        assert {each.error_kind for each in others} == {error}
    else:
        assert [each.outcome for each in others] == [Outcome.COMPLETE] * len(others)
        untouched = {key: row for key, row in whole.items() if key[0] != kind}
        assert {key: row for key, row in jobs.items() if key[0] != kind} == untouched
    # nothing that was there is lost or changed, and what is there is true
    is_gone = case.said.get("status") == 404 and case.name == "status"
    assert [
        key
        for key in before
        if jobs[key] != before[key] and not (is_gone and jobs[key]["status"] == "vanished")
    ] == []
    assert jobs.keys() <= whole.keys()
    mine = {key for key in jobs if key[0] == kind}
    assert len(mine) == _kept(error, kind, place, whole, case)
    if place == "detail" and source == "salesforce" and error is not None:
        assert run.details_pending == len(mine)
    assert run.requests < 60 + len(whole)

    running.faults.clear()
    healed = walks.sync(source, kinds=kinds)
    assert {each.outcome for each in healed.values()} == {Outcome.COMPLETE}
    if case.of_detail != "refused" or place != "detail":
        assert walks.jobs(source) == whole


def _error(case: Case, place: str) -> str | None:
    if place == "token" and case.error is not None:
        return case.of_token or case.error
    if place == "detail" and case.of_detail == "refused":
        return None
    return case.error


def _end(error: str | None, place: str, run: Run) -> tuple[Outcome, str | None]:
    if error is None:
        return Outcome.COMPLETE, None
    is_nothing_read = place in ("token", "first") and run.pages == 0
    return (Outcome.FAILED if is_nothing_read else Outcome.INCOMPLETE), error


def _kept(
    error: str | None, kind: str, place: str, whole: Mapping[tuple[str, str], Any], case: Case
) -> int:
    count = sum(each == kind for each, _ in whole)
    if error is None or place == "detail" or case.name == "endless":
        return count
    if case.name == "elsewhere":
        return FIRST_PAGE[kind]
    if case.name == "repeat_cursor":
        return 2 * FIRST_PAGE[kind]
    return FIRST_PAGE[kind] if place == "later" else 0


def _without_jobs(kind: str) -> Any:
    key = "data" if kind == "data_query" else "jobs"
    return {"success": True, key: []}
