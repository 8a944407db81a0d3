"""Whoever reads the output may have had enough: `… | head`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.report.conftest import Run, Scene

JOBLEDGER = Path(sys.executable).with_name("jobledger")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["query", "jobs", "--format", "csv"], 0),
        (["query", "jobs", "--format", "parquet"], 0),
        (["query", "jobs"], 0),
        (["export", "jobs", "-o", "-", "--format", "jsonl"], 0),
        (["views"], 0),
        (["views", "jobs", "--format", "json"], 0),
        (["status"], 0),
        (["status", "--json"], 0),
        (["status", "--format", "openmetrics"], 0),
        (["report"], 0),
        (["report", "-o", "-"], 0),
        (["--help"], 0),
        (["check"], 4),
        (["check", "--json"], 4),
    ],
    ids=str,
)
def test_a_closed_pipe_ends_a_command_quietly(told: Scene, words: list[str], code: int) -> None:
    assert _closed(told, words) == (code, b"")


@pytest.mark.parametrize(("words", "code"), [(["query", "jobs"], 0), (["check"], 4)], ids=str)
def test_so_does_one_that_takes_stderr_too(told: Scene, words: list[str], code: int) -> None:
    assert _closed(told, words, stderr=subprocess.STDOUT) == (code, None)


def _closed(scene: Scene, words: list[str], stderr: int = subprocess.PIPE) -> tuple[int, object]:
    """The exit code and stderr of a command whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [JOBLEDGER, "--project", scene.project.folder, *words],
            stdout=writing,
            stderr=stderr,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr


def test_a_dash_is_stdout(
    told: Scene, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(told, "report", "-o", "-").out.lower().startswith("<!doctype html>")
    shown = run(told, "status", "--json")
    assert run(told, "status", "--json", "-o", "-") == shown
    assert run(told, "query", "jobs", "-o", "-") == run(told, "query", "jobs")
    assert list(tmp_path.iterdir()) == []
