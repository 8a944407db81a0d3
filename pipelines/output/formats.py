"""Which format a file is to have, as its name has it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jobledger.pipelines.errors import ConfigError

_ENDINGS: Final = {
    ".csv": ("csv",),
    ".json": ("json", "jsonl"),
    ".jsonl": ("jsonl",),
    ".ndjson": ("jsonl",),
    ".html": ("html",),
    ".md": ("markdown",),
    ".parquet": ("parquet",),
    **dict.fromkeys((".arrow", ".avro", ".db", ".duckdb", ".feather", ".ods", ".orc"), ()),
    **dict.fromkeys((".pdf", ".sqlite", ".tab", ".tsv", ".xls", ".xlsx", ".xml", ".yaml"), ()),
}
"""What a file of that name is taken for by whoever opens it, the likeliest first; an empty one is
nothing that is written here."""
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip")


def chosen(
    said: str | None,
    output: str | None,
    known: Sequence[str],
    usual: str,
    *,
    option: str = "--format ",
    what: str = "a file",
) -> str:
    """The format that was asked for, else the one of the file's ending, else the usual one.

    `option` is what one is asked for with, before its name, and `what` is written. Raises
    `ConfigError` if the file would not be what its name says.
    """
    ending = Path(output or "").suffix.lower()
    if ending in _PACKED:
        raise ConfigError(
            f"{output} would not be packed as its ending says: expected a file without {ending}, or"
            " -o - into a program that packs"
        )
    meant = _ENDINGS.get(ending)
    is_open = said is None
    wanted = {*known} if said is None else {said}
    if said is None:
        said = next((each for each in meant or () if each in known), usual)
    if meant is not None and said not in meant:
        fitting = " or ".join(f"{option}{each}" for each in meant if each in known and option)
        endings = [
            name
            for name, formats in _ENDINGS.items()
            if {*(formats[:1] if is_open else formats)} & wanted
        ]
        raise ConfigError(
            f"{output} would hold {said}, which its ending is not for: expected"
            f" {f'{fitting}, or ' if fitting else ''}{what} of another ending, such as"
            f" {', '.join(endings)}"
        )
    return said
