"""What goes wrong, each with the line that says so and the exit code it deserves.

On our side, beside the providers' (`sources/_provider/errors`):

Exception
└── JobledgerError          one line that names the thing, what was expected and the next step
    ├── ConfigError         the settings or the command line: exit 2
    ├── Busy                another sync, or schedule, does it already: exit 3
    └── QueryError          SQL that is refused, or a file that cannot be read: exit 1
        └── QueryTimeout    a query that ran too long: exit 5
"""

import errno
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar, Final

from jobledger.pipelines.exits import Exit
from jobledger.sources._provider.errors import ProviderError, SettingsError, TimeLimitReached

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO})
"""Why stdout, which has no name, takes nothing more."""


class JobledgerError(Exception):
    """Something that the user should read in one line, without a traceback."""

    exit_code: ClassVar[Exit] = Exit.FAILED


class ConfigError(JobledgerError):
    """The settings or the command line are wrong."""

    exit_code = Exit.USAGE


class Busy(JobledgerError):
    """Another process does the same already."""

    exit_code = Exit.BUSY


class QueryError(JobledgerError):
    """SQL that cannot be run, or a ledger that cannot be read."""


class QueryTimeout(QueryError):
    """A query that ran for longer than it may."""

    exit_code = Exit.TIME_LIMIT


def unwritable(path: Path | str, error: OSError) -> ConfigError:
    """What to do about a file or folder that cannot be written."""
    step = ""
    if isinstance(error, PermissionError):
        step = "; run jobledger as a user who may, or choose another --project"
    return ConfigError(f"cannot write to {path}: {error.strerror}{step}")


def choices(name: str, known: Sequence[str]) -> str:
    """What a wrong name could have been, as the end of a message."""
    near = get_close_matches(name, known, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return f"{hint}: expected one of {', '.join(known)}" if known else f"{hint}: there is none"


def line_and_code(error: Exception) -> tuple[str, Exit]:
    """One line on what went wrong, without secrets, and the exit code that it deserves."""
    from jobledger.sources._provider.redact import for_log, one_line

    said = for_log(str(error))
    if isinstance(error, JobledgerError):
        return said, error.exit_code
    if isinstance(error, SettingsError):
        return said, Exit.USAGE
    if isinstance(error, OSError) and error.filename is None and error.errno in _NO_ROOM:
        return f"cannot write any more: {error.strerror}", Exit.FAILED
    if isinstance(error, ProviderError):
        return said, Exit.TIME_LIMIT if isinstance(error, TimeLimitReached) else Exit.FAILED
    return f"{type(error).__name__}: {one_line(said, 300)} (--debug shows where)", Exit.FAILED
