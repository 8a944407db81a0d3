"""The README tells the truth: its commands are run, and what it shows is what they print."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import jobledger
from jobledger.pipelines.cli import COMMANDS, cli
from jobledger.pipelines.output.export import export
from tests.readme import README, commands, outputs

TEXT = README.read_text("utf-8")
_SIZE = re.compile(r"\(\d+\.\d kB\)")


def test_what_the_readme_shows_is_what_comes_out(tmp_path: Path) -> None:
    # rows come in any order, and so a file is a little larger or smaller
    shown, told = (_SIZE.sub("(… kB)", text) for text in (TEXT, outputs(TEXT, tmp_path)))
    assert told == shown, "run: make readme"
    (read,) = re.findall(r"read_json\('jobs.jsonl'.*?\)", TEXT)
    lines = tmp_path / "jobs.jsonl"
    asked = "select count_if(status = 'failed'), max(finished_at), max(run_seconds) from"
    with jobledger.connect(tmp_path / "jobledger-demo") as ledger:
        export(ledger, "jobs", lines, format="jsonl")
        found = ledger.execute(f"{asked} {read.replace('jobs.jsonl', str(lines))}").fetchall()
        assert found == ledger.execute(f"{asked} jobs").fetchall()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 3
    assert f"jobledger {name}" in TEXT


def test_every_command_that_the_readme_runs_is_one() -> None:
    said = [line.split()[1] for line in commands(TEXT) if line.startswith("jobledger ")]
    assert set(said) <= set(COMMANDS)
