"""A tenant of Zuora in a few words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobledger.sources._provider.errors import NotFound

Record = dict[str, Any]
QUERY = ["data_query"]
BULK = ["custom_object_bulk"]


def query(job_id: str, status: str = "completed", updated: str = "2026-11-20T00:00:00Z") -> Record:
    return {
        "id": job_id,
        "createdBy": "u",
        "query": "select 1",
        "queryStatus": status,
        "updatedOn": updated,
    }


def queries(*records: Record, one: Mapping[str, Any] | None = None) -> Any:
    """A provider with these data queries in its window, and these by id."""

    def answer(path: str, params: Mapping[str, str]) -> Any:
        if path == "/query/jobs":
            return {"data": list(records)}
        return (one or {}).get(path.rsplit("/", 1)[1], NotFound("No such query", status=404))

    return answer


def bulk(job_id: str, created: datetime, status: str = "completed") -> Record:
    at = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"Id": job_id, "CreatedDate": at, "UpdatedDate": at, "object": "o", "status": status}


def bulk_jobs(records: list[Record], one: Mapping[str, Any] | None = None) -> Any:
    """A provider that pages through these custom object jobs, ten at a time."""

    def answer(path: str, params: Mapping[str, str]) -> Any:
        if path != "/objects/jobs":
            return (one or {}).get(path.rsplit("/", 1)[1], NotFound("gone", status=404))
        ids = [record["Id"] for record in records]
        start = ids.index(params["cursor"]) + 1 if "cursor" in params else 0
        page = records[start : start + 10]
        return {"count": len(page), "jobs": page} | ({"cursor": page[-1]["Id"]} if page else {})

    return answer


def backfills(*records: Record, one: Record | None = None) -> Any:
    """A provider with these data backfills in its listing, and one by id."""

    def answer(path: str, params: Mapping[str, str]) -> Any:
        if path.endswith("/listjobs"):
            return {"jobs": list(records)}
        return one or NotFound("gone", status=404)

    return answer
