"""Writing a file whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_IRWXG
from typing import IO

from jobledger.pipelines.errors import JobledgerError


@contextmanager
def whole_file(path: Path, *, is_shared: bool = False) -> Iterator[IO[bytes]]:
    """A file to write into that takes its place when all of it is written.

    Whatever goes wrong leaves what was there. Only its owner can read it; one that `is_shared` can
    be read by whoever could read the file whose place it takes. Raises `JobledgerError`
    if it cannot be written. A device or a pipe is written into as it is: it has no place to take.
    """
    # as it is named: a pipe behind /dev/stdout has no other name
    if path.exists() and not (path.is_file() or path.is_dir()):
        try:
            with path.open("wb") as device:
                yield device
        except BrokenPipeError:
            # /dev/stdout, of which somebody has read enough
            raise
        except OSError as error:
            raise JobledgerError(f"cannot write {path}: {error.strerror or error}") from error
        return
    path = path.resolve()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise JobledgerError(f"cannot write {path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        if is_shared:
            keep_readers(Path(name), path)
        Path(name).replace(path)
    except OSError as error:
        raise JobledgerError(
            f"cannot write {path}: {error.strerror or error}; what was there is as it was"
        ) from error
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def keep_readers(fresh: Path, target: Path) -> None:
    """Gives a file the group and the mode of the one whose place it is about to take, if any.

    Where the group is not ours to give, none may do what it might have done.
    """
    if not target.exists():
        return
    was = target.stat()
    mode = S_IMODE(was.st_mode)
    if os.name == "posix" and fresh.stat().st_gid != was.st_gid:
        try:
            os.chown(fresh, -1, was.st_gid)
        except PermissionError:
            mode &= ~S_IRWXG
    fresh.chmod(mode)
