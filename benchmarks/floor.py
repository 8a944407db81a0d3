"""The least that any tool would do: fetch every page, parse it, insert the rows.

No history, no state, no redaction, no second look; the figure that the others are held against.

    python -m benchmarks.floor URL FILE
"""

import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

import duckdb
import orjson
import pyarrow as pa

BATCH = 50_000
COLUMNS = (
    *("Id", "CreatedById", "CreatedDate", "UpdatedById", "UpdatedDate", "namespace", "object"),
    *("operation", "status", "processingTime", "recordsProcessed", "error"),
)


def main(url: str, path: str) -> None:
    """Reads the listing of that provider into a file."""
    connection = HTTPConnection(urlsplit(url).netloc)
    ledger = duckdb.connect(path)
    batch: list[dict[str, object]] = []
    is_new = True
    target: str | None = "/objects/jobs?pageSize=1000"
    while target is not None:
        connection.request("GET", target)
        answer = orjson.loads(connection.getresponse().read())
        batch += answer["jobs"]
        cursor = answer.get("cursor")
        target = f"/objects/jobs?pageSize=1000&cursor={cursor}" if cursor else None
        if target is None or len(batch) >= BATCH:
            listed = pa.table({name: [job.get(name) for job in batch] for name in COLUMNS})
            ledger.register("listed", listed)
            ledger.execute(
                "create table jobs as from listed"
                if is_new
                else "insert into jobs by name from listed"
            )
            is_new, batch = False, []
    ledger.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
