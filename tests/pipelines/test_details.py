"""Details: what a Salesforce listing does not tell is fetched when it must be, and only then."""

import pytest

from jobledger.sources._provider.errors import (
    CredentialsRefused,
    ProviderError,
    QuotaReached,
    RateLimited,
    Refused,
    ServerFault,
)
from tests.pipelines.salesforce_org import INGEST, Record, asked_for, counts, detail, job, org
from tests.pipelines.scripted_sync import Project


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


@pytest.mark.parametrize("kinds", [["ingest", "query"], ["query", "ingest"]])
def test_no_kind_keeps_another_from_what_it_is_owed(project: Project, kinds: list[str]) -> None:
    reading = [job(each, "InProgress", operation="query", jobType="V2Query") for each in "abc"]
    project.sync(org(*reading), "salesforce", ["query"], max_details=0)
    writing = [job(f"i{number}") for number in range(6)]
    runs = project.sync(org(*writing, *reading), "salesforce", kinds, max_details=4)
    assert {kind: (run.details_fetched, run.details_pending) for kind, run in runs.items()} == {
        "ingest": (1, 5),
        "query": (3, 0),
    }


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


@pytest.mark.parametrize(
    ("faulty", "asked"),
    [
        # an answer in between, and it is worth asking on
        ("abcdfghi", "abcdefghij"),
        ("abcdefghij", "abcde"),
        ("bcdefghij", "abcdef"),
    ],
)
def test_five_faults_in_a_row_end_the_asking_for_details_and_fewer_do_not(
    project: Project, faulty: str, asked: str
) -> None:
    jobs = [job(letter) for letter in "abcdefghij"]
    faults = {letter: ServerFault("HTTP 503", status=503) for letter in faulty}
    answer = org(*jobs, one=faults)
    # one after the other
    run = project.sync(answer, "salesforce", INGEST, max_concurrent=1)["ingest"]
    assert asked_for(project) == list(asked)
    told = [letter for letter in asked if letter not in faulty]
    assert (run.outcome, run.details_fetched) == ("incomplete", len(told))
    assert run.details_pending == len(jobs) - len(told)
    assert counts(project) == [
        (letter, "succeeded", 10 if letter in told else None) for letter in "abcdefghij"
    ]


def test_an_answer_by_id_that_says_nothing_new_adds_no_version(project: Project) -> None:
    waiting = job("a", "UploadComplete", contentUrl="only in the listing")
    by_id = {"a": {k: v for k, v in detail(waiting).items() if k != "contentUrl"}}
    project.sync(org(waiting, one=by_id), "salesforce", INGEST)
    project.sync(org(one=by_id), "salesforce", INGEST)
    project.sync(org(waiting, one=by_id), "salesforce", INGEST)
    assert (project.versions(), asked_for(project)) == (1, [])


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


def test_an_answer_by_id_older_than_what_is_known_changes_nothing_and_is_owed(
    project: Project,
) -> None:
    project.sync(org(job("a", "InProgress", 5)), "salesforce", INGEST)
    older = detail(job("a", "InProgress", 1), 3)
    run = project.sync(org(job("a", "InProgress", 9), one={"a": older}), "salesforce", INGEST)
    assert (run["ingest"].jobs_changed, run["ingest"].details_pending) == (0, 1)
    assert (counts(project), project.versions()) == ([("a", "running", 10)], 1)
    assert project.rows("select job_id, detail from loaded.job_details") == [("a", "owed")]
    # a later answer is taken, though the listing says the same as before
    newer = {"a": detail(job("a", "InProgress", 9), 12)}
    run = project.sync(org(job("a", "InProgress", 9), one=newer), "salesforce", INGEST)
    assert (asked_for(project), run["ingest"].details_pending) == (["a"], 0)
    assert (counts(project), project.versions()) == ([("a", "running", 12)], 2)


def test_the_listing_of_query_jobs_may_show_jobs_that_write(project: Project) -> None:
    project.sync(org(job("a"), job("b", jobType="BigObjectIngest")), "salesforce")
    assert project.rows(
        "select kind, job_id from loaded.job_versions where valid_to is null order by job_id"
    ) == [("ingest", "a"), ("ingest", "b")]


@pytest.mark.parametrize("settings", [{"redact_users": True}, {"keep_query_text": False}])
def test_a_detail_is_not_asked_for_again_where_records_are_redacted(
    project: Project, settings: dict[str, bool]
) -> None:
    listed = [job(letter, createdById="005x") for letter in "abc"]
    project.sync(org(*listed), "salesforce", INGEST, **settings)
    assert asked_for(project) == ["a", "b", "c"]
    second = project.sync(org(*listed), "salesforce", INGEST, **settings)["ingest"]
    assert (asked_for(project), second.details_pending, project.versions()) == ([], 0, 3)


def test_an_owed_detail_joins_a_redacted_listing(project: Project) -> None:
    done = job("a", createdById="005x", lineEnding="LF")
    by_id = {k: v for k, v in detail(done).items() if k != "lineEnding"}
    project.sync(org(done), "salesforce", INGEST, max_details=0, redact_users=True)
    project.sync(org(one={"a": by_id}), "salesforce", INGEST, redact_users=True)
    assert project.rows(
        "select records_processed, raw->>'lineEnding' from loaded.job_versions"
        " where valid_to is null"
    ) == [(10, "LF")]


def test_a_word_in_other_letters_is_the_same_word(project: Project) -> None:
    done = job("a")
    shouted = {"a": detail({**done, "state": "JOBCOMPLETE"})}
    project.sync(org(done, one=shouted), "salesforce", INGEST)
    project.sync(org(done, one=shouted), "salesforce", INGEST)
    assert (asked_for(project), counts(project)) == ([], [("a", "succeeded", 10)])


def test_an_older_answer_of_the_same_second_does_not_freeze_what_a_listing_said(
    project: Project,
) -> None:
    done = job("a", second=5)
    fault = ServerFault("no", status=500)
    project.sync(org(done, one={"a": fault}), "salesforce", INGEST)
    # the listing goes without it, and the answer by id lags
    project.sync(org(one={"a": job("a", "UploadComplete", second=5)}), "salesforce", INGEST)
    run = project.sync(org(done), "salesforce", INGEST)["ingest"]
    assert (run.outcome, run.details_pending) == ("complete", 0)
    assert counts(project) == [("a", "succeeded", 10)]
