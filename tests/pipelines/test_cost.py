"""What a sync costs, counted in requests (contract, section 6 rule 4)."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from jobledger.sources._provider import walk
from jobledger.sources._provider.errors import NotFound
from tests.pipelines.salesforce_org import Record, detail, job
from tests.pipelines.scripted_sync import Project
from tests.pipelines.zuora_tenant import BULK, bulk, bulk_jobs
from tests.sources.scripted import NOW


def org(jobs: Mapping[str, Record]) -> Any:
    """An org that lists a thousand jobs a page, and tells of each what a detail adds."""

    def answer(path: str, params: Mapping[str, str]) -> Any:
        if not path.endswith("/jobs/ingest"):
            found = jobs.get(path.rsplit("/", 1)[1])
            return NotFound("gone", status=404) if found is None else detail(found)
        start = int(params.get("queryLocator", "01g-0").split("-")[1])
        page = list(jobs.values())[start : start + 1000]
        done = start + 1000 >= len(jobs)
        url = None if done else f"{path}?queryLocator=01g-{start + 1000}"
        return {"done": done, "nextRecordsUrl": url, "records": page}

    return answer


def test_five_thousand_jobs_that_did_not_change_cost_their_list_pages(project: Project) -> None:
    jobs = {f"j{n:04d}": job(f"j{n:04d}") for n in range(5000)}
    first = project.sync(org(jobs), "salesforce", ["ingest"], max_details=5000)["ingest"]
    assert (first.requests, first.details_fetched) == (5005, 5000)
    again = project.sync(org(jobs), "salesforce", ["ingest"])["ingest"]
    assert (again.requests, again.details_fetched, again.jobs_changed) == (5, 0, 0)
    # one changed, one runs, one is new
    jobs["j0001"] = job("j0001", "Failed", 9)
    jobs["j0002"] = job("j0002", "InProgress", 9)
    jobs["new"] = job("new")
    third = project.sync(org(jobs), "salesforce", ["ingest"])["ingest"]
    assert (third.requests, third.details_fetched, third.jobs_changed) == (6 + 3, 3, 3)
    fourth = project.sync(org(jobs), "salesforce", ["ingest"])["ingest"]
    assert (fourth.requests, fourth.details_fetched, fourth.jobs_changed) == (6 + 1, 1, 0)


def test_a_long_newest_first_history_costs_one_page_but_once_a_day(project: Project) -> None:
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(300)]
    waiting = [bulk(f"open{n}", NOW - timedelta(hours=400 + n), "pending") for n in range(3)]
    answer = bulk_jobs([*jobs, *waiting], {each["Id"]: each for each in waiting})
    requests = [
        project.sync(answer, kinds=BULK, hours=6)["custom_object_bulk"].requests for _ in range(9)
    ]
    # 31 pages and the empty one that ends them; else a page, and each open job below it
    assert requests == [32, 4, 4, 4, 32, 4, 4, 4, 32]


def test_daily_syncs_walk_the_whole_listing_each_though_one_starts_a_moment_early(
    project: Project,
) -> None:
    answer = bulk_jobs([bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(300)])
    requests = [
        project.sync(answer, kinds=BULK, hours=hours)["custom_object_bulk"].requests
        for hours in (24.0, 23.999, 24.001, 23.999)
    ]
    assert requests == [31, 31, 31, 31]


def test_jobs_with_long_texts_are_loaded_in_smaller_batches(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    load = walk.Walk._load

    def counted(self: walk.Walk, news: walk.Batch) -> Any:
        batches.append(len(news))
        return load(self, news)

    monkeypatch.setattr(walk.Walk, "_load", counted)
    jobs = [bulk(f"j{n:03d}", NOW - timedelta(hours=n)) for n in range(100)]
    # as long as 25 of them, which are two pages and a half
    monkeypatch.setattr(walk, "_BATCH_TEXT", 25 * len(json.dumps(jobs[0], separators=(",", ":"))))
    run = project.sync(bulk_jobs(jobs), kinds=BULK)["custom_object_bulk"]
    assert (batches, run.jobs_new) == ([30, 30, 30, 10], 100)
