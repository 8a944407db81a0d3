"""The health summary on a terminal: one screen, the worst first.

What comes from job data is put in as text, never as markup, with all that could move a cursor
written out.
"""

import shutil
from collections.abc import Container, Iterator, Mapping, Sequence
from io import TextIOWrapper
from math import ceil
from typing import IO, Final, TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from jobledger.pipelines.output.grid import is_styled, printable
from jobledger.pipelines.report.summary import SPARK_DAYS, Day, Kind, Summary
from jobledger.pipelines.wording import PLAINLY, UNKNOWN, ago, many, moment, rough, share, span

_COLORS: Final = {
    "failing": "red",
    "stuck": "magenta",
    "stale": "red",
    "degraded": "yellow",
    "healthy": "green",
}
_PIPE_WIDTH: Final = 100
_WIDE: Final = 140
"""From here on a reason stands in the row of its kind."""
_MIDDLE: Final = 98
"""Below this numbers are told shorter."""
_NARROW: Final = 78
"""Below this the trend is left out."""
_NARROWEST: Final = 65
"""Below this durations are too."""
_TINY: Final = 50
"""Below this so is the number of jobs."""
_LEAST_NAME: Final = 10
"""Of a name so much is left at the least."""
_LINES: Final = 20
"""How many lines kinds may take, so that all fits one screen."""

_BARS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BARS: Final = ".:-=+*%#"
_BAD: Final = 0.5
_POOR: Final = 0.1


def draw(summary: Summary, stream: TextIO) -> None:
    """Writes the summary to a terminal, or as plain text to what is none."""
    console = console_for(stream)
    parts: list[RenderableType] = [*_headline(summary)]
    if summary.kinds:
        parts += ["", *_kinds(summary, console), *_reasons(summary, console)]
        parts += [*_stuck(summary, console), "", *_definitions(console)]
    else:
        parts += ["", "nothing has been synced yet: run 'jobledger sync'"]
    console.print(Group(*parts))


def console_for(stream: TextIO) -> Console:
    """Rich's idea of a stream, with styles only where they are wanted."""
    is_terminal = stream.isatty()
    if isinstance(stream, TextIOWrapper):
        # a mark that the encoding lacks is no reason to show nothing
        stream.reconfigure(errors=PLAINLY)
    return _Terminal(
        file=stream,
        width=None if is_terminal else shutil.get_terminal_size((_PIPE_WIDTH, 24)).columns,
        color_system="auto" if is_styled(cast("IO[bytes]", stream)) else None,
        highlight=False,
        markup=False,
        emoji=False,
    )


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Lets whoever runs the command hear of it; rich itself would exit with 1."""
        raise  # noqa: PLE0704 - called while the error is handled


def health(word: str) -> Text:
    """A word of health, with its colour and a mark for those who see none."""
    return Text(f"{'●' if word in _COLORS else '○'} {word}", _COLORS.get(word, "dim"))


def sparkline(days: Sequence[Day], *, is_ascii: bool = False) -> Text:
    """The failure rate of each day, 0 to 1; a dot where nothing was rated."""
    bars = _ASCII_BARS if is_ascii else _BARS
    line = Text(" " * (SPARK_DAYS - len(days)))
    for day in days[-SPARK_DAYS:]:
        if day.failure_rate is None:
            line.append(" " if is_ascii else "·", "dim")
        else:
            # any failure is seen, however small its share
            bar = bars[ceil(day.failure_rate * (len(bars) - 1))]
            line.append(bar, _shade(day.failure_rate))
    return line


def _headline(summary: Summary) -> list[RenderableType]:
    title = Text.assemble(("Job health", "bold"))
    words = [kind.health for kind in summary.worst_first]
    for word in dict.fromkeys(words):
        title.append("  ")
        title.append(f"{words.count(word)} {word}", f"bold {_COLORS.get(word, 'dim')}")
    facts = (
        f"last {many(summary.days, 'day')}: {many(summary.rated, 'rated job')},"
        f" {share(summary.success_rate)} succeeded;"
        f" now {summary.open:,} open, {summary.stuck_jobs:,} stuck"
    )
    fresh = f"as of {moment(summary.now)}; {printable(summary.freshness)}"
    return [title, Text(facts), Text(fresh, "dim")]


def _kinds(summary: Summary, console: Console) -> list[RenderableType]:
    """A line a kind, with why it is so in it or below it."""
    is_wide, is_short = console.width >= _WIDE, console.width < _MIDDLE
    has_trend, has_durations = console.width >= _NARROW, console.width >= _NARROWEST
    kinds = summary.worst_first
    lines_each = 1 if is_wide else 2
    shown = kinds if len(kinds) * lines_each <= _LINES else kinds[: _LINES // lines_each - 1]

    columns: dict[str, list[Text]] = {"": [Text(_name(kind)) for kind in shown]}
    columns["health"] = [health(kind.health) for kind in shown]
    rates = [_rate(kind) for kind in shown]
    columns["success"] = [success for success, _ in rates]
    if console.width >= _TINY:
        columns["rated"] = [rated for _, rated in rates]
    if has_trend:
        is_ascii = console.options.ascii_only
        trends = [summary.trends.get((kind.source, kind.kind), []) for kind in shown]
        columns[f"failing {SPARK_DAYS}d"] = [
            sparkline(days[-SPARK_DAYS:], is_ascii=is_ascii) for days in trends
        ]
    if not is_short:
        durations = [_durations(kind) for kind in shown]
        columns["run p50"] = [half for half, _ in durations]
        columns["p95"] = [most for _, most in durations]
        columns["stuck"] = [_stuck_of_open(kind) for kind in shown]
    elif has_durations:
        columns["p50/p95"] = [_short_durations(kind) for kind in shown]
    numbers = {"success", "rated", "run p50", "p95", "stuck", "p50/p95"}
    table = table_of(columns, numbers, console)

    reasons = [printable(kind.reason) for kind in shown]
    lines: list[RenderableType] = [*reasoned(table, reasons, console, is_wide=is_wide)]
    left_out = [kind.health for kind in kinds[len(shown) :]]
    if left_out:
        said = ", ".join(f"{left_out.count(word)} {word}" for word in dict.fromkeys(left_out))
        lines.append(Text(f"and {said}: 'jobledger status' shows all", "dim"))
    return lines


def table_of(
    columns: Mapping[str, Sequence[Text]], are_numbers: Container[str], console: Console
) -> Table:
    """A table of these columns, in which names, which come first, give way where room is short."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    widths = {
        name: max([len(name), *(each.cell_len for each in cells)])
        for name, cells in columns.items()
    }
    over = sum(widths.values()) + 2 * (len(widths) - 1) - console.width
    first = next(iter(widths))
    widths[first] = max(widths[first] - max(over, 0), _LEAST_NAME)
    for name, width in widths.items():
        table.add_column(
            name,
            justify="right" if name in are_numbers else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def reasoned(
    table: Table, reasons: Sequence[str], console: Console, *, is_wide: bool
) -> Iterator[Text]:
    """The lines of a table, each row with why it is so: behind it where there is room, or below."""
    header, *rows = console.render_lines(table, pad=False)
    yield _line(header)
    width = console.measure(table).maximum
    for segments, reason in zip(rows, reasons, strict=True):
        line = _line(segments)
        if is_wide:
            line.pad_right(width + 2 - line.cell_len)
            yield _cut(line.append(reason, "dim"), console)
        else:
            yield line
            yield _cut(Text(f"  {reason}", "dim"), console)


def _line(segments: Sequence[Segment]) -> Text:
    line = Text(no_wrap=True)
    for segment in segments:
        line.append(segment.text, segment.style)
    line.rstrip()
    return line


def _name(kind: Kind) -> str:
    return printable(f"{kind.source} {kind.kind}")


def _rate(kind: Kind) -> tuple[Text, Text]:
    if kind.success_rate is None:
        return Text(UNKNOWN, "dim"), Text("0", "dim")
    if kind.low_sample:
        return Text(share(kind.success_rate), "dim"), Text(f"~{kind.rated:,}", "dim")
    return (
        Text(share(kind.success_rate), _shade(kind.failed / kind.rated)),
        Text(f"{kind.rated:,}"),
    )


def _durations(kind: Kind) -> tuple[Text, Text]:
    if kind.run_p50 is None and kind.total_p50 is not None:
        return Text(f"({span(kind.total_p50)})", "dim"), Text(f"({span(kind.total_p95)})", "dim")
    return Text(span(kind.run_p50)), Text(span(kind.run_p95))


def _short_durations(kind: Kind) -> Text:
    if kind.run_p50 is None and kind.total_p50 is not None:
        return Text(f"({rough(kind.total_p50)}/{rough(kind.total_p95)})", "dim")
    return Text(f"{rough(kind.run_p50)}/{rough(kind.run_p95)}")


def _stuck_of_open(kind: Kind) -> Text:
    if not kind.open_jobs:
        return Text("0", "dim")
    color = "magenta" if kind.stuck_jobs else "dim"
    return Text.assemble((f"{kind.stuck_jobs:,}", color), (f" of {kind.open_jobs:,}", "dim"))


def _shade(failure_rate: float) -> str:
    if failure_rate >= _BAD:
        return "red"
    return "yellow" if failure_rate >= _POOR else "green"


def _reasons(summary: Summary, console: Console) -> list[RenderableType]:
    if not summary.reasons:
        return []
    counts = max(len(f"{reason.failed:,}") for reason in summary.reasons)
    names = max(len(f"{reason.source} {reason.kind}") for reason in summary.reasons)
    parts: list[RenderableType] = ["", Text("Why jobs fail", "bold")]
    for reason in summary.reasons:
        line = Text(no_wrap=True)
        line.append(f"{reason.failed:>{counts},}", "red" if reason.failed else "dim")
        line.append(f"  {printable(f'{reason.source} {reason.kind}').ljust(names)}")
        line.append(f"  {ago(reason.last_at, summary.now):>11}  ", "dim")
        line.append(printable(reason.words))
        if reason.partial:
            line.append(f"  +{reason.partial:,} partial", "dim")
        parts.append(_cut(line, console))
    if summary.more_reasons:
        said = (
            f"and {summary.more_reasons:,} more: 'jobledger query failure_reasons' (over all time)"
        )
        parts.append(_cut(Text(said, "dim"), console))
    return parts


def _stuck(summary: Summary, console: Console) -> list[RenderableType]:
    count = summary.stuck_jobs
    if not count:
        return []
    parts: list[RenderableType] = ["", Text("Stuck", "bold")]
    for job in summary.stuck:
        line = Text(no_wrap=True)
        line.append(f"{span(max(job.age_seconds, 0)):>7}  ", "magenta")
        line.append(printable(f"{job.source} {job.kind} {job.job_id}"))
        reason = job.stuck_reason.replace("_", " ")
        if line.cell_len + len(f"  {reason}") > console.width:
            # neither the id nor the reason is of use by halves
            parts.append(_cut(line, console))
            line = Text(" " * 7, no_wrap=True)
        words = [reason, job.provider_status, job.object]
        line.append(printable("  " + ", ".join(word for word in words if word)), "dim")
        parts.append(_cut(line, console))
    if count > len(summary.stuck):
        said = f"and {count - len(summary.stuck):,} more: 'jobledger query open_jobs'"
        parts.append(_cut(Text(said, "dim"), console))
    return parts


def _cut(line: Text, console: Console) -> Text:
    line.truncate(console.width, overflow="ellipsis")
    line.no_wrap = True
    return line


def _definitions(console: Console) -> Iterator[Text]:
    told = Text(
        "success = succeeded ÷ rated (succeeded + partial + failed; ~ fewer than 20);"
        " failing = failed ÷ rated a day, which health goes by; (total time) where no run"
        " time is told",
        "dim",
    )
    for line in told.wrap(console, console.width):
        line.rstrip()
        yield line
