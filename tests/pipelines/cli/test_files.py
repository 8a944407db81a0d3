"""Folders that nothing can be loaded from, accounts that change, and what files are whose."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.pipelines.cli.shell import Shell


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


def test_an_account_of_another_provider_takes_no_ones_place(shell: Shell) -> None:
    assert shell.run("sync", "zuora", "--kind", "data_query").code == 0
    jobs = shell.run("query", "select count(*) from jobs").out
    config = shell.folder / ".dlt" / "config.toml"
    config.write_text(
        config.read_text().replace("[sources.zuora]", '[sources.zuora]\nprovider = "salesforce"')
    )
    done = shell.run("sync", "zuora")
    assert done.code == 2
    assert (
        "[sources.zuora] is an account of salesforce, and its jobs in the ledger are of zuora:"
        " give it another name, or remove those with 'jobledger state forget zuora'"
    ) in done.err
    assert shell.run("query", "select count(*) from jobs").out == jobs
    assert shell.run("state", "forget", "zuora", "--yes").code == 0
    assert "is an account of" not in shell.run("sync", "zuora").err


def test_a_source_that_is_asked_elsewhere_is_told_of_once(shell: Shell) -> None:
    one = ("sync", "zuora", "--kind", "custom_object_bulk", "--json")
    assert shell.run(*one).json[0]["scope"] == "full"
    again = shell.run(*one)
    assert "before; if" not in again.err
    assert again.json[0]["scope"] == "recent"
    config = shell.folder / ".dlt" / "config.toml"
    config.write_text(config.read_text().replace("127.0.0.1", "localhost"))
    done = shell.run(*one)
    # what is further down may be another account's
    assert (done.code, done.json[0]["scope"]) == (0, "full")
    (said,) = (line for line in done.err.splitlines() if "before; if" in line)
    port = said.split("localhost:")[1].split()[0]
    assert said == (
        f"zuora: asked at http://localhost:{port} now, and at http://127.0.0.1:{port} before; if"
        " that is another account, its jobs stand among the other's now: give it a name of its"
        " own, and put back a backup or 'jobledger state forget zuora'"
    )
    assert "before; if" not in shell.run(*one).err


def test_what_a_sync_writes_is_its_owners_alone(shell: Shell) -> None:
    for words in (["sync"], ["state", "reset"]):
        done = subprocess.run(
            [
                Path(sys.prefix) / "bin" / "jobledger",
                "--project",
                shell.folder,
                *words,
                "salesforce",
            ],
            umask=0o022,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        made = [path for path in shell.folder.rglob("*") if ".dlt" not in path.parts]
        assert any("dlt" in path.parts for path in made)
        assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.mark.parametrize("name", ["Zuora", "zuora__eu", "2nd", "z" * 65])
def test_a_name_that_no_source_can_have_is_told(shell: Shell, name: str) -> None:
    config = shell.folder / ".dlt" / "config.toml"
    config.write_text(f'[sources."{name}"]\nprovider = "zuora"\nbase_url = "https://127.0.0.1"\n')
    done = shell.run("sync")
    assert done.code == 2
    assert done.err.splitlines()[-1] == (
        f"jobledger: '{name}' is no name for a source: expected lower-case letters, digits and"
        " single underscores, 64 at the most, a letter first, as in zuora_eu"
    )


@pytest.mark.parametrize("words", [["export", "jobs"], ["query", "select 1"], ["report"]])
def test_an_output_that_says_nothing_is_no_stdout(shell: Shell, words: list[str]) -> None:
    # a shell's variable that is not set
    done = shell.run(*words, "-o", "")
    assert (done.code, done.out) == (2, "")
    assert done.err == "jobledger: -o is empty: expected a file, or - for stdout\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
def test_a_full_disk_behind_stdout_is_told(shell: Shell) -> None:
    assert shell.run("sync", "zuora", "--kind", "data_query").code == 0
    command = "from jobledger.pipelines.cli import program; program()"
    said = [sys.executable, "-c", command, "--project", str(shell.folder), "query", "jobs"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(said, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == b"jobledger: cannot write any more: No space left on device\n"


@pytest.mark.skipif(sys.platform != "linux", reason="names of files have other letters elsewhere")
def test_a_folder_whose_name_duckdb_would_read_otherwise_is_told(shell: Shell) -> None:
    folder = shell.folder / "caf\xe9"
    folder.mkdir()
    # C without UTF-8 mode: Python takes names for ASCII, and keeps what is beyond as half letters
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = "from jobledger.pipelines.cli import program; program()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--project", str(folder), "status"],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"that are no UTF-8 in this locale" in done.stderr
    assert b"set PYTHONUTF8=1" in done.stderr
