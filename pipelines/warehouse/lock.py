"""One sync at a time: the lock of a ledger."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from jobledger.pipelines.errors import Busy, JobledgerError, unwritable

_LOOK_EVERY: Final = 0.2
"""Seconds between two tries to get the lock."""
_HOLDER: Final = "lock.pid"


@contextmanager
def locked(
    folder: Path, *, wait: float = 0.0, stop: threading.Event | None = None
) -> Iterator[None]:
    """Holds the ledger in `folder`; waits for up to `wait` seconds, or until `stop` is set.

    Raises `Busy`; `ConfigError` and `JobledgerError` where the folder cannot be written.

    The operating system gives the lock back when its holder dies, however it dies.
    """
    lock = FileLock(folder / "lock", mode=0o600)
    pid = folder / _HOLDER
    stop = stop or threading.Event()
    try:
        lock.acquire(timeout=wait, poll_interval=_LOOK_EVERY, cancel_check=stop.is_set)
    except Timeout:
        raise Busy(
            f"another sync holds this ledger (PID {_holder(pid)}); try again when it"
            " has ended (jobledger sync --wait SECONDS waits for that)"
        ) from None
    except OSError as error:
        raise _refused(folder, error) from None
    try:
        try:
            pid.write_text(str(os.getpid()))
        except OSError as error:
            raise _refused(folder, error) from None
        yield
    finally:
        with suppress(OSError):
            pid.unlink(missing_ok=True)
        lock.release()


def _refused(folder: Path, error: OSError) -> JobledgerError:
    if isinstance(error, PermissionError):
        return unwritable(folder, error)
    return JobledgerError(f"cannot write to {folder}: {error.strerror}")


def _holder(pid: Path) -> str:
    try:
        return pid.read_text() or "unknown"
    except OSError:
        return "unknown"
