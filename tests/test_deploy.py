"""What is there to be copied: it names commands and options that there are."""

import ast
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from jobledger.pipelines.cli import cli

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())
_COMMAND = re.compile(r"(?<![\w./])(?:/usr/local/bin/)?jobledger((?: +[^\s`\"'>|]+)+)")


def said(path: Path) -> list[str]:
    """Every jobledger command that a file has."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(line for line in lines if "Description" not in line and "pip " not in line)
    # where a shell sends what is printed is no argument
    text = re.sub(r"\s\d?>\S+", "", text)
    if path.suffix == ".py":
        text = text.replace(
            '"jobledger", "--project", PROJECT, "', "jobledger --project /srv/jobs "
        )
        text = text.replace('", "', " ")
    return [found.strip() for found in _COMMAND.findall(text)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_is_one_with_options_that_it_has(path: Path) -> None:
    found = [
        words
        for words in map(shlex.split, said(path))
        if any(word in cli.list_commands(click.Context(cli)) for word in words)
    ]
    if path.suffix != ".timer" and path.name != "Dockerfile":
        assert found
    for words in found:
        ctx = cli.make_context("jobledger", list(words))
        rest: list[str] = [*ctx._protected_args, *ctx.args]
        name, command, args = cli.resolve_command(ctx, rest)
        assert command is not None
        command.make_context(name, args, parent=ctx)


def test_the_image_runs_a_command_that_there_is_as_nobody_special() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    told = dict(line.split(" ", 1) for line in lines if re.match("[A-Z]+ ", line))
    assert told["USER"] == "jobledger"
    assert "useradd" in "\n".join(lines)
    name, *args = ast.literal_eval(told["CMD"])
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    command.make_context(name, args)


def test_the_workflow_is_one() -> None:
    workflow: Any = yaml.safe_load((DEPLOY / "github-actions.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert workflow[True]["schedule"] == [{"cron": "17 * * * *"}]
    assert [step.get("uses", step.get("run")) for step in job["steps"]] == [
        "actions/checkout@v4",
        "actions/setup-python@v5",
        'pip install -c wheels/constraints.txt "$(echo wheels/jobledger-*.whl)[notify]"',
        "actions/cache/restore@v4",
        "jobledger sync",
        "jobledger check",
        "actions/cache/save@v4",
        "actions/upload-artifact@v4",
    ]


@pytest.mark.parametrize("name", ["dagster_jobs.py", "airflow_jobs.py"])
def test_the_snippets_are_python(name: str) -> None:
    compile((DEPLOY / name).read_text(), name, "exec")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_has_nothing_against_the_units() -> None:
    units = [str(path) for path in FILES if path.suffix in {".service", ".timer"}]
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    complaints = [
        line
        for line in done.stderr.splitlines()
        if any(Path(unit).name in line for unit in units) and "not executable" not in line
    ]
    assert complaints == []
