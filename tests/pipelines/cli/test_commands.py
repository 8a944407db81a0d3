"""The commands at work on the emulator, as a user types them."""

import errno
import io
import json
import re
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from jobledger.emulator import Running
from jobledger.pipelines import publication
from jobledger.pipelines.cli import main
from jobledger.pipelines.demo import settings_of

KINDS = ["data_backfill", "auto_backfill", "custom_object_bulk", "data_query"]


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Types commands in a project that is set to sync from the emulator."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd

    def run(self, *words: str) -> Done:
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--project", str(self.folder), *words])
        out, err = self._capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)


@pytest.fixture
def shell(tmp_path: Path, busy_emulator: Running, capfd: pytest.CaptureFixture[str]) -> Shell:
    busy_emulator.behaviour.salesforce_page_size = 50
    # doctor compares the provider's clock with the real one
    busy_emulator.clock.set(datetime.now(UTC))
    config, secrets = settings_of(busy_emulator.base_url)
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(config)
    (tmp_path / ".dlt" / "secrets.toml").write_text(secrets)
    return Shell(tmp_path, capfd)


def test_doctor_finds_nothing_wrong_before_and_after_the_first_sync(shell: Shell) -> None:
    before = shell.run("doctor", "--json")
    assert before.code == 0
    assert [(each["subject"], each["what"]) for each in before.json if each["is_good"]] == [
        ("salesforce", "reachable"),
        ("salesforce", "credentials"),
        ("salesforce", "ingest"),
        ("salesforce", "query"),
        ("salesforce", "quota"),
        ("salesforce", "clock"),
        ("zuora", "reachable"),
        ("zuora", "credentials"),
        *(("zuora", kind) for kind in KINDS),
        ("zuora", "clock"),
        ("warehouse", "opens"),
    ]
    assert shell.run("sync", "zuora").code == 0
    after = shell.run("doctor", "zuora")
    assert after.code == 0
    assert "jobs.duckdb has" in after.out


def test_doctor_names_what_the_account_may_not_use(shell: Shell, busy_emulator: Running) -> None:
    path = "/v1/uno/data-backfill/listjobs"
    busy_emulator.faults.order("status", path, status=403, times=None)
    found = shell.run("doctor", "zuora", "--json")
    bad = [each for each in found.json if not each["is_good"]]
    assert found.code == 1
    assert [each["what"] for each in bad] == ["data_backfill", "kinds"]
    line = 'kinds = ["auto_backfill", "custom_object_bulk", "data_query"]'
    assert line in bad[1]["said"]
    synced = shell.run("sync", "zuora")
    assert synced.code == 1
    assert line in synced.err


def test_doctor_looks_at_every_kind_whatever_one_says(shell: Shell, busy_emulator: Running) -> None:
    busy_emulator.faults.order("status", "/v1/uno/data-backfill/listjobs", status=401, times=None)
    found = shell.run("doctor", "zuora", "--json")
    assert found.code == 1
    assert [(each["what"], each["is_good"]) for each in found.json[:-1]] == [
        ("data_backfill", False),
        ("reachable", True),
        ("credentials", True),
        ("auto_backfill", True),
        ("custom_object_bulk", True),
        ("data_query", True),
        ("clock", True),
    ]


def test_doctor_tells_a_listing_that_breaks_from_a_provider_that_is_away(
    shell: Shell, busy_emulator: Running
) -> None:
    busy_emulator.faults.order("drop", "/v1/uno/data-backfill/listjobs", times=None)
    found = shell.run("doctor", "zuora", "--json")
    assert found.code == 1
    assert [(each["what"], each["is_good"]) for each in found.json[:-1]] == [
        ("reachable", True),
        ("credentials", True),
        ("data_backfill", False),
        ("auto_backfill", True),
        ("custom_object_bulk", True),
        ("data_query", True),
        ("clock", True),
    ]


def test_doctor_says_whom_it_asks_and_why_it_waits(shell: Shell, busy_emulator: Running) -> None:
    busy_emulator.faults.order("status", "/query/jobs", status=503, times=1)
    found = shell.run("doctor", "zuora")
    assert found.code == 0
    asking, waiting = found.err.splitlines()
    assert asking == f"zuora: asking {busy_emulator.base_url} …"
    assert re.fullmatch(r"zuora: .*/query/jobs: HTTP 503.*; asking again in \d\.\ds", waiting)


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
        (["sync", "--kind", "data_querry"], "no kind 'data_querry'"),
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


def test_a_secret_that_is_not_there_is_usage(shell: Shell) -> None:
    (shell.folder / ".dlt" / "secrets.toml").write_text("")
    done = shell.run("sync", "zuora")
    assert (done.code, done.out) == (2, "nothing was read\n")
    assert done.err.count("source 'zuora' has no client_id and client_secret") == 1
    assert done.err.count("\n") == 1
    assert shell.run("doctor", "zuora").code == 2
    assert "source 'zuora' has no client_id and client_secret" in done.err
    assert "SOURCES__ZUORA__CREDENTIALS__CLIENT_ID" in done.err


def test_state_tells_resets_and_forgets(shell: Shell) -> None:
    assert shell.run("sync").code == 0
    shown = shell.run("state", "show", "--json").json
    assert [(each["source"], each["kind"]) for each in shown] == [
        ("salesforce", "ingest"),
        ("salesforce", "query"),
        *(("zuora", kind) for kind in sorted(KINDS)),
    ]
    assert all(each["position"] and each["complete_at"] for each in shown)
    assert shell.run("state", "reset", "zuora", "data_query").code == 0
    reset = {each["kind"]: each for each in shell.run("state", "show", "--json").json}
    assert reset["data_query"]["position"] is None
    assert reset["data_query"]["complete_at"] is not None
    assert reset["data_backfill"]["position"] is not None
    assert shell.run("state", "forget", "zuora", "--yes").code == 0
    left = shell.run("query", "select distinct source from jobs", "--format", "csv").out
    assert left.splitlines() == ["source", "salesforce"]
    again = shell.run("sync", "zuora", "--json").json
    assert all(run["jobs_changed"] == run["jobs_listed"] for run in again)


def test_what_is_known_of_a_sync_that_failed_after_a_forgetting_stays_known(shell: Shell) -> None:
    one = ("sync", "zuora", "--kind", "custom_object_bulk")
    config, kept = shell.folder / ".dlt" / "config.toml", shell.folder / ".dlt" / "kept.toml"
    plain = config.read_text()
    assert shell.run(*one).code == 0
    assert shell.run("state", "forget", "zuora", "--yes").code == 0
    # it comes to nothing before anything is loaded
    config.write_text(plain.replace("[sources.zuora]", "[sources.zuora]\nredact_users = true"))
    kept.write_text('user_key = "no key"\n')
    assert shell.run(*one).code == 2
    config.write_text(plain)
    done = shell.run(*one)
    assert (done.code, done.err.count("does not know")) == (0, 0)
    outcomes = ("query", "select outcome from loaded.sync_runs order by all", "--format", "csv")
    assert shell.run(*outcomes).out.split() == ["outcome", "complete", "failed"]


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


def test_what_is_forgotten_is_in_no_file(shell: Shell) -> None:
    def written() -> bytes:
        files = [shell.folder / "jobs.duckdb", *(shell.folder / ".jobledger").rglob("*")]
        return b"".join(path.read_bytes() for path in files if path.is_file())

    assert shell.run("sync").code == 0
    asked = ("query", "select job_id from jobs where source = 'zuora'", "--format", "csv")
    ids = [job_id.encode() for job_id in shell.run(*asked).out.splitlines()[1:]]
    # most are compressed, some stand there as they are
    assert any(job_id in written() for job_id in ids)
    kept = shell.run("query", "from loaded.job_versions where source <> 'zuora' order by all").out
    # what a load that was killed left behind, and a ledger that was damaged
    loading, broken = shell.folder / ".jobledger" / "dlt" / "zuora", "ledger.broken-20261126T000000"
    loading.mkdir(parents=True, exist_ok=True)
    (loading / "rows.parquet").write_bytes(ids[0])
    (shell.folder / ".jobledger" / broken).touch()
    done = shell.run("state", "forget", "zuora", "--yes")
    assert done.code == 0
    assert f"{broken}, once set aside as damaged, may still have some: remove it" in done.err
    left = written()
    assert not any(job_id in left for job_id in ids)
    assert shell.run("sync", "salesforce").code == 0
    assert shell.run("query", "from loaded.job_versions order by all").out == kept


def test_a_source_is_forgotten_whole_or_not_at_all(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell.run("sync", "zuora").code == 0
    everything = ("query", "from loaded.job_versions order by all")
    before = shell.run(*everything).out

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as there:
        there.setattr(publication, "_replace", full)
        done = shell.run("state", "forget", "zuora", "--yes")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("jobledger: nothing was forgotten: ")
    assert "No space left on device" in done.err
    assert shell.run(*everything).out == before
    assert shell.run("sync", "zuora").code == 0
    assert shell.run(*everything).out == before
    assert shell.run("state", "forget", "zuora", "--yes").code == 0
    assert shell.run("query", "select count(*) from jobs", "--format", "csv").out.split()[1] == "0"


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("n\n", 1, "nothing was forgotten\n"),
        ("", 2, "jobledger: nothing was forgotten, since there was no answer: expected y or n,"),
        (None, 130, "nothing was forgotten\n"),
        ("y\n", 0, "forgot "),
    ],
)
def test_forgetting_asks_first(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str | None, code: int, said: str
) -> None:
    assert shell.run("sync", "zuora", "--kind", "data_query").code == 0
    if answer is None:

        def interrupted(prompt: str) -> str:
            raise KeyboardInterrupt

        monkeypatch.setattr("click.termui.visible_prompt_func", interrupted)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer or ""))
    done = shell.run("state", "forget", "zuora")
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    left = shell.run("query", "select count(*) > 0 as has_jobs from jobs", "--format", "csv").out
    assert left.splitlines()[1] == ("false" if code == 0 else "true")


def test_a_kind_that_is_taken_out_of_the_settings_is_known_to_be(shell: Shell) -> None:
    assert shell.run("sync", "zuora", "--kind", "data_query").code == 0
    asked = ("query", "from staging.left_out_kinds order by all", "--format", "csv")
    assert shell.run(*asked).out == "source,kind\n"
    config = shell.folder / ".dlt" / "config.toml"
    kinds = 'kinds = ["data_backfill", "auto_backfill"]'
    config.write_text(config.read_text().replace("[sources.zuora]", f"[sources.zuora]\n{kinds}"))
    assert shell.run("sync", "zuora").code == 0
    left_out = "source,kind\nzuora,custom_object_bulk\nzuora,data_query\n"
    assert shell.run(*asked).out == left_out
    assert shell.run("state", "reset", "zuora", "data_backfill").code == 0
    assert shell.run(*asked).out == left_out


@pytest.mark.parametrize("path", ["jobs.duckdb", ".jobledger/ledger.duckdb", ".dlt/x"])
def test_nothing_is_written_over_the_ledger(shell: Shell, path: str) -> None:
    assert shell.run("sync", "zuora", "--kind", "data_query").code == 0
    for words in (["export", "jobs"], ["query", "jobs"], ["report"]):
        done = shell.run(*words, "-o", str(shell.folder / path))
        assert done.code == 2
        assert "is jobledger's own" in done.err
    assert shell.run("query", "select 1").code == 0


@pytest.mark.parametrize(("name", "odd"), [("o'brien", "'"), ("50%", "%"), ("why?", "?")])
def test_a_folder_that_nothing_can_be_loaded_from_is_told(
    shell: Shell, name: str, odd: str
) -> None:
    folder = shell.folder / name
    shutil.copytree(shell.folder / ".dlt", folder / ".dlt")
    done = shell.run("--project", str(folder), "sync")
    assert (done.code, done.out) == (2, "")
    assert f"the project's path has a {odd} in it" in done.err
    (found,) = (
        each
        for each in shell.run("--project", str(folder), "doctor", "--json").json
        if each["subject"] == "warehouse"
    )
    assert (found["is_good"], found["is_setting"]) == (False, True)
    assert found["said"].startswith(f"the project's path has a {odd} in it")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ('"loaded.duckdb"', "a file called loaded hides the tables in it"),
        ('"in/Staging.db"', "a file called Staging hides the tables in it"),
        ('".dlt"', "is a folder: expected a file's path"),
        ("5", "expected a text such as"),
    ],
)
def test_a_warehouse_that_cannot_be_is_refused(shell: Shell, path: str, said: str) -> None:
    config = shell.folder / ".dlt" / "config.toml"
    config.write_text(f"{config.read_text()}[warehouse]\npath = {path}\n")
    for words in (["sync"], ["query", "jobs"]):
        done = shell.run(*words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_a_database_of_somebody_else_is_not_replaced(shell: Shell) -> None:
    with duckdb.connect(shell.folder / "jobs.duckdb") as theirs:
        theirs.execute("create table mine as select 1 as one")
    done = shell.run("sync", "zuora")
    assert done.code == 2
    assert "no ledger of jobledger's" in done.err
    with duckdb.connect(shell.folder / "jobs.duckdb") as theirs:
        assert theirs.execute("from mine").fetchall() == [(1,)]


def test_a_database_that_somebody_has_open_is_not_replaced(shell: Shell) -> None:
    path = shell.folder / "jobs.duckdb"
    # what is not written into the file yet counts too
    code = (
        "import duckdb, sys; theirs = duckdb.connect(sys.argv[1])\n"
        "theirs.execute('create table mine as select 1 as one'); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        done = shell.run("sync", "zuora")
        other.communicate("\n", timeout=30)
    assert done.code == 2
    assert "no ledger of jobledger's" in done.err
    with duckdb.connect(path) as theirs:
        assert theirs.execute("from mine").fetchall() == [(1,)]


def test_a_file_that_is_no_database_is_not_replaced(shell: Shell) -> None:
    (shell.folder / "jobs.duckdb").write_bytes(b"no database")
    done = shell.run("sync", "zuora")
    assert done.code == 2
    assert "jobs.duckdb is no ledger of jobledger's" in done.err
    assert (shell.folder / "jobs.duckdb").read_bytes() == b"no database"


def test_a_ledger_that_fell_behind_publishes_over_nothing(shell: Shell) -> None:
    one = ("sync", "zuora", "--kind", "data_query")
    state, older = shell.folder / ".jobledger", shell.folder / "older"
    assert shell.run(*one).code == 0
    shutil.copytree(state, older)
    assert shell.run(*one).code == 0
    published = (shell.folder / "jobs.duckdb").read_bytes()
    shutil.rmtree(state)
    older.rename(state)
    done = shell.run(*one)
    assert done.code == 2
    assert f"has syncs that {state} does not know" in done.err
    assert (shell.folder / "jobs.duckdb").read_bytes() == published
    shutil.rmtree(state)
    assert shell.run(*one).code == 0
    count = ("query", "select count(*) as n from loaded.sync_runs", "--format", "csv")
    assert shell.run(*count).out == "n\n3\n"


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
