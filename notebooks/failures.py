"""The page from the reasons of failures to their jobs, to one job, to its failed rows."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from jobledger.notebooks.asking import MOST, Row
from jobledger.notebooks.look import STATUS
from jobledger.notebooks.pieces import (
    chip,
    count,
    definitions,
    heading,
    minute,
    note,
    stamp,
    table,
    written,
)
from jobledger.pipelines.wording import UNKNOWN, many, moment, share, span

REASON: Final = ("source", "kind", "fingerprint")
"""What makes a reason of failures the same one, whatever else is said of it by now."""
JOB: Final = ("source", "kind", "job_id")
ON_DEMAND: Final = note(
    "Which of its rows failed is customer data: it is asked of the provider for this page alone,"
    " and kept nowhere."
)
_FAILED_ROWS: Final = 200
_FACTS: Final = (
    *("object", "operation", "status", "provider_status", "created_at", "started_at"),
    *("finished_at", "finished_at_basis", "queue_seconds", "run_seconds", "total_seconds"),
    *("records_total", "records_processed", "records_succeeded", "records_failed", "progress"),
    *("error_code", "error_message", "created_by", "input_bytes", "output_bytes"),
    *("first_seen_at", "last_changed_at"),
)


def reason_words(row: Row) -> str:
    """A reason of failures among others."""
    return f"{row['fingerprint']} ({row['source']} · {row['kind']}, {many(row['jobs'], 'job')})"


def reasons(rows: Sequence[Row]) -> Markup:
    """Why jobs failed, the reason of most failed jobs first."""
    if not rows:
        return note("No job failed.")
    return table(
        "Reasons of failures",
        ("Reason", "Failed", "Partial", "Records failed", "Source", "Kind", "First", "Last"),
        [
            (
                row["fingerprint"],
                f"{row['failed']:,}",
                f"{row['partial']:,}",
                count(row["records_failed"]),
                row["source"],
                row["kind"],
                stamp(row["first_at"]),
                stamp(row["last_at"]),
            )
            for row in rows
        ],
        numbers=(1, 2, 3),
    ) + definitions("reasons")


def job_words(row: Row) -> str:
    """A failed job among others."""
    what = (row["source"], row["kind"], row["object"] or UNKNOWN, row["status"], row["job_id"])
    return " · ".join((minute(row["ended_at"]), *what))


def failed_jobs(reason: Row | None, rows: Sequence[Row]) -> Markup:
    """The jobs that failed, all or for one reason, the newest first."""
    if reason is None:
        said = "Of all reasons; choose one above for its jobs alone."
        is_cut = len(rows) == MOST
    else:
        said = f"{many(reason['jobs'], 'job')}: {reason['fingerprint']}"
        is_cut = len(rows) < reason["jobs"]
    if is_cut:
        said = f"{said.removesuffix('.')}; the newest {len(rows):,} are listed."
    head = heading("Failed and partial jobs", said)
    if not rows:
        return head
    return head + table(
        "Failed and partial jobs, the newest first",
        ("Ended", "Source", "Kind", "Object", "Status", "Records failed", "Message", "Job"),
        [
            (
                stamp(row["ended_at"]),
                row["source"],
                row["kind"],
                row["object"] or UNKNOWN,
                chip(row["status"], STATUS),
                count(row["records_failed"]),
                row["error_message"] or UNKNOWN,
                Markup("<code>{}</code>").format(row["job_id"]),
            )
            for row in rows
        ],
        numbers=(5,),
    )


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
                count(each["records_processed"]),
                count(each["records_failed"]),
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
        row["source"],
        row["kind"],
        row["job_id"],
        facts,
        versions,
        written(row["raw"], "raw record"),
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
        return written(text or "(an empty answer)", "failed rows") + note
    try:
        lines = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error:
        # a field of any length is whole in the file that the command writes
        return written(text, "failed rows") + note
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
