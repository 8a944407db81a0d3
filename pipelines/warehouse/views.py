"""The views: what readers see of the ledger, put in place whenever it is published.

    sql/staging/*.sql -> schema staging      sql/marts/*.sql, the project's sql/*.sql -> schema main

A file is a view of that name. Its first line says what a row is, and the trailing comments of its
outermost select what the columns mean; both become comments in the database, and a column without
one means what it means in the view that it comes from. What a file reads is told by DuckDB's own
parser, the one that will run it, and the order follows from that.

A project's own view that cannot be made takes nothing down: it is reported, the built-in of that
name stands, and all others are made as if it were not there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import Final

import duckdb

from jobledger.pipelines.own_sql import sql_files
from jobledger.pipelines.quoting import literal, quoted
from jobledger.pipelines.warehouse.lineage import Name, reads

_SCHEMAS: Final = {"staging": "staging", "marts": "main"}
"""The packaged folders, and the schema that the views of each stand in."""

_LEFT_OUT: Final = ("staging", "left_out_kinds")

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_GRAIN: Final = re.compile(r"-- *(.+)")
_OUTERMOST_SELECT: Final = re.compile(r"^select\b", re.MULTILINE | re.IGNORECASE)
_COLUMN: Final = re.compile(r"^[^\n]*?\b(\w+),?[ \t]+-- +(\S[^\n]*)$", re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """A view of the project's own that was left out; all of them where its name is empty."""

    view: str
    path: Path
    reason: str

    def __str__(self) -> str:
        if not self.view:
            return f"the views in {self.path} were left out: {self.reason}"
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


def put_in_place(
    connection: duckdb.DuckDBPyConnection,
    own: Path | None,
    left_out: Sequence[tuple[str, str]] = (),
) -> list[Problem]:
    """Makes all views, with their comments; gives the own ones that could not be made.

    `own` is the folder of the project's own views, which are added to the packaged ones and
    replace those of the same name. A folder that is the clone's `sql/` holds the packaged ones in
    folders of their own, and they are not read from there. `left_out` are the sources and kinds
    that the settings leave out.
    """
    built_in = {view.key: view for view in packaged()}
    if left_out:
        built_in[_LEFT_OUT] = _holding(built_in[_LEFT_OUT], left_out)
    chosen, problems = dict(built_in), []
    for file in sql_files(own) if own else ():
        if file.problem:
            problems.append(Problem(file.name or "", file.path, file.problem))
            continue
        view = View("main", file.path.stem, file.text, file.path)
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


def _holding(view: View, rows: Sequence[tuple[str, str]]) -> View:
    """The view of these sources and kinds."""
    listed = ", ".join(f"({literal(source)}, {literal(kind)})" for source, kind in rows)
    grain = view.sql.partition("\n")[0]
    return replace(view, sql=f"{grain}\nfrom (values {listed}) as left_out (source, kind)")


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
    try:
        reads(connection, view.sql)
    except ValueError as error:
        raise _CannotBeMade([view], str(error)) from None


def _make(connection: duckdb.DuckDBPyConnection, views: Mapping[Name, View]) -> None:
    connection.execute("create schema if not exists staging")
    sources = {
        key: [name for name in reads(connection, view.sql) if name in views]
        for key, view in views.items()
    }
    order = _ordered(sources, views)
    for key in order:
        view = views[key]
        try:
            connection.execute(f"create or replace view {quoted(*key)} as\n{view.sql}")
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            if view.own:
                raise _CannotBeMade([view], reason) from error
            culprits = [views[name] for name in _upstream(key, sources) if views[name].own]
            if not culprits:
                raise
            raise _CannotBeMade(
                culprits, f"the view '{view.name}' cannot be made from it: {reason}"
            ) from error
    meanings: dict[Name, dict[str, str]] = {}
    for key in order:
        inherited: dict[str, str] = {}
        for name in reversed(sources[key]):
            inherited |= meanings[name]
        meanings[key] = inherited | views[key].meanings
    _comment(connection, views, meanings)


def _comment(
    connection: duckdb.DuckDBPyConnection,
    views: Mapping[Name, View],
    meanings: Mapping[Name, Mapping[str, str]],
) -> None:
    """Says in the database what a row is and, of the views meant for readers, each column."""
    statements = [
        f"comment on view {quoted(*key)} is {literal(view.grain)}"
        for key, view in views.items()
        if view.grain
    ]
    for name, column in connection.execute(
        "select table_name, column_name from duckdb_columns()"
        " where database_name = current_database() and schema_name = 'main'"
    ).fetchall():
        meaning = meanings.get(("main", name), {}).get(column)
        if meaning:
            statements.append(
                f"comment on column {quoted('main', name, column)} is {literal(meaning)}"
            )
    connection.execute(";\n".join(statements))


def _ordered(sources: Mapping[Name, Sequence[Name]], views: Mapping[Name, View]) -> list[Name]:
    """The views, each after those that it reads; what is only the project's comes last.

    So a replacement that does not do for the built-ins is found out before any of the project's
    own is judged by it.
    """
    try:
        order = list(TopologicalSorter(sources).static_order())
    except CycleError as error:
        circle: list[Name] = error.args[1]
        path = " reads ".join(f"'{name}'" for _, name in reversed(circle))
        culprits = [view for view in dict.fromkeys(views[key] for key in circle) if view.own]
        raise _CannotBeMade(culprits, f"it reads itself: {path}") from None
    needed = {view.key for view in packaged()}
    needed |= {name for key in needed for name in _upstream(key, sources)}
    return sorted(order, key=lambda key: key not in needed)


def _upstream(key: Name, sources: Mapping[Name, Sequence[Name]]) -> list[Name]:
    """All that a view reads, itself or through others."""
    found: dict[Name, None] = {}
    waiting = list(sources[key])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting.extend(sources[name])
    return list(found)
