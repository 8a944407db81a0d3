"""The real command in real processes, which can be killed at any moment.

What takes time to import is imported once, by a process that then forks: one sync after the other
costs little more than the sync, and each is a process of its own all the same.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FORKS: Final = """
import os, resource, sys
import dlt, duckdb, pandas, pyarrow
import dlt.destinations, dlt.destinations.impl.duckdb.duck, dlt.load, dlt.normalize
import jobledger.pipelines.cli.check, jobledger.pipelines.cli.query, jobledger.pipelines.cli.report
import jobledger.pipelines.cli.status, jobledger.pipelines.cli.sync, jobledger.pipelines.cli.views
import jobledger.pipelines.sync.project_sync, jobledger.pipelines.sync.progress
import jobledger.pipelines.checks, jobledger.pipelines.notify, jobledger.pipelines.report
import jobledger.pipelines.status, jobledger.pipelines.sync.heartbeat, rich.console, rich.table
from jobledger.pipelines.cli import main

for line in sys.stdin:
    folder, out, limit, user, *said = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if not pid:
        sys.stdin.close()
        file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        if int(limit):
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
        if int(user):
            os.setgroups([])
            os.setgid(int(user))
            os.setuid(int(user))
        main(["--project", folder, *said])
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass
class Command:
    """A command that runs."""

    pid: int
    out: Path
    _wait: Callable[[], int]

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code; the signal's number, negative, if it was killed."""
        return self._wait()

    def said(self) -> str:
        """All that it wrote."""
        return self.out.read_text("utf-8", errors="replace")


class Commands:
    """Starts commands, one at a time."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._out = folder / "output"

    def start(self, folder: Path, *said: str, limit: int = 0, user: int = 0) -> Command:
        """Starts `jobledger --project folder said…`.

        No file of its may have more than `limit` bytes; `user` is whom it runs as.
        """
        assert self._process.stdin
        assert self._process.stdout
        line = "\t".join([str(folder), str(self._out), str(limit), str(user), *said])
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        output = self._process.stdout
        return Command(pid, self._out, lambda: int(output.readline()))

    def run(self, folder: Path, *said: str, limit: int = 0, user: int = 0) -> tuple[int, str]:
        """Exit code and output."""
        command = self.start(folder, *said, limit=limit, user=user)
        return command.wait(), command.said()


@contextmanager
def forking(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Commands]:
    """Commands in processes that are forked from one that has everything imported."""
    process = subprocess.Popen(
        [sys.executable, "-c", FORKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean() | dict(environment or {}),
        cwd=folder,
    )
    try:
        yield Commands(process, folder)
    finally:
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def clean() -> dict[str, str]:
    """An environment that says nothing of jobledger's settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def until(is_so: Callable[[], bool], seconds: float = 30.0, every: float = 0.001) -> bool:
    """Waits for something; whether it came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(every)
    return False
