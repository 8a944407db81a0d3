"""The SQL files of a project's own, as far as they can be read."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SqlFile:
    """A file of SQL, or a folder of such files that may not be listed."""

    path: Path
    text: str = ""
    problem: str | None = None
    """Why it cannot be read."""
    is_folder: bool = False

    @property
    def name(self) -> str | None:
        """What is in it is called so; None for a folder of many."""
        return None if self.is_folder else self.path.stem


def sql_files(folder: Path) -> list[SqlFile]:
    """The files `*.sql` in a folder, by name; none where there is no such folder.

    What may not be read is among them with its problem: what a project adds never goes silently.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".sql")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        return [SqlFile(folder, problem=f"cannot be read: {error.strerror}", is_folder=True)]
    return [_read(path) for path in paths]


def _read(path: Path) -> SqlFile:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        return SqlFile(path, problem=f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return SqlFile(path, problem="the file is no text in UTF-8")
    return SqlFile(path, text, None if text.strip() else "the file is empty")
