"""Every cell of the notebooks, run; and what they make of values that mean harm."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import marimo
import nbformat
import pytest
from nbclient import NotebookClient

import jobledger
from jobledger.notebooks import charts, failures, page
from jobledger.notebooks.asking import PERIODS, Filters, Published
from jobledger.notebooks.look import HEALTH, STATUS
from jobledger.pipelines.project import Project
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.pipelines.warehouse.views import put_in_place
from jobledger.pipelines.wording import unbroken
from tests.notebooks.conftest import IMAGE, SCRIPT, Ask
from tests.pipelines.report.conftest import Scene
from tests.sql.worlds import ago

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, project: Project) -> marimo.App:
    monkeypatch.setenv("JOBLEDGER_PROJECT", str(project.folder))
    module: Any = importlib.import_module("jobledger.notebooks.job_health")
    app: marimo.App = importlib.reload(module).app
    return app


def test_every_cell_runs_and_says_what_the_views_say(
    app: marimo.App, ask: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
    outputs, defs = app.run()
    shown = "".join(output.text for output in outputs if hasattr(output, "text"))
    assert "4," in shown.partition("jobs from 2 sources")[0]
    ((rated, succeeded),) = ask(
        "select sum(rated), sum(round(job_success_rate * rated)) from success_rates"
        " where period = '30d'"
    )
    assert defs["totals"]["rated"] == rated
    assert defs["totals"]["succeeded"] == succeeded
    assert [row["kind"] for row in defs["rates"]]
    for row in defs["health"]:
        assert unbroken(row["reason"]) in shown
    for section in ("Health", "Outcomes per day", "Success rates", "Durations", "Open jobs"):
        assert f'<h2 class="jl-heading">{section}</h2>' in shown
    # a chart that cannot be drawn is only said on stderr
    assert capfd.readouterr().err == ""


def test_an_address_is_told_of_names_and_choices_that_there_are_not() -> None:
    options = {"source": ["zuora"], "kind": ["ingest", "query"], "period": list(PERIODS)}
    assert page.not_there({"kind": ["query"], "access_token": ["t"], "file": ["x"]}, options) == ""
    assert page.not_there({"knd": ["query"], "kind": ["ingst"]}, options) == (
        "There is no filter 'knd' (did you mean 'kind'?), no kind 'ingst': left out."
    )


def test_a_page_waits_for_nothing_that_only_a_sync_needs() -> None:
    code = (
        "import sys, jobledger.notebooks.job_health\n"
        "print(sorted({'dlt', 'pyarrow', 'pandas', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_without_a_ledger_the_notebook_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JOBLEDGER_PROJECT", str(tmp_path))
    app = importlib.reload(importlib.import_module("jobledger.notebooks.job_health")).app
    outputs, _ = app.run()
    assert "there is no ledger at" in "".join(
        output.text for output in outputs if hasattr(output, "text")
    )


def test_the_jupyter_notebook_runs_as_in_jupyter(
    monkeypatch: pytest.MonkeyPatch, project: Project
) -> None:
    monkeypatch.setenv("JOBLEDGER_PROJECT", str(project.folder))
    notebook = nbformat.read(NOTEBOOKS / "job_health.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {output["output_type"] for output in outputs} <= {"execute_result", "display_data"}
    pictures = [output for output in outputs if "image/svg+xml" in output.get("data", {})]
    assert len(pictures) == 3
    assert "auto_backfill" in str(outputs)


@pytest.mark.parametrize("statuses", [(), ("succeeded", "running")])
def test_the_jupyter_notebook_runs_where_there_is_little_to_see(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, statuses: tuple[str, ...]
) -> None:
    with Ledger(tmp_path / "ledger.duckdb", tmp_path / "jobs.duckdb") as ledger:
        scene = Scene(tmp_path, ledger)
        put_in_place(ledger.connection, None)
        scene.world.run()
        for status in statuses:
            scene.world.job(status, status=status, created_at=ago(hours=2))
        scene.publish()
    monkeypatch.setenv("JOBLEDGER_PROJECT", str(tmp_path))
    notebook = nbformat.read(NOTEBOOKS / "job_health.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    said = str([cell.get("outputs", []) for cell in notebook.cells])
    assert ("no job to rate" in said) is (not statuses)
    assert ("image/svg+xml" in said) is bool(statuses)


@pytest.mark.parametrize("period", PERIODS)
def test_charts_can_be_drawn_and_say_in_words_what_they_show(project: Project, period: str) -> None:
    chosen = Published(project.warehouse).choose(Filters(period=period))
    outcomes = charts.outcomes(chosen.outcomes())
    assert outcomes is not None
    assert outcomes.to_dict()["description"].startswith("Outcomes per day: ")
    kinds = chosen.trends_by_kind()
    since = min(rows[0]["day"] for rows in kinds)
    said = [charts.failure_rate(rows, since).to_dict()["description"] for rows in kinds]
    assert len(said) == 6
    assert all(" in the last 7 days, of " in each for each in said)
    durations = charts.durations(chosen.durations())
    assert durations is not None
    assert durations.to_dict()["description"].startswith("Durations: the slowest is ")


@pytest.mark.parametrize(
    ("sources", "jobs"),
    [
        (("zuora", "salesforce"), ["data_query · –", "ingest · Account"]),
        (
            ("zuora", "zuora_2", "salesforce"),
            [
                "zuora · data_query · –",
                "zuora_2 · data_query · –",
                "salesforce · ingest · Account",
            ],
        ),
    ],
)
def test_durations_name_the_source_of_all_or_of_none(sources: list[str], jobs: list[str]) -> None:
    took = {"n": 1, "run_p50": 1.0, "run_p95": 2.0}
    rows = [
        {"source": source, "kind": "data_query", "object": None, **took}
        if source.startswith("zuora")
        else {"source": source, "kind": "ingest", "object": "Account", **took}
        for source in sources
    ]
    drawn = charts.durations(rows)
    assert drawn is not None
    # the layers share their rows
    (shown,) = drawn.to_dict()["datasets"].values()
    assert [row["job"] for row in shown] == jobs


def test_what_is_drawn_of_an_outage_that_is_over_stays_inside_the_axis(project: Project) -> None:
    rows = Published(project.warehouse).choose(Filters(period="7d")).trends_by_kind()[0]
    over = [{**row, "failure_rate": 0.0, "failure_rate_28d": 0.8} for row in rows]
    drawn = charts.failure_rate(over, rows[0]["day"]).to_dict()
    scales = [layer["encoding"]["y"]["scale"]["domain"] for layer in drawn["layer"]]
    assert min(top for _, top in scales) >= 0.8


def test_failure_rates_of_very_many_kinds_and_days_are_shown(project: Project) -> None:
    rows = Published(project.warehouse).choose(Filters(period="7d")).trends_by_kind()[0]
    long = (rows * (1100 // len(rows) + 1))[:1100]
    drawn = charts.failure_rate(long, rows[0]["day"]).to_json(indent=None)
    # what marimo shows of a cell at the most, of which some is for the rest of it
    assert charts.RATES_SHOWN * len(drawn) < 7_000_000
    assert page.trend_key(24, 24) == page.TREND_KEY
    assert page.trend_key(60, 24).endswith(
        " the first 24 of 60: choose a source to see its others."
    )


def test_an_empty_choice_shows_an_empty_page(project: Project) -> None:
    chosen = Published(project.warehouse).choose(Filters(objects=("no such object",)))
    assert charts.outcomes(chosen.outcomes()) is None
    assert chosen.trends_by_kind() == []
    assert charts.durations(chosen.durations()) is None
    assert "n = 0 rated jobs · low sample" in page.cards(
        chosen.totals(), chosen.how_many_open(), "7d"
    )


def test_what_jobs_say_is_escaped(project: Project) -> None:
    chosen = Published(project.warehouse).choose(Filters(objects=(SCRIPT,), period="all"))
    (key,) = chosen.failed_jobs()
    job = chosen.job(key)
    assert job is not None
    shown = failures.job(job, chosen.history(key)) + page.durations(chosen.durations(), "all")
    assert SCRIPT not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "&lt;img src=x onerror=alert(2)&gt; &amp; **more**" in shown
    assert "<img" not in failures.failed_jobs(None, [{**key, "error_message": IMAGE}])


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            b'"sf__Id","Name"\n"a","<b>x</b>"\n',
            '<td data-of="Name" class="jl-left">&lt;b&gt;x&lt;/b&gt;</td>',
        ),
        (b'{"errors": ["<b>"]}', "{\n  &#34;errors&#34;: [\n    &#34;&lt;b&gt;&#34;\n  ]\n}"),
        (b"", "(an empty answer)"),
        (b"short,row\n1\n", '<td data-of="row" class="jl-left"></td>'),
        # longer than Python's csv reads a field
        (b"id,text\n1," + b"y" * 140_000 + b"\n", "y" * 140_000),
    ],
)
def test_failed_rows_are_shown_as_they_come(said: bytes, shown: str) -> None:
    assert shown in failures.failed_rows(said, is_whole=True)


def test_failed_rows_that_go_on_say_so() -> None:
    many = b"id\n" + b"".join(b"%d\n" % number for number in range(500)) + b"49"
    shown = failures.failed_rows(many, is_whole=False)
    assert "The first 200 of 500 rows." in shown
    assert "writes all of it" in shown
    assert shown.count("<tr>") == 201


def test_looks_are_those_of_the_report() -> None:
    css = (NOTEBOOKS.parent / "pipelines" / "report" / "page.css").read_text("utf-8")
    for status in ("succeeded", "partial", "failed", "cancelled"):
        assert f"--{status}: {STATUS[status]};" in css
    for health, name in (
        *(("healthy", "good"), ("failing", "bad"), ("stale", "bad"), ("stuck", "stuck")),
        *(("degraded", "poor"), ("idle", "calm"), ("no data", "calm")),
    ):
        assert f"--{name}: {HEALTH[health]};" in css


def test_where_nothing_failed_every_cell_runs_too(
    app: marimo.App, project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    chosen = Published(project.warehouse).choose(Filters(objects=("no such object",)))
    outputs, defs = app.run(defs={"chosen": chosen})
    assert defs["chosen_reason"].value is None
    assert defs["job"] is None
    assert capfd.readouterr().err == ""
    assert len(outputs) > 10


def test_two_lines_lead_into_pandas_polars_and_duckdb(
    monkeypatch: pytest.MonkeyPatch, project: Project, ask: Ask
) -> None:
    readme = (NOTEBOOKS.parent / "README.md").read_text("utf-8")
    lines = re.findall(r"^jobledger\.connect\(\)\.sql\(.+\)", readme, re.MULTILINE)
    monkeypatch.setenv("JOBLEDGER_PROJECT", str(project.folder))
    made = [eval(line, {"jobledger": jobledger}) for line in lines]
    ((failed, days),) = ask(
        "select (select count(*) from jobs where status = 'failed'),"
        " (select count(*) from failure_trends)"
    )
    assert [type(each).__module__.partition(".")[0] for each in made[:2]] == ["pandas", "polars"]
    assert [len(each) for each in made[:2]] == [failed, days]
    assert made[2] is None
