"""Texts and names as SQL: DuckDB's own parameters would import pandas, half a second of it."""

from pathlib import Path


def literal(text: str | Path) -> str:
    """A text as a value."""
    return "'" + str(text).replace("'", "''") + "'"


def quoted(*names: str) -> str:
    """A name, with what it stands in before it."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
