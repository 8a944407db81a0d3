"""The report as JSON: the whole of it, and where it goes."""

import json
from pathlib import Path

import pytest

from jobledger.pipelines.wording import exact
from tests.pipelines.report.conftest import Run, Scene
from tests.sql.worlds import NOW

GOLDEN = Path(__file__).parents[2] / "golden" / "report.json"


def test_all_that_the_story_comes_to(told: Scene, run: Run) -> None:
    done = run(told, "report", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out == GOLDEN.read_text("utf-8")


def test_days_and_a_file(told: Scene, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    # the ending says it too
    done = run(told, "report", "--days", "1", "-o", str(path))
    assert done == (0, "", f"wrote {path}\n")
    found = json.loads(path.read_text("utf-8"))
    assert {day["day"] for day in found["trends"]} == {NOW.date().isoformat()}
    assert (found["days"], found["rated"]) == (1, sum(kind["rated"] for kind in found["kinds"]))
    assert found["rated"] < json.loads(GOLDEN.read_text("utf-8"))["rated"]


@pytest.mark.parametrize("words", [(), ("-o", "-")])
def test_a_ledger_with_nothing_in_it(scene: Scene, run: Run, words: tuple[str, ...]) -> None:
    scene.publish()
    done = run(scene, "report", "--json", *words)
    assert (done.code, json.loads(done.out)) == (
        0,
        {
            "now": exact(NOW),
            "days": 30,
            "freshness": "never synced",
            "rated": 0,
            "success_rate": None,
            "open_jobs": 0,
            "stuck_jobs": 0,
            "kinds": [],
            "trends": [],
            "reasons": [],
            "more_reasons": 0,
            "stuck": [],
        },
    )


@pytest.mark.parametrize(
    ("words", "held", "endings"),
    [
        (("--json", "-o", "{}.html"), "json", ".json"),
        (("-o", "{}.pdf"), "html", ".json, .html"),
    ],
)
def test_a_file_is_what_its_ending_says(
    told: Scene, run: Run, tmp_path: Path, words: tuple[str, ...], held: str, endings: str
) -> None:
    done = run(told, "report", *(word.format(tmp_path / "report") for word in words))
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(
        f"would hold {held}, which its ending is not for: expected a file of another ending, such"
        f" as {endings}\n"
    )
    assert list(tmp_path.iterdir()) == []
