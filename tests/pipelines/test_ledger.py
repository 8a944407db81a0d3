"""The writer's file: made again from what is published whenever it cannot be relied on."""

import errno
import os
import runpy
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobledger.pipelines.errors import Busy, JobledgerError
from jobledger.pipelines.query import attached
from jobledger.pipelines.warehouse import database, publication
from jobledger.pipelines.warehouse import ledger as ledger_module
from jobledger.pipelines.warehouse.ledger import Ledger
from tests.pipelines.scripted_sync import Project
from tests.pipelines.zuora_tenant import QUERY, queries, query

BEFORE = [("a", "queued", "accepted"), ("b", "succeeded", "completed")]
AFTER = [("a", "succeeded", "completed"), ("b", "succeeded", "completed")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.sync(queries(query("a", "accepted"), query("b")), kinds=QUERY)
    assert project.current() == BEFORE
    return project


def sync_again(project: Project) -> None:
    run = project.sync(queries(query("a"), query("b")), kinds=QUERY)["data_query"]
    assert (run.jobs_changed, project.versions()) == (1, 3)
    assert project.current() == AFTER


def ledger_file(project: Project) -> Path:
    return project.folder / ".jobledger" / "ledger.duckdb"


def test_a_rebuild_that_was_killed_is_done_again(project: Project) -> None:
    ledger_file(project).unlink()
    duckdb.connect(ledger_file(project)).close()
    sync_again(project)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda body: b"", id="empty"),
        pytest.param(lambda body: b"no database at all" * 1000, id="another file"),
        pytest.param(lambda body: body[: len(body) // 2], id="cut"),
        pytest.param(lambda body: body[:4100] + bytes(4000) + body[8100:], id="header"),
    ],
)
def test_a_damaged_ledger_is_made_again(project: Project, damage: Any) -> None:
    path = ledger_file(project)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    sync_again(project)
    (broken,) = path.parent.glob("*broken*")
    assert broken.read_bytes() == damaged


def test_a_rebuild_from_what_is_damaged_says_so_and_leaves_nothing(project: Project) -> None:
    published = project.published
    body = bytearray(published.read_bytes())
    # but the headers, and the first block, which says what there is: attaching reads no more
    for at in range(12_288 + 262_144, len(body), 4096):
        body[at + 100] ^= 0xFF
    published.write_bytes(body)
    attached(published).close()
    path = ledger_file(project)
    for file in path.parent.glob("*"):
        if file.is_file():
            file.unlink()
    for _ in range(2):
        with pytest.raises(JobledgerError, match=r"cannot be read: .*; restore it from a backup"):
            Ledger(path, published)
    assert list(path.parent.glob("*.broken-*")) == list(path.parent.glob("*.source")) == []
    assert published.read_bytes() == body


def test_damage_inside_the_ledger_is_found_and_healed_by_the_next_sync(project: Project) -> None:
    path = ledger_file(project)
    body = bytearray(path.read_bytes())
    # every block but the headers
    for at in range(12_288 + 100, len(body), 4096):
        body[at] ^= 0xFF
    path.write_bytes(body)
    try:
        sync_again(project)
    except (JobledgerError, AssertionError):
        assert project.current() == BEFORE
        sync_again(project)


def test_a_ledger_that_another_program_has_open_is_left_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise duckdb.IOException(
            "IO Error: Could not set lock on file: Conflicting lock is held in python (PID 7)"
        )

    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(Busy, match="another program has it open"):
        Ledger(ledger_file(project), project.published)
    assert list(ledger_file(project).parent.glob("*broken*")) == []


@pytest.mark.parametrize(("cores", "threads"), [(64, 4), (2, 2), (None, 1)])
def test_no_machine_has_more_threads_than_the_memory_is_enough_for(
    project: Project, monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    settings = runpy.run_path(database.__file__)["SETTINGS"]
    monkeypatch.setattr(ledger_module, "SETTINGS", settings)
    with Ledger(ledger_file(project), project.published) as ledger:
        told = ledger.connection.execute("select current_setting('threads')").fetchone()
    assert told == (threads,)


def compression(path: Path) -> set[str]:
    """How the records of providers are compressed in a database."""
    with duckdb.connect(path, read_only=True) as connection:
        found = connection.execute(
            "select compression from pragma_storage_info('loaded.job_versions')"
            " where column_name = 'raw' and segment_type <> 'VALIDITY'"
        ).fetchall()
    return {name for (name,) in found}


def test_what_providers_said_stays_compressed_in_whatever_is_copied(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compression(ledger_file(project)) == compression(project.published) == {"ZSTD"}
    # made again from what is published, and published by copying the tables
    ledger_file(project).unlink()
    monkeypatch.setattr(publication, "_is_compact", lambda *_: False)
    sync_again(project)
    assert compression(ledger_file(project)) == compression(project.published) == {"ZSTD"}


def test_a_link_to_another_disk_stays_one(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.duckdb"
    project.published.rename(elsewhere)
    project.published.symlink_to(elsewhere)
    sync_again(project)
    assert project.published.is_symlink()
    with duckdb.connect(elsewhere, read_only=True) as published:
        assert published.execute("select count(*) from loaded.job_versions").fetchall() == [(3,)]


@pytest.mark.parametrize("is_compact", [True, False])
@pytest.mark.parametrize("mode", [0o640, 0o444])
def test_who_may_read_what_is_published_stays_as_it_was_set(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: int, *, is_compact: bool
) -> None:
    if not is_compact:
        monkeypatch.setattr(publication, "_is_compact", lambda *_: False)
    assert project.published.stat().st_mode & 0o777 == 0o600
    project.published.chmod(mode)
    sync_again(project)
    assert project.published.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to any group")
@pytest.mark.parametrize("is_ours_to_give", [True, False])
def test_so_does_its_group_or_no_group_may_read(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, is_ours_to_give: bool
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    os.chown(project.published, -1, 4711)
    project.published.chmod(0o664)
    if not is_ours_to_give:
        monkeypatch.setattr(os, "chown", refused)
    sync_again(project)
    now = project.published.stat()
    assert ((now.st_gid == 4711), now.st_mode & 0o777) == (
        (True, 0o664) if is_ours_to_give else (False, 0o604)
    )


def test_a_rebuild_that_the_disk_has_no_room_for_says_so_and_is_done_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger_file(project)
    path.unlink()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as there:
        there.setattr("shutil.copyfile", full)
        with pytest.raises(JobledgerError) as caught:
            Ledger(path, project.published)
    assert str(caught.value) == (
        f"{path} cannot be made from jobs.duckdb: No space left on device; make room on the disk"
        " and sync again"
    )
    assert [each.name for each in path.parent.glob("ledger*")] == [path.name]
    sync_again(project)
