"""A sync that dies at any moment: readers never see a broken file, nothing observed is lost."""

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobledger.emulator import Running, World, serving
from jobledger.emulator.clock import Clock as WorldClock
from tests.faults.processes import Command, Commands, forking, until
from tests.faults.provider import project

KILLS = int(os.environ.get("JOBLEDGER_KILLS", "6"))
JOBS = (
    "select * exclude (first_seen_at, last_changed_at) from jobs where source = '{0}' order by all"
)
VERSIONS = "select source, kind, job_id, row_hash, valid_from from loaded.job_versions order by all"
WRONG = """
select source, kind, job_id from loaded.job_versions group by all
having count(*) filter (valid_to is null) <> 1 or count(*) <> count(distinct valid_from)
union all
select one.source, one.kind, one.job_id
from loaded.job_versions as one join loaded.job_versions as other
    on one.source = other.source and one.kind = other.kind and one.job_id = other.job_id
    and one.valid_from < other.valid_from and coalesce(one.valid_to, 'infinity') > other.valid_from
union all
select source, kind, job_id from loaded.job_versions where valid_to <= valid_from
"""
"""Jobs whose versions overlap, or of which not exactly one is current."""


def read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("set threads = 1; set TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with forking(tmp_path_factory.mktemp("commands")) as commands:
        yield commands


@pytest.fixture
def running() -> Iterator[Running]:
    now = datetime.now(UTC)
    with serving(World(now=now, jobs=200, clock=WorldClock(now - timedelta(days=5)))) as running:
        running.behaviour.salesforce_page_size = 12
        yield running


class Reader(threading.Thread):
    """Opens the published file again and again, and looks at all of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(name="reader", daemon=True)
        self.path = path
        self.looks = 0
        self.troubles: list[str] = []
        self._stop_it = threading.Event()

    def run(self) -> None:
        while not self._stop_it.is_set():
            if not self.path.exists():
                time.sleep(0.01)
                continue
            try:
                wrong = read(self.path, WRONG)
                (count,) = read(self.path, "select count(*) from jobs")[0]
                if wrong or not count:
                    self.troubles.append(f"{count} jobs, {wrong[:3]}")
            except duckdb.Error as error:
                self.troubles.append(str(error))
            self.looks += 1
            time.sleep(0.1)

    def stop(self) -> None:
        self._stop_it.set()
        self.join()


def _is_publishing(folder: Path) -> bool:
    return (folder / ".jobs.duckdb.new").exists()


def _is_loading(folder: Path) -> bool:
    return any((folder / ".jobledger" / "dlt").glob("*/load/normalized/*/started_jobs/*"))


def _moment(command: Command, folder: Path, dice: random.Random, usual: float) -> str:
    """Waits for a moment to kill at, and says which it is."""
    kind = dice.choice(["any", "any", "any", "loading", "publishing"])
    if kind == "any":
        delay = dice.uniform(0, usual)
        time.sleep(delay)
        return f"after {delay:.3f} s"
    is_so = _is_loading if kind == "loading" else _is_publishing

    def is_there() -> bool:
        return is_so(folder) or not Path(f"/proc/{command.pid}").exists()

    until(is_there, seconds=4 * usual)
    time.sleep(dice.uniform(0, 0.1))
    return f"while {kind}"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")
def test_a_sync_that_is_killed_at_any_moment_loses_nothing(
    tmp_path: Path, running: Running, commands: Commands
) -> None:
    folder = tmp_path / "killed"
    project(folder, running.base_url)
    began = time.monotonic()
    assert commands.run(folder, "sync")[0] == 0
    usual = time.monotonic() - began
    published = folder / "jobs.duckdb"
    reader = Reader(published)
    reader.start()
    dice = random.Random(os.environ.get("JOBLEDGER_SEED", "killed"))
    seen = set(read(published, VERSIONS))
    killed = 0
    for _ in range(KILLS):
        running.clock.advance(timedelta(days=4.8) / KILLS)
        command = commands.start(folder, "sync")
        moment = _moment(command, folder, dice, usual)
        try:
            command.kill()
        except ProcessLookupError:
            moment = "after its end"
        code = command.wait()
        assert code in (0, -signal.SIGKILL), command.said()
        killed += code != 0
        versions = set(read(published, VERSIONS))
        assert seen <= versions, moment
        assert read(published, WRONG) == [], moment
        seen = versions

    code, said = commands.run(folder, "sync", "--full")
    assert code == 0, said
    reader.stop()
    assert reader.troubles == []
    assert reader.looks > killed
    assert killed >= KILLS // 5
    assert seen <= set(read(published, VERSIONS))
    assert read(published, WRONG) == []
    _equals_a_fresh_sync(folder, tmp_path / "fresh", running, commands)
    leftovers = {path.name for path in folder.iterdir()}
    assert leftovers == {".dlt", ".jobledger", "jobs.duckdb"}


def _equals_a_fresh_sync(folder: Path, fresh: Path, running: Running, commands: Commands) -> None:
    project(fresh, running.base_url)
    assert commands.run(fresh, "sync")[0] == 0
    for source in ("zuora", "salesforce"):
        there = read(fresh / "jobs.duckdb", JOBS.format(source))
        here = read(folder / "jobs.duckdb", JOBS.format(source))
        # the provider forgets; the ledger does not
        assert set(map(str, there)) <= set(map(str, here))
        # how many a provider still shows depends on the hour
        assert there


@pytest.mark.parametrize(
    ("number", "code", "times"),
    # `timeout` signals its command twice: by its id, and with the whole group
    [
        (signal.SIGTERM, 143, 1),
        (signal.SIGTERM, 143, 2),
        (signal.SIGINT, 130, 1),
        (signal.SIGHUP, 143, 1),
    ],
)
def test_a_sync_that_is_told_to_stop_keeps_what_it_read(
    number: int, code: int, times: int, tmp_path: Path, running: Running, commands: Commands
) -> None:
    project(tmp_path, running.base_url)
    running.behaviour.salesforce_page_size = 4
    # the second page of ingest jobs does not come
    running.faults.order("slow", "*/jobs/ingest?queryLocator*", times=None, seconds=30)
    command = commands.start(tmp_path, "sync")
    asked = "/services/data/v62.0/jobs/ingest"
    assert until(lambda: sum(each.path == asked for each in running.requests) >= 1)
    # it is read, and the second is waited for
    time.sleep(2)
    began = time.monotonic()
    for _ in range(times):
        command.kill(number)
        time.sleep(0.1)
    assert command.wait() == code, command.said()
    assert time.monotonic() - began < 25
    (kept,) = read(tmp_path / "jobs.duckdb", "select count(*) from jobs where kind = 'ingest'")
    runs = read(
        tmp_path / "jobs.duckdb",
        "select outcome, error_kind, pages, jobs_listed, jobs_changed from loaded.sync_runs"
        " where kind = 'ingest'",
    )
    assert runs == [("incomplete", "interrupted", 1, *kept, *kept)]
    assert kept > (0,)

    running.faults.clear()
    assert commands.run(tmp_path, "sync")[0] == 0
    _equals_a_fresh_sync(tmp_path, tmp_path / "fresh", running, commands)


def _nothing_left(state: Path) -> None:
    shutil.rmtree(state)


def _garbage(state: Path) -> None:
    (state / "ledger.duckdb").write_bytes(random.Random(1).randbytes(100_000))


def _empty(state: Path) -> None:
    (state / "ledger.duckdb").write_bytes(b"")


def _half(state: Path) -> None:
    path = state / "ledger.duckdb"
    os.truncate(path, path.stat().st_size // 2)


def _holes(state: Path) -> None:
    path = state / "ledger.duckdb"
    with path.open("r+b") as file:
        for at in range(12_288, path.stat().st_size, 65_536):
            file.seek(at)
            file.write(bytes(512))


def _garbage_in_the_wal(state: Path) -> None:
    (state / "ledger.duckdb.wal").write_bytes(random.Random(2).randbytes(10_000))


def _garbage_for_dlt(state: Path) -> None:
    for path in sorted((state / "dlt").rglob("*")):
        if path.is_file():
            path.write_bytes(b"\0garbage")


def _a_file_for_dlt(state: Path) -> None:
    shutil.rmtree(state / "dlt")
    (state / "dlt").write_text("no folder")


def _stale_lock(state: Path) -> None:
    (state / "lock").write_text("1")
    (state / "lock.pid").write_text("1")


DAMAGES = [
    *(_nothing_left, _garbage, _empty, _half, _holes),
    *(_garbage_in_the_wal, _garbage_for_dlt, _a_file_for_dlt, _stale_lock),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__.strip("_"))
def test_a_damaged_working_folder_heals(
    damage: Callable[[Path], None], tmp_path: Path, commands: Commands, synced: Path, small: Running
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(synced, folder)
    project(folder, small.base_url)
    before = read(folder / "jobs.duckdb", VERSIONS)
    damage(folder / ".jobledger")

    for _ in range(2):
        # damage inside the file may show only when that part is read; then the next sync heals
        code, said = commands.run(folder, "sync")
        assert "Traceback" not in said
        if code == 0:
            break
        assert "the next sync makes it again" in said
        assert read(folder / "jobs.duckdb", VERSIONS) == before
    assert code == 0, said
    assert read(folder / "jobs.duckdb", VERSIONS) == before
    assert read(folder / "jobs.duckdb", WRONG) == []


@pytest.fixture(scope="module")
def small() -> Iterator[Running]:
    with serving(World(jobs=100, days=20)) as running:
        yield running


@pytest.fixture(scope="module")
def synced(small: Running, commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synced")
    project(folder, small.base_url)
    assert commands.run(folder, "sync")[0] == 0
    return folder


@pytest.mark.parametrize("limit", [20_000, 300_000, 700_000])
def test_a_full_disk_costs_nothing_that_was_there(
    limit: int, tmp_path: Path, commands: Commands, synced: Path, small: Running
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(synced, folder)
    project(folder, small.base_url)
    small.world.put("data_query", {**small.world.records("data_query")[-1], "id": f"full-{limit}"})
    before = read(folder / "jobs.duckdb", VERSIONS)
    code, said = commands.run(folder, "sync", limit=limit)
    assert code == 1, said
    line = said.splitlines()[-1]
    assert line.startswith(f"jobledger: {folder / 'jobs.duckdb'} could not be written: "), said
    assert "File too large" in line
    assert read(folder / "jobs.duckdb", VERSIONS) == before

    assert commands.run(folder, "sync")[0] == 0
    after = read(folder / "jobs.duckdb", VERSIONS)
    assert set(before) <= set(after)
    assert f"full-{limit}" in {row[2] for row in after}
    assert read(folder / "jobs.duckdb", WRONG) == []
    twice = read(
        folder / "jobs.duckdb",
        "select sync_id, source, kind from loaded.sync_runs group by all having count(*) > 1",
    )
    assert twice == []


NOBODY = 65_534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a sync as somebody else")
@pytest.mark.parametrize("place", [".", ".jobledger"])
def test_a_folder_that_may_not_be_written(
    place: str, commands: Commands, synced: Path, small: Running, somewhere: Path
) -> None:
    folder = somewhere / "project"
    shutil.copytree(synced, folder)
    project(folder, small.base_url)
    before = read(folder / "jobs.duckdb", VERSIONS)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    (folder / place).chmod(0o500)

    code, said = commands.run(folder, "sync", user=NOBODY)

    assert code == (1 if place == "." else 2), said
    line = said.splitlines()[-1]
    assert line.startswith("jobledger: "), said
    assert "ermission denied" in line
    assert str(folder) in line
    assert read(folder / "jobs.duckdb", VERSIONS) == before
    (folder / place).chmod(0o700)
    code, said = commands.run(folder, "sync", user=NOBODY)
    assert code == 0, said


@pytest.fixture
def somewhere() -> Iterator[Path]:
    """A folder that everybody can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="jobledger-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a command as somebody else")
def test_a_ledger_that_may_not_be_read_is_its_owners_to_share(
    commands: Commands, synced: Path, small: Running, somewhere: Path
) -> None:
    folder = somewhere / "project"
    shutil.copytree(synced, folder)
    project(folder, small.base_url)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    ledger = folder / "jobs.duckdb"
    os.chown(ledger, 0, 0)

    code, said = commands.run(folder, "query", "jobs", user=NOBODY)
    assert code == 1
    assert said == (
        f"jobledger: {ledger} may not be read: ask whose it is to share it, as with chgrp and"
        " chmod 640 (syncs leave its group and mode alone)\n"
    )
    code, said = commands.run(folder, "sync", user=NOBODY)
    assert code == 2
    assert said.splitlines()[-1] == (
        f"jobledger: {ledger} may not be read: run jobledger as the user who made it, or name"
        " another path under [warehouse] in .dlt/config.toml"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a command as somebody else")
def test_whoever_may_only_read_the_ledger_needs_none_of_the_settings(
    commands: Commands, synced: Path, small: Running, somewhere: Path
) -> None:
    folder = somewhere / "project"
    shutil.copytree(synced, folder)
    project(folder, small.base_url)
    secrets = folder / ".dlt" / "secrets.toml"
    secrets.chmod(0o600)
    (folder / ".dlt").chmod(0o755)
    # as the README has it: chmod 640 for a group, which here is everybody
    (folder / "jobs.duckdb").chmod(0o644)
    folder.chmod(0o755)
    for reads in (["query", "select count(*) from jobs"], ["status"], ["report"], ["views"]):
        code, said = commands.run(folder, *reads, user=NOBODY)
        assert code == 0, said
        assert "Permission denied" not in said
    code, said = commands.run(folder, "sync", user=NOBODY)
    assert (code, said) == (2, f"jobledger: cannot read {secrets}: Permission denied\n")

    # where the settings may name another ledger, they are missed
    config = secrets.with_name("config.toml")
    config.chmod(0o600)
    assert commands.run(folder, "query", "jobs", user=NOBODY)[0] == 0
    (folder / "jobs.duckdb").unlink()
    code, said = commands.run(folder, "query", "jobs", user=NOBODY)
    assert (code, said) == (2, f"jobledger: cannot read {config}: Permission denied\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a command as somebody else")
def test_own_sql_that_may_not_be_read_is_told(
    commands: Commands, synced: Path, small: Running, somewhere: Path
) -> None:
    folder = somewhere / "project"
    shutil.copytree(synced, folder)
    project(folder, small.base_url)
    checks = folder / "sql" / "checks"
    checks.mkdir(parents=True)
    (folder / "sql" / "mine.sql").write_text("select 1 as one")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    (folder / "sql" / "mine.sql").chmod(0)
    checks.chmod(0)

    code, said = commands.run(folder, "sync", user=NOBODY)
    problem = "cannot be read: Permission denied"
    assert code == 0, said
    assert f"view 'mine' ({folder / 'sql' / 'mine.sql'}) was left out: {problem}" in said
    code, said = commands.run(folder, "check", user=NOBODY)
    assert code == 1, said
    assert f"own_checks: could not run: {checks} {problem}" in said
    assert "nothing found by" in said

    (folder / "sql").chmod(0)
    code, said = commands.run(folder, "sync", user=NOBODY)
    assert f"the views in {folder / 'sql'} were left out: {problem}" in said
