"""How each source and kind stands: its last syncs, and its health."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

import duckdb
from rich.text import Text

from jobledger.pipelines.query import asked, present
from jobledger.pipelines.sync.schedule import BEAT, Heartbeat
from jobledger.pipelines.wording import ago, span

STATUS: Final = """
select
    sync_health.source,
    sync_health.kind,
    sync_health.last_sync_at,
    sync_health.last_outcome,
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
_MISSED_BEATS: Final = 4


@dataclass(frozen=True)
class Standing:
    """How a kind of a source stands."""

    source: str
    kind: str
    last_sync_at: datetime
    last_outcome: str
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


def _last_sync(row: Standing, now: datetime) -> Text:
    if row.is_complete:
        return Text(ago(row.last_sync_at, now))
    return Text(f"{row.last_outcome} {ago(row.last_sync_at, now)}", "yellow")


def _count(count: int, color: str = "") -> Text:
    return Text(f"{count:,}", color if count else "dim")


def pulse(heart: Heartbeat, holder: Path, now: datetime, time_limit: timedelta) -> str:
    """What a schedule's last sign of life says.

    While it syncs it gives none, but holds the ledger: `holder` says who does.
    """
    name = f"schedule ({heart.rhythm})"
    silent, is_alive = now - heart.at, _is_alive(heart.pid)
    if is_alive and silent <= timedelta(seconds=_MISSED_BEATS * BEAT):
        left = (heart.next_at - now).total_seconds()
        return f"{name}: alive, next sync {f'in {span(left)}' if left > 0 else 'now'}"
    is_syncing = silent < time_limit + timedelta(minutes=10) and _text(holder) == str(heart.pid)
    if is_alive and is_syncing:
        return f"{name}: alive, syncing since {ago(heart.at, now)}"
    return (
        f"{name}: last heard of {ago(heart.at, now)} (PID {heart.pid}), and a sync was due"
        f" {ago(heart.next_at, now)}; start it again with 'jobledger schedule'"
        if heart.next_at < now
        else f"{name}: last heard of {ago(heart.at, now)} (PID {heart.pid}); start it again with"
        " 'jobledger schedule'"
    )


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
