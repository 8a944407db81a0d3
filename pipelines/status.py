"""How each source and kind stands: its last syncs, and its health."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TextIO

import duckdb
from rich.text import Text

from jobledger.pipelines.query import asked, present
from jobledger.pipelines.wording import ago

STATUS: Final = """
select
    sync_health.source,
    sync_health.kind,
    sync_health.last_sync_at,
    sync_health.last_outcome,
    sync_health.last_error,
    sync_health.last_complete_at,
    sync_health.open_jobs,
    sync_health.gaps,
    sync_health.rejected_7d as rejected,
    provider_health.health,
    provider_health.reason,
from sync_health
left join provider_health using (source, provider, kind)
order by sync_health.source, sync_health.kind
"""

_WIDE: Final = 140
"""From here on a reason stands in the row of its kind."""
_MIDDLE: Final = 100
"""Below this, columns in which everything is well are left out."""


@dataclass(frozen=True)
class Standing:
    """How a kind of a source stands."""

    source: str
    kind: str
    last_sync_at: datetime
    last_outcome: str
    last_error: str | None
    last_complete_at: datetime | None
    open_jobs: int
    gaps: int
    rejected: int
    health: str
    reason: str

    @property
    def is_complete(self) -> bool:
        """Whether the last sync read all that there was."""
        return self.last_outcome == "complete"


def standings(connection: duckdb.DuckDBPyConnection) -> tuple[list[Standing], datetime]:
    """How all stand, and when."""
    rows = [Standing(**row) for row in asked(connection, STATUS)]
    return rows, present(connection)


def draw(rows: Sequence[Standing], now: datetime, stream: TextIO) -> None:
    """Writes a line or two for each, ages as people say them.

    Where there is little room, gaps and rejects are left out if there are none.
    """
    from jobledger.pipelines.output.grid import printable
    from jobledger.pipelines.report.terminal import console_for, health, reasoned, table_of

    console = console_for(stream)
    columns: dict[str, list[Text]] = {
        "": [Text(printable(f"{row.source} {row.kind}")) for row in rows],
        "health": [health(row.health) for row in rows],
        "last sync": [_last_sync(row, now) for row in rows],
        "complete": [
            Text(ago(row.last_complete_at, now), "dim" if row.is_complete else "") for row in rows
        ],
        "open": [_count(row.open_jobs) for row in rows],
        "gaps": [_count(row.gaps, "yellow") for row in rows],
        "rejects": [_count(row.rejected, "yellow") for row in rows],
    }
    if console.width < _MIDDLE:
        for name in ("gaps", "rejects"):
            if all(cell.plain == "0" for cell in columns[name]):
                del columns[name]
    table = table_of(columns, {"open", "gaps", "rejects"}, console)
    reasons = [printable(row.reason) for row in rows]
    for line in reasoned(table, reasons, console, is_wide=console.width >= _WIDE):
        console.print(line)


def faults(rows: Sequence[Standing]) -> Iterator[str]:
    """Why last syncs did not read all that there was: a line for all kinds that say the same."""
    kinds: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row.last_error is not None:
            kinds[row.source, row.last_outcome, row.last_error].append(row.kind)
    for (source, outcome, error), alike in kinds.items():
        ended = "failed" if outcome == "failed" else f"was {outcome}"
        yield f"{source} {', '.join(alike)}: the last sync {ended}: {error}"


def _last_sync(row: Standing, now: datetime) -> Text:
    if row.is_complete:
        return Text(ago(row.last_sync_at, now))
    return Text(f"{row.last_outcome} {ago(row.last_sync_at, now)}", "yellow")


def _count(count: int, color: str = "") -> Text:
    return Text(f"{count:,}", color if count else "dim")
