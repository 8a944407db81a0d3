"""What the views of a published ledger say of themselves."""

from dataclasses import dataclass
from typing import Final

import duckdb

from jobledger.pipelines.quoting import literal
from jobledger.pipelines.wording import capital


@dataclass(frozen=True)
class Column:
    """A column of a view, as the database tells it."""

    name: str
    type: str
    meaning: str | None


@dataclass(frozen=True)
class Entry:
    """A view, as the database tells it."""

    name: str
    grain: str | None
    columns: tuple[Column, ...]


def catalogue(connection: duckdb.DuckDBPyConnection, schema: str = "main") -> list[Entry]:
    """The views of a published ledger, by name."""
    grains = connection.execute(
        "select view_name, comment from duckdb_views() where not internal"
        f" and database_name = current_database() and schema_name = {literal(schema)} order by 1"
    ).fetchall()
    columns: dict[str, list[Column]] = {}
    for view, *column in connection.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns()"
        f" where database_name = current_database() and schema_name = {literal(schema)}"
        " order by table_name, column_index"
    ).fetchall():
        columns.setdefault(view, []).append(Column(*column))
    return [Entry(view, grain, tuple(columns.get(view, ()))) for view, grain in grains]


def as_markdown(entries: list[Entry]) -> str:
    """The catalogue as `sql/README.md` has it."""
    parts = []
    for entry in entries:
        rows = [
            f"| `{column.name}` | {_TYPES.get(column.type, column.type)} |"
            f" {(column.meaning or '').replace('|', chr(92) + '|')} |"
            for column in entry.columns
        ]
        parts.append(
            f"### `{entry.name}`\n\n{capital(entry.grain or '')}.\n\n"
            "| column | type | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    return "\n".join(parts)


_TYPES: Final = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
"""Types that have a shorter name."""
