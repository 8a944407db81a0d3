"""A sync with nothing new, and one with a few changes, of an org that is known already.

A listing that was newest first is cut short for up to a day; `--full` walks it to its end as every
day's first sync does. What the provider itself takes, which no tool can save, is measured by
fetching the same pages with nothing else.

    python -m benchmarks.incremental --jobs 100000 --changes 100
"""

import random
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.measuring import (
    Cost,
    Served,
    expect,
    medians,
    parser,
    project,
    rows,
    served,
    sync,
    tell,
)
from benchmarks.records import zuora_id

VERSIONS = "select count(*) from loaded.job_versions"


def provider_seconds(server: Served, pages: int, jobs: int, page: int) -> float:
    """How long the provider takes for that many pages, when nothing is done with them."""
    connection = HTTPConnection(urlsplit(server.url).netloc)
    started = time.perf_counter()
    for at in range(0, min(pages * page, jobs), page):
        cursor = f"&cursor={zuora_id(at - 1, random.Random(0))}" if at else ""
        connection.request("GET", f"/objects/jobs?pageSize=100{cursor}")
        connection.getresponse().read()
    return time.perf_counter() - started


def main(arguments: list[str] | None = None) -> None:
    """Measures and tells."""
    options = parser(__doc__, jobs=100_000, runs=5)
    options.add_argument("--page", type=int, default=1000)
    options.add_argument("--changes", type=int, default=100)
    said = options.parse_args(arguments)
    found = []
    with (
        served(jobs=said.jobs, page=said.page) as server,
        tempfile.TemporaryDirectory() as made,
    ):
        folder = project(Path(made) / "project", server.url, kinds=["custom_object_bulk"])
        sync(folder)
        versions = said.jobs
        changed = 0
        for what, flags, changes in (
            ("nothing new, cut short", (), 0),
            ("nothing new, whole listing", ("--full",), 0),
            (f"{said.changes} changes, whole listing", ("--full",), said.changes),
        ):
            costs: list[Cost] = []
            # a token, and pages
            wanted = 1 + (-(-said.jobs // said.page) if flags else 1)
            for _ in range(said.runs):
                if changes:
                    changed += 1
                    server.ask(f"change?jobs={changes}&version={changed}")
                    versions += changes
                before = server.replies()
                costs.append(sync(folder, *flags))
                requests = server.replies() - before
                expect(requests, wanted, f"requests for {what}")
                expect(rows(folder / "jobs.duckdb", VERSIONS), [[versions]], "versions")
            answers = provider_seconds(server, requests - 1, said.jobs, said.page)
            cost = medians(costs)
            found.append(
                {
                    "what": what,
                    "jobs": said.jobs,
                    "requests": requests,
                    "wall s": round(cost.wall, 2),
                    "CPU s": round(cost.cpu, 2),
                    "provider s": round(answers, 2),
                    "beyond it s": round(cost.wall - answers, 2),
                    "peak MB": round(cost.peak_mb),
                }
            )
    tell("incremental sync", found)


if __name__ == "__main__":
    main()
