"""Where syncs stand, and a source that is forgotten."""

import errno
import io
import re
from pathlib import Path

import pytest

from jobledger.pipelines.warehouse import publication
from tests.pipelines.cli.shell import KINDS, Shell


def test_state_tells_resets_and_forgets(shell: Shell) -> None:
    assert shell.run("sync").code == 0
    shown = shell.run("state", "show", "--json").json
    assert [(each["source"], each["kind"]) for each in shown] == [
        ("salesforce", "ingest"),
        ("salesforce", "query"),
        *(("zuora", kind) for kind in sorted(KINDS)),
    ]
    assert all(each["position"][-1] == each["complete_at"][-1] == "Z" for each in shown)
    head, _, *lines = shell.run("state", "show").out.splitlines()
    names = ["source", "kind", "position", "complete", "full walk", "newest first"]
    assert re.split(r"\s{2,}", head) == names
    assert all(len(line) <= 80 for line in lines)
    assert {line.split()[-1] for line in lines} <= {"yes", "no"}
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
    still = "[sources.zuora] is set still: the next sync brings back what is listed there\n"
    assert done.err.endswith(still) == (code == 0)
    left = shell.run("query", "select count(*) > 0 as has_jobs from jobs", "--format", "csv").out
    assert left.splitlines()[1] == ("false" if code == 0 else "true")


def test_a_forgetting_that_is_terminated_as_it_ends_is_done(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell.run("sync").code == 0
    replace = publication._replace

    def terminated(fresh: Path, target: Path) -> None:
        replace(fresh, target)
        raise SystemExit(143)

    with monkeypatch.context() as there:
        there.setattr(publication, "_replace", terminated)
        assert shell.run("state", "forget", "zuora", "--yes").code == 143
    # what comes next makes nothing of it undone
    assert shell.run("sync", "salesforce").code == 0
    left = shell.run("query", "select distinct source from jobs", "--format", "csv").out
    assert left.splitlines() == ["source", "salesforce"]
