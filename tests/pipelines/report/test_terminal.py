"""The summary as it is printed: golden texts, one screen, nothing that moves a terminal."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobledger.pipelines.report import show
from jobledger.pipelines.report.summary import Day
from jobledger.pipelines.report.terminal import sparkline
from tests.pipelines.report.conftest import Run, Scene
from tests.pipelines.report.story import tell, tell_hostile, tell_stuck
from tests.sql.worlds import NOW, ago

GOLDEN = Path(__file__).parents[2] / "golden"


class Terminal(io.StringIO):
    """A terminal of colours."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [40, 80, 100, 150])
def test_what_it_prints_at_a_width(
    told: Scene, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = io.StringIO()
    show(told.project, stream=out)
    lines = out.getvalue().splitlines()
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    assert text == (GOLDEN / f"report_{width}.txt").read_text("utf-8")
    assert max(map(len, lines)) <= width
    assert len(lines) <= 40


def test_many_kinds_fit_one_screen_with_the_worst_shown(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    tell(scene.world)
    for number in range(60):
        scene.world.run(source=f"zuora_{number}")
    scene.publish()
    out = io.StringIO()
    show(scene.project, stream=out)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert len(lines) <= 40
    assert lines[0] == "Job health  1 stuck  1 degraded  60 no data  1 healthy"
    assert "and 53 no data, 1 healthy: 'jobledger status' shows all" in lines


def test_a_long_id_costs_a_stuck_job_no_word_of_why(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    tell_stuck(scene.world, "68773da5-0da0-43c4-9e31-6a445cfd9b11")
    scene.publish()
    out = io.StringIO()
    show(scene.project, stream=out)
    assert out.getvalue().partition("\nStuck\n")[2].splitlines()[:2] == [
        "  1d 6h  salesforce_europe ingest 68773da5-0da0-43c4-9e31-6a445cfd9b11",
        "         waiting for data, Open, Account",
    ]


def test_stuck_jobs_beyond_those_shown_are_counted_and_where_to_find_them(scene: Scene) -> None:
    for number in range(7):
        tell_stuck(scene.world, f"750{number}")
    scene.publish()
    out = io.StringIO()
    show(scene.project, stream=out)
    stuck = out.getvalue().partition("\nStuck\n")[2].splitlines()
    assert stuck[5] == "and 2 more: 'jobledger query open_jobs'"


def test_in_little_room_a_name_gives_way_and_no_number(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    source = "zuora_with_a_name_that_goes_on"
    scene.world.run(source=source)
    for number in range(30):
        ended = {"finished_at": ago(hours=2), "run_seconds": 12 * 3600.0 if number else 1e7}
        scene.world.job(f"{number}", source=source, **ended)
    scene.publish()
    out = io.StringIO()
    show(scene.project, stream=out)
    (row,) = (line for line in out.getvalue().splitlines() if line.startswith("zuora_with"))
    assert "…" in row.partition("●")[0]
    assert row.endswith(" 12h/12h")


def test_a_sum_beyond_64_bits_costs_no_report(scene: Scene) -> None:
    told = {"status": "partial", "error_message": "absurd"}
    most: dict[str, Any] = {**told, "records_failed": 2**63 - 1}
    scene.world.run()
    scene.world.jobs(2, created_at=ago(hours=2), finished_at=ago(hours=1), **most)
    scene.publish()
    out = io.StringIO()
    show(scene.project, stream=out)
    assert "absurd" in out.getvalue()


def test_colours_only_where_they_are_wanted(told: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    show(told.project, stream=coloured)
    assert "\x1b[35m● stuck" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    show(told.project, stream=plain)
    assert "\x1b" not in plain.getvalue()


def test_what_jobs_say_moves_no_terminal_and_styles_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    tell_hostile(scene.world)
    scene.publish()
    out = io.StringIO()
    show(scene.project, stream=out)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", out.getvalue())
    assert r"\u202e<script>alert(#)</script></td>\x1b]#;owned\x07" in out.getvalue()
    assert "open<script>alert(1)</script>" in out.getvalue()


def test_a_ledger_with_nothing_in_it_says_so(scene: Scene, run: Run) -> None:
    scene.publish()
    done = run(scene, "report")
    assert done.code == 0
    assert done.out == (
        "Job health\nlast 30 days: 0 rated jobs, – succeeded; now 0 open, 0 stuck\n"
        "as of 2026-03-15 12:00 UTC; never synced\n\n"
        "nothing has been synced yet: run 'jobledger sync'\n"
    )


def test_no_ledger_is_an_error_in_one_line(scene: Scene, run: Run) -> None:
    done = run(scene, "report")
    assert (done.code, done.out) == (1, "")
    assert "run 'jobledger sync' to make it" in done.err


def test_a_kind_not_synced_in_full_is_named(scene: Scene, run: Run) -> None:
    scene.world.run(finished_at=ago(minutes=3))
    scene.world.run(kind="auto_backfill", finished_at=ago(days=4))
    scene.publish()
    line = run(scene, "report").out.splitlines()[2]
    assert line == (
        "as of 2026-03-15 12:00 UTC; synced 3 min ago, but zuora auto_backfill in full 4 days ago"
    )


def test_a_sparkline_shows_any_failure_and_days_without_jobs() -> None:
    rates = [None, 0.0, 0.001, 0.5, 1.0]
    days = [Day("s", "k", NOW.date(), 0, 0, rate, None, False) for rate in rates]
    assert sparkline(days).plain == " " * 9 + "·▁▂▅█"
    assert sparkline(days, is_ascii=True).plain == " " * 9 + " .:+#"
    assert [span.style for span in sparkline(days).spans] == [
        "dim",
        "green",
        "green",
        "red",
        "red",
    ]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("report", [" * stuck ", " o no data  ", "... ", " .......... ", "  -  ", " / rated"]),
        ("status", [" * stuck ", " o no data  ", "... "]),
    ],
)
def test_an_encoding_that_lacks_the_marks_has_others(
    scene: Scene, command: str, shown: list[str]
) -> None:
    tell(scene.world)
    scene.world.run(kind="foreign" * 10)
    scene.publish()
    done = subprocess.run(
        [Path(sys.executable).with_name("jobledger"), "--project", scene.project.folder, command],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "80"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    text = done.stdout.decode("ascii")
    assert [each for each in shown if each not in text] == []
    assert "?" not in text
