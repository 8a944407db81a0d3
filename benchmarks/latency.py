"""A first sync of six kinds when each reply takes as long as real providers take.

Four kinds of Zuora and two of Salesforce, whose jobs are asked for one by one. The ideal has the
account's `max_concurrent` requests in flight all the time: the pages of a listing follow one after
the other, its details need not. The two accounts are read side by side.

    python -m benchmarks.latency --details 5000 --concurrent 20
"""

import tempfile
from pathlib import Path

from benchmarks.measuring import (
    Cost,
    expect,
    medians,
    parser,
    project_of,
    rows,
    served,
    sync,
    tell,
)

FEW = 200
"""Jobs of each of Zuora's kinds."""
PAGE = 1000
"""Jobs on a page of Salesforce's listings."""
COUNTED = """
select
    jobs.source,
    count(*),
    count(*) filter (details.detail = 'merged' and jobs.records_processed is not null),
from loaded.job_versions as jobs
left join loaded.job_details as details using (source, kind, job_id)
group by all
order by 1
"""


def ideal(details: int, concurrent: int, latency: float) -> float:
    """Seconds that the slower account cannot do without."""
    token, first_page = 1, 1
    of_each_kind = details // 2
    more_pages = 2 * (-(-of_each_kind // PAGE) - 1)
    return latency * (token + first_page + (details + more_pages) / concurrent)


def main(arguments: list[str] | None = None) -> None:
    """Measures and tells."""
    options = parser(__doc__, jobs=FEW, runs=1)
    options.add_argument("--details", type=int, default=5000)
    options.add_argument("--concurrent", type=int, nargs="+", default=[20])
    options.add_argument("--latency", type=float, default=0.2)
    said = options.parse_args(arguments)
    found = []
    with served(
        jobs=said.jobs, page=100, few=said.jobs, details=said.details // 2, latency=said.latency
    ) as server:
        for concurrent in said.concurrent:
            costs: list[Cost] = []
            for _ in range(said.runs):
                with tempfile.TemporaryDirectory() as made:
                    limits = {"max_concurrent": concurrent, "max_details": said.details}
                    account = {"base_url": server.url, **limits}
                    sources = {"zuora": account, "salesforce": {**account, "api_version": "62.0"}}
                    folder = project_of(Path(made) / "project", sources)
                    before = server.replies()
                    costs.append(sync(folder))
                    requests = server.replies() - before
                    of_each = said.details // 2
                    detailed = 2 * of_each
                    counted = rows(folder / "jobs.duckdb", COUNTED)
                    wanted = [["salesforce", detailed, detailed], ["zuora", said.jobs * 4, 0]]
                    expect(counted, wanted, "jobs in the ledger, and details")
                    pages = -(-said.jobs // 100) + 3 + 2 * max(1, -(-of_each // PAGE))
                    expect(requests, 2 + pages + detailed, "requests: tokens, pages, details")
            cost, least = medians(costs), ideal(said.details, concurrent, said.latency)
            found.append(
                {
                    "max_concurrent": concurrent,
                    "latency s": said.latency,
                    "requests": requests,
                    "wall s": round(cost.wall, 2),
                    "ideal s": round(least, 2),
                    "x ideal": round(cost.wall / least, 3),
                    "CPU s": round(cost.cpu, 2),
                }
            )
    tell("latency-bound sync of six kinds", found)


if __name__ == "__main__":
    main()
