"""What stands between the charts: HTML, in which every value from the jobs is escaped."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup, escape

from jobledger.notebooks.asking import PERIODS, Row
from jobledger.notebooks.look import HEALTH, STATUS
from jobledger.pipelines.report.summary import DEFINITIONS
from jobledger.pipelines.wording import UNKNOWN, ago, many, moment, share, span

REASON: Final = ("source", "kind", "fingerprint")
"""What makes a reason of failures the same one, whatever else is said of it by now."""
JOB: Final = ("source", "kind", "job_id")
_HEADING: Final = Markup('<h2 class="jl-heading">{}</h2>')
_FAILED_ROWS: Final = 200
_LOW_SAMPLE: Final = 20
_FACTS: Final = (
    *("object", "operation", "status", "provider_status", "created_at", "started_at"),
    *("finished_at", "finished_at_basis", "queue_seconds", "run_seconds", "total_seconds"),
    *("records_total", "records_processed", "records_succeeded", "records_failed", "progress"),
    *("error_code", "error_message", "created_by", "input_bytes", "output_bytes"),
    *("first_seen_at", "last_changed_at"),
)


def banner(about: Row) -> Markup:
    """The title, and what the page is of."""
    return Markup(
        '<header class="jl-banner"><h1>Job health</h1>'
        "<p>{} from {}. Last sync {} ({}). Times are in UTC.</p></header>"
    ).format(
        many(about["jobs"], "job"),
        many(about["sources"], "source"),
        moment(about["last_sync_at"]),
        ago(about["last_sync_at"], about["now"]),
    )


def heading(title: str, *notes: str) -> Markup:
    """A section's heading, with what there is to say about it."""
    said = Markup().join(note(each) for each in notes)
    return _HEADING.format(title) + said


def note(said: str) -> Markup:
    """A remark."""
    return Markup('<p class="jl-note">{}</p>').format(said)


ON_DEMAND: Final = note(
    "Which of its rows failed is customer data: it is asked of the provider for this page alone,"
    " and kept nowhere."
)


TREND_KEY: Final = (
    "Line: the 7 days that end with the day. Dots: single days, larger for more jobs. Dashed: the"
    " 28 days before. Diamonds: anomalies. The kinds that fail most now come first."
)
DURATION_KEY: Final = (
    "Dot: half of the jobs took at most this long (p50). Bar's end: 95 % did (p95). Run time, or"
    " total time where the provider tells no run time; objects with most jobs first."
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
        _sample(newest["rated_7d"]),
    )


def reason_words(row: Row) -> str:
    """A reason of failures among others."""
    return f"{row['fingerprint']} ({row['source']} · {row['kind']}, {many(row['jobs'], 'job')})"


def reasons(rows: Sequence[Row]) -> Markup:
    """Why jobs failed, the most frequent reason first."""
    if not rows:
        return note("No job failed.")
    return table(
        "Reasons of failures",
        ("Reason", "Jobs", "Records failed", "Source", "Kind", "First", "Last"),
        [
            (
                row["fingerprint"],
                f"{row['jobs']:,}",
                _count(row["records_failed"]),
                row["source"],
                row["kind"],
                _stamp(row["first_at"]),
                _stamp(row["last_at"]),
            )
            for row in rows
        ],
        numbers=(1, 2),
    ) + definitions("reasons")


def job_words(row: Row) -> str:
    """A failed job among others."""
    what = (row["source"], row["kind"], row["object"] or UNKNOWN, row["status"], row["job_id"])
    return " · ".join((_minute(row["ended_at"]), *what))


def failed_jobs(reason: Row | None, rows: Sequence[Row]) -> Markup:
    """The jobs that failed, all or for one reason, the newest first."""
    said = (
        "Of all reasons; choose one above for its jobs alone."
        if reason is None
        else (f"{many(len(rows), 'job')}: {reason['fingerprint']}")
    )
    head = heading("Failed and partial jobs", said)
    if not rows:
        return head
    return head + table(
        "Failed and partial jobs, the newest first",
        ("Ended", "Source", "Kind", "Object", "Status", "Records failed", "Message", "Job"),
        [
            (
                _stamp(row["ended_at"]),
                row["source"],
                row["kind"],
                row["object"] or UNKNOWN,
                chip(row["status"], STATUS),
                _count(row["records_failed"]),
                row["error_message"] or UNKNOWN,
                Markup("<code>{}</code>").format(row["job_id"]),
            )
            for row in rows
        ],
        numbers=(5,),
    )


def cards(totals: Row, open_jobs: Sequence[Row], period: str) -> Markup:
    """The few numbers that matter most."""
    stuck = sum(job["is_stuck"] for job in open_jobs)
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
        ("Open now", f"{len(open_jobs):,}", f"{stuck:,} stuck", "partial" if stuck else ""),
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
        ("Source", "Kind", "Health", "Why", "Failed, 7 days", "n", "Open", "Last job", "Last sync"),
        [
            (
                row["source"],
                row["kind"],
                chip(row["health"], HEALTH),
                row["reason"],
                share(row["failure_rate_7d"]),
                _sample(row["rated_7d"]),
                f"{row['open_jobs']:,}"
                + (f" ({row['stuck_jobs']} stuck)" * (row["stuck_jobs"] > 0)),
                _when(row["last_finished_at"], now),
                _when(row["last_complete_sync_at"], now),
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
                _sample(row["rated"]),
                _bar(row["job_success_rate"], row["partial_rate"]),
                share(row["partial_rate"]),
                share(row["record_success_rate"]),
            )
            for row in rows
        ],
        numbers=(2, 3, 5, 6),
    ) + definitions("rated", "success", "records", "low sample")


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
                _sample(row["n"]),
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


def open_jobs(rows: Sequence[Row]) -> Markup:
    """Jobs that have not ended, the stuck ones first."""
    if not rows:
        return Markup('<p class="jl-note">No job is open.</p>')
    return table(
        "Open jobs, the stuck ones first",
        ("Source", "Kind", "Object", "Job", "Status", "Stuck", "Age", "Unchanged", "Expected"),
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
    ) + definitions("stuck")


def job(row: Row, history: Sequence[Row]) -> Markup:
    """One job: what is known of it, its versions, and the provider's own record."""
    facts = Markup().join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name.replace("_", " "), _fact(name, row))
        for name in _FACTS
        if row[name] is not None
    )
    versions = table(
        "Versions of the job, as syncs saw them",
        ("Status", "Provider's word", "Progress", "Records", "Failed", "From", "To", "For"),
        [
            (
                chip(each["status"], STATUS),
                each["provider_status"],
                share(each["progress"]),
                _count(each["records_processed"]),
                _count(each["records_failed"]),
                moment(each["valid_from"]),
                moment(each["valid_to"]) if each["valid_to"] else "now",
                span(max(each["seconds_in_version"], 0)),
            )
            for each in history
        ],
        numbers=(2, 3, 4, 7),
    )
    return heading("One job") + Markup(
        '<h3 class="jl-heading">{} · {} · <code>{}</code></h3><dl class="jl-facts">{}</dl>{}'
        "<details><summary>The provider's record</summary>{}</details>"
    ).format(
        row["source"], row["kind"], row["job_id"], facts, versions, _pre(row["raw"], "raw record")
    )


def no_job(wanted: str) -> Markup:
    """What stands where no job is chosen."""
    if wanted:
        return heading("One job", f"There is no job {wanted} in the ledger.")
    return heading("One job", "Choose a job above, or type its id, to see it here.")


def failed_rows(said: bytes, *, is_whole: bool) -> Markup:
    """What the provider answered: a table where it is CSV, else as it is."""
    text = said.decode("utf-8", "replace")
    note = "" if is_whole else " The answer goes on; 'jobledger errors … -o FILE' writes all of it."
    if text.lstrip().startswith(("{", "[", "<")) or not text.strip():
        return _pre(text or "(an empty answer)", "failed rows") + note
    lines = list(csv.reader(io.StringIO(text)))
    head, body = lines[0], lines[1:]
    if not is_whole:
        del body[-1:]
    if len(body) > _FAILED_ROWS:
        note = f" The first {_FAILED_ROWS} of {many(len(body), 'row')}.{note}"
    width = len(head)
    return table(
        f"Failed rows.{note}",
        head,
        [(row + [""] * width)[:width] for row in body[:_FAILED_ROWS]],
    )


def definitions(*names: str) -> Markup:
    """What the numbers mean, beside them."""
    return Markup('<p class="jl-note">{}</p>').format(
        Markup("<br>").join(DEFINITIONS[name] for name in names)
    )


def chip(word: str, colours: dict[str, str]) -> Markup:
    """A word with its colour beside it."""
    return Markup('<span class="jl-chip" style="--jl-accent: {}">{}</span>').format(
        colours.get(word, STATUS["unknown"]), word
    )


def table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[Any]],
    numbers: Iterable[int] = (),
) -> Markup:
    """A table; the columns of `numbers` are set to the right."""
    right = set(numbers)

    def line(tag: str, cells: Sequence[Any]) -> Markup:
        return Markup("<tr>{}</tr>").format(
            Markup().join(
                Markup('<{0}{1} class="{2}">{3}</{0}>').format(
                    tag,
                    Markup(' scope="col"') if tag == "th" else "",
                    "jl-right" if at in right else "jl-left",
                    cell,
                )
                for at, cell in enumerate(cells)
            )
        )

    return Markup(
        '<div class="jl-scroll" tabindex="0" role="region" aria-label="{0}">'
        '<table class="jl-table"><caption>{0}</caption><thead>{1}</thead>'
        "<tbody>{2}</tbody></table></div>"
    ).format(
        caption,
        line("th", headings),
        Markup().join(line("td", row) for row in rows),
    )


def _sample(count: int) -> Markup:
    low = Markup(' <span class="jl-low">low sample</span>') if count < _LOW_SAMPLE else ""
    return Markup("{}{}").format(f"{count:,}", low)


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


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _stamp(at: datetime) -> Markup:
    return Markup("<time>{}</time>").format(_minute(at))


def _when(at: datetime | None, now: datetime) -> Markup:
    return Markup('<time title="{}">{}</time>').format(moment(at), ago(at, now))


def _count(count: int | None) -> str:
    return UNKNOWN if count is None else f"{count:,}"


def _fact(name: str, row: Row) -> Any:
    value = row[name]
    if name == "status":
        return chip(value, STATUS)
    if name.endswith("_seconds"):
        return span(value)
    if name.endswith("_at"):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if name == "progress":
        return share(value)
    return f"{value:,}" if isinstance(value, int) else value


def _pre(text: str, name: str) -> Markup:
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return Markup('<pre class="jl-raw" tabindex="0" role="region" aria-label="{}">{}</pre>').format(
        name, text
    )
