"""What a person sees while a sync goes on: a live table on a terminal, plain lines elsewhere."""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from jobledger.pipelines.output.grid import printable
from jobledger.pipelines.sync.loading import Watcher
from jobledger.pipelines.wording import exact
from jobledger.sources._provider.run import Outcome, Run

if TYPE_CHECKING:
    from rich.table import Table as Grid
    from rich.text import Text


def closing_line(runs: Iterable[Run]) -> str:
    """What changed, in few words: `12 new, 3 finished, 1 failed`."""
    told = list(runs)
    if told and all(run.outcome is not Outcome.COMPLETE and not run.jobs_listed for run in told):
        return "nothing was read"
    numbers = {
        "new": sum(run.jobs_new for run in told),
        "finished": sum(run.jobs_finished for run in told),
        "failed": sum(run.jobs_failed for run in told),
    }
    said = [f"{number:,} {word}" for word, number in numbers.items() if number]
    if said:
        return ", ".join(said)
    changed = sum(run.jobs_changed for run in told)
    return f"{changed:,} changed" if changed else "nothing new"


def ended_line(run: Run) -> str:
    """One line on a kind that was read."""
    said: list[str] = [run.outcome or ""]
    if run.outcome is not Outcome.FAILED or run.jobs_listed:
        said += [f"{run.jobs_listed:,} jobs listed", f"{run.jobs_changed:,} changed"]
    if run.details_fetched:
        said.append(f"{run.details_fetched:,} details")
    if run.details_pending:
        said.append(f"{run.details_pending:,} details left for the next sync")
    if run.rejected:
        said.append(f"{run.rejected:,} rejected")
    if run.gap_from is not None:
        said.append("a gap: jobs may have come and gone unseen")
    if run.error_kind == "settings":
        # of all kinds of the source
        return f"{run.source}: nothing was read: {run.error_message}"
    line = f"{run.source} {run.kind}: {', '.join(said)}"
    return f"{line}: {run.error_message}" if run.error_message else line


def plain(run: Run) -> dict[str, Any]:
    """The columns of a row of `sync_runs`, as JSON has them."""
    (row,) = run.row().to_pylist()
    return {
        name: exact(value) if isinstance(value, datetime) else value for name, value in row.items()
    }


class Lines:
    """Plain lines, one as each kind ends."""

    def __init__(self, stream: TextIO, *, is_timed: bool = False) -> None:
        """`is_timed` puts the time before each line, for logs that nobody else does that for."""
        self._stream = stream
        self._is_timed = is_timed
        self._lock = threading.Lock()
        self._told: dict[str, tuple[str, str | None]] = {}

    def _say(self, line: str) -> None:
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} " if self._is_timed else ""
        # whoever reads this may have had enough of it; the sync goes on
        with self._lock, suppress(OSError):
            print(f"{at}{line}", file=self._stream, flush=True)

    def started(self, run: Run) -> None:
        """Says nothing."""

    def ended(self, run: Run) -> None:
        """Says how it went; what stopped several kinds of a source once."""
        why = run.sync_id, run.error_message
        is_told = self._told.get(run.source) == why
        self._told[run.source] = why
        if run.outcome is not Outcome.FAILED or not is_told:
            self._say(ended_line(run))
        elif run.error_kind != "settings":
            self._say(f"{run.source} {run.kind}: failed, for the same reason")

    def waiting(self, source: str, seconds: float, why: str) -> None:
        """Says so, for a wait that someone might wonder about."""
        if seconds >= 1:
            self._say(f"{source}: waiting {seconds:.0f} s ({why})")

    def published(self) -> None:
        """Says nothing."""

    def due(self, at: datetime, rhythm: str) -> None:
        """Says when a schedule's next sync comes."""
        self._say(f"next sync at {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} ({rhythm})")

    def finished(self, runs: Iterable[Run], notes: Iterable[str]) -> None:
        """Says what a whole sync changed."""
        for note in notes:
            self._say(note)
        self._say(closing_line(runs))

    def failed(self, line: str) -> None:
        """Says why a sync came to nothing."""
        self._say(line)

    def stopped(self) -> None:
        """Says that a schedule has ended, as it was told to."""
        self._say("stopped")


class JsonLines:
    """JSON objects, one a line, for programs that read logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def _say(self, event: str, **said: Any) -> None:
        line = json.dumps({"at": exact(datetime.now(UTC)), "event": event, **said})
        with self._lock, suppress(OSError):
            print(line, file=self._stream, flush=True)

    def started(self, run: Run) -> None:
        """A kind is about to be read."""
        self._say("started", sync_id=run.sync_id, source=run.source, kind=run.kind)

    def ended(self, run: Run) -> None:
        """The columns of `sync_runs`."""
        self._say("ended", **plain(run))

    def waiting(self, source: str, seconds: float, why: str) -> None:
        """A wait that someone might wonder about."""
        if seconds >= 1:
            self._say("waiting", source=source, seconds=round(seconds, 1), why=why)

    def published(self) -> None:
        """Readers see more."""
        self._say("published")

    def due(self, at: datetime, rhythm: str) -> None:
        """When a schedule's next sync comes."""
        self._say("due", next_at=exact(at), rhythm=rhythm)

    def finished(self, runs: Iterable[Run], notes: Iterable[str]) -> None:
        """What a whole sync changed."""
        self._say("finished", said=closing_line(runs), notes=list(notes))

    def failed(self, line: str) -> None:
        """Why a sync came to nothing."""
        self._say("failed", said=line)

    def stopped(self) -> None:
        """A schedule has ended, as it was told to."""
        self._say("stopped")


class Table:
    """A table on the terminal, a row a kind, kept up to date."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self._waits: dict[str, tuple[float, str]] = {}

    def started(self, run: Run) -> None:
        """Adds a row."""
        self.runs.append(run)

    def ended(self, run: Run) -> None:
        """The row says it itself."""
        self._waits.pop(run.source, None)

    def waiting(self, source: str, seconds: float, why: str) -> None:
        """Shows the wait with its source."""
        until = time.monotonic() + seconds
        self._waits[source] = until, printable(f"waiting {seconds:.0f} s ({why})")

    def published(self) -> None:
        """Shows nothing."""

    def __rich__(self) -> "Grid":
        from rich.table import Table as Grid

        grid = Grid(box=None, pad_edge=False, header_style="dim")
        for name in ("source", "kind", "", "pages", "jobs", "changed", "details", "requests"):
            is_number = name in {"pages", "jobs", "changed", "details", "requests"}
            grid.add_column(name, justify="right" if is_number else "left")
        for run in list(self.runs):
            grid.add_row(
                run.source,
                run.kind,
                self._state(run),
                f"{run.pages:,}",
                f"{run.jobs_listed:,}",
                f"{run.jobs_changed:,}",
                f"{run.details_fetched:,}",
                f"{run.requests:,}",
            )
        return grid

    def _state(self, run: Run) -> "Text":
        from rich.text import Text

        if run.outcome is None:
            until, words = self._waits.get(run.source, (0.0, ""))
            return Text(words if time.monotonic() < until else "reading", "yellow")
        color = {"complete": "green", "incomplete": "yellow"}.get(run.outcome, "red")
        return Text(run.outcome, color)


@contextmanager
def shown(stream: TextIO, *, is_live: bool) -> Iterator[Watcher]:
    """Whoever shows the progress, for as long as the sync goes on."""
    if not is_live:
        yield Lines(stream)
        return
    from rich.console import Console
    from rich.live import Live

    table = Table()
    with Live(table, console=Console(file=stream), refresh_per_second=8, transient=False):
        yield table
    lines = Lines(stream)
    for run in table.runs:
        if (
            run.outcome is not Outcome.COMPLETE
            or run.rejected
            or run.details_pending
            or run.gap_from
        ):
            lines.ended(run)
