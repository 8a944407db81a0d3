"""Whatever a provider does, a sync ends, waits no longer than it must, and says how it was."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobledger.emulator import Running, serving
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.sync.loading import Result
from jobledger.pipelines.sync.project_sync import exit_of, sync_project
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources._provider import session
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.errors import QuotaGuarded
from jobledger.sources._provider.limits import Limits, Meter
from jobledger.sources._provider.run import Outcome, Run
from tests.faults.provider import Walks, project, rows_of, served, small_world
from tests.pipelines.scripted_sync import Quiet
from tests.sources._provider.accounts import FakeClock


@pytest.fixture
def running() -> Iterator[Running]:
    with served() as running:
        yield running


@pytest.fixture
def walks(running: Running, tmp_path: Path) -> Iterator[Walks]:
    yield from _walks(running, tmp_path)


def _walks(running: Running, folder: Path) -> Iterator[Walks]:
    (folder / ".dlt").mkdir(exist_ok=True)
    with Ledger(folder / "ledger.duckdb", folder / "jobs.duckdb") as ledger:
        yield Walks(ledger, folder, running.base_url)


def ends(runs: dict[str, Run]) -> dict[str, tuple[str, str | None]]:
    return {kind: (str(run.outcome), run.error_kind) for kind, run in runs.items()}


def code(runs: dict[str, Run]) -> Exit:
    return exit_of(Result(list(runs.values())))


# listings without an end


@pytest.mark.parametrize("fault", ["repeat_cursor", "endless"])
@pytest.mark.parametrize(("jobs", "is_end"), [(85, False), (45, True)])
def test_custom_objects_that_go_round_in_circles(
    fault: str, jobs: int, is_end: bool, tmp_path: Path
) -> None:
    with serving(small_world({"custom_object_bulk": jobs})) as running:
        # 40 a page; with 45 the page that repeats is shorter than asked for: a normal end
        running.faults.order(fault, "/objects/jobs", times=None, after=2)  # type: ignore[arg-type]
        for walks in _walks(running, tmp_path):
            runs = walks.sync("zuora", kinds=("custom_object_bulk",))
    (run,) = runs.values()
    assert run.requests < 25
    if fault == "repeat_cursor":
        assert run.outcome is (Outcome.COMPLETE if is_end else Outcome.INCOMPLETE)
    # all that a walk could see was seen
    assert run.jobs_listed == (jobs if is_end or fault == "endless" else 80)


def test_a_listing_that_is_never_done_is_left(running: Running, walks: Walks) -> None:
    running.faults.order("endless", "*/jobs/*", times=None)
    runs = walks.sync("salesforce")
    assert ends(runs) == dict.fromkeys(("ingest", "query"), ("incomplete", "bad_reply"))
    assert {run.jobs_listed for run in runs.values()} == {6}
    assert len(running.requests) < 60
    assert code(runs) is Exit.FAILED


# the time limit


def test_the_time_limit_ends_a_sync_while_it_waits(running: Running, walks: Walks) -> None:
    running.faults.order("status", "/objects/jobs", times=None, status=500)
    clock = FakeClock(deadline=1.0)
    runs = walks.sync("zuora", "custom_object_bulk", clock=clock)
    assert clock.passed <= 1.0
    assert runs["custom_object_bulk"].error_kind in ("time_limit", "http")
    runs = walks.sync("zuora", clock=FakeClock(deadline=0.0))
    assert ends(runs) == dict.fromkeys(runs, ("incomplete", "time_limit"))
    assert code(runs) is Exit.TIME_LIMIT


@pytest.mark.parametrize("fault", ["slow", "huge"])
def test_the_time_limit_ends_a_request_that_hangs(
    fault: str, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # it drips for longer than it takes to have too much
    monkeypatch.setattr(session, "MAX_BODY", 1 << 40)
    ours = project(tmp_path / "ours", running.base_url)
    assert exit_of(sync_project(ours, watcher=Quiet())) == 0
    if fault == "slow":
        running.faults.order("slow", "/objects/jobs", times=None, seconds=60)
    else:
        running.faults.order("huge", "/objects/jobs", times=None, size=1 << 40)
    began = time.monotonic()
    result = sync_project(ours, watcher=Quiet(), clock=Clock(2.0 if fault == "slow" else 0.6))
    assert time.monotonic() - began < 12
    assert exit_of(result) is Exit.TIME_LIMIT
    told = {run.kind: (run.outcome, run.error_kind) for run in result.runs}
    assert told["custom_object_bulk"] == (Outcome.INCOMPLETE, "time_limit")
    runs = rows_of(ours.warehouse, "select count(*) from loaded.sync_runs")
    assert runs == [(12,)]


# quotas and limits


def test_the_guard_of_the_daily_quota(running: Running, walks: Walks) -> None:
    running.behaviour.daily_requests = 100
    running.state.salesforce_usage.count(running.world.now(), by=75)
    runs = walks.sync("salesforce", quota_share=0.8)
    assert running.state.salesforce_usage.used <= 80
    assert {kind for _, kind in ends(runs).values()} == {"quota"}
    assert {outcome for outcome, _ in ends(runs).values()} == {"incomplete"}
    assert runs["ingest"].quota_limit == 100
    assert (runs["ingest"].quota_used or 0) >= 75
    assert code(runs) is Exit.FAILED
    # what is owed is fetched by the next sync
    running.behaviour.daily_requests = 100_000
    assert set(ends(walks.sync("salesforce")).values()) == {("complete", None)}
    assert walks.jobs("salesforce") == walks.fresh("salesforce")


def test_answers_that_overtake_each_other_do_not_widen_the_quota() -> None:
    limits, meter = Limits(FakeClock(), 0.8, 4, None), Meter()
    limits.note_quota(meter, (80, 100))
    limits.note_quota(meter, (79, 100))
    assert meter.quota_used == 80
    with pytest.raises(QuotaGuarded), limits.slot(meter):
        pass


def test_no_request_left_is_waited_out_or_ends_the_account(running: Running, walks: Walks) -> None:
    # the window has room for three: the login counts, and after two more it is empty
    running.behaviour.hourly_requests = 3
    clock = FakeClock()
    runs = walks.sync("zuora", clock=clock)
    assert set(ends(runs).values()) == {("complete", None)}
    assert clock.waits
    assert max(clock.waits) <= 3_600
    assert sum(run.throttled_seconds for run in runs.values()) == pytest.approx(sum(clock.waits))

    clock = FakeClock(deadline=600)
    runs = walks.sync("zuora", clock=clock)
    assert clock.passed < 600
    assert {outcome for outcome, _ in ends(runs).values()} <= {"complete", "incomplete"}
    assert "rate_limited" in {kind for _, kind in ends(runs).values()}


@pytest.mark.parametrize(
    ("fault", "said", "wait"),
    [
        ("rate_limit", {"retry_after": 33}, 33),
        ("rate_limit", {"retry_after": 33, "as_date": True}, 33),
        ("rate_limit", {"reset": 44}, 44),
        ("concurrency", {}, 120),
        ("concurrency", {"retry_after": 5}, 5),
    ],
)
def test_a_limit_is_waited_out_as_long_as_it_says(
    fault: str, said: dict[str, float], wait: float, running: Running, walks: Walks
) -> None:
    running.faults.order(fault, "/objects/jobs", times=2, **said)  # type: ignore[arg-type]
    clock = FakeClock()
    runs = walks.sync("zuora", clock=clock)
    assert set(ends(runs).values()) == {("complete", None)}
    # a date is of whole seconds
    assert clock.waits == pytest.approx([wait, wait], abs=1)
    run = runs["custom_object_bulk"]
    assert run.throttled_seconds == pytest.approx(2 * wait, abs=2)
    assert (run.retries, run.error_kind) == (2, None)


def test_a_wait_beyond_the_time_limit_is_not_begun(running: Running, walks: Walks) -> None:
    running.faults.order("rate_limit", "/objects/jobs", times=None, retry_after=7_200)
    clock = FakeClock(deadline=3_600)
    runs = walks.sync("zuora", "custom_object_bulk", clock=clock)
    assert clock.waits == []
    assert ends(runs)["custom_object_bulk"] == ("incomplete", "rate_limited")


def test_a_concurrent_limit_of_salesforce_is_waited_out(running: Running, walks: Walks) -> None:
    running.faults.order("concurrency", "*/jobs/ingest", times=3)
    clock = FakeClock()
    runs = walks.sync("salesforce", clock=clock)
    assert set(ends(runs).values()) == {("complete", None)}
    assert len(clock.waits) == 3


def test_a_daily_limit_ends_the_account_at_once(running: Running, walks: Walks) -> None:
    running.faults.order("daily", "*/jobs/*", times=None)
    clock = FakeClock()
    runs = walks.sync("salesforce", clock=clock)
    assert ends(runs) == dict.fromkeys(("ingest", "query"), ("failed", "quota"))
    assert clock.waits == []
    # the login, and the one request that said it
    assert len(running.requests) == 2
    assert code(runs) is Exit.FAILED


def test_an_account_that_waits_holds_up_no_other(running: Running, tmp_path: Path) -> None:
    with serving(small_world()) as other:
        ours = project(tmp_path / "ours", running.base_url, "zuora", "zuora_b", "salesforce")
        config = ours.folder / ".dlt" / "config.toml"
        told = config.read_text().split("[sources.zuora_b]")
        config.write_text(
            told[0] + "[sources.zuora_b]" + told[1].replace(running.base_url, other.base_url, 1)
        )
        other.faults.order("rate_limit", "/objects/jobs", retry_after=4)
        ended: dict[str, float] = {}
        began = time.monotonic()

        class Ends(Quiet):
            def ended(self, run: Run) -> None:
                ended[run.source] = time.monotonic() - began

        result = sync_project(ours, watcher=Ends())
        assert exit_of(result) == 0
        assert ended["zuora_b"] >= 4
        assert max(ended["zuora"], ended["salesforce"]) < ended["zuora_b"] - 0.5
        waited = {run.source: 0.0 for run in result.runs}
        for run in result.runs:
            # two kinds that wait for one limit at a time both say so
            waited[run.source] = max(waited[run.source], run.throttled_seconds)
        assert waited == {"zuora": 0, "salesforce": 0, "zuora_b": pytest.approx(4, abs=0.5)}
