"""Several people and programs with one ledger: nobody waits for anybody, and nobody breaks it."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from jobledger.emulator import Running
from jobledger.pipelines.errors import JobledgerError
from jobledger.pipelines.project import Project
from jobledger.pipelines.query import attached
from jobledger.pipelines.sync.project_sync import exit_of, sync_project
from tests.faults.processes import clean, until
from tests.faults.provider import moved, project, rows_of, served
from tests.pipelines.scripted_sync import Quiet
from tests.sources._provider.accounts import FakeClock

READERS = int(os.environ.get("JOBLEDGER_READERS", "20"))
SYNCS = int(os.environ.get("JOBLEDGER_SYNCS", "2"))
COMMAND = "from jobledger.pipelines.cli import main; main()"
SOON = 300
"""Seconds in which a process does what it should, on a machine with much else to do."""
COUNT = "select count(*) from jobs where kind = 'data_query'"
HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
for line in sys.stdin:
    print(connection.execute(line).fetchall(), flush=True)
"""


REPLACE = """
import os, sys, time
os.chdir(sys.argv[1])
while True:
    for each in ("before", "after"):
        os.link(each, "new")
        os.replace("new", "jobs.duckdb")
        time.sleep(0.0002)
"""
"""Publishes one file and the other for as long as it lives."""


@pytest.fixture
def running() -> Iterator[Running]:
    with served() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ours(tmp_path: Path, running: Running) -> Project:
    return project(tmp_path / "ours", running.base_url)


def sync(ours: Project, clock: FakeClock) -> None:
    result = sync_project(ours, watcher=Quiet(), clock=moved(clock))
    assert (exit_of(result), result.load_errors) == (0, {})


def one_more_query(running: Running, name: str) -> None:
    record = running.world.records("data_query")[0]
    running.world.put("data_query", {**record, "id": name})


class Gate:
    """Stands before an emulator: who asks for `path` waits until it is opened."""

    def __init__(self, running: Running, path: str) -> None:
        self.is_asked, self.is_open = threading.Event(), threading.Event()
        self._front, self._path = running._front, path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == self._path and not self.is_open.is_set():
            self.is_asked.set()
            await asyncio.to_thread(self.is_open.wait)
        await self._front(scope, receive, send)


@pytest.fixture
def gate(running: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(running, "/query/jobs")
    monkeypatch.setattr(running, "_front", gate)
    yield gate
    gate.is_open.set()


def test_two_syncs_at_once(ours: Project, gate: Gate) -> None:
    said = [sys.executable, "-c", COMMAND, "--project", str(ours.folder), "sync"]
    first = subprocess.Popen(said, env=clean(), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert gate.is_asked.wait(SOON)

    def refused(*command: str) -> tuple[int, str, str]:
        done = subprocess.run(
            command, env=clean(), capture_output=True, text=True, check=False, timeout=SOON
        )
        return done.returncode, done.stdout, done.stderr

    busy = (
        f"jobledger: another sync holds this ledger (PID {first.pid}); try again when it"
        " has ended (jobledger sync --wait SECONDS waits for that)\n"
    )
    assert refused(*said) == (3, "", busy)
    assert refused(*said[:-1], "state", "reset", "salesforce") == (3, "", busy)
    waiting = subprocess.Popen(
        [*said, "--wait", str(SOON), "--json"],
        env=clean(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    # time enough to try for the lock; where it is not, the rest holds all the same
    assert not until(lambda: waiting.poll() is not None, seconds=2, every=0.1)
    assert first.poll() is None
    gate.is_open.set()
    for each in (first, waiting):
        _, errors = each.communicate(timeout=SOON)
        assert each.returncode == 0, errors
    runs = rows_of(
        ours.warehouse,
        "select kind, count(*), count(*) filter (outcome = 'complete') from loaded.sync_runs"
        " group by all",
    )
    assert sorted(runs) == [
        (kind, 2, 2)
        for kind in (
            *("auto_backfill", "custom_object_bulk", "data_backfill", "data_query"),
            *("ingest", "query"),
        )
    ]


def test_a_schedule_waits_for_whoever_holds_the_ledger(ours: Project, running: Running) -> None:
    said = [sys.executable, "-c", COMMAND, "--project", str(ours.folder)]
    heart = ours.make_state_dir() / "schedule.json"
    with FileLock(ours.state_dir / "lock"):
        schedule = subprocess.Popen(
            [*said, "schedule", "--every", "1h", "--jitter", "0"],
            env=clean(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert until(heart.exists)
        # time enough to try for the lock
        time.sleep(4)
        assert not ours.warehouse.exists()
    assert until(ours.warehouse.exists)
    schedule.terminate()
    _, errors = schedule.communicate(timeout=60)
    assert schedule.returncode == 143, errors
    assert re.fullmatch(r"\S+Z stopped", errors.decode().splitlines()[-1])


def test_a_lock_whose_holder_died_holds_nobody_up(ours: Project, running: Running) -> None:
    running.faults.order("slow", "/query/jobs", seconds=20)
    said = [sys.executable, "-c", COMMAND, "--project", str(ours.folder), "sync"]
    first = subprocess.Popen(said, env=clean(), stderr=subprocess.DEVNULL)
    assert until(lambda: any(each.path == "/objects/jobs" for each in running.requests))
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (ours.state_dir / "lock.pid").read_text() == str(first.pid)
    running.faults.clear()
    second = subprocess.run(said, env=clean(), capture_output=True, check=False)
    assert second.returncode == 0


def test_readers_in_a_loop_never_fail_and_never_go_back(
    ours: Project, running: Running, clock: FakeClock
) -> None:
    sync(ours, clock)
    stop = threading.Event()
    troubles: list[str] = []
    looks: list[int] = []

    def look() -> None:
        newest = 0
        while not stop.is_set():
            try:
                ((count,),) = _elsewhere(ours.warehouse, COUNT)
            except duckdb.Error as error:
                troubles.append(str(error))
                return
            if count < newest:
                troubles.append(f"{count} after {newest}")
            newest = count
            looks.append(count)
            time.sleep(1)

    readers = [threading.Thread(target=look) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for number in range(SYNCS):
            one_more_query(running, f"more-{number}")
            sync(ours, clock)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert troubles == []
    assert len(looks) > READERS * 2
    assert rows_of(ours.warehouse, COUNT) == [(6 + 1 + SYNCS - 1,)]


def test_what_is_published_while_it_is_opened_is_read_whole(tmp_path: Path) -> None:
    published = tmp_path / "jobs.duckdb"
    for name in ("before", "after"):
        with duckdb.connect(tmp_path / "ledger") as connection:
            connection.execute(f"create table loaded_{name} (job_id varchar)")
            connection.execute("checkpoint")
        # its blocks still hold the ledger as it was: a header of another file finds them
        shutil.copyfile(tmp_path / "ledger", tmp_path / name)
        with duckdb.connect(tmp_path / name) as connection:
            connection.execute(f"create view jobs as select '{name}' as job_id")
    publisher = subprocess.Popen([sys.executable, "-c", REPLACE, str(tmp_path)])
    try:
        assert until(published.exists)
        seen = set()
        for _ in range(100):
            with attached(published) as connection:
                seen |= set(connection.execute("from jobs").fetchall())
    finally:
        publisher.kill()
        publisher.wait()
    assert seen == {("before",), ("after",)}


def _elsewhere(path: Path, sql: str) -> list[tuple[Any, ...]]:
    # in one process an open path is opened once; a fresh connection that attaches it sees the new
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(f"attach '{path}' as ledger (read_only, type duckdb)")
        connection.execute("use ledger.main")
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("how", ["read", "write"])
def test_a_notebook_that_holds_the_file_open_keeps_its_snapshot(
    how: str, ours: Project, running: Running, clock: FakeClock
) -> None:
    sync(ours, clock)
    notebook = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(ours.warehouse), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert notebook.stdin
    assert notebook.stdout

    def ask(sql: str) -> str:
        assert notebook.stdin
        assert notebook.stdout
        notebook.stdin.write(f"{sql}\n")
        notebook.stdin.flush()
        return notebook.stdout.readline().strip()

    before = ask(COUNT)
    if how == "write":
        assert ask("create table main.mine as select 42 as answer") == "[(1,)]"
    for name in ("one", "two"):
        one_more_query(running, name)
        sync(ours, clock)
        assert ask(COUNT) == before
        ((count,),) = rows_of(ours.warehouse, COUNT)
        assert f"[({count},)]" != before
    if how == "write":
        # what it wrote is in its own snapshot, and there alone
        assert ask("select answer from main.mine") == "[(42,)]"
        ask("insert into main.mine values (43)")
    notebook.stdin.close()
    assert notebook.wait(30) == 0
    notebook.stdout.close()
    _reads_well(ours, running, clock)


def test_a_client_that_wrote_and_left_its_log(
    ours: Project, running: Running, clock: FakeClock
) -> None:
    sync(ours, clock)
    script = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        " c.execute('create table main.mine as select 42 as answer'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(ours.warehouse)], check=True)
    log = ours.warehouse.with_name("jobs.duckdb.wal")
    assert log.exists()
    one_more_query(running, "after")
    sync(ours, clock)
    assert not log.exists()
    with pytest.raises(duckdb.CatalogException):
        rows_of(ours.warehouse, "from main.mine")
    _reads_well(ours, running, clock)


def _reads_well(ours: Project, running: Running, clock: FakeClock) -> None:
    """The file opens, both ways, and the next sync brings what is new."""
    for read_only in (True, False):
        with duckdb.connect(ours.warehouse, read_only=read_only) as connection:
            assert connection.execute("from jobs").fetchall()
    one_more_query(running, "last of all")
    sync(ours, clock)
    last = "select count(*) from jobs where job_id = 'last of all'"
    assert rows_of(ours.warehouse, last) == [(1,)]
    assert not ours.warehouse.with_name("jobs.duckdb.wal").exists()


def test_a_system_that_refuses_to_replace_an_open_file(
    ours: Project, running: Running, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(ours, clock)
    before = rows_of(ours.warehouse, "from loaded.job_versions order by all")
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if Path(target) == ours.warehouse:
            raise PermissionError(13, "Access is denied", str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    one_more_query(running, "refused")
    with pytest.raises(JobledgerError) as caught:
        sync(ours, clock)
    assert str(caught.value) == (
        f"{ours.warehouse} could not be replaced, since another program holds it open; what was"
        " synced is kept and is published by the next sync"
    )
    assert rows_of(ours.warehouse, "from loaded.job_versions order by all") == before
    assert sorted(path.name for path in ours.folder.iterdir()) == [
        *(".dlt", ".jobledger", "jobs.duckdb")
    ]

    monkeypatch.undo()
    running.requests.clear()
    running.faults.order("status", "*", times=None, status=500)
    result = sync_project(ours, watcher=Quiet(), clock=moved(clock))
    assert exit_of(result) == 1
    # even a sync that reads nothing publishes what was kept
    versions = rows_of(ours.warehouse, "from loaded.job_versions order by all")
    assert len(versions) == len(before) + 1
    outcomes = rows_of(
        ours.warehouse,
        "select started_at, kind, outcome from loaded.sync_runs where kind = 'query' order by all",
    )
    assert [outcome for *_, outcome in outcomes] == ["complete", "complete", "failed"]
