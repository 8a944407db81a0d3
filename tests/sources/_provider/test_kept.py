"""Taking turns at a login that rotates the refresh token."""

import errno
import os
import stat
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from filelock import FileLock

from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.errors import (
    Interrupted,
    NotKept,
    ProviderError,
    TimeLimitReached,
)
from jobledger.sources._provider.kept import Kept

from .accounts import salesforce

ROTATING = {"client_id": "3MVG9", "client_secret": "s3cret", "refresh_token": "5Aep861"}


@pytest.mark.parametrize(
    ("deadline", "fault"), [(None, Interrupted), (1.0, TimeLimitReached)], ids=["stop", "deadline"]
)
def test_waiting_for_another_login_ends_when_the_sync_does(
    tmp_path: Path, deadline: float | None, fault: type[ProviderError]
) -> None:
    stop = threading.Event()
    account = salesforce(tmp_path, Clock(deadline, stop), credentials=ROTATING)
    locks = tmp_path / ".jobledger" / "locks"
    locks.mkdir(parents=True)
    with FileLock(locks / "login-salesforce.lock"):
        if deadline is None:
            threading.Timer(0.5, stop.set).start()
        began = time.monotonic()
        with pytest.raises(fault):
            account.client().get("/services/data")
    assert time.monotonic() - began < 30


def test_a_refresh_token_that_could_not_be_kept_is_told_to_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jobledger.sources._provider.kept._write_durably", full)
    kept = Kept(tmp_path / "kept.toml")
    with pytest.raises(NotKept, match="has replaced the refresh token, and the new one is lost"):
        kept.keep_refresh_token("salesforce", "old", "new")


def test_settings_from_the_environment_alone_need_no_folder(tmp_path: Path) -> None:
    kept = Kept(tmp_path / ".dlt" / "kept.toml")
    kept.keep_refresh_token("salesforce", "old", "new")
    assert kept.refresh_token("salesforce", "old") == "new"
    assert (tmp_path / ".dlt").stat().st_mode & 0o777 == 0o700
    assert kept.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("number", "is_told"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_a_folder_loses_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, is_told: bool
) -> None:
    sync = os.fsync

    def no_folder(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(number, os.strerror(number))
        sync(file)

    monkeypatch.setattr(os, "fsync", no_folder)
    kept = Kept(tmp_path / ".dlt" / "kept.toml")
    (tmp_path / ".dlt").mkdir()
    with pytest.raises(NotKept) if is_told else nullcontext():
        kept.keep_refresh_token("salesforce", "5Aep861", "5Aep862")
    assert kept.refresh_token("salesforce", "5Aep861") == "5Aep862"
