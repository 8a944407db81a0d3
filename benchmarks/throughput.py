"""A first sync, from start to published file: jobs a second, and how far that is from the floor.

python -m benchmarks.throughput --jobs 1000000
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import (
    ROOT,
    Cost,
    Served,
    expect,
    in_turns,
    medians,
    parser,
    project,
    rows,
    run,
    served,
    sync,
    tell,
)


def first_sync(server: Served, jobs: int) -> Cost:
    """One sync into an empty folder."""
    with tempfile.TemporaryDirectory() as made:
        folder = project(Path(made) / "project", server.url, kinds=["custom_object_bulk"])
        cost = sync(folder)
        count = "select count(*), count(distinct job_id) from loaded.job_versions"
        expect(rows(folder / "jobs.duckdb", count), [[jobs, jobs]], "jobs in the ledger")
    return cost


def floor(server: Served, jobs: int) -> Cost:
    """Fetch, parse and insert with nothing else."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "floor.duckdb"
        cost = run([sys.executable, "-m", "benchmarks.floor", server.url, path], ROOT)
        expect(rows(path, "select count(*) from jobs"), [[jobs]], "jobs inserted")
    return cost


def main(arguments: list[str] | None = None) -> None:
    """Measures and tells."""
    options = parser(__doc__, jobs=1_000_000)
    options.add_argument("--page", type=int, default=1000)
    said = options.parse_args(arguments)
    with served(jobs=said.jobs, page=said.page) as server:
        costs = in_turns(
            said.runs,
            {
                "jobledger": lambda: first_sync(server, said.jobs),
                "floor": lambda: floor(server, said.jobs),
            },
        )
    found = []
    least = medians(costs["floor"])
    for name, each in costs.items():
        cost = medians(each)
        found.append(
            {
                "what": name,
                "jobs": said.jobs,
                "page": said.page,
                "jobs/s": round(said.jobs / cost.wall),
                "wall s": round(cost.wall, 2),
                "CPU s": round(cost.cpu, 2),
                "peak MB": round(cost.peak_mb),
                "x floor": round(cost.wall / least.wall, 2),
            }
        )
    tell("first sync", found)


if __name__ == "__main__":
    main()
