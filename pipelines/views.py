"""The views: what readers see of the ledger, put in place whenever it is published.

    sql/staging/*.sql -> schema staging      sql/marts/*.sql, the project's sql/*.sql -> schema main

A file is a view of that name. Its first line says what a row is, and the trailing comments of its
outermost select what the columns mean; both become comments in the database, and a column without
one means what it means in the view that it comes from. What a file reads is told by DuckDB's own
parser, the one that will run it, and the order follows from that.

A project's own view that cannot be made takes nothing down: it is reported, the built-in of that
name stands, and all others are made as if it were not there.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb

Name: TypeAlias = tuple[str, str]
"""Schema and name of a view."""

_SCHEMAS: Final = {"staging": "staging", "marts": "main"}
"""The packaged folders, and the schema that the views of each stand in."""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_GRAIN: Final = re.compile(r"-- *(.+)")
_OUTERMOST_SELECT: Final = re.compile(r"^select\b", re.MULTILINE | re.IGNORECASE)
_COLUMN: Final = re.compile(r"^[^\n]*?\b(\w+),?[ \t]+-- +(\S[^\n]*)$", re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """A view of the project's own that was left out."""

    view: str
    path: Path
    reason: str

    def __str__(self) -> str:
        return f"view '{self.view}' ({self.path}) was left out: {self.reason}"


@dataclass(frozen=True)
class View:
    """A view as its file has it."""

    schema: str
    name: str
    sql: str
    own: Path | None = None
    """The file, where it is a project's own."""

    @property
    def key(self) -> Name:
        """What it is called in the database."""
        return self.schema, self.name

    @property
    def grain(self) -> str | None:
        """What a row is, as its first line says."""
        found = _GRAIN.fullmatch(self.sql.partition("\n")[0].rstrip())
        return found[1] if found else None

    @property
    def meanings(self) -> dict[str, str]:
        """What its columns mean, as far as its outermost select says so."""
        selects = list(_OUTERMOST_SELECT.finditer(self.sql))
        outermost = self.sql[selects[-1].start() :] if selects else ""
        return {name: meaning.rstrip() for name, meaning in _COLUMN.findall(outermost)}


class _CannotBeMade(Exception):
    """A view that fails, of all that were to be made."""

    def __init__(self, culprits: Sequence[View], reason: str) -> None:
        super().__init__(reason)
        self.culprits = culprits
        self.reason = reason


def put_in_place(connection: duckdb.DuckDBPyConnection, own: Path | None) -> list[Problem]:
    """Makes all views, with their comments; gives the own ones that could not be made.

    `own` is the folder of the project's own views, which are added to the packaged ones and
    replace those of the same name. A folder that is the clone's `sql/` holds the packaged ones in
    folders of their own, and they are not read from there.
    """
    built_in = {view.key: view for view in packaged()}
    chosen, problems = dict(built_in), []
    for view in own_views(own):
        try:
            _check(connection, view)
        except _CannotBeMade as error:
            problems.append(_problem(view, error.reason))
        else:
            chosen[view.key] = view
    while True:
        connection.execute("begin")
        try:
            _make(connection, chosen)
        except _CannotBeMade as error:
            connection.execute("rollback")
            for view in error.culprits:
                problems.append(_problem(view, error.reason))
                del chosen[view.key]
                if view.key in built_in:
                    chosen[view.key] = built_in[view.key]
        else:
            connection.execute("commit")
            return sorted(problems, key=lambda problem: problem.view)


@lru_cache
def packaged() -> tuple[View, ...]:
    """The views that come with jobledger."""
    root = files("jobledger.sql")
    return tuple(
        View(schema, file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for folder, schema in _SCHEMAS.items()
        for file in sorted((root / folder).iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    )


def own_views(folder: Path | None) -> list[View]:
    """The views of a project's own; those that cannot be read have no SQL."""
    if folder is None or not folder.is_dir():
        return []
    return [View("main", path.stem, _text(path), path) for path in sorted(folder.glob("*.sql"))]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def _problem(view: View, reason: str) -> Problem:
    assert view.own is not None  # noqa: S101 - a packaged view that fails is raised, not reported
    return Problem(view.name, view.own, reason)


def _check(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    """Raises `_CannotBeMade` for what is no view at all, whatever else there is."""
    if not _NAME.fullmatch(view.name):
        raise _CannotBeMade(
            [view],
            "expected a file name of lowercase letters, digits and _, since it is the view's",
        )
    if not view.sql.strip():
        raise _CannotBeMade([view], "the file is empty, or is no text in UTF-8")
    try:
        _reads(connection, view.sql)
    except ValueError as error:
        raise _CannotBeMade([view], str(error)) from None


def _make(connection: duckdb.DuckDBPyConnection, views: Mapping[Name, View]) -> None:
    connection.execute("create schema if not exists staging")
    reads = {
        key: [name for name in _reads(connection, view.sql) if name in views]
        for key, view in views.items()
    }
    comments: dict[Name, dict[str, str]] = {}
    for key in _ordered(reads, views):
        view = views[key]
        target = f'"{view.schema}"."{view.name}"'
        try:
            connection.execute(f"create or replace view {target} as\n{view.sql}")
        except duckdb.Error as error:
            reason = _first_line(error)
            if view.own:
                raise _CannotBeMade([view], reason) from error
            culprits = [views[name] for name in _upstream(key, reads) if views[name].own]
            if not culprits:
                raise
            raise _CannotBeMade(
                culprits, f"the view '{view.name}' cannot be made from it: {reason}"
            ) from error
        inherited = {
            column: meaning
            for name in reversed(reads[key])
            for column, meaning in comments[name].items()
        }
        comments[key] = inherited | view.meanings
        if view.grain:
            connection.execute(f"comment on view {target} is {_literal(view.grain)}")
        for column in _columns(connection, key):
            if meaning := comments[key].get(column):
                quoted = column.replace('"', '""')
                connection.execute(f'comment on column {target}."{quoted}" is {_literal(meaning)}')


def _ordered(reads: Mapping[Name, Sequence[Name]], views: Mapping[Name, View]) -> list[Name]:
    """The views, each after those that it reads."""
    try:
        return list(TopologicalSorter(reads).static_order())
    except CycleError as error:
        circle: list[Name] = error.args[1]
        path = " reads ".join(f"'{name}'" for _, name in reversed(circle))
        culprits = [view for view in dict.fromkeys(views[key] for key in circle) if view.own]
        raise _CannotBeMade(culprits, f"it reads itself: {path}") from None


def _upstream(key: Name, reads: Mapping[Name, Sequence[Name]]) -> list[Name]:
    """All that a view reads, itself or through others."""
    found: dict[Name, None] = {}
    waiting = list(reads[key])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting.extend(reads[name])
    return list(found)


def _columns(connection: duckdb.DuckDBPyConnection, key: Name) -> list[str]:
    rows = connection.execute(
        "select column_name from duckdb_columns() where database_name = current_database()"
        f" and schema_name = {_literal(key[0])} and table_name = {_literal(key[1])}"
    ).fetchall()
    return [name for (name,) in rows]


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _reads(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Name]:
    """The tables and views that a select reads, in the order of first mention.

    Raises `ValueError` for what is not a single select.
    """
    row = connection.execute(f"select json_serialize_sql({_literal(sql)})").fetchone()
    parsed = json.loads(row[0]) if row else {}
    if parsed["error"]:
        is_syntax = parsed["error_type"] == "parser"
        raise ValueError(parsed["error_message"] if is_syntax else "expected a single select")
    if len(parsed["statements"]) != 1:
        raise ValueError("expected a single select")
    return list(dict.fromkeys(_tables(parsed["statements"], frozenset())))


def _tables(node: Any, ctes: frozenset[str]) -> Iterator[Name]:
    """The tables in a part of a parsed select in which `ctes` go by their bare names."""
    if isinstance(node, list):
        for each in node:
            yield from _tables(each, ctes)
    elif isinstance(node, dict):
        if "cte_name" in node:
            # a recursive query sees itself
            ctes |= {node["cte_name"].lower()}
        for cte in node.get("cte_map", {}).get("map", ()):
            yield from _tables(cte["value"], ctes)
            # those that follow see it, and so does what they are for
            ctes |= {cte["key"].lower()}
        if node.get("type") == "BASE_TABLE":
            schema, table = node["schema_name"].lower(), node["table_name"].lower()
            if schema or table not in ctes:
                yield schema or "main", table
        for name, value in node.items():
            if name != "cte_map":
                yield from _tables(value, ctes)


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
        f" and database_name = current_database() and schema_name = {_literal(schema)} order by 1"
    ).fetchall()
    columns: dict[str, list[Column]] = {}
    for view, *column in connection.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns()"
        f" where database_name = current_database() and schema_name = {_literal(schema)}"
        " order by table_name, column_index"
    ).fetchall():
        columns.setdefault(view, []).append(Column(*column))
    return [Entry(view, grain, tuple(columns.get(view, ()))) for view, grain in grains]
