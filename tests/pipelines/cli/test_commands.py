"""The commands at work on the emulator, as a user types them."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.cli.shell import KINDS, Shell


def test_what_nobody_reads_in_the_settings_is_said_and_changes_nothing(shell: Shell) -> None:
    config = shell.folder / ".dlt" / "config.toml"
    strange = '[shedule]\nevery = "1h"\n[runtime]\nlog_level = "INFO"\n'
    config.write_text(f'every = "1h"\n{config.read_text()}\n{strange}')
    warnings = [
        "warning: .dlt/config.toml: nobody reads 'every', which stands in no section",
        "warning: .dlt/config.toml: nobody reads [shedule] (did you mean [schedule]?)",
    ]
    for words in (["doctor", "zuora"], ["sync", "zuora", "--kind", "data_query"]):
        done = shell.run(*words)
        assert done.code == 0
        assert [line for line in done.err.splitlines() if line.startswith("warning")] == warnings
    config.write_text(config.read_text().replace("[sources.", "[source."))
    (shell.folder / ".dlt" / "secrets.toml").unlink()
    none = shell.run("sync")
    assert none.code == 2
    assert "nobody reads [source] (did you mean [sources]?)" in none.err


def test_sync_tells_what_changed_and_a_second_one_that_nothing_did(shell: Shell) -> None:
    first = shell.run("sync", "--json")
    assert (first.code, len(first.json)) == (0, 6)
    assert {run["outcome"] for run in first.json} == {"complete"}
    assert all(run[at].endswith("Z") for run in first.json for at in ("started_at", "finished_at"))
    second = shell.run("sync", "zuora", "--kind", "data_query")
    assert (second.code, second.out) == (0, "nothing new\n")
    assert second.err.startswith("zuora data_query: complete, ")
    told = shell.run(
        "query", "select count(*) as versions from loaded.job_versions", "--format", "csv"
    )
    assert int(told.out.splitlines()[1]) == sum(run["jobs_changed"] for run in first.json)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sync", "zoura"], "no source 'zoura' (did you mean 'zuora'?): expected one of"),
        (
            ["sync", "--kind", "data_querry"],
            "to sync (did you mean 'data_query'?): expected one of",
        ),
        (["status", "-o", "status.txt"], "expected --format json, openmetrics or prometheus with"),
        (["query"], "and -f FILE (-f - reads stdin)"),
        (["export", "jobs", "-o", "jobs.xlsx"], "such as .csv, .jsonl, .ndjson, .parquet"),
        (["snyc"], "no command 'snyc' (did you mean 'sync'?)"),
        (["errors", "zuora", "data_query", "1"], "expected a kind that does, custom_object_bulk"),
        (["state", "reset", "zuora"], "there is no ledger"),
        (["schedule", "--every", "1h", "--cron", "* * * * *"], "contradict each other"),
    ],
)
def test_a_wrong_word_is_named_with_the_choices(shell: Shell, words: list[str], said: str) -> None:
    done = shell.run(*words)
    assert done.code == (1 if "ledger" in said else 2)
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err


def test_why_no_kind_of_a_source_was_read_is_told_once(shell: Shell) -> None:
    secrets = shell.folder / ".dlt" / "secrets.toml"
    secrets.write_text(
        re.sub('client_secret = ".*"', 'client_secret = "wrong"', secrets.read_text())
    )
    done = shell.run("sync", "zuora")
    first, *others = done.err.splitlines()
    kind = first.removeprefix("zuora ").partition(":")[0]
    assert first.startswith(
        f"zuora {kind}: failed: source 'zuora' cannot log in by client credentials: "
    )
    assert first.endswith(
        "; check client_id and client_secret under [sources.zuora.credentials], or in the"
        " environment"
    )
    left = {"data_backfill", "auto_backfill", "custom_object_bulk", "data_query"} - {kind}
    assert sorted(others) == [f"zuora {each}: failed, for the same reason" for each in sorted(left)]
    assert (done.code, done.out) == (1, "nothing was read\n")


@pytest.mark.parametrize("words", [["query", "success_rates"], ["views"], ["views", "jobs"]])
def test_json_is_the_short_word_for_a_format(shell: Shell, words: list[str]) -> None:
    shell.run("sync", "zuora", "--kind", "data_query")
    assert shell.run(*words, "--json").json == shell.run(*words, "--format", "json").json != []
    both = shell.run(*words, "--json", "--format", "csv")
    assert (both.code, both.out) == (2, "")
    assert "--json and --format csv contradict each other" in both.err


def test_a_secret_that_is_not_there_is_usage(shell: Shell) -> None:
    (shell.folder / ".dlt" / "secrets.toml").write_text("")
    done = shell.run("sync", "zuora")
    assert (done.code, done.out) == (2, "nothing was read\n")
    assert done.err.count("source 'zuora' has no client_id and client_secret") == 1
    assert done.err.count("\n") == 1
    assert shell.run("doctor", "zuora").code == 2
    assert "source 'zuora' has no client_id and client_secret" in done.err
    assert "SOURCES__ZUORA__CREDENTIALS__CLIENT_ID" in done.err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_a_closed_stream_keeps_nothing_from_being_done(shell: Shell, closed: str) -> None:
    jobledger = f"{Path(sys.executable).with_name('jobledger')} --project {shell.folder}"
    for words in (
        "sync zuora --kind data_query",
        f"export jobs -o {shell.folder}/out.csv",
        "query jobs --format csv --limit 1",
    ):
        line = f"{jobledger} {words} {closed}"
        done = subprocess.run(line, shell=True, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done
        assert b"Error" not in done.stdout + done.stderr
    assert (shell.folder / "out.csv").read_text().count("\n") > 1
    line = f"{jobledger} state forget zuora {closed} </dev/null"
    done = subprocess.run(line, shell=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2


def test_settings_say_what_is_wrong_with_them(shell: Shell) -> None:
    config = shell.folder / ".dlt" / "config.toml"
    plain = config.read_text()
    config.write_bytes(b"\xef\xbb\xbf" + plain.encode())
    assert shell.run("sync", "zuora", "--kind", "data_query").code == 0
    for content, said in (
        (plain.encode("utf-16"), "config.toml is no UTF-8 text: save it as one"),
        (b"[sources.zuora]\nbase_url = 5\n", "[sources.zuora] base_url: expected a text such as"),
        (b"[source.zuora]\nbase_url = 'https://a.example'\n", "(did you mean [sources]?)"),
        *(
            (b"[sources.zuora]\nbase_url = '%b'\n" % url, "is no plain URL: expected https://HOST")
            for url in (b"https://:s3cret@a.example", b"https://a.example#b", b"https://a.example?")
        ),
    ):
        config.write_bytes(content)
        done = shell.run("sync", "zuora")
        assert (done.code, done.out) == (2, "")
        assert said in done.err
    (shell.folder / ".dlt" / "secrets.toml").unlink()
    config.write_text(plain)
    assert "SOURCES__SALESFORCE__CREDENTIALS__CLIENT_SECRET" in shell.run("sync", "salesforce").err


def test_a_kind_that_is_taken_out_of_the_settings_is_known_to_be(shell: Shell) -> None:
    assert shell.run("sync", "zuora", "--kind", "data_query").code == 0
    asked = ("query", "from staging.left_out_kinds order by all", "--format", "csv")
    assert shell.run(*asked).out == "source,kind\n"
    config = shell.folder / ".dlt" / "config.toml"
    kinds = 'kinds = ["data_backfill", "auto_backfill"]'
    config.write_text(config.read_text().replace("[sources.zuora]", f"[sources.zuora]\n{kinds}"))
    assert shell.run("sync", "zuora").code == 0
    left_out = "source,kind\nzuora,data_query\n"
    assert shell.run(*asked).out == left_out
    assert shell.run("state", "reset", "zuora", "data_backfill").code == 0
    assert shell.run(*asked).out == left_out


def test_so_is_a_source(shell: Shell) -> None:
    assert shell.run("sync").code == 0
    for name in ("config.toml", "secrets.toml"):
        settings = shell.folder / ".dlt" / name
        settings.write_text(settings.read_text().replace("[sources.zuora", "[other.zuora"))
    assert shell.run("sync").code == 0
    asked = ("query", "from staging.left_out_kinds order by all", "--format", "csv")
    assert shell.run(*asked).out == "source,kind\n" + "".join(
        f"zuora,{kind}\n" for kind in sorted(KINDS)
    )


def test_users_do_not_change_their_names_because_a_key_is_lost(shell: Shell) -> None:
    one = ("sync", "zuora", "--kind", "custom_object_bulk")
    config, kept = shell.folder / ".dlt" / "config.toml", shell.folder / ".dlt" / "kept.toml"
    plain = config.read_text()
    names = ("query", "select distinct created_by from jobs order by all", "--format", "csv")
    assert shell.run(*one).code == 0
    users = shell.run(*names).out
    # hashed from now on, which needs a key
    config.write_text(plain.replace("[sources.zuora]", "[sources.zuora]\nredact_users = true"))
    assert shell.run(*one).code == 0
    hashed = shell.run(*names).out
    assert len(set(users.splitlines()) | set(hashed.splitlines())) == 2 * len(users.split()) - 1
    key = kept.read_text()
    kept.unlink()
    done = shell.run(*one)
    assert (done.code, done.out) == (2, "nothing was read\n")
    assert "kept.toml has no key for redact_users" in done.err
    assert shell.run(*names).out == hashed
    # nor because another source, which has none yet, is read without it
    secrets = shell.folder / ".dlt" / "secrets.toml"
    told = {path: path.read_text() for path in (config, secrets)}
    for path, text in told.items():
        renamed = text.replace("[sources.zuora", "[sources.another")
        path.write_text(renamed.replace("another]", 'another]\nprovider = "zuora"'))
    assert shell.run("sync", "another", "--kind", "custom_object_bulk").code == 2
    for path, text in told.items():
        path.write_text(text)
    kept.write_text(key)
    assert shell.run(*one).code == 0
    assert shell.run(*names).out == hashed
    kept.write_text('user_key = ""\n')
    assert shell.run(*one).code == 0
    assert not set(shell.run(*names).out.split()[1:]) & set(hashed.split()[1:])


def test_errors_go_to_a_file_and_nowhere_else(shell: Shell) -> None:
    assert shell.run("sync", "salesforce").code == 0
    sql = "select job_id from jobs where kind = 'ingest' and status = 'partial' limit 1"
    job_id = shell.run("query", sql, "--format", "csv").out.splitlines()[1]
    output = shell.folder / "failed.csv"
    done = shell.run("errors", "salesforce", "ingest", job_id, "-o", str(output))
    assert (done.code, done.out) == (0, "")
    assert output.read_text().startswith('"sf__Id","sf__Error"')
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    for to_stdout in ([], ["-o", "-"]):
        done = shell.run("errors", "salesforce", "ingest", job_id, *to_stdout)
        assert (done.code, done.out) == (0, output.read_text())
    gone = shell.run("errors", "salesforce", "ingest", "750000000000000AAA")
    assert gone.code == 1
    assert "HTTP 404" in gone.err


def test_a_sigterm_that_duckdb_takes_for_its_own_is_143(tmp_path: Path) -> None:
    # DuckDB asks for signals while it works: what their handler raises, it calls an interrupt
    script = """
import os, signal
from jobledger.pipelines import query
from jobledger.pipelines.cli import program

def taken(path):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            pass
    except SystemExit:
        raise KeyboardInterrupt from None

query.open_published = taken
program()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "--project", str(tmp_path), "views"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, b"", b"")


def test_failed_records_are_asked_for_without_what_only_a_sync_needs() -> None:
    code = (
        "import sys, jobledger.pipelines.failed_records\n"
        "print(sorted({'dlt', 'pandas', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "has_pandas"),
    [(["sync"], False), (["--project", "sync", "views"], True), (["views", "sync"], True)],
)
def test_a_sync_does_without_pandas_and_nothing_else_does(
    arguments: list[str], has_pandas: bool, tmp_path: Path
) -> None:
    script = """
import atexit
from importlib.util import find_spec
from jobledger.pipelines.cli import program

def tell():
    try:
        print(find_spec("pandas") is not None)
    except ModuleNotFoundError:
        print(False)

atexit.register(tell)
program()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # whatever the command came to: there is no project here
    assert done.stdout == f"{has_pandas}\n", done.stderr
