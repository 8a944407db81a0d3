"""Classic jobs: told by another API, in another way, and over when their batches are."""

from collections.abc import Mapping
from typing import Any

import pytest

from jobledger.sources._provider.errors import (
    NotFound,
    ProviderError,
    Refused,
    TokenNotTaken,
)
from tests.pipelines.salesforce_org import (
    INGEST,
    asked_for,
    classic,
    counts,
    detail,
    job,
    org,
)
from tests.pipelines.scripted_sync import Project


def test_a_closed_classic_job_that_is_refused_is_left_alone(project: Project) -> None:
    refused = {"a": Refused("no", status=400), "async": Refused("no", status=403)}
    project.sync(org(classic(), one=refused), "salesforce", INGEST)
    assert [path for path in project.asked if path.endswith("/a")] == [
        "/services/data/v62.0/jobs/ingest/a",
        "/services/async/62.0/job/a",
    ]
    project.sync(org(classic(), one=refused), "salesforce", INGEST)
    assert [path for path in project.asked if path.endswith("/a")] == []
    assert counts(project) == [("a", "running", None)]


@pytest.mark.parametrize(("two", "none"), [(2, 0), ("2", "0"), (2.0, 0.0)])
def test_a_closed_classic_job_ends_with_its_batches(
    project: Project, two: object, none: object
) -> None:
    batches = {
        "numberBatchesTotal": two,
        "numberBatchesCompleted": two,
        "numberBatchesFailed": none,
    }
    answers = {
        "a": Refused("no", status=404),
        "async": {"id": "a", "state": "Closed", "numberRecordsProcessed": 5, **batches},
    }
    project.sync(org(classic(), one=answers), "salesforce", INGEST)
    assert counts(project) == [("a", "succeeded", 5)]


def test_a_classic_job_that_both_listings_show_is_one_row(project: Project) -> None:
    reads, writes = classic(operation="queryAll"), {**classic(), "id": "b"}
    project.sync(org(reads, writes), "salesforce")
    assert project.rows(
        "select kind, job_id from loaded.job_versions where valid_to is null order by all"
    ) == [("ingest", "b"), ("query", "a")]


def test_a_classic_detail_that_is_dated_by_its_creation_is_the_last_word(project: Project) -> None:
    batches: dict[str, Any] = {
        "numberBatchesTotal": 1,
        "numberBatchesCompleted": 1,
        "numberBatchesFailed": 0,
    }
    answers = {"a": detail(classic(**batches), 4)}
    project.sync(org(classic(second=9), one=answers), "salesforce", INGEST)
    assert counts(project) == [("a", "succeeded", 4)]
    project.sync(org(classic(second=9), one=answers), "salesforce", INGEST)
    assert asked_for(project) == []


@pytest.mark.parametrize("max_details", [0, 10])
def test_a_closed_classic_job_ended_when_the_listing_says_whenever_it_was_asked_for(
    project: Project, max_details: int
) -> None:
    closed = classic(second=9)
    batches = {"numberBatchesTotal": 1, "numberBatchesCompleted": 1, "numberBatchesFailed": 0}
    # as documented: dated by its creation
    answers = {"a": NotFound("no", status=404), "async": {**detail(classic(), 5), **batches}}
    project.sync(org(closed, one=answers), "salesforce", INGEST, max_details=max_details)
    run = project.sync(org(closed, one=answers), "salesforce", INGEST)["ingest"]
    assert (run.details_pending, counts(project)) == (0, [("a", "succeeded", 5)])
    assert project.rows(
        "select finished_at = timestamptz '2026-11-20 10:00:09+00' from loaded.job_versions"
        " where valid_to is null"
    ) == [(True,)]
    project.sync(org(closed, one=answers), "salesforce", INGEST, is_full=True)
    assert asked_for(project) == []


def test_a_classic_detail_that_is_owed_is_not_asked_for_twice_in_a_sync(project: Project) -> None:
    batches = {"numberBatchesTotal": 1, "numberBatchesCompleted": 1, "numberBatchesFailed": 0}
    # as documented: dated by its creation
    answers = {"a": Refused("no", status=400), "async": {**detail(classic(), 5), **batches}}
    project.sync(org(classic("Open"), one=answers), "salesforce", INGEST, max_details=0)
    closed = classic(second=9)
    run = project.sync(org(closed, one=answers), "salesforce", INGEST, max_details=1)["ingest"]
    assert (run.details_pending, counts(project)) == (0, [("a", "succeeded", 5)])
    assert project.rows(
        "select finished_at = timestamptz '2026-11-20 10:00:09+00' from loaded.job_versions"
        " where valid_to is null"
    ) == [(True,)]


def test_an_older_api_that_takes_no_token_is_asked_once_and_costs_no_other_job(
    project: Project,
) -> None:
    jobs = [job("a"), *({**classic(), "id": each} for each in "bcd")]
    gone = NotFound("no", status=404)
    closed = TokenNotTaken("InvalidSessionId", status=400)
    answer = org(*jobs, one={"b": gone, "c": gone, "d": gone, "async": closed})
    run = project.sync(answer, "salesforce", INGEST)["ingest"]
    assert (run.outcome, run.details_pending) == ("complete", 0)
    assert [row[1:] for row in counts(project)] == [("succeeded", 10), *[("running", None)] * 3]
    assert sum("/async/" in path for path in project.asked) in range(1, 4)


def test_an_older_api_that_took_no_token_for_once_is_asked_again(project: Project) -> None:
    jobs = [{**classic(), "id": f"{number:02}"} for number in range(20)]
    gone = {each["id"]: NotFound("no", status=404) for each in jobs}
    closed = org(*jobs, one={**gone, "async": TokenNotTaken("InvalidSessionId", status=401)})

    def told(path: str, params: Mapping[str, str]) -> Any:
        batches = {"numberBatchesTotal": 1, "numberBatchesCompleted": 1, "numberBatchesFailed": 0}
        answer = {"id": path[-2:], "state": "Closed", "numberRecordsProcessed": 5, **batches}
        return answer if "/async/" in path else closed(path, params)

    for changed in (20, 0):
        run = project.sync(closed, "salesforce", INGEST, max_concurrent=1)["ingest"]
        assert (run.outcome, run.details_pending) == ("complete", 0)
        assert run.jobs_changed == changed
    # the second time only as often as it takes to find out that nothing is new
    assert [path.removeprefix("/services") for path in project.asked] == [
        "/data/v62.0/jobs/ingest",
        "/data/v62.0/jobs/ingest/00",
        "/async/62.0/job/00",
    ]
    assert project.rows("select detail, count(*) from loaded.job_details group by all") == [
        ("not taken", 20)
    ]
    project.sync(told, "salesforce", INGEST)
    assert counts(project) == [(each["id"], "succeeded", 5) for each in jobs]
    project.sync(told, "salesforce", INGEST)
    assert asked_for(project) == []


def test_a_query_job_is_one_whatever_it_does(project: Project) -> None:
    odd = job("a", jobType="V2Query", operation="queryRefresh")
    untold = {k: v for k, v in job("b").items() if k not in {"jobType", "operation"}}
    writes = {**classic("Failed"), "id": "c"}

    def answer(path: str, params: Mapping[str, str]) -> Any:
        is_query = path.endswith("/jobs/query")
        listed = [odd, untold, writes] if is_query else [odd, writes]
        return org(*listed)(path, params)

    project.sync(answer, "salesforce", ["ingest", "query"])
    assert project.rows(
        "select job_id, kind from loaded.job_versions where valid_to is null order by all"
    ) == [("a", "query"), ("b", "query"), ("c", "ingest")]


def test_a_full_sync_asks_once_more_for_what_was_refused(project: Project) -> None:
    jobs = [job("a"), {**classic(), "id": "b"}]
    refused = Refused("no", status=403)
    project.sync(org(*jobs, one={"a": refused, "b": refused}), "salesforce", INGEST)
    project.sync(org(*jobs), "salesforce", INGEST)
    assert asked_for(project) == []
    batches = {"numberBatchesTotal": 2, "numberBatchesCompleted": 2, "numberBatchesFailed": 0}
    ended = {"b": {"id": "b", "state": "Closed", "numberRecordsProcessed": 5, **batches}}
    project.sync(org(*jobs, one=ended), "salesforce", INGEST, is_full=True)
    assert asked_for(project) == ["a", "b"]
    assert counts(project) == [("a", "succeeded", 10), ("b", "succeeded", 5)]


def test_an_owed_detail_says_nothing_that_only_an_older_listing_said(project: Project) -> None:
    opened = classic("Open", contentUrl="only while it is open")
    batches = {"numberBatchesTotal": 1, "numberBatchesCompleted": 1, "numberBatchesFailed": 0}
    answers = {
        "a": Refused("no", status=404),
        "async": {"id": "a", "numberRecordsProcessed": 5, **batches},
    }
    project.sync(org(opened, one=answers), "salesforce", INGEST)
    closed = classic("Closed", second=9)
    project.sync(org(closed, one=answers), "salesforce", INGEST, max_details=0)
    project.sync(org(closed, one=answers), "salesforce", INGEST)
    assert counts(project) == [("a", "succeeded", 5)]
    assert project.rows(
        "select raw->>'contentUrl', raw->>'systemModstamp' from loaded.job_versions"
        " where valid_to is null"
    ) == [(None, "2026-11-20T10:00:09.000+0000")]


def test_a_job_that_changes_between_the_two_ways_of_asking_is_asked_for_again(
    project: Project,
) -> None:
    failed = classic("Failed")
    batches = {"numberBatchesTotal": 2, "numberBatchesCompleted": 1, "numberBatchesFailed": 0}
    torn = {"a": detail(classic("Closed")), "async": {**detail(failed), **batches}}
    project.sync(org(failed, one=torn), "salesforce", INGEST)
    project.sync(org(failed), "salesforce", INGEST)
    assert project.rows(
        "select status, raw->>'numberBatchesTotal' from loaded.job_versions where valid_to is null"
    ) == [("failed", None)]


@pytest.mark.parametrize(
    ("first", "then", "status"),
    [
        (NotFound("no", status=404), Refused("InvalidJob", status=400), "vanished"),
        (Refused("no", status=403), NotFound("no", status=404), "vanished"),
        (Refused("no", status=403), Refused("InvalidJob", status=400), "running"),
    ],
)
def test_a_job_is_gone_if_either_way_of_asking_says_so(
    project: Project, first: ProviderError, then: ProviderError, status: str
) -> None:
    project.sync(org(classic("InProgress")), "salesforce", INGEST)
    project.sync(org(one={"a": first, "async": then}), "salesforce", INGEST)
    assert [path for path in project.asked if path.endswith("/a")] == [
        "/services/data/v62.0/jobs/ingest/a",
        "/services/async/62.0/job/a",
    ]
    assert counts(project) == [("a", status, 10)]


def test_what_the_first_way_of_asking_told_is_kept_while_the_other_takes_no_token(
    project: Project,
) -> None:
    jobs = [{**classic(), "id": each} for each in "abcd"]
    # without the batches, which only the older API would tell
    answers = {each["id"]: detail(each, 7) for each in jobs}
    closed = org(*jobs, one={**answers, "async": TokenNotTaken("InvalidSessionId", status=401)})
    for changed, is_full in ((4, False), (0, False), (0, True), (0, False)):
        run = project.sync(closed, "salesforce", INGEST, is_full=is_full, max_concurrent=1)
        assert run["ingest"].jobs_changed == changed
        assert counts(project) == [(each, "running", 7) for each in "abcd"]


def test_a_listed_job_that_does_not_say_which_it_is_is_one_row_by_what_it_does(
    project: Project,
) -> None:
    untold = {k: v for k, v in job("a", "Open").items() if k != "jobType"}
    reads = {k: v for k, v in job("b", operation="query").items() if k != "jobType"}
    project.sync(org(untold, reads), "salesforce")
    assert project.rows(
        "select kind, job_id, status from loaded.job_versions where valid_to is null order by all"
    ) == [("ingest", "a", "queued"), ("query", "b", "succeeded")]


def test_a_job_that_its_listing_shows_as_another_kind_is_followed_by_its_id(
    project: Project,
) -> None:
    project.sync(org(classic("Open", operation="query")), "salesforce")
    # nothing is known to do this; a row that nobody looks at would be open for ever
    batches = {"numberBatchesTotal": 1, "numberBatchesCompleted": 1, "numberBatchesFailed": 0}
    ended = classic(second=9)
    project.sync(org(ended, one={"a": {**detail(ended), **batches}}), "salesforce")
    assert project.rows(
        "select kind, status from loaded.job_versions where valid_to is null order by all"
    ) == [("ingest", "succeeded"), ("query", "succeeded")]
