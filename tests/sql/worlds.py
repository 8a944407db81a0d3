"""Made-up ledgers: rows in as keywords with defaults, a fixed clock, rows out as dicts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
"""The present moment of a world: a Sunday, two weeks before European clocks change."""

OPEN = {"queued", "running", "unknown"}
TABLES = ("job_versions", "sync_runs", "rejected_records", "job_details")


def at(text: str) -> datetime:
    """A time of day in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ago(**amount: float) -> datetime:
    """So long before the present moment."""
    return NOW - timedelta(**amount)


class World:
    """A ledger to put rows into and to read views from."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def clear(self) -> None:
        """Empties all tables, and sets the clock."""
        self.connection.execute("set TimeZone = 'UTC'")
        for table in TABLES:
            self.connection.execute(f"delete from loaded.{table}")
        self.time_is(NOW)

    def time_is(self, now: datetime) -> None:
        """Sets the clock."""
        self.connection.execute(
            f"create or replace view staging.clock as select timestamptz '{now.isoformat()}' as now"
        )

    def job(self, job_id: str = "j1", **columns: Any) -> None:
        """A version of a job, the current one unless it says when it ended."""
        status = columns.setdefault("status", "succeeded")
        defaults = {
            "source": "zuora",
            "provider": "zuora",
            "kind": "data_query",
            "provider_status": status,
            "is_terminal": status not in OPEN,
            "row_hash": f"{job_id}/{status}",
            "valid_from": ago(hours=1),
        }
        self._insert("job_versions", {**defaults, "job_id": job_id, **columns})

    def jobs(self, count: int, prefix: str = "n", **columns: Any) -> None:
        """Several jobs that differ in nothing but their ids."""
        for number in range(count):
            self.job(f"{prefix}{number}", **columns)

    def run(self, **columns: Any) -> None:
        """A sync of a kind, complete unless said otherwise, half an hour ago."""
        ended = columns.setdefault("finished_at", ago(minutes=30))
        defaults = {
            "sync_id": "s1",
            "source": "zuora",
            "provider": "zuora",
            "kind": "data_query",
            "started_at": ended - timedelta(minutes=1),
            "outcome": "complete",
            "requests": 1,
            "rejected": 0,
        }
        self._insert("sync_runs", defaults | columns)

    def reject(self, **columns: Any) -> None:
        """A record that could not be read."""
        defaults = {
            "sync_id": "s1",
            "source": "zuora",
            "kind": "data_query",
            "problem": "not a time",
            "seen_at": ago(minutes=30),
        }
        self._insert("rejected_records", defaults | columns)

    def detail(self, **columns: Any) -> None:
        """What came of asking for a job's detail."""
        defaults = {"source": "zuora", "kind": "data_query", "job_id": "j1", "detail": "merged"}
        self._insert("job_details", defaults | columns)

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        self.connection.execute(
            f"insert into loaded.{table} ({names}) values ({marks})", list(row.values())
        )

    def rows(self, view: str, columns: Sequence[str] = ("*",)) -> list[tuple[Any, ...]]:
        """The rows of a view in a fixed order, or some columns of them."""
        return self.connection.execute(
            f"select {', '.join(columns)} from {view} order by all"
        ).fetchall()

    def dicts(self, view: str) -> list[dict[str, Any]]:
        """The rows of a view in a fixed order."""
        found = self.connection.execute(f"select * from {view} order by all")
        names = [name for name, *_ in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def only(self, view: str) -> dict[str, Any]:
        """The one row of a view."""
        (row,) = self.dicts(view)
        return row
