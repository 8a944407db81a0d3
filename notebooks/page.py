"""The page from its top to the jobs that are open: how many, how they went, how long they took."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from markupsafe import Markup, escape

from jobledger.notebooks.asking import CHART_DAYS, PERIODS, Row
from jobledger.notebooks.look import HEALTH, STATUS
from jobledger.notebooks.pieces import chip, definitions, note, sample, table, when
from jobledger.pipelines.wording import UNKNOWN, many, moment, share, span, unbroken

TREND_KEY: Final = (
    "Line: the 7 days that end with the day. Dots: single days, larger for more jobs. Dashed: the"
    " 28 days before. Diamonds: anomalies. The kinds that fail most now come first."
)
DURATION_KEY: Final = (
    "Dot: half of the jobs took at most this long (p50). Bar's end: 95 % did (p95). Run time, or"
    " total time where the provider tells no run time; objects with most jobs first."
)


def trend_key(kinds: int, shown: int) -> str:
    """What the charts of failure rates show, and of how many kinds they do not."""
    left_out = f" These are the first {shown} of {kinds}: choose a source to see its others."
    return TREND_KEY + left_out * (kinds > shown)


def outcomes_key(period: str) -> str:
    """What the chart of outcomes shows, which of a short period is more than the period."""
    said = "By the day (UTC) on which a job ended."
    if period in {"1d", "7d"}:
        said += f" The chart goes back {CHART_DAYS[period]} days, the numbers above do not."
    return said


def not_there(wanted: Mapping[str, Sequence[str]], options: Mapping[str, Sequence[str]]) -> str:
    """Says which choices of an address there are not, or nothing; `wanted` has those of a name.

    A name that is no filter's is told if it may be a slip for one: the address has others too.
    """
    said = [
        f"no filter '{name}' (did you mean '{near[0]}'?)"
        for name in wanted
        if name not in options and (near := get_close_matches(name, options, n=1))
    ]
    said += [
        f"no {name} '{each}'"
        for name, choices in options.items()
        for each in wanted.get(name, ())
        if each not in choices
    ]
    return f"There is {', '.join(said)}: left out." if said else ""


def banner(about: Row) -> Markup:
    """The title, and what the page is of."""
    return Markup(
        '<header class="jl-banner"><h1>Job health</h1>'
        "<p>{} from {}. As of {}; {}. Times are in UTC.</p></header>"
    ).format(
        many(about["jobs"], "job"),
        many(about["sources"], "source"),
        moment(about["now"]),
        about["freshness"],
    )


def cards(totals: Row, unfinished: Row, period: str) -> Markup:
    """The few numbers that matter most."""
    stuck = unfinished["stuck"]
    rated = many(totals["rated"], "rated job")
    low = " · low sample" if totals["low_sample"] else ""
    shown = [
        ("Success rate", share(totals["job_success_rate"]), f"n = {rated}{low}", "succeeded"),
        (
            "Failed",
            f"{totals['failed']:,}",
            f"and {totals['partial']:,} partial, of {rated}",
            "failed",
        ),
        ("Records that went through", share(totals["record_success_rate"]), PERIODS[period], ""),
        ("Finished jobs", f"{totals['finished']:,}", PERIODS[period], ""),
        ("Open now", f"{unfinished['jobs']:,}", f"{stuck:,} stuck", "partial" if stuck else ""),
    ]
    return Markup('<dl class="jl-cards">{}</dl>').format(
        Markup().join(
            Markup('<div{}><dt>{}</dt><dd class="jl-number">{}</dd><dd>{}</dd></div>').format(
                Markup(' style="--jl-accent: {}"').format(STATUS[colour]) if colour else "",
                name,
                number,
                note,
            )
            for name, number, note, colour in shown
        )
    )


def health(rows: Sequence[Row], now: datetime) -> Markup:
    """How each kind is, and why."""
    return table(
        "Health of each kind, the worst first",
        (
            *("Source", "Kind", "Health", "Why", "Failed, 7 days", "n", "Open", "Last job"),
            "Last complete sync",
        ),
        [
            (
                row["source"],
                row["kind"],
                chip(row["health"], HEALTH),
                unbroken(row["reason"]),
                share(row["failure_rate_7d"]),
                sample(row["rated_7d"]),
                f"{row['open_jobs']:,}"
                + (f" ({row['stuck_jobs']} stuck)" * (row["stuck_jobs"] > 0)),
                when(row["last_finished_at"], now),
                when(row["last_complete_sync_at"], now),
            )
            for row in rows
        ],
        numbers=(4, 5, 6),
    ) + definitions("health")


def rates(rows: Sequence[Row], period: str) -> Markup:
    """The success rates of each kind, with what they are of."""
    return table(
        f"Success rates, {PERIODS[period]}",
        ("Source", "Kind", "Finished", "n (rated)", "Jobs that succeeded", "Partial", "Records"),
        [
            (
                row["source"],
                row["kind"],
                f"{row['finished']:,}",
                sample(row["rated"]),
                _bar(row["job_success_rate"], row["partial_rate"]),
                share(row["partial_rate"]),
                share(row["record_success_rate"]),
            )
            for row in rows
        ],
        numbers=(2, 3, 5, 6),
    ) + definitions("rated", "success", "records", "low sample")


def _bar(succeeded: float | None, partial: float | None) -> Markup:
    if succeeded is None:
        return escape(UNKNOWN)
    failed = max(1 - succeeded - (partial or 0), 0)
    pieces = (("succeeded", succeeded), ("partial", partial or 0), ("failed", failed))
    return Markup('<span class="jl-rate"><b>{}</b><span class="jl-bar">{}</span></span>').format(
        share(succeeded),
        Markup().join(
            Markup('<i style="width: {:.2f}%; background: {}"></i>').format(
                100 * part, STATUS[status]
            )
            for status, part in pieces
        ),
    )


def trend(rows: Sequence[Row]) -> Markup:
    """What a kind's chart of failure rates is of, and where it stands."""
    newest = rows[-1]
    return Markup(
        '<h3 class="jl-heading">{} · {}</h3><p class="jl-note"><b>{}</b> of n = {} in 7 days</p>'
    ).format(
        newest["source"],
        newest["kind"],
        share(newest["failure_rate_7d"]),
        sample(newest["rated_7d"]),
    )


def durations(rows: Sequence[Row], period: str) -> Markup:
    """How long jobs take, in numbers."""
    numbers = table(
        f"Durations, {PERIODS[period]}",
        (
            *("Source", "Kind", "Object", "n", "Run p50", "Run p95"),
            *("Queue p50", "Queue p95", "Total p50", "Total p95"),
        ),
        [
            (
                row["source"],
                row["kind"],
                row["object"] or UNKNOWN,
                sample(row["n"]),
                *(
                    span(row[f"{measure}_{part}"])
                    for measure in ("run", "queue", "total")
                    for part in ("p50", "p95")
                ),
            )
            for row in rows
        ],
        numbers=range(3, 10),
    )
    return Markup(
        '<details class="jl-more"><summary>All durations in numbers</summary>{}</details>'
    ).format(numbers) + definitions("run", "total")


def open_jobs(rows: Sequence[Row], how_many: int) -> Markup:
    """Jobs that have not ended, the stuck ones first; `how_many` there are, listed or not."""
    if not rows:
        return note("No job is open.")
    more = note(f"The first {len(rows):,} of {many(how_many, 'job')}.") * (how_many > len(rows))
    return (
        more
        + table(
            "Open jobs, the stuck ones first",
            (
                "Source",
                "Kind",
                "Object",
                "Job",
                "Status",
                "Stuck",
                "Age",
                "Seen unchanged",
                "Expected",
            ),
            [
                (
                    row["source"],
                    row["kind"],
                    row["object"] or UNKNOWN,
                    Markup("<code>{}</code>").format(row["job_id"]),
                    chip(row["status"], STATUS),
                    row["stuck_reason"].replace("_", " ") if row["is_stuck"] else "no",
                    span(max(row["age_seconds"], 0)),
                    span(max(row["seconds_since_change"], 0)),
                    span(row["expected_seconds"]),
                )
                for row in rows
            ],
            numbers=(6, 7, 8),
        )
        + definitions("stuck")
    )
