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
from jobledger.sources._provider.client import Account
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.kept import Kept

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


def test_init_says_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / ".dlt").write_text("a file")
    done = CliRunner().invoke(command, ["--project", str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
    # whoever may write there would fare no better
    assert str(done.exception) == f"cannot write to {tmp_path / '.dlt'}: File exists"


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
        ("salesforce", "salesforce", tuple(KINDS["salesforce"])),
        ("zuora", "zuora", tuple(KINDS["zuora"])),
        ("zuora_eu", "zuora", ("data_query",)),
    ]
    assert project.schedule == ("1h", None)


def test_the_clone_has_the_same_files() -> None:
    assert (CLONE / ".dlt" / "config.toml").read_text() == CONFIG
    assert (CLONE / ".dlt" / "example.secrets.toml").read_text() == SECRETS
    assert tomllib.loads(SECRETS) == {}


def test_sources_of_other_pipelines_are_left_to_them(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[sources.zuora]\nbase_url = "https://rest.zuora.com"\n'
        '[sources.github]\naccess_token = "x"\n'
    )
    environment = {
        "SOURCES__SQL_DATABASE__CREDENTIALS__PASSWORD": "x",
        "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "9",
        "SOURCES__GOOGLE_ANALYTICS__CREDENTIALS__CLIENT_ID": "x",
        "SOURCES__GOOGLE_ANALYTICS__CREDENTIALS__PROJECT_ID": "x",
    }
    project = Project(tmp_path, environment)
    assert [each.name for each in project.sources(KINDS)] == ["zuora"]
    assert project.warnings == [
        ".dlt/config.toml: nobody reads [sources.github]; no setting in it is ours"
    ]


def test_credentials_that_nobody_reads_are_told_and_words_among_them_are_no_secrets(
    tmp_path: Path,
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[sources.salesforce]\nbase_url = "https://acme.my.salesforce.com"\n'
    )
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        '[sources.salesforce.credentials]\nclient_id = "3MVG9"\nclient_secret = "s3cret-s3cret"\n'
        'instance = "Account"\nsecurity_token = "t0ken-t0ken"\n'
    )
    project = Project(tmp_path, {})
    (settings,) = project.sources({"salesforce": ["ingest"]})
    assert sorted(project.warnings) == [
        f".dlt/secrets.toml: nobody reads '{name}' in [sources.salesforce.credentials]: expected"
        " one of audience, client_id, client_secret, private_key, refresh_token, username"
        for name in ("instance", "security_token")
    ]
    account = Account(
        settings, providers()["salesforce"].dialect, Clock(None), Kept(project.kept_file)
    )
    assert account.redactor.text("Account s3cret-s3cret t0ken-t0ken") == (
        "Account [redacted] [redacted]"
    )


def test_credentials_of_the_environment_that_nobody_reads_are_told_without_their_values(
    tmp_path: Path,
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[sources.zuora_eu]\nprovider = "zuora"\nbase_url = "https://rest.eu.zuora.com"\n'
    )
    environment = {
        "SOURCES__ZUORA_EU__CREDENTIALS__CLIENT_ID": "s3cret",
        "SOURCES__ZUORA_EU__CREDENTIALS__CLIENT_SECERT": "s3cret",
        "SOURCES__ZUORA_UE__CREDENTIALS__CLIENT_SECRET": "s3cret",
        # no value is no setting
        "SOURCES__ZUORA_EU__CREDENTIALS__CLIENT": "",
        # of other pipelines, however they are called
        "SOURCES__ZUORA__CREDENTIALS__CLIENT_SECRET": "s3cret",
        "SOURCES__ZUORA_E__CREDENTIALS__CLIENT_SECRET": "s3cret",
        "SOURCES__ZUORA_E__CREDENTIALS__PASSWORD": "s3cret",
        "SOURCES__STRIPE__CREDENTIALS__CLIENT_SECRET": "s3cret",
        "SOURCES__ZUORA_UE": "s3cret",
        "CREDENTIALS__CLIENT_SECERT": "s3cret",
    }
    typo, of_nobody = Project(tmp_path, environment).warnings
    assert typo == (
        "nobody reads SOURCES__ZUORA_EU__CREDENTIALS__CLIENT_SECERT in the environment (did you"
        " mean 'client_secret'?): expected one of audience, client_id, client_secret,"
        " private_key, refresh_token, username"
    )
    assert of_nobody == (
        "nobody reads SOURCES__ZUORA_UE__CREDENTIALS__CLIENT_SECRET in the environment: there is"
        " no source 'zuora_ue' (did you mean SOURCES__ZUORA_EU__CREDENTIALS__CLIENT_SECRET?)"
    )


@pytest.mark.parametrize(
    "said",
    ['base_ulr = "https://rest.zuora.com"', "", 'credentials = { client_id = "x" }'],
)
def test_a_source_of_ours_that_is_not_right_is_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(f"[sources.zuora]\n{said}\n")
    with pytest.raises(ConfigError, match="base_url"):
        Project(tmp_path, {}).sources(KINDS)


def test_credentials_that_stand_too_high_are_told_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[sources.zuora]\nbase_url = "https://rest.zuora.com"\n'
    )
    secrets = tmp_path / ".dlt" / "secrets.toml"
    for said, told in (
        ("[sources.zuora]\n", "has 'client_id', which belongs under [sources.zuora.credentials]"),
        ("[sources.zuora.credential]\n", "'credential' (did you mean 'credentials'?)"),
    ):
        secrets.write_text(f'{said}client_id = "x"\n')
        with pytest.raises(ConfigError) as raised:
            Project(tmp_path, {}).sources(KINDS)
        assert told in str(raised.value)


def test_an_unknown_setting_is_named_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    settings = tmp_path / ".dlt" / "config.toml"
    settings.write_text('[sources.zuora]\nbase_url = "https://rest.zuora.com"\n')
    said = {"SOURCES__ZUORA__MAX_DETAIL": "5", "SYNC__TIME_LIMITS": "1h"}
    project = Project(tmp_path, said)
    with pytest.raises(ConfigError) as raised:
        project.sources(KINDS)
    assert str(raised.value).startswith(
        "[sources.zuora] has an unknown setting 'max_detail' from SOURCES__ZUORA__MAX_DETAIL in the"
        " environment (did you mean 'max_details'?): expected one of provider, base_url,"
    )
    with pytest.raises(ConfigError) as raised:
        _ = project.time_limit
    assert str(raised.value) == (
        "[sync] has an unknown setting 'time_limits' from SYNC__TIME_LIMITS in the environment"
        " (did you mean 'time_limit'?): expected one of time_limit"
    )
    settings.write_text('[sync]\ntime_limits = "1h"\n')
    with pytest.raises(ConfigError, match=r"unknown setting 'time_limits' \(did you mean"):
        _ = Project(tmp_path, {}).time_limit


def test_a_bad_value_of_the_environment_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[sources.zuora]\nbase_url = "https://rest.zuora.com"\nquota_share = 2\n'
    )
    variable = "SOURCES__ZUORA__QUOTA_SHARE"
    for environment, origin in (({}, ""), ({variable: "all"}, f" ({variable} in the environment)")):
        with pytest.raises(ConfigError) as raised:
            Project(tmp_path, environment).sources(KINDS)
        assert str(raised.value).startswith(
            f"[sources.zuora] quota_share{origin}: expected a share above 0"
        )


def test_a_source_that_was_taken_out_of_one_file_is_named_where_it_stands_still(
    tmp_path: Path,
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[sources.zuora]\nbase_url = "https://rest.zuora.com"\n'
    )
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        '[sources.zuora_eu.credentials]\nclient_id = "x"\nclient_secret = "y"\n'
    )
    with pytest.raises(ConfigError) as raised:
        Project(tmp_path, {}).sources({**KINDS, "zuora": ["data_query"]})
    assert str(raised.value).endswith(
        'set provider = "…" in it, or take it out of .dlt/secrets.toml'
    )


@pytest.mark.parametrize("span", ["99999999999d", "0.0000001s", "0s"])
def test_a_time_span_beyond_all_time_or_of_none_is_refused(tmp_path: Path, span: str) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(f'[sync]\ntime_limit = "{span}"\n')
    with pytest.raises(
        ConfigError, match=rf"\[sync\] time_limit is '{span}': expected a time such as"
    ):
        _ = Project(tmp_path, {}).time_limit


@pytest.mark.parametrize("said", ['"v62.0"', '"62.0"', "62", "62.0"])
def test_a_version_is_one_however_it_is_written(tmp_path: Path, said: str) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        f'[sources.sf]\nprovider = "salesforce"\nbase_url = "https://a.my.salesforce.com"\n'
        f"api_version = {said}\n"
    )
    (source,) = Project(tmp_path, {}).sources({"salesforce": ["ingest", "query"]})
    assert source.api_version == "62.0"


def test_what_is_no_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[sources.zuora]\nbase_url = "https://rest.zuora.com"\napi_version = "latest"\n'
    )
    with pytest.raises(ConfigError, match="api_version = 'latest': expected a version such as"):
        Project(tmp_path, {}).sources({"zuora": ["data_query"]})
