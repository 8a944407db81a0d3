"""Running whole processes and telling what they cost: wall time, CPU time, peak memory.

Nothing heavy is imported here. Linux counts the memory of the process that starts another towards
the peak of the one that is started, so whoever measures must stay small.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

JOBLEDGER: Final = str(Path(sys.executable).with_name("jobledger"))
ROOT: Final = Path(__file__).parent.parent
_PAGE: Final = 1024


class Failed(Exception):
    """What was to be measured did not do what it was to do."""


@dataclass(frozen=True)
class Cost:
    """What a process cost, those it started and waited for included."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, in the program and in the kernel on its behalf."""
    peak_mb: float
    """Resident memory at its highest; of the largest process where there are several."""


def run(command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end. Raises `Failed`, with what it said, unless it exits with 0."""
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(each) for each in command],
            cwd=cwd,
            env={**_usual(os.environ), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            told = said.read().decode(errors="replace")[-2000:]
            raise Failed(f"{command[0]} ended with {process.returncode}: {told}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _PAGE)


def _usual(environment: Mapping[str, str]) -> dict[str, str]:
    # without it Python would compile every module at each start, which it does once for a user
    return {k: v for k, v in environment.items() if k != "PYTHONDONTWRITEBYTECODE"}


def medians(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        **{
            name: statistics.median(asdict(each)[name] for each in costs)
            for name in asdict(costs[0])
        }
    )


def in_turns(runs: int, contestants: Mapping[str, Callable[[], Cost]]) -> dict[str, list[Cost]]:
    """Runs all, one after the other, as often as wanted: whatever slows the machine slows all."""
    costs: dict[str, list[Cost]] = {name: [] for name in contestants}
    for each in range(runs):
        for name, contestant in contestants.items():
            cost = contestant()
            costs[name].append(cost)
            say(f"  {each + 1}/{runs} {name}: {cost.wall:.2f} s")
    return costs


@dataclass(frozen=True)
class Served:
    """A server that is up."""

    url: str

    def ask(self, path: str) -> Any:
        """Its answer to a question that no provider is asked."""
        with urllib.request.urlopen(f"{self.url}/_bench/{path}") as answer:
            return json.loads(answer.read())

    def replies(self) -> int:
        """Requests answered so far."""
        return int(self.ask("stats")["replies"])


@contextmanager
def served(**options: float) -> Iterator[Served]:
    """The provider, with these options of `benchmarks.server`, in a process of its own."""
    said = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", *said],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Served(process.stdout.readline().strip())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def project(folder: Path, url: str, **settings: Any) -> Path:
    """A project folder with one source `zuora`, at this address."""
    return project_of(folder, {"zuora": {"base_url": url, **settings}})


def project_of(folder: Path, sources: Mapping[str, Mapping[str, Any]]) -> Path:
    """A project folder with these sources."""
    (folder / ".dlt").mkdir(parents=True)
    config, secrets = [], []
    for name, settings in sources.items():
        config += [f"[sources.{name}]", *(f"{k} = {json.dumps(v)}" for k, v in settings.items())]
        secrets += [f"[sources.{name}.credentials]", f'client_id = "{"0" * 36}"']
        secrets += ['client_secret = "not-a-secret-at-all"']
    (folder / ".dlt" / "config.toml").write_text("\n".join(config) + "\n")
    (folder / ".dlt" / "secrets.toml").write_text("\n".join(secrets) + "\n")
    (folder / ".dlt" / "secrets.toml").chmod(0o600)
    return folder


def sync(folder: Path, *arguments: str) -> Cost:
    """One whole `jobledger sync` of a project."""
    return run([JOBLEDGER, "--project", folder, "sync", *arguments], folder)


def rows(path: Path, sql: str) -> list[list[Any]]:
    """What a query gives, in a process of its own so that this one stays small."""
    code = (
        "import duckdb, json, sys; c = duckdb.connect(sys.argv[1], read_only=True);"
        "print(json.dumps(c.execute(sys.argv[2]).fetchall(), default=str))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(path), sql], check=True, capture_output=True, text=True
    )
    found: list[list[Any]] = json.loads(answer.stdout)
    return found


def expect(found: object, wanted: object, what: str) -> None:
    """Raises `Failed` unless a benchmark's work was really done."""
    if found != wanted:
        raise Failed(f"{what}: expected {wanted}, got {found}")


def parser(what: str | None, *, jobs: int | list[int], runs: int = 3) -> argparse.ArgumentParser:
    """The arguments that all benchmarks have; `jobs` is one size, or several."""
    made = argparse.ArgumentParser(description=what)
    made.add_argument(
        "--jobs", type=int, default=jobs, nargs="+" if isinstance(jobs, list) else None
    )
    made.add_argument("--runs", type=int, default=runs)
    return made


def say(line: str) -> None:
    """Narration."""
    print(line, file=sys.stderr, flush=True)


def tell(title: str, found: Sequence[Mapping[str, Any]]) -> None:
    """A table for people on stderr, the same rows as JSON on stdout."""
    shown = [{name: _shown(value) for name, value in row.items()} for row in found]
    widths = {name: max(len(name), *(len(row[name]) for row in shown)) for name in found[0]}
    say(f"\n{title}")
    for line in ({name: name for name in widths}, *shown):
        say("  ".join(f"{line[name]:>{width}}" for name, width in widths.items()))
    print(json.dumps({"benchmark": title, **_circumstances(), "rows": list(found)}), flush=True)


def _circumstances() -> dict[str, Any]:
    """When, on what and with which versions it was measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "with": sys.argv[1:],
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("dlt", "duckdb", "orjson", "pyarrow")},
    }


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - digits
    return f"{value:,}" if isinstance(value, int) else str(value)
