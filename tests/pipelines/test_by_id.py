"""Jobs that the listing does not show, or not any more: what an answer by id makes of them."""

from datetime import UTC, datetime, timedelta

import pytest

from jobledger.sources._provider.errors import Refused
from tests.pipelines.scripted_sync import Project
from tests.pipelines.zuora_tenant import (
    BULK,
    QUERY,
    Record,
    backfills,
    bulk,
    bulk_jobs,
    queries,
    query,
)
from tests.sources.scripted import NOW

UPLOADED = {"id": "l1", "uploadedOn": "1699517693000"}
STARTED = {**UPLOADED, "status": "Processing", "startedProcessingOn": "1699517700000"}


@pytest.mark.parametrize("is_listed", [True, False])
def test_an_end_without_the_times_it_had_is_followed(project: Project, *, is_listed: bool) -> None:
    # its time of change is the newest of its times, so that such an end looks older
    ended = {**UPLOADED, "status": "Failed", "failureMessage": "bad file"}
    project.sync(backfills(STARTED), kinds=["data_backfill"])
    for _ in range(2):
        provider = backfills(ended) if is_listed else backfills(one=ended)
        project.sync(provider, kinds=["data_backfill"])
        assert project.rows(
            "select status, error_message, started_at, updated_at from loaded.job_versions"
            " where valid_to is null"
        ) == [("failed", "bad file", None, datetime(2023, 11, 9, 8, 14, 53, tzinfo=UTC))]
        assert project.versions() == 2


@pytest.mark.parametrize(
    "older",
    [
        # from before it began
        {**UPLOADED, "status": "Pending"},
        # all its times are there
        {**UPLOADED, "status": "Failed", "startedProcessingOn": "1699517699000"},
    ],
)
def test_what_is_older_by_its_newest_time_is_stale_all_the_same(
    project: Project, older: Record
) -> None:
    project.sync(backfills(STARTED), kinds=["data_backfill"])
    project.sync(backfills(older), kinds=["data_backfill"])
    assert project.current() == [("l1", "running", "Processing")]


def test_an_open_job_that_the_listing_lost_is_asked_for_by_id(project: Project) -> None:
    project.sync(queries(query("a", "accepted"), query("b")), kinds=QUERY)
    project.sync(queries(one={"a": {"data": query("a", "failed")}}), kinds=QUERY)
    assert project.asked == ["/query/jobs?pageSize=1000", "/query/jobs/a"]
    assert project.current() == [("a", "failed", "failed"), ("b", "succeeded", "completed")]
    project.sync(queries(), kinds=QUERY)
    assert project.asked == ["/query/jobs?pageSize=1000"]


def test_an_open_job_that_nobody_knows_has_vanished(project: Project) -> None:
    project.sync(queries(query("a", "accepted")), kinds=QUERY)
    run = project.sync(queries(), kinds=QUERY)["data_query"]
    assert (run.outcome, run.open_jobs) == ("complete", 0)
    assert (run.jobs_changed, run.jobs_finished) == (1, 0)
    assert project.rows(
        "select status, provider_status, is_terminal, finished_at, updated_at"
        " from loaded.job_versions where valid_to is null"
    ) == [("vanished", "accepted", True, None, datetime(2026, 11, 20, tzinfo=UTC))]
    project.sync(queries(), kinds=QUERY)
    assert project.versions() == 2
    # and it may come back
    project.sync(queries(query("a", "accepted")), kinds=QUERY)
    assert project.current() == [("a", "queued", "accepted")]


def test_a_forbidden_job_stays_as_it_was(project: Project) -> None:
    project.sync(queries(query("a", "accepted")), kinds=QUERY)
    run = project.sync(queries(one={"a": Refused("no", status=403)}), kinds=QUERY)["data_query"]
    assert (run.outcome, project.current()) == ("complete", [("a", "queued", "accepted")])


def test_open_jobs_below_the_cut_cost_one_request_each(project: Project) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(40)]
    waiting = bulk("open", NOW - timedelta(hours=100), "pending")
    project.sync(bulk_jobs([*jobs, waiting]), kinds=BULK)
    done = {"open": bulk("open", NOW - timedelta(hours=100))}
    run = project.sync(bulk_jobs([*jobs, waiting], done), kinds=BULK)["custom_object_bulk"]
    assert project.asked == ["/objects/jobs?pageSize=100", "/objects/jobs/open"]
    assert (run.scope, run.jobs_finished, run.open_jobs) == ("recent", 1, 0)


def test_what_only_an_answer_by_id_says_comes_and_goes_without_a_version(project: Project) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(40)]
    waiting = bulk("open", NOW - timedelta(hours=100), "pending")
    by_id = {"open": {**waiting, "namespace": "default"}}
    for _ in range(3):
        for is_full in (True, False):
            project.sync(bulk_jobs([*jobs, waiting], by_id), kinds=BULK, is_full=is_full)
    assert project.asked[-1] == "/objects/jobs/open"
    assert project.versions() == 41
    # what a column reads is no such thing
    by_id = {"open": {**waiting, "recordsProcessed": 7}}
    project.sync(bulk_jobs([*jobs, waiting], by_id), kinds=BULK)
    assert project.versions() == 42


def test_an_answer_by_id_that_leaves_things_out_takes_nothing_back(project: Project) -> None:
    began = {**STARTED, "type": "RatePlanCharge", "uploadedBy": "Ada", "totalCount": 5}
    project.sync(backfills(began), kinds=["data_backfill"])
    ended = {"id": "l1", "status": "Completed", "completedOn": "1699517800000", "failedCount": 1}
    project.sync(backfills(one=ended), kinds=["data_backfill"])
    assert project.rows(
        "select status, object, created_at, created_by, records_failed, records_total"
        " from loaded.job_versions where valid_to is null"
    ) == [
        (
            *("partial", "RatePlanCharge", datetime(2023, 11, 9, 8, 14, 53, tzinfo=UTC), "Ada"),
            *(1, None),
        )
    ]


def test_a_time_that_is_written_in_another_way_by_id_is_no_news(project: Project) -> None:
    waiting = bulk("a", NOW - timedelta(hours=9), "in_progress")
    other = {**waiting, "UpdatedDate": waiting["UpdatedDate"].replace("Z", ".000Z")}
    for _ in range(2):
        project.sync(bulk_jobs([], {"a": other}), kinds=BULK)
        project.sync(bulk_jobs([waiting], {"a": other}), kinds=BULK)
    assert project.versions() == 1
    project.sync(bulk_jobs([], {"a": {**other, "error": {"code": "E"}}}), kinds=BULK)
    assert project.versions() == 2


@pytest.mark.parametrize("extra", [{"data": {"fileName": "x.csv"}}, {"job": {}}])
def test_a_record_by_id_is_not_taken_for_a_wrapper(project: Project, extra: Record) -> None:
    waiting = bulk("a", NOW - timedelta(hours=9), "in_progress")
    project.sync(bulk_jobs([waiting]), kinds=BULK)
    ended = {**bulk("a", NOW - timedelta(hours=1)), **extra}
    run = project.sync(bulk_jobs([], {"a": ended}), kinds=BULK)["custom_object_bulk"]
    assert (run.outcome, project.current()) == ("complete", [("a", "succeeded", "completed")])
