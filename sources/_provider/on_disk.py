"""Seeing to it that what was written stays, whatever becomes of the machine."""

import errno
import os
from pathlib import Path
from typing import Final

_CANNOT: Final = frozenset({errno.EINVAL, errno.EBADF, errno.ENOTSUP})


def sync_folder(folder: Path) -> None:
    """Puts onto the disk which files a folder has.

    Where its file system cannot do that for a folder, as some that are shared cannot, there is no
    more to be done, and nothing is wrong. Raises `OSError` for all else.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(opened)
