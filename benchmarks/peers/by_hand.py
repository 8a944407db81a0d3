"""The script that one writes in an afternoon: `requests`, and an INSERT for each page.

python -m benchmarks.peers.by_hand URL FILE
"""

import json
import sys

import duckdb
import requests


def main(url: str, path: str) -> None:
    """Loads the listing."""
    ledger = duckdb.connect(path)
    ledger.execute(
        """
        create table if not exists jobs (
            id varchar, created_by varchar, created_at timestamptz,
            updated_by varchar, updated_at timestamptz, namespace varchar, object varchar,
            operation varchar, status varchar, processing_ms bigint, records bigint,
            error_code varchar, error_message varchar, raw json
        )
        """
    )
    session = requests.Session()
    form = {"grant_type": "client_credentials", "client_id": "0" * 36, "client_secret": "none"}
    token = session.post(f"{url}/oauth/token", data=form).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    params = {"pageSize": "100"}
    while True:
        answer = session.get(f"{url}/objects/jobs", params=params)
        answer.raise_for_status()
        page = answer.json()
        rows = [
            (
                *(job["Id"], job["CreatedById"], job["CreatedDate"]),
                *(job["UpdatedById"], job["UpdatedDate"], job["namespace"], job["object"]),
                *(job["operation"], job["status"], job["processingTime"]),
                *(job["recordsProcessed"], job.get("error", {}).get("code")),
                *(job.get("error", {}).get("message"), json.dumps(job)),
            )
            for job in page["jobs"]
        ]
        ledger.begin()
        ledger.executemany(
            "insert into jobs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        ledger.commit()
        if "cursor" not in page:
            break
        params["cursor"] = page["cursor"]
    ledger.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
