"""The last line of a sync says what changed."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from jobledger.pipelines.sync.progress import Table, closing_line
from jobledger.sources._provider.run import Outcome, Run


def run(outcome: Outcome = Outcome.COMPLETE, **numbers: Any) -> Run:
    made = Run("s", "zuora", "zuora", "data_query", datetime(2026, 11, 25, tzinfo=UTC))
    made.outcome = outcome
    for name, number in numbers.items():
        setattr(made, name, number)
    return made


@pytest.mark.parametrize(
    ("runs", "line"),
    [
        (
            [run(jobs_new=12, jobs_changed=15, jobs_finished=3), run(jobs_failed=1)],
            "12 new, 3 finished, 1 failed",
        ),
        ([run(jobs_changed=1200)], "1,200 changed"),
        ([run()], "nothing new"),
        ([], "nothing new"),
        ([run(Outcome.FAILED)], "nothing was read"),
        ([run(Outcome.FAILED), run(jobs_new=1)], "1 new"),
        ([run(Outcome.FAILED), run(Outcome.INCOMPLETE)], "nothing was read"),
        ([run(Outcome.FAILED), run(Outcome.INCOMPLETE, jobs_listed=4)], "nothing new"),
    ],
)
def test_closing_line(runs: list[Run], line: str) -> None:
    assert closing_line(runs) == line


def test_what_a_provider_says_is_no_markup() -> None:
    table, going_on = Table(), Run("1", "zuora", "zuora", "data_query", datetime.now(UTC))
    table.started(going_on)
    table.waiting("zuora", 30, "service [/eu] is down\x1b[2J")
    console = Console(file=io.StringIO(), width=120)
    console.print(table)
    told = console.file.getvalue()  # type: ignore[attr-defined] # it is the one above
    assert "waiting 30 s (service [/eu] is down\\x1b[2J)" in told
    table.waiting("zuora", 0, "over")
    console.print(table)
    assert "reading" in console.file.getvalue()  # type: ignore[attr-defined]
