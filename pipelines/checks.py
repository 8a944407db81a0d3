"""Checks: selects that must give no rows. A row is a problem.

They come from `sql/checks/*.sql`, the packaged ones and the project's own, which may replace them
by name. Where the project's folder is the clone both are the same files, and run once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from jobledger.pipelines.errors import QueryTimeout
from jobledger.pipelines.own_sql import sql_files
from jobledger.pipelines.query import read_transaction, said, time_limit
from jobledger.pipelines.warehouse.lineage import reads


@dataclass(frozen=True)
class Check:
    """A check as its file has it."""

    name: str
    sql: str
    problem: str | None = None
    """Why its file cannot be read."""

    @property
    def title(self) -> str:
        """What a row of it is: `one row per …`, from its first line; else its name."""
        first = self.sql.partition("\n")[0].strip()
        return first.removeprefix("--").strip() if first.startswith("--") else self.name


@dataclass(frozen=True)
class Checked:
    """What a check came to: its rows, each a problem, or the error that kept it from running."""

    name: str
    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    error: str | None = None
    is_late: bool = False
    """It was stopped because it took too long, which is its `error`."""

    @property
    def is_good(self) -> bool:
        """It ran and found nothing."""
        return not self.rows and self.error is None


def load(own: Path | None) -> list[Check]:
    """All checks by name; `own` is the folder of the project's own SQL."""
    root = files("jobledger.sql") / "checks"
    packaged = [
        Check(file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in root.iterdir()
        if file.name.endswith(".sql")
    ]
    found = {check.name: check for check in packaged}
    for file in sql_files(own / "checks") if own else ():
        if file.name is None:
            found["own_checks"] = Check("own_checks", "", f"{file.path} {file.problem}")
        else:
            found[file.name] = Check(file.name, file.text, file.problem)
    return [check for _, check in sorted(found.items())]


def run(
    connection: duckdb.DuckDBPyConnection,
    own: Path | None,
    timeout: float | None = None,
    give_up: Callable[[QueryTimeout], None] | None = None,
) -> list[Checked]:
    """Runs all checks, each for `timeout` seconds at the most (see `query.time_limit`).

    One that cannot run says why and keeps no other from running. The connection should be
    read-only and locked, since a project's own checks may be anybody's.
    """
    return [_run(connection, check, timeout, give_up) for check in load(own)]


def _run(
    connection: duckdb.DuckDBPyConnection,
    check: Check,
    timeout: float | None,
    give_up: Callable[[QueryTimeout], None] | None,
) -> Checked:
    if check.problem is not None:
        return Checked(check.name, check.title, error=check.problem)
    try:
        reads(connection, check.sql)
        # each by itself: one that fails leaves its transaction of no use to the next
        with read_transaction(connection), time_limit(connection, timeout, give_up):
            result = connection.execute(check.sql)
            columns = tuple(name for name, *_ in result.description or ())
            rows = tuple(result.fetchall())
    except QueryTimeout as error:
        return Checked(check.name, check.title, error=str(error), is_late=True)
    except duckdb.InterruptException:
        raise
    except (duckdb.Error, ValueError) as error:
        return Checked(check.name, check.title, error=said(str(error), lines_before=0))
    return Checked(check.name, check.title, columns, rows)
