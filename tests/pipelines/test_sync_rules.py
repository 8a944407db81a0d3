"""The rules of a sync, each shown on a real ledger."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from jobledger.pipelines.sync.progress import ended_line
from jobledger.sources._provider import walk
from jobledger.sources._provider.errors import (
    BadReply,
    CredentialsMissing,
    CredentialsRefused,
    QuotaReached,
    Refused,
)
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.readings import Readings
from tests.pipelines.salesforce_org import INGEST, job, org
from tests.pipelines.scripted_sync import Project
from tests.pipelines.zuora_tenant import (
    BULK,
    QUERY,
    bulk,
    bulk_jobs,
    queries,
    query,
)
from tests.sources.scripted import NOW


def test_the_same_listing_twice_adds_no_version(project: Project) -> None:
    answer = queries(query("a"), query("b", "failed"))
    first = project.sync(answer, kinds=QUERY)["data_query"]
    second = project.sync(answer, kinds=QUERY)["data_query"]
    assert (first.jobs_changed, second.jobs_changed) == (2, 0)
    assert project.versions() == 2
    assert project.rows(
        "select outcome, jobs_listed from loaded.sync_runs order by started_at"
    ) == [
        ("complete", 2),
        ("complete", 2),
    ]


def test_a_change_ends_one_version_where_the_next_begins(project: Project) -> None:
    for status in ("accepted", "in_progress", "completed"):
        project.sync(queries(query("a", status)), kinds=QUERY)
    assert project.rows(
        "select status, valid_from, valid_to from loaded.job_versions order by valid_from"
    ) == [
        ("queued", NOW, NOW + timedelta(hours=1)),
        ("running", NOW + timedelta(hours=1), NOW + timedelta(hours=2)),
        ("succeeded", NOW + timedelta(hours=2), None),
    ]


def test_losing_the_working_files_loses_nothing(project: Project) -> None:
    project.sync(queries(query("a", "accepted"), query("b")), kinds=QUERY)
    project.lose_working_files()
    run = project.sync(queries(query("a"), query("b")), kinds=QUERY)["data_query"]
    assert (run.jobs_changed, project.versions()) == (1, 3)
    assert project.current() == [("a", "succeeded", "completed"), ("b", "succeeded", "completed")]


def test_an_older_answer_is_stale_and_an_equal_or_missing_time_is_followed(
    project: Project,
) -> None:
    project.sync(queries(query("a", "completed", "2026-11-20T10:00:00Z")), kinds=QUERY)
    project.sync(queries(query("a", "in_progress", "2026-11-20T09:59:59Z")), kinds=QUERY)
    assert project.current() == [("a", "succeeded", "completed")]
    project.sync(queries(query("a", "in_progress", "2026-11-20T10:00:00Z")), kinds=QUERY)
    assert project.current() == [("a", "running", "in_progress")]
    project.sync(queries(query("a", "failed", "")), kinds=QUERY)
    assert project.current() == [("a", "failed", "failed")]


def test_a_full_window_is_asked_once_per_status_and_says_its_gap(project: Project) -> None:
    def window(first: int) -> Any:
        jobs = [
            query(f"{number:05d}", updated=f"2026-11-{number // 1000:02d}T00:00:00Z")
            for number in range(first + 999, first - 1, -1)
        ]
        return queries(*jobs)

    run = project.sync(window(10_000), kinds=QUERY)["data_query"]
    statuses = ("accepted", "in_progress", "completed", "failed", "cancelled")
    assert project.asked == [
        "/query/jobs?pageSize=1000",
        *(f"/query/jobs?pageSize=1000&queryStatus={status}" for status in statuses),
    ]
    assert (run.gap_from, run.gap_to) == (None, None)
    known = project.sync(window(10_500), kinds=QUERY)["data_query"]
    assert (known.gap_from, known.gap_to) == (None, None)
    lost = project.sync(window(20_000), kinds=QUERY)["data_query"]
    assert (lost.outcome, lost.gap_from, lost.gap_to) == (
        "complete",
        NOW + timedelta(hours=1),
        datetime(2026, 11, 20, tzinfo=UTC),
    )


def test_a_job_that_had_failed_before_is_not_counted_as_failed_again(project: Project) -> None:
    counts = []
    for hour, status in enumerate(("failed", "failed", "in_progress", "failed")):
        answer = queries(query("a", status, f"2026-11-20T1{hour}:00:00Z"))
        run = project.sync(answer, kinds=QUERY)["data_query"]
        counts.append((run.jobs_changed, run.jobs_finished, run.jobs_failed))
    assert counts == [(1, 0, 1), (1, 0, 0), (1, 0, 0), (1, 1, 1)]


def test_a_gap_whose_end_nobody_knows_is_told_too(project: Project) -> None:
    project.sync(queries(query("known")), kinds=QUERY)
    timeless = [query(f"{number:05d}", updated="") for number in range(1000)]
    run = project.sync(queries(*timeless), kinds=QUERY)["data_query"]
    assert (run.gap_from, run.gap_to) == (NOW, None)
    assert "a gap: jobs may have come and gone unseen" in ended_line(run)


def test_a_newest_first_listing_is_cut_short_below_what_is_known(project: Project) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(60)]
    first = project.sync(bulk_jobs(jobs), kinds=BULK)["custom_object_bulk"]
    assert (first.pages, first.scope, first.jobs_listed) == (7, "full", 60)
    jobs.insert(0, bulk("new", NOW))
    second = project.sync(bulk_jobs(jobs), kinds=BULK)["custom_object_bulk"]
    assert (second.pages, second.scope, second.jobs_new) == (2, "recent", 1)
    late = project.sync(bulk_jobs(jobs), kinds=BULK, hours=25)["custom_object_bulk"]
    assert (late.scope, late.pages) == ("recent", 1)
    jobs.insert(50, bulk("late", NOW - timedelta(hours=48, minutes=30)))
    daily = project.sync(bulk_jobs(jobs), kinds=BULK)["custom_object_bulk"]
    assert (daily.scope, daily.jobs_new) == ("full", 1)


@pytest.mark.parametrize(
    ("hours", "scopes"),
    [
        (8, ["full", "recent", "recent", "full"]),
        # one that waited for the day to be over would come ten hours after it
        (10, ["full", "recent", "full", "recent"]),
        (24, ["full", "full"]),
    ],
)
def test_the_next_full_walk_is_never_later_than_a_day_after_the_last(
    project: Project, hours: float, scopes: list[str]
) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n + 100)) for n in range(20)]
    runs = [project.sync(bulk_jobs(jobs), kinds=BULK, hours=hours) for _ in scopes]
    assert [run["custom_object_bulk"].scope for run in runs] == scopes


def test_an_unordered_listing_is_never_cut_short(project: Project) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(30)]
    jobs[3], jobs[20] = jobs[20], jobs[3]
    project.sync(bulk_jobs(jobs), kinds=BULK)
    again = project.sync(bulk_jobs(jobs), kinds=BULK)["custom_object_bulk"]
    assert (again.scope, again.pages) == ("full", 4)


def test_a_listing_with_an_undated_job_is_never_cut_short(project: Project) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n + 100)) for n in range(30)]
    undated = {name: value for name, value in jobs[15].items() if name != "CreatedDate"}
    jobs[15] = undated
    project.sync(bulk_jobs(jobs), kinds=BULK)
    again = project.sync(bulk_jobs(jobs), kinds=BULK)["custom_object_bulk"]
    assert (again.scope, again.pages) == ("full", 4)


def test_what_an_interrupted_walk_read_is_kept_and_does_not_end_the_next_early(
    project: Project,
) -> None:
    old = [bulk(f"old{n:03d}", NOW - timedelta(hours=n + 100)) for n in range(20)]
    project.sync(bulk_jobs(old), kinds=BULK)
    new = [bulk(f"new{n:03d}", NOW - timedelta(hours=n)) for n in range(30)]
    whole = bulk_jobs([*new, *old])

    def breaks(path: str, params: Mapping[str, str]) -> Any:
        return BadReply("an HTML page") if params.get("cursor") == "new019" else whole(path, params)

    cut = project.sync(breaks, kinds=BULK)["custom_object_bulk"]
    assert (cut.outcome, cut.error_kind, cut.jobs_changed) == ("incomplete", "bad_reply", 20)
    healed = project.sync(whole, kinds=BULK)["custom_object_bulk"]
    assert (healed.outcome, healed.jobs_changed) == ("complete", 10)
    assert project.versions() == 50


def test_a_job_listed_twice_is_one_row_and_the_first_is_taken(project: Project) -> None:
    project.sync(queries(query("a", "in_progress"), query("a", "completed")), kinds=QUERY)
    assert project.current() == [("a", "running", "in_progress")]
    assert project.versions() == 1


def test_a_kind_that_fails_leaves_the_rest_alone(project: Project) -> None:
    working = queries(query("a"))

    def answer(path: str, params: Mapping[str, str]) -> Any:
        return working(path, params) if path.startswith("/query") else BadReply("not JSON")

    runs = project.sync(answer)
    assert {kind: run.outcome for kind, run in runs.items()} == {
        "data_backfill": "failed",
        "auto_backfill": "failed",
        "custom_object_bulk": "failed",
        "data_query": "complete",
    }
    assert project.current() == [("a", "succeeded", "completed")]


def test_an_empty_listing_deletes_nothing(project: Project) -> None:
    project.sync(queries(query("a")), kinds=QUERY)
    project.sync(queries(), kinds=QUERY)
    assert project.current() == [("a", "succeeded", "completed")]


def test_equal_content_under_two_ids_or_kinds_is_two_jobs(project: Project) -> None:
    same = {"id": "1", "status": "x"}

    def answer(path: str, params: Mapping[str, str]) -> Any:
        if "backfill" in path:
            return {"success": True, "jobs": [same, {**same, "id": "2"}]}
        return {"jobs": [], "data": []}

    project.sync(answer)
    changed = {**same, "status": "y"}

    def later(path: str, params: Mapping[str, str]) -> Any:
        if "propagation" in path:
            return {"success": True, "jobs": [changed, {**same, "id": "2"}]}
        return answer(path, params)

    project.sync(later)
    assert project.rows(
        "select kind, job_id, provider_status from loaded.job_versions"
        " where valid_to is null order by all"
    ) == [
        ("auto_backfill", "1", "y"),
        ("auto_backfill", "2", "x"),
        ("data_backfill", "1", "x"),
        ("data_backfill", "2", "x"),
    ]


def test_a_quota_that_is_used_up_before_the_first_page_fails_each_kind(project: Project) -> None:
    runs = project.sync(lambda path, params: QuotaReached("no more", status=403))
    assert {kind: (run.outcome, run.error_kind) for kind, run in runs.items()} == dict.fromkeys(
        ("data_backfill", "auto_backfill", "custom_object_bulk", "data_query"), ("failed", "quota")
    )
    assert project.rows("from loaded.job_versions") == []


def test_a_quota_that_is_reached_after_the_first_page_keeps_that_page(project: Project) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(30)]
    whole = bulk_jobs(jobs)

    def answer(path: str, params: Mapping[str, str]) -> Any:
        return QuotaReached("no more", status=403) if "cursor" in params else whole(path, params)

    cut = project.sync(answer, kinds=BULK)["custom_object_bulk"]
    assert (cut.outcome, cut.error_kind, cut.error_message) == ("incomplete", "quota", "no more")
    assert (cut.pages, cut.jobs_listed, cut.jobs_new) == (1, 10, 10)
    assert [job_id for job_id, *_ in project.current()] == [job["Id"] for job in jobs[:10]]


def test_a_load_that_fails_leaves_its_rows_in_sync_runs_and_takes_nothing_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.sync(queries(query("a", "accepted")), kinds=QUERY)

    def full(self: Any, **_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("dlt.Pipeline.load", full)
        result = project.sync_all({"zuora": queries(query("a"))}, QUERY)
    assert [run.outcome for run in result.runs] == ["failed"]
    # what was read and not loaded is neither new nor changed
    (failed,) = result.runs
    assert (failed.jobs_new, failed.jobs_changed, failed.jobs_finished) == (0, 0, 0)
    assert project.rows("select jobs_changed from loaded.sync_runs order by 1") == [(0,), (1,)]
    assert project.rows("select outcome, error_kind, error_message from loaded.sync_runs") == [
        ("complete", None, None),
        ("failed", "load", "OSError: [Errno 28] No space left on device"),
    ]
    project.clock.move(timedelta(hours=1))
    project.sync(queries(query("a")), kinds=QUERY)
    assert project.current() == [("a", "succeeded", "completed")]
    assert project.rows("select outcome from loaded.sync_runs order by started_at") == [
        ("complete",),
        ("failed",),
        ("complete",),
    ]


def test_a_source_that_fails_says_what_was_left_over_all_the_same(project: Project) -> None:
    running, done = job("a", "InProgress"), job("b")
    project.sync(org(running, done), "salesforce", INGEST, max_details=1)
    project.sync_all({"salesforce": CredentialsMissing("no client_secret")}, INGEST)
    assert project.rows(
        "select outcome, open_jobs, details_pending, rejected from loaded.sync_runs"
        " order by started_at"
    ) == [("complete", 1, 1, 0), ("failed", 1, 1, 0)]


def test_settings_that_do_not_do_fail_each_kind_and_are_a_usage_error(project: Project) -> None:
    result = project.sync_all({"zuora": CredentialsMissing("no client_secret")}, QUERY)
    assert isinstance(result.load_errors["zuora"], CredentialsMissing)
    assert project.rows(
        "select kind, outcome, error_kind, error_message from loaded.sync_runs"
    ) == [("data_query", "failed", "settings", "no client_secret")]


def test_a_login_that_is_refused_fails_each_kind(project: Project) -> None:
    project.sync_all({"zuora": lambda *_: CredentialsRefused("no", status=401)})
    assert project.rows(
        "select kind, outcome, error_kind, error_message from loaded.sync_runs order by kind"
    ) == [
        (kind, "failed", "credentials", "no")
        for kind in ("auto_backfill", "custom_object_bulk", "data_backfill", "data_query")
    ]


def test_a_clock_that_was_put_back_does_not_cut_listings_short(project: Project) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(30)]
    project.sync(bulk_jobs(jobs), kinds=BULK)
    project.clock.move(timedelta(days=-400))
    run = project.sync(bulk_jobs(jobs), kinds=BULK)["custom_object_bulk"]
    assert (run.scope, run.pages) == ("full", 4)


def test_a_job_of_the_far_future_does_not_cut_listings_short(project: Project) -> None:
    odd = bulk("odd", NOW + timedelta(days=4000))
    old = [bulk(f"old{n:03d}", NOW - timedelta(hours=n + 100)) for n in range(20)]
    project.sync(bulk_jobs([odd, *old]), kinds=BULK)
    new = [bulk(f"new{n:03d}", NOW + timedelta(minutes=50 - n)) for n in range(30)]
    whole = bulk_jobs([odd, *new, *old])

    def breaks(path: str, params: Mapping[str, str]) -> Any:
        return BadReply("an HTML page") if params.get("cursor") == "new018" else whole(path, params)

    project.sync(breaks, kinds=BULK)
    healed = project.sync(whole, kinds=BULK)["custom_object_bulk"]
    assert healed.jobs_changed == 11


def test_what_cannot_be_read_is_told_by_every_sync(project: Project) -> None:
    odd = {**bulk("odd", NOW), "recordsProcessed": "many"}
    answer = bulk_jobs([bulk("a", NOW + timedelta(hours=1)), odd])

    def told() -> tuple[int, int]:
        run = project.sync(answer, kinds=BULK, is_full=True)["custom_object_bulk"]
        return run.jobs_changed, run.rejected

    assert [told(), told(), told()] == [(2, 1), (0, 1), (0, 1)]
    # killed in the middle of its load, which nobody published: the versions are there, what was
    # wrong with them is not
    project.published.unlink()
    with duckdb.connect(project.folder / ".jobledger" / "ledger.duckdb") as ledger:
        ledger.execute("delete from loaded._dlt_loads")
    assert [told(), told()] == [(0, 1), (0, 1)]


def test_what_nobody_foresaw_costs_its_batch_and_no_other_kind(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(30)]
    read = Reader.jobs

    def trip(self: Reader, readings: Readings) -> Any:
        if "j020" in readings.ids:
            raise KeyError("surprise")
        return read(self, readings)

    monkeypatch.setattr(Reader, "jobs", trip)
    monkeypatch.setattr(walk, "_BATCH", 10)

    def answer(path: str, params: Mapping[str, str]) -> Any:
        many = bulk_jobs(jobs) if path == "/objects/jobs" else queries(query("a"))
        return many(path, params)

    runs = project.sync(answer, kinds=[*BULK, *QUERY])
    hurt = runs["custom_object_bulk"]
    assert (hurt.outcome, hurt.error_kind, hurt.jobs_new) == ("incomplete", "bad_reply", 20)
    assert hurt.error_message == "what 127.0.0.1 sent cannot be read: KeyError: 'surprise'"
    assert runs["data_query"].outcome == "complete"
    assert len(project.current()) == 21
    monkeypatch.undo()
    assert project.sync(answer, kinds=BULK)["custom_object_bulk"].jobs_new == 10


def test_what_nobody_foresaw_after_a_fault_costs_no_other_kind_either(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Reader.jobs

    def trip(self: Reader, readings: Readings) -> Any:
        if "j" in readings.ids:
            raise KeyError("surprise")
        return read(self, readings)

    def answer(path: str, params: Mapping[str, str]) -> Any:
        if path != "/objects/jobs":
            return queries(query("a"))(path, params)
        if "cursor" in params:
            return Refused("no such cursor", status=400)
        return {"jobs": [bulk("j", NOW)], "cursor": "c"}

    monkeypatch.setattr(Reader, "jobs", trip)
    runs = project.sync(answer, kinds=[*BULK, *QUERY])
    hurt = runs["custom_object_bulk"]
    assert (hurt.outcome, hurt.error_message) == ("incomplete", "no such cursor")
    assert runs["data_query"].outcome == "complete"
    assert project.current() == [("a", "succeeded", "completed")]
