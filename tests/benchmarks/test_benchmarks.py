"""Every benchmark still runs, and still checks that its work was done; its figures mean nothing."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.profile import PARTS, REST

ROOT = Path(__file__).parent.parent.parent


def rows(name: str, *arguments: str) -> list[dict[str, Any]]:
    """What the last table of a benchmark says."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["rows"]
    return found


def test_throughput() -> None:
    ours, floor = rows("throughput", "--jobs", "250", "--page", "100", "--runs", "1")
    assert (ours["what"], floor["what"], ours["jobs"]) == ("jobledger", "floor", 250)
    assert ours["jobs/s"] > 0


def test_memory() -> None:
    small, large = rows("memory", "--jobs", "100", "--more", "300", "--runs", "1")
    assert (small["jobs"], large["jobs"]) == (100, 300)


def test_incremental_counts_requests() -> None:
    found = rows(
        *("incremental", "--jobs", "300", "--page", "100", "--changes", "7", "--runs", "1")
    )
    # a token each; one page where the listing is cut short, else three
    assert [row["requests"] for row in found] == [2, 4, 4]


def test_latency() -> None:
    (row,) = rows(
        *("latency", "--jobs", "3", "--details", "20", "--latency", "0.01", "--concurrent", "4")
    )
    # tokens, four listings of Zuora, two of Salesforce, and the details
    assert row["requests"] == 2 + 4 + 2 + 20


def test_reading() -> None:
    (row,) = rows("reading", "--jobs", "500", "--runs", "1")
    assert row["jobs"] == 500
    assert row["bytes/job"] > 0


def test_start() -> None:
    names = [row["what"] for row in rows("start", "--jobs", "10", "--runs", "1")]
    assert names[:3] == ["python -c pass", "jobledger --help", "jobledger query"]


def test_growth_draws_its_picture(tmp_path: Path) -> None:
    picture = tmp_path / "growth.svg"
    (row,) = rows("growth", "--jobs", "100", "--runs", "1", "--picture", str(picture))
    assert row["jobs"] == 100
    assert picture.read_text().startswith("<?xml")


def test_peers() -> None:
    found = rows(
        *("peers", "--jobs", "200", "--slow-jobs", "100", "--runs", "1"),
        *("--without", "rest_api, parquet", "singer"),
    )
    assert [row["what"] for row in found] == [
        *("jobledger", "jobledger, few", "floor", "rest_api", "by hand, executemany"),
    ]


def test_profile() -> None:
    try:
        found = rows("profile", "--jobs", "2000", "--runs", "1")
    except AssertionError as error:
        if "Permission Denied" in str(error):
            pytest.skip("no process may look into another one here")
        raise
    assert [row["part"] for row in found] == [*PARTS, REST]
    assert found[0]["thread s"] > 0


MARKS = [mark for marks in PARTS.values() for mark in marks if "jobledger/" in mark]


@pytest.mark.parametrize("mark", MARKS)
def test_what_tells_a_part_in_a_profile_is_in_the_code(mark: str) -> None:
    name, _, path = mark.partition("(")
    found: Any = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    for each in name.strip().split(".") if name else ():
        found = getattr(found, each)
