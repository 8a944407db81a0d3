"""Peak resident memory of a first sync, at two sizes: what of it grows with the listing.

python -m benchmarks.memory --jobs 1000000 --more 5000000
"""

from benchmarks.measuring import parser, served, tell
from benchmarks.throughput import first_sync

DIGEST = 8
"""Bytes that have to be remembered of each job listed."""


def main(arguments: list[str] | None = None) -> None:
    """Measures and tells."""
    options = parser(__doc__, jobs=1_000_000, runs=1)
    options.add_argument("--more", type=int, default=5_000_000)
    said = options.parse_args(arguments)
    found: list[dict[str, float]] = []
    for jobs in (said.jobs, said.more):
        with served(jobs=jobs, page=1000) as server:
            peak = max(first_sync(server, jobs).peak_mb for _ in range(said.runs))
        found.append(
            {
                "jobs": jobs,
                "peak MB": round(peak),
                "digests MB": round(jobs * DIGEST / 2**20),
                "more MB": round(peak - (found[0]["peak MB"] if found else peak)),
            }
        )
    tell("memory of a first sync", found)


if __name__ == "__main__":
    main()
