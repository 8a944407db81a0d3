"""The files that a project begins with."""

import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobledger.pipelines.cli.init import CONFIG, SECRETS, command
from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.project import Project
from jobledger.sources import providers

CLONE = Path(__file__).parents[3]
KINDS = {name: [kind.name for kind in provider.kinds] for name, provider in providers().items()}


def test_init_writes_what_is_not_there_and_overwrites_nothing(tmp_path: Path) -> None:
    first = CliRunner().invoke(command, ["--project", str(tmp_path)])
    assert (first.exit_code, first.stdout) == (0, "")
    (tmp_path / ".dlt" / "secrets.toml").write_text("# mine")
    second = CliRunner().invoke(command, ["--project", str(tmp_path)])
    assert [line.split()[0] for line in second.stderr.splitlines()] == ["kept"] * 3 + ["next:"]
    files = {path.name: path for path in (tmp_path / ".dlt").iterdir()}
    assert sorted(files) == [".gitignore", "config.toml", "secrets.toml"]
    assert files["secrets.toml"].read_text() == "# mine"
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}


def test_until_a_source_is_set_each_command_says_what_comes_next(tmp_path: Path) -> None:
    settings, project = tmp_path / ".dlt" / "config.toml", Project(tmp_path)
    with pytest.raises(ConfigError) as told:
        project.sources({})
    assert str(told.value) == (
        f"no source is set in {settings}: run 'jobledger init' and fill it in, or try"
        " 'jobledger demo'"
    )
    CliRunner().invoke(command, ["--project", str(tmp_path)])
    with pytest.raises(ConfigError) as told:
        project.sources({})
    assert str(told.value) == (
        f"no source is set in {settings}: fill it in, or try 'jobledger demo'"
    )


def test_what_init_writes_is_read_once_it_is_filled_in(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    # every line that is off, switched on: an example that is wrong would be refused by name
    for name, content in (("config.toml", CONFIG), ("secrets.toml", SECRETS)):
        switched = [
            line.removeprefix("# ")
            for line in content.splitlines()
            if " = " in line or line.startswith(("# [", "["))
        ]
        if name == "secrets.toml":
            switched = switched[
                : switched.index(
                    "[sources.salesforce.credentials]" + " " * 4 + "# client credentials"
                )
            ]
        (tmp_path / ".dlt" / name).write_text("\n".join(switched))
    project = Project(tmp_path, {})
    settings = project.sources(KINDS)
    assert [(each.name, each.provider, each.kinds) for each in settings] == [
        ("salesforce", "salesforce", None),
        ("zuora", "zuora", None),
        ("zuora_eu", "zuora", ("data_query",)),
    ]
    assert project.schedule == ("1h", None)


def test_the_clone_has_the_same_files() -> None:
    assert (CLONE / ".dlt" / "config.toml").read_text() == CONFIG
    assert (CLONE / ".dlt" / "example.secrets.toml").read_text() == SECRETS
    assert tomllib.loads(SECRETS) == {}
