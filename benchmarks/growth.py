"""What syncs cost as an org grows: a first one, and one with nothing new, from 10³ to 10⁷ jobs.

Of a sync with nothing new three parts are told apart: the listing (the whole walk less the one cut
short), the publication (measured alone), and all the rest.

    python -m benchmarks.growth --jobs 1000 10000 100000 1000000 10000000 --picture growth.svg
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import (
    ROOT,
    Cost,
    Served,
    expect,
    medians,
    parser,
    project,
    rows,
    run,
    served,
    sync,
    tell,
)

PAGE: Final = 1000
LOADED: Final = "select count(*), count(distinct job_id) from loaded.job_versions"

_PUBLISH = """
import sys
import time
from pathlib import Path

from jobledger.pipelines.warehouse.held import held, views_of
from jobledger.pipelines.project import Project

project = Project(Path(sys.argv[1]))
with held(project) as ledger:
    started = time.perf_counter()
    ledger.publish(views_of(project, []))
    Path(sys.argv[2]).write_text(str(time.perf_counter() - started))
"""


def publication(folder: Path) -> float:
    """Seconds that a publication of this project takes."""
    said = folder / "seconds"
    run([sys.executable, "-c", _PUBLISH, folder, said], ROOT)
    return float(said.read_text())


def synced(server: Served, folder: Path, jobs: int, pages: int, *arguments: str) -> Cost:
    """One sync, which asks for a token and so many pages; every job is there once after it."""
    before = server.replies()
    cost = sync(folder, *arguments)
    expect(server.replies() - before, 1 + pages, "requests")
    expect(rows(folder / "jobs.duckdb", LOADED), [[jobs, jobs]], "versions, and jobs")
    return cost


def measured(jobs: int, runs: int) -> dict[str, Any]:
    """One size."""
    pages = -(-jobs // PAGE)
    with served(jobs=jobs, page=PAGE) as server, tempfile.TemporaryDirectory() as made:
        folder = project(Path(made) / "project", server.url, kinds=["custom_object_bulk"])
        first = synced(server, folder, jobs, pages)
        size = (folder / "jobs.duckdb").stat().st_size
        recent = medians([synced(server, folder, jobs, 1) for _ in range(runs)])
        whole = medians([synced(server, folder, jobs, pages, "--full") for _ in range(runs)])
        published = publication(folder)
    return {
        "jobs": jobs,
        "first s": round(first.wall, 2),
        "first CPU s": round(first.cpu, 2),
        "first peak MB": round(first.peak_mb),
        "published MB": round(size / 2**20, 1),
        "no change, cut short s": round(recent.wall, 2),
        "no change, whole s": round(whole.wall, 2),
        "of it listing s": round(whole.wall - recent.wall, 2),
        "publication s": round(published, 2),
        "rest s": round(recent.wall - published, 2),
    }


def draw(found: Sequence[Mapping[str, Any]], picture: Path) -> None:
    """Seconds against jobs, on log axes."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "jobledger"
    from matplotlib import pyplot as plt

    jobs = [row["jobs"] for row in found]
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for name, style in (
        ("first s", "o-"),
        ("no change, whole s", "s-"),
        ("no change, cut short s", "^-"),
        ("publication s", "x--"),
        ("rest s", "+:"),
    ):
        axes.plot(
            jobs, [max(row[name], 0.01) for row in found], style, label=name.removesuffix(" s")
        )
    linear = [found[-1]["first s"] * each / jobs[-1] for each in jobs]
    axes.plot(jobs, linear, color="lightgrey", label="linear", zorder=0)
    axes.set(xscale="log", yscale="log", xlabel="jobs listed", ylabel="seconds", ylim=(0.05, None))
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


def main(arguments: list[str] | None = None) -> None:
    """Measures, tells, and draws."""
    options = parser(__doc__, jobs=[10**each for each in range(3, 8)])
    options.add_argument("--picture", type=Path)
    said = options.parse_args(arguments)
    found = [measured(jobs, said.runs) for jobs in said.jobs]
    tell("growth", found)
    if said.picture is not None:
        draw(found, said.picture)


if __name__ == "__main__":
    main()
