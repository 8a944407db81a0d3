"""Exit codes, and the signal that ends a command beside those that every system has."""

import signal
from enum import IntEnum
from typing import Final

HANGUP: Final[int | None] = getattr(signal, "SIGHUP", None)
"""The terminal is gone; on Windows nothing tells."""


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    """all went well"""
    FAILED = 1
    """the work failed, in part or in whole"""
    USAGE = 2
    """the command line or the settings are wrong"""
    BUSY = 3
    """another sync holds the ledger"""
    PROBLEMS = 4
    """`check` found problems"""
    TIME_LIMIT = 5
    """a time limit was reached"""
    INTERRUPTED = 130
    """stopped with Ctrl-C"""
    TERMINATED = 143
    """stopped by SIGTERM, or by SIGHUP: its terminal is gone"""
