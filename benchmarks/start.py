"""What it costs to start: CPU time of commands that have next to nothing to do.

python -m benchmarks.start
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import (
    JOBLEDGER,
    in_turns,
    medians,
    parser,
    project,
    run,
    served,
    sync,
    tell,
)


def main(arguments: list[str] | None = None) -> None:
    """Measures and tells."""
    said = parser(__doc__, jobs=1000, runs=10).parse_args(arguments)
    with served(jobs=said.jobs, page=1000) as server, tempfile.TemporaryDirectory() as made:
        folder = project(Path(made) / "project", server.url, kinds=["custom_object_bulk"])
        sync(folder)
        here = [JOBLEDGER, "--project", folder]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "jobledger --help": [JOBLEDGER, "--help"],
            "jobledger query": [*here, "query", "select count(*) from jobs"],
            "jobledger status": [*here, "status"],
            "jobledger views": [*here, "views"],
        }
        costs = in_turns(
            said.runs,
            {name: lambda each=each: run(each, folder) for name, each in commands.items()},  # type: ignore[misc]
        )
    tell(
        "start",
        [
            {
                "what": name,
                "CPU ms": round(medians(each).cpu * 1000),
                "wall ms": round(medians(each).wall * 1000),
                "peak MB": round(medians(each).peak_mb),
            }
            for name, each in costs.items()
        ],
    )


if __name__ == "__main__":
    main()
