"""Where a first sync's time goes: samples of its threads, by the part of the work.

    python -m benchmarks.profile --jobs 1000000

`py-spy` looks at it a hundred times a second. A sample is of one Python thread that is at work: two
at work at once give twice as many seconds. What waits for another thread is left out, and what
DuckDB and Arrow do in threads of their own is not seen.
"""

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from benchmarks.measuring import (
    JOBLEDGER,
    ROOT,
    Failed,
    expect,
    parser,
    project,
    rows,
    run,
    say,
    served,
    tell,
)

RATE: Final = 100
"""Samples a second."""
REST: Final = "the rest"
WAITING: Final = re.compile(r"(Condition\.wait|Event\.wait|_worker|_wait_for_tstate_lock) \(")
PARTS: Final = {
    "start": ("<frozen importlib",),
    "opening": (
        "Ledger.__init__ (jobledger/pipelines/warehouse/ledger.py",
        "prepared_pipeline (jobledger/pipelines/warehouse/dlt_pipeline.py",
    ),
    "publishing": ("Ledger.publish (jobledger/pipelines/warehouse/ledger.py",),
    "loading": ("(dlt/load/", "(dlt/destinations/"),
    "Parquet": ("(pyarrow/parquet/", "(dlt/extract/", "(dlt/normalize/"),
    "parsing": ("loads (jobledger/sources/_provider/json_text.py",),
    "fetching": (
        "(jobledger/sources/_provider/paging.py",
        "(jobledger/sources/_provider/client.py",
        "(jobledger/sources/_provider/session.py",
    ),
    "hashing": ("Reader._hashed (jobledger/sources/_provider/reader.py",),
    "ids seen": (
        "Seen.add (jobledger/sources/_provider/seen.py",
        "Reader.identities (jobledger/sources/_provider/reader.py",
    ),
    "canonical JSON, secrets": ("Reader.take_page (jobledger/sources/_provider/reader.py",),
    "reading columns": (
        "Reader.jobs (jobledger/sources/_provider/reader.py",
        "Reader.columns (jobledger/sources/_provider/reader.py",
    ),
    "walk": ("(jobledger/sources/_provider/walk.py",),
}
"""Parts of the work, and what tells them in a stack; the first that is found counts."""


def part_of(stack: str) -> str | None:
    """The part that a thread was at; None if it waited."""
    if WAITING.search(stack.rpartition(";")[2]):
        return None
    for part, marks in PARTS.items():
        if any(mark in stack for mark in marks):
            return part
    return REST


def counted(lines: Iterable[str]) -> Counter[str]:
    """Samples of each part, of stacks as `py-spy` writes them: frames, and how often."""
    found: Counter[str] = Counter()
    for line in lines:
        stack, _, times = line.rpartition(" ")
        if (part := part_of(stack)) is not None:
            found[part] += int(times)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Samples and tells."""
    options = parser(__doc__, jobs=1_000_000)
    options.add_argument("--page", type=int, default=1000)
    said = options.parse_args(arguments)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as made, served(jobs=said.jobs, page=said.page) as server:
        for each in range(said.runs):
            folder = project(Path(made) / str(each), server.url, kinds=["custom_object_bulk"])
            stacks = Path(made) / "stacks"
            spy = Path(sys.executable).with_name("py-spy")
            asked = ["record", "--rate", RATE, "--format", "raw", "--output", stacks]
            sync = [sys.executable, JOBLEDGER, "--project", str(folder), "sync"]
            cost = run([spy, *map(str, asked), "--", *sync], ROOT)
            if not stacks.exists():
                raise Failed("py-spy took no sample: it may not look into other processes here")
            count = "select count(*) from loaded.job_versions"
            expect(rows(folder / "jobs.duckdb", count), [[said.jobs]], "jobs in the ledger")
            found += counted(stacks.read_text().splitlines())
            say(f"  {each + 1}/{said.runs}: {cost.wall:.2f} s, {cost.cpu:.2f} s of CPU")
    total = found.total()
    tell(
        f"where a first sync of {said.jobs:,} jobs spends its time",
        [
            {
                "part": part,
                "thread s": round(found[part] / RATE / said.runs, 2),
                "share": round(found[part] / total, 3),
            }
            for part in (*PARTS, REST)
        ],
    )


if __name__ == "__main__":
    main()
