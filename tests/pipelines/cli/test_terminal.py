"""What `sync` shows on a real terminal, by a person's and by a CI's leave."""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from jobledger.emulator import Running
from jobledger.pipelines.demo import settings_of
from tests.faults.processes import until

MOVES = re.compile(rb"\x1b\[\d*[ABKH]")
"""Moves of the cursor, and lines wiped out: what a table kept up to date is made of."""


def shown(folder: Path, environment: dict[str, str], *words: str) -> bytes:
    """All of a command that reaches the terminal."""
    ours, theirs = pty.openpty()
    command = "from jobledger.pipelines.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "--project", str(folder), *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", **environment},
    )
    os.close(theirs)
    told = b""
    try:
        while some := os.read(ours, 65536):
            told += some
    except OSError:  # how a terminal says that nobody writes to it any more
        pass
    os.close(ours)
    assert process.wait(60) == 0, told
    return told


def prepare(folder: Path, emulator: Running) -> None:
    """A project that syncs from there."""
    config, secrets = settings_of(emulator.base_url)
    (folder / ".dlt").mkdir()
    (folder / ".dlt" / "config.toml").write_text(config)
    (folder / ".dlt" / "secrets.toml").write_text(secrets)


def test_what_a_record_says_does_nothing_to_a_terminal(tmp_path: Path, emulator: Running) -> None:
    prepare(tmp_path, emulator)
    table = 'sf__Error,Name\nX,"caf\xe9 \x1b]0;owned\x07\x1b[2J"\n'
    said = 'sf__Error,Name\r\nX,"caf\xe9 \\x1b]0;owned\\x07\\x1b[2J"\r\n'
    # the prompt stands on a line of its own, whether the last line is ended or not
    for body in (table, table.rstrip("\n")):
        emulator.faults.order("body", "*/failedResults*", body=body)
        told = shown(tmp_path, {}, "errors", "salesforce", "ingest", "750000000000000AAA")
        assert told == said.encode()


@pytest.mark.parametrize(
    ("environment", "is_live"),
    [({}, True), ({"CI": ""}, True), ({"CI": "false"}, True), ({"CI": "true"}, False)],
)
def test_a_table_that_moves_is_for_people(
    tmp_path: Path, emulator: Running, environment: dict[str, str], is_live: bool
) -> None:
    prepare(tmp_path, emulator)

    told = shown(tmp_path, environment, "sync", "--kind", "data_query")

    assert (MOVES.search(told) is not None) is is_live
    line = b"zuora data_query: complete, 0 jobs listed, 0 changed\r\n"
    assert (line in told) is not is_live


ON_ITS_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from jobledger.pipelines.cli import program
program()
"""


def test_a_terminal_that_is_closed_takes_nothing_with_it(
    tmp_path: Path, busy_emulator: Running
) -> None:
    prepare(tmp_path, busy_emulator)
    busy_emulator.behaviour.salesforce_page_size = 4
    # the second page does not come
    busy_emulator.faults.order("slow", "*/jobs/ingest?queryLocator*", times=None, seconds=60)
    ours, theirs = pty.openpty()
    words = ["sync", "salesforce", "--kind", "ingest"]
    process = subprocess.Popen(
        [sys.executable, "-c", ON_ITS_TERMINAL, "--project", str(tmp_path), *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    os.close(theirs)
    asked = "/services/data/v62.0/jobs/ingest"
    assert until(lambda: any(each.path == asked for each in busy_emulator.requests), 60)
    # it is read, and the second is waited for
    time.sleep(2)
    os.close(ours)
    assert process.wait(60) == 143
    with duckdb.connect(tmp_path / "jobs.duckdb", read_only=True) as connection:
        [(kept,)] = connection.execute("select count(*) from jobs").fetchall()
        runs = "select outcome, error_kind, jobs_changed from loaded.sync_runs"
        assert connection.execute(runs).fetchall() == [("incomplete", "interrupted", kept)]
    assert kept > 0
