"""Who holds the ledger, and how one waits for it."""

import threading
import time
from pathlib import Path

import pytest

from jobledger.pipelines.errors import Busy
from jobledger.pipelines.warehouse.lock import locked


def test_waiting_ends_when_someone_wants_to_stop(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    with (
        locked(tmp_path),
        pytest.raises(Busy, match="PID"),
        locked(tmp_path, wait=600, stop=stop),
    ):
        pass
    assert time.monotonic() - begun < 300


def test_waiting_gets_the_ledger_once_it_is_free(tmp_path: Path) -> None:
    is_held, is_done = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path):
            is_held.set()
            is_done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait(60)
    threading.Timer(0.3, is_done.set).start()
    with locked(tmp_path, wait=60):
        assert not holder.is_alive() or is_done.is_set()
    holder.join()
