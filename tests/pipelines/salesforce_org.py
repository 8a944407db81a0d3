"""An org of Salesforce in a few words, and what the ledger has of it."""

from collections.abc import Mapping
from typing import Any

from jobledger.sources._provider.errors import (
    NotFound,
)
from tests.pipelines.scripted_sync import Project

Record = dict[str, Any]
INGEST = ["ingest"]


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


def classic(state: str = "Closed", **more: Any) -> Record:
    return job("a", state, jobType="Classic", **more)
