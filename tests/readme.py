"""Runs the README's commands in the demo's ledger, and says what they print.

`python -m tests.readme` writes the outputs into the README; the test compares them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).parents[1]
README: Final = CLONE / "README.md"
NOW: Final = "2026-11-25T12:00:00+00:00"
"""The demo's present moment, so that its numbers stay."""
_BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAME: Final = {"make demo": f".venv/bin/jobledger demo --now {NOW}"}
_ENDED: Final = re.compile(r"((?:^\w+ \w+: \w+, .*\n)+)", re.MULTILINE)


def outputs(text: str, folder: Path) -> str:
    """The README with every block of commands as it comes out in `folder`, run in order."""
    return _BLOCK.sub(lambda found: f"```console\n{_run(found[1], folder)}```", text)


def commands(text: str) -> Iterator[str]:
    """Every command of the README's blocks."""
    for block in _BLOCK.findall(text):
        yield from (line.removeprefix("$ ") for line in _commands(block))


def _commands(block: str) -> list[str]:
    lines = block.replace("\\\n", "\\\0").splitlines()
    return [line.replace("\\\0", "\\\n") for line in lines if line.startswith("$ ")]


def _run(block: str, folder: Path) -> str:
    said = []
    here = folder / ".venv" / "bin"
    here.mkdir(parents=True, exist_ok=True)
    if not (here / "jobledger").exists():
        (here / "jobledger").symlink_to(Path(sys.executable).with_name("jobledger"))
    for line in _commands(block):
        command = line.removeprefix("$ ")
        done = subprocess.run(
            ["/bin/sh", "-c", _SAME.get(command, command)],
            cwd=folder,
            env={
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(folder),
                "JOBLEDGER_PROJECT": "" if command in _SAME else "jobledger-demo",
                "COLUMNS": "100",
                "LC_ALL": "C.UTF-8",
                "TZ": "UTC",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        text = "\n".join(line.rstrip() for line in done.stdout.decode().splitlines())
        # of two sources that are read side by side, either may be done first
        out = _ENDED.sub(lambda found: "".join(sorted(found[1].splitlines(True))), text).strip("\n")
        said.append(f"{line}\n{out}\n" if out else f"{line}\n")
    return "".join(said)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        README.write_text(outputs(README.read_text("utf-8"), Path(folder)), "utf-8")
