"""Us beside what one would pick instead: the same listing, the same server, in turns.

    python -m benchmarks.peers --jobs 1000000 --slow-jobs 100000

Peers that are slow by an order of magnitude read a shorter listing, which jobledger reads too: what
is compared is jobs a second, with jobledger at its usual size and at the peer's. The Singer pair
gets virtual environments of its own below `benchmarks/.venvs`, as its documentation advises.
`ingestr` is not among them: from version 1 its package downloads a program
from elsewhere when it first runs, and neither it nor `omniload` reads a paged REST listing without
a connector made for that provider.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.measuring import (
    ROOT,
    Cost,
    Failed,
    Served,
    expect,
    in_turns,
    medians,
    parser,
    rows,
    run,
    say,
    served,
    tell,
)
from benchmarks.throughput import first_sync, floor

VENVS: Final = Path(__file__).parent.parent / ".venvs"
TAP: Final = Path(__file__).with_name("singer_tap.py")
_QUIET: Final = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}


def environment(name: str, *packages: str) -> Path:
    """The `bin` of a virtual environment with these packages, made if it is not there."""
    folder = VENVS / name
    if not (folder / ".installed").exists():
        say(f"installing {' '.join(packages)}")
        venv.create(folder, with_pip=True, clear=True)
        quiet = ("--quiet", "--disable-pip-version-check")
        subprocess.run([folder / "bin" / "pip", "install", *quiet, *packages], check=True)
        (folder / ".installed").touch()
    return folder / "bin"


def rest_api(server: Served, jobs: int, *options: str) -> Cost:
    """The source that dlt comes with."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "jobs.duckdb"
        peer = "benchmarks.peers.rest_api"
        command = [sys.executable, "-m", peer, server.url, str(path), *options]
        home = {"DLT_DATA_DIR": made, "DLT_PROJECT_DIR": made, **_QUIET}
        cost = run(command, ROOT, home)
        expect(rows(path, "select count(*) from main.jobs"), [[jobs]], "jobs loaded")
    return cost


def by_hand(server: Served, jobs: int) -> Cost:
    """A script."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "jobs.duckdb"
        cost = run([sys.executable, "-m", "benchmarks.peers.by_hand", server.url, path], ROOT)
        expect(rows(path, "select count(*) from jobs"), [[jobs]], "jobs loaded")
    return cost


def singer(server: Served, jobs: int) -> Cost:
    """A tap piped into a target."""
    tap = environment("singer-tap", "singer-sdk==0.54.9") / "python"
    target = environment("singer-target", "target-duckdb==0.8.0", "duckdb<1.2") / "target-duckdb"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        path = folder / "jobs.duckdb"
        (folder / "tap.json").write_text(json.dumps({"base_url": server.url}))
        (folder / "target.json").write_text(
            json.dumps({"path": str(path), "default_target_schema": "main"})
        )
        reads = shlex.join([str(tap), str(TAP), "--config", "tap.json"])
        writes = shlex.join([str(target), "--config", "target.json"])
        cost = run(["bash", "-o", "pipefail", "-c", f"{reads} | {writes}"], folder)
        expect(rows(path, "select count(*) from main.jobs"), [[jobs]], "jobs loaded")
    return cost


def main(arguments: list[str] | None = None) -> None:
    """Measures and tells."""
    options = parser(__doc__, jobs=1_000_000)
    options.add_argument("--slow-jobs", type=int, default=100_000)
    options.add_argument("--without", nargs="*", default=[], help="peers to leave out")
    said = options.parse_args(arguments)
    os.environ.pop("PYTHONPATH", None)
    many, few = said.jobs, said.slow_jobs
    with served(jobs=many, page=1000) as large, served(jobs=few, page=1000) as small:
        known: dict[str, tuple[int, Callable[[], Cost]]] = {
            "jobledger": (many, lambda: first_sync(large, many)),
            "jobledger, few": (few, lambda: first_sync(small, few)),
            "floor": (many, lambda: floor(large, many)),
            "rest_api, parquet": (many, lambda: rest_api(large, many, "parquet")),
            "rest_api": (few, lambda: rest_api(small, few)),
            "singer": (few, lambda: singer(small, few)),
            "by hand, executemany": (few, lambda: by_hand(small, few)),
        }
        chosen = {name: each for name, each in known.items() if name not in said.without}
        costs = in_turns(said.runs, {name: each for name, (_, each) in chosen.items()})
    ours = many / medians(costs["jobledger"]).wall
    at_size = {many: ours, few: few / medians(costs["jobledger, few"]).wall}
    found = []
    for name, each in costs.items():
        jobs, cost = known[name][0], medians(each)
        found.append(
            {
                "what": name,
                "jobs": jobs,
                "jobs/s": round(jobs / cost.wall),
                "CPU us/job": round(cost.cpu / jobs * 1e6, 1),
                "peak MB": round(cost.peak_mb),
                "jobledger is x faster": round(ours / (jobs / cost.wall), 2),
                "with as many jobs": round(at_size[jobs] / (jobs / cost.wall), 2),
            }
        )
    tell("first sync beside peers", found)


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(str(failed))
