"""What readers wait for: each view, a publication, an export; and what a job takes on disk.

A view is read whole, every value of every row, by a connection that has read nothing so far, as
that of `jobledger query`. Views with a row per job or more are also asked for their newest hundred,
as people do.

    python -m benchmarks.reading --jobs 1000000 10000000
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.measuring import (
    JOBLEDGER,
    Failed,
    expect,
    medians,
    parser,
    project,
    rows,
    run,
    tell,
)

LONG = {"jobs": "created_at", "job_history": "valid_from", "failed_jobs": "finished_at"}
"""Views as long as the ledger, and by what people order them."""


def seconds(runs: int, act: Callable[[], object]) -> float:
    """Median wall time."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def read(path: Path, jobs: int, runs: int) -> list[dict[str, Any]]:
    """What reading every view of a published ledger takes."""
    from jobledger.pipelines.query import open_published

    def ask(sql: str) -> tuple[list[tuple[Any, ...]], float]:
        taken = []
        for _ in range(runs):
            with open_published(path) as connection:
                started = time.perf_counter()
                rows = connection.execute(sql).fetchall()
                taken.append(time.perf_counter() - started)
        return rows, round(statistics.median(taken), 3)

    names, _ = ask(
        "select view_name from duckdb_views() where database_name = current_database()"
        " and schema_name = 'main' and not internal order by 1"
    )
    if not names:
        raise Failed("there is no view to read")
    found = []
    for (name,) in names:
        ((rows, _),), whole = ask(f'select count(*), max(hash(each)) from "{name}" as each')
        if name == "jobs":
            expect(rows, jobs, "rows of jobs")
        row = {"view": name, "jobs": jobs, "rows": rows, "whole s": whole, "newest 100 s": ""}
        if name in LONG:
            _, row["newest 100 s"] = ask(f'from "{name}" order by {LONG[name]} desc limit 100')
        found.append(row)
    return found


def _ledger_of(published: Path) -> Path:
    return published.with_name("ledger.duckdb")


def published_and_read(published: Path, jobs: int, runs: int) -> tuple[float, list[dict[str, Any]]]:
    """Makes a ledger and publishes it: the seconds that takes, and what reading it does."""
    from benchmarks.ledger_of import fill, put_views
    from jobledger.pipelines.warehouse.database import SETTINGS
    from jobledger.pipelines.warehouse.ledger import Ledger

    with Ledger(_ledger_of(published), published) as ledger:
        ledger.connection.execute("set memory_limit = '8GB'")
        fill(ledger.connection, jobs)
        ledger.connection.execute(f"set memory_limit = '{SETTINGS['memory_limit']}'")
        publication = seconds(runs, lambda: ledger.publish(put_views))
    return publication, read(published, jobs, runs)


def main(arguments: list[str] | None = None) -> None:
    """Measures and tells."""
    said = parser(__doc__, jobs=[1_000_000, 10_000_000]).parse_args(arguments)
    written = []
    for jobs in said.jobs:
        with tempfile.TemporaryDirectory() as made:
            folder = project(Path(made) / "project", "https://127.0.0.1")
            published, parquet = folder / "jobs.duckdb", folder / "jobs.parquet"
            # this process must stay small: see `measuring`
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
                publication, found = other.submit(
                    published_and_read, published, jobs, said.runs
                ).result()
            tell(f"reading a ledger of {jobs:,} jobs", found)
            export = [JOBLEDGER, *map(str, ("--project", folder, "export", "jobs", "-o", parquet))]
            cost = medians([run(export, folder) for _ in range(said.runs)])
            counted = f"select count(*), count(distinct job_id) from '{parquet}'"
            expect(rows(published, counted), [[jobs, jobs]], "jobs exported")
            written.append(
                {
                    "jobs": jobs,
                    "publish s": round(publication, 2),
                    "bytes/job": round(published.stat().st_size / jobs),
                    "with the ledger": round(
                        (published.stat().st_size + _ledger_of(published).stat().st_size) / jobs
                    ),
                    "export s": round(cost.wall, 2),
                    "export rows/s": round(jobs / cost.wall),
                    "export peak MB": round(cost.peak_mb),
                    "Parquet bytes/job": round(parquet.stat().st_size / jobs),
                }
            )
    tell("publishing and exporting", written)


if __name__ == "__main__":
    main()
