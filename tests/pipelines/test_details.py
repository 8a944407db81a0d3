"""Details: what a Salesforce listing does not tell is fetched when it must be, and only then."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobledger.sources._provider.errors import (
    CredentialsRefused,
    NotFound,
    ProviderError,
    QuotaReached,
    RateLimited,
    Refused,
    ServerFault,
    TokenNotTaken,
)
from tests.pipelines.scripted_sync import Project

Record = dict[str, Any]
INGEST = ["ingest"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def job(job_id: str, state: str = "JobComplete", second: int = 0, **more: Any) -> Record:
    """A job as the listing says it."""
    return {
        "id": job_id,
        "operation": "insert",
        "object": "Account",
        "createdDate": "2026-11-20T10:00:00.000+0000",
        "systemModstamp": f"2026-11-20T10:00:{second:02d}.000+0000",
        "state": state,
        "jobType": "V2Ingest",
        **more,
    }


def detail(record: Record, done: int = 10) -> Record:
    return {
        **record,
        "numberRecordsProcessed": done,
        "numberRecordsFailed": 0,
        "totalProcessingTime": 500,
    }


def org(*records: Record, one: Mapping[str, Any] | None = None) -> Any:
    """An org that lists these jobs; by id it tells their details unless `one` says otherwise."""
    answers = {record["id"]: detail(record) for record in records} | dict(one or {})

    def answer(path: str, params: Mapping[str, str]) -> Any:
        if path.endswith(("/jobs/ingest", "/jobs/query")):
            return {"done": True, "nextRecordsUrl": None, "records": list(records)}
        if "/async/" in path:
            return answers.get("async", NotFound("no such job", status=404))
        return answers.get(path.rsplit("/", 1)[1], NotFound("no such job", status=404))

    return answer


def counts(project: Project) -> list[tuple[Any, ...]]:
    return project.rows(
        "select job_id, status, records_processed from loaded.job_versions"
        " where valid_to is null order by job_id"
    )


def asked_for(project: Project) -> list[str]:
    return sorted(path.rsplit("/", 1)[1] for path in project.asked if "jobs/ingest/" in path)


def test_a_detail_is_fetched_for_what_is_new_changed_or_running(project: Project) -> None:
    first = [job("a"), job("b", "InProgress"), job("c", "UploadComplete")]
    project.sync(org(*first), "salesforce", INGEST)
    assert asked_for(project) == ["a", "b", "c"]
    project.sync(org(*first), "salesforce", INGEST)
    assert asked_for(project) == ["b"]
    project.sync(org(first[0], first[1], job("c", "Failed", 5)), "salesforce", INGEST)
    assert asked_for(project) == ["b", "c"]
    run = project.sync(
        org(first[0], job("b", second=9), job("c", "Failed", 5)), "salesforce", INGEST
    )["ingest"]
    assert asked_for(project) == ["b"]
    assert (run.details_fetched, run.details_pending, run.open_jobs) == (1, 0, 0)
    project.sync(org(first[0], job("b", second=9), job("c", "Failed", 5)), "salesforce", INGEST)
    assert asked_for(project) == []
    assert counts(project) == [("a", "succeeded", 10), ("b", "succeeded", 10), ("c", "failed", 10)]


def test_progress_in_the_detail_alone_makes_a_version(project: Project) -> None:
    running = job("b", "InProgress")
    project.sync(org(running, one={"b": detail(running, 3)}), "salesforce", INGEST)
    project.sync(org(running, one={"b": detail(running, 7)}), "salesforce", INGEST)
    assert (counts(project), project.versions()) == ([("b", "running", 7)], 2)


def test_details_beyond_the_limit_come_first_with_the_next_sync(project: Project) -> None:
    jobs = [job(letter) for letter in "abcde"]
    first = project.sync(org(*jobs), "salesforce", INGEST, max_details=2)["ingest"]
    assert (first.outcome, first.details_pending, first.jobs_changed) == ("complete", 3, 5)
    assert [row[2] for row in counts(project)] == [10, 10, None, None, None]
    newer = [job("f"), *jobs]
    second = project.sync(org(*newer), "salesforce", INGEST, max_details=2)["ingest"]
    assert asked_for(project) == ["c", "d"]
    assert second.details_pending == 2
    third = project.sync(org(*newer), "salesforce", INGEST, max_details=2)["ingest"]
    assert (asked_for(project), third.details_pending) == (["e", "f"], 0)
    assert [row[2] for row in counts(project)] == [10] * 6


def test_running_jobs_beyond_the_limit_take_turns(project: Project) -> None:
    running = org(*(job(letter, "InProgress") for letter in "abcdef"))
    project.sync(running, "salesforce", INGEST)
    turns = []
    for _ in range(6):
        project.sync(running, "salesforce", INGEST, max_details=2)
        turns.append("".join(asked_for(project)))
    # a refresh that brings nothing new is not written down, so that some come twice in between
    assert turns == ["ab", "cd", "ab", "ef", "cd", "ab"]


def test_a_known_job_keeps_its_version_until_its_detail_is_there(project: Project) -> None:
    project.sync(org(job("a", "InProgress")), "salesforce", INGEST)
    changed = job("a", second=9)
    project.sync(org(changed), "salesforce", INGEST, max_details=0)
    assert counts(project) == [("a", "running", 10)]
    # it was remembered, though the listing has lost it by now
    project.sync(org(one={"a": detail(changed, 12)}), "salesforce", INGEST)
    assert counts(project) == [("a", "succeeded", 12)]


def test_a_fault_on_a_detail_is_incomplete_and_heals(project: Project) -> None:
    fault = {"b": ServerFault("out of order", status=503)}
    run = project.sync(org(job("a"), job("b"), one=fault), "salesforce", INGEST)["ingest"]
    assert (run.outcome, run.error_message, run.details_pending) == (
        "incomplete",
        "out of order",
        1,
    )
    assert counts(project) == [("a", "succeeded", 10), ("b", "succeeded", None)]
    healed = project.sync(org(job("a"), job("b")), "salesforce", INGEST)["ingest"]
    assert (healed.outcome, asked_for(project), healed.details_pending) == ("complete", ["b"], 0)
    assert counts(project) == [("a", "succeeded", 10), ("b", "succeeded", 10)]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refused_detail_keeps_what_the_listing_said(project: Project, status: int) -> None:
    refused = {"a": Refused("no", status=status)}
    run = project.sync(org(job("a"), one=refused), "salesforce", INGEST)["ingest"]
    assert (run.outcome, run.details_pending) == ("complete", 0)
    assert counts(project) == [("a", "succeeded", None)]
    project.sync(org(job("a"), one=refused), "salesforce", INGEST)
    assert asked_for(project) == []


def test_an_older_detail_than_the_listing_is_not_taken(project: Project) -> None:
    behind = {"a": detail(job("a", "InProgress", 1), 3)}
    run = project.sync(org(job("a", second=9), one=behind), "salesforce", INGEST)["ingest"]
    assert (counts(project), run.details_pending) == ([("a", "succeeded", None)], 1)


def classic(state: str = "Closed", **more: Any) -> Record:
    return job("a", state, jobType="Classic", **more)


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


def test_a_week_without_a_complete_sync_is_a_gap(project: Project) -> None:
    begun = project.clock.now()
    project.sync(org(job("a")), "salesforce", INGEST, hours=24 * 9)
    run = project.sync(org(job("b")), "salesforce", INGEST)["ingest"]
    assert run.gap_from == begun
    assert run.gap_to is not None
    assert (run.gap_to - begun).days == 2


def test_a_load_that_ended_between_a_mark_and_its_version_is_done_again(project: Project) -> None:
    project.sync(org(job("a", "UploadComplete")), "salesforce", INGEST)
    before = project.tables("job_details", "job_versions")
    done = org(job("a", second=9), job("b"))
    project.sync(done, "salesforce", INGEST)
    after = project.tables("job_details", "job_versions")
    for half in ("job_details", "job_versions"):
        project.put("job_details", (after if half == "job_details" else before)["job_details"])
        project.put("job_versions", (after if half == "job_versions" else before)["job_versions"])
        project.forget_last_load()
        project.sync(done, "salesforce", INGEST)
        assert counts(project) == [("a", "succeeded", 10), ("b", "succeeded", 10)]
        assert project.rows("select job_id, detail from loaded.job_details order by all") == [
            ("a", "merged"),
            ("b", "merged"),
        ]


def test_details_that_always_fail_do_not_stand_before_the_others(project: Project) -> None:
    fault = ServerFault("out of order", status=503)
    jobs = [job(letter) for letter in "abcdefgh"]
    broken = org(*jobs, one=dict.fromkeys("abcdef", fault))
    for _ in range(3):
        project.sync(broken, "salesforce", INGEST, max_concurrent=1)
    assert [row[0] for row in counts(project) if row[2] == 10] == ["g", "h"]


def test_a_refused_detail_of_a_running_job_leaves_what_the_listing_says(project: Project) -> None:
    running = job("a", "InProgress")
    project.sync(org(running), "salesforce", INGEST)
    project.sync(org(running, one={"a": Refused("no", status=403)}), "salesforce", INGEST)
    assert counts(project) == [("a", "running", None)]


def test_a_job_seen_by_id_alone_is_read_whole_when_the_listing_has_it_again(
    project: Project,
) -> None:
    waiting = job("a", "UploadComplete", contentUrl="only in the listing")
    by_id = {k: v for k, v in detail(waiting, 3).items() if k != "contentUrl"}
    project.sync(org(waiting), "salesforce", INGEST)
    project.sync(org(one={"a": by_id}), "salesforce", INGEST)
    assert project.rows("select raw->>'contentUrl' from loaded.job_versions order by valid_from")[
        -1
    ] == (None,)
    project.sync(org(waiting, one={"a": by_id}), "salesforce", INGEST)
    assert project.rows(
        "select records_processed, raw->>'contentUrl' from loaded.job_versions"
        " where valid_to is null"
    ) == [(3, "only in the listing")]
    project.sync(org(waiting, one={"a": by_id}), "salesforce", INGEST)
    assert (asked_for(project), project.versions()) == ([], 3)


def test_an_owed_detail_joins_the_listing_it_was_owed_for(project: Project) -> None:
    done = job("a", lineEnding="LF")
    by_id = {k: v for k, v in detail(done).items() if k != "lineEnding"}
    project.sync(org(done), "salesforce", INGEST, max_details=0)
    project.sync(org(one={"a": by_id}), "salesforce", INGEST)
    project.sync(org(done), "salesforce", INGEST)
    assert asked_for(project) == []
    assert project.rows(
        "select records_processed, raw->>'lineEnding' from loaded.job_versions"
        " where valid_to is null"
    ) == [(10, "LF")]


def test_an_owed_job_that_is_open_and_not_listed_costs_one_request(project: Project) -> None:
    project.sync(org(job("a", "Open"), job("b", "Open")), "salesforce", INGEST, max_details=0)
    project.sync(org(one={"b": detail(job("b", "Aborted", 3))}), "salesforce", INGEST)
    assert asked_for(project) == ["a", "b"]
    assert counts(project) == [("a", "vanished", None), ("b", "cancelled", 10)]
    assert project.rows("select job_id, detail from loaded.job_details order by all") == [
        ("a", "refused"),
        ("b", "merged"),
    ]


def test_a_detail_that_lags_behind_its_listing_is_asked_for_again(project: Project) -> None:
    listed = job("a")
    project.sync(
        org(listed, one={"a": detail(job("a", "UploadComplete"), 0)}), "salesforce", INGEST
    )
    assert counts(project) == [("a", "queued", 0)]
    project.sync(org(listed), "salesforce", INGEST)
    project.sync(org(listed), "salesforce", INGEST)
    assert (asked_for(project), counts(project)) == ([], [("a", "succeeded", 10)])


@pytest.mark.parametrize("known", [[], [job("a", second=1)]], ids=["new", "known"])
def test_an_older_detail_with_the_word_of_its_listing_is_asked_for_again(
    project: Project, known: list[Record]
) -> None:
    if known:
        project.sync(org(*known), "salesforce", INGEST)
    listed, behind = job("a", second=9), {"a": detail(job("a", second=1))}
    project.sync(org(listed, one=behind), "salesforce", INGEST)
    # better than nothing until the provider has caught up with itself
    assert counts(project) == [("a", "succeeded", 10)]
    now = {"a": detail(listed, 77)}
    project.sync(org(listed, one=now), "salesforce", INGEST)
    assert (asked_for(project), counts(project)) == (["a"], [("a", "succeeded", 77)])
    project.sync(org(listed, one=now), "salesforce", INGEST)
    assert asked_for(project) == []


def test_a_classic_detail_that_is_dated_by_its_creation_is_the_last_word(project: Project) -> None:
    batches = {"numberBatchesTotal": 1, "numberBatchesCompleted": 1, "numberBatchesFailed": 0}
    answers = {"a": detail(classic(**batches), 4)}
    project.sync(org(classic(second=9), one=answers), "salesforce", INGEST)
    assert counts(project) == [("a", "succeeded", 4)]
    project.sync(org(classic(second=9), one=answers), "salesforce", INGEST)
    assert asked_for(project) == []


@pytest.mark.parametrize("listing", [{"jobType": "Classic"}, {"jobType": None}])
def test_a_closed_classic_job_whose_batches_only_bulk_1_tells(
    project: Project, listing: Record
) -> None:
    closed = job("a", "Closed", **listing)
    batches = {"numberBatchesTotal": 2, "numberBatchesCompleted": 1, "numberBatchesFailed": 1}
    answers = {"a": detail(closed, 4), "async": {"id": "a", "numberRecordsProcessed": 5, **batches}}
    project.sync(org(closed, one=answers), "salesforce", INGEST)
    assert counts(project) == [("a", "partial", 5)]
    # where it will not tell either, what the first answer said is kept, and that is all
    other = {**closed, "id": "c"}
    for asked in (["c"], []):
        project.sync(org(other, one={"c": detail(other, 4)}), "salesforce", INGEST)
        assert counts(project)[1:] == [("c", "running", 4)]
        assert asked_for(project) == asked
    assert project.rows("select detail from loaded.job_details where job_id = 'c'") == [
        ("refused",)
    ]


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
    again = project.sync(answer, "salesforce", INGEST)["ingest"]
    assert (again.outcome, again.requests) == ("complete", 1)


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
    project.sync(org(*jobs), "salesforce", INGEST, is_full=True)
    assert asked_for(project) == ["a"]
    assert counts(project) == [("a", "succeeded", 10), ("b", "running", None)]


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


@pytest.mark.parametrize(
    "fault",
    [
        QuotaReached("TotalRequests Limit exceeded.", status=403),
        RateLimited("ConcurrentPerOrgLongTxn Limit exceeded.", status=403),
        CredentialsRefused("invalid_grant", status=400),
        ServerFault("a code that says temporary", status=400),
    ],
)
def test_a_limit_or_a_login_that_fails_is_no_refusal_of_the_detail(
    project: Project, fault: ProviderError
) -> None:
    project.sync(org(job("a", "InProgress")), "salesforce", INGEST)
    run = project.sync(org(job("a", second=9), one={"a": fault}), "salesforce", INGEST)["ingest"]
    assert (run.outcome, run.details_pending) == ("incomplete", 1)
    assert counts(project) == [("a", "running", 10)]
    project.sync(org(job("a", second=9)), "salesforce", INGEST)
    assert counts(project) == [("a", "succeeded", 10)]


def test_an_answer_by_id_that_says_nothing_new_adds_no_version(project: Project) -> None:
    waiting = job("a", "UploadComplete", contentUrl="only in the listing")
    by_id = {"a": {k: v for k, v in detail(waiting).items() if k != "contentUrl"}}
    project.sync(org(waiting, one=by_id), "salesforce", INGEST)
    project.sync(org(one=by_id), "salesforce", INGEST)
    project.sync(org(waiting, one=by_id), "salesforce", INGEST)
    assert (project.versions(), asked_for(project)) == (1, [])


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


def test_an_open_job_whose_listing_lags_behind_its_detail_is_asked_for_again(
    project: Project,
) -> None:
    listed = job("a", "InProgress", 1)
    project.sync(
        org(listed, one={"a": detail({**listed, **job("a", "InProgress", 2)}, 3)}),
        "salesforce",
        INGEST,
    )
    ended = detail(job("a", second=3))
    project.sync(org(listed, one={"a": ended}), "salesforce", INGEST)
    assert (asked_for(project), counts(project)) == (["a"], [("a", "succeeded", 10)])


def test_a_refused_detail_takes_nothing_back_for_a_listing_that_lags_behind(
    project: Project,
) -> None:
    listed = job("a", "InProgress", 1)
    newer = detail(job("a", "InProgress", 2), 3)
    project.sync(org(listed, one={"a": newer}), "salesforce", INGEST)
    refused = Refused("no", status=403)
    project.sync(org(listed, one={"a": refused}), "salesforce", INGEST)
    assert (project.versions(), counts(project)) == (1, [("a", "running", 3)])


def test_the_listing_of_query_jobs_may_show_jobs_that_write(project: Project) -> None:
    project.sync(org(job("a"), job("b", jobType="BigObjectIngest")), "salesforce")
    assert project.rows(
        "select kind, job_id from loaded.job_versions where valid_to is null order by job_id"
    ) == [("ingest", "a"), ("ingest", "b")]
