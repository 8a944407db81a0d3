"""What `doctor` finds, and how it says so."""

import errno
import os
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobledger.emulator import Running
from jobledger.pipelines import doctor
from jobledger.sources._provider.clock import Clock
from tests.pipelines.cli.shell import KINDS, Shell


def test_doctor_finds_nothing_wrong_before_and_after_the_first_sync(
    shell: Shell, busy_emulator: Running
) -> None:
    busy_emulator.behaviour.salesforce_page_size = 1000
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
    shown = {
        (each["subject"], each["what"]): int(found[1].replace(",", ""))
        for each in before.json
        if (found := re.search(r"([\d,]+) jobs shown", each["said"]))
    }
    # jobs of the older API, which both listings of Salesforce have, count where they belong
    for each in shell.run("sync", "salesforce", "--json").json:
        assert shown[each["source"], each["kind"]] == each["jobs_listed"]
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


class Hurried(Clock):
    """One who asks again at once."""

    def _sleep(self, seconds: float) -> None:
        pass


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "Clock", Hurried)


@pytest.mark.usefixtures("hurried")
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


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 404}, r"no login there: .*: HTTP 404.*; check base_url under \[sources\..*"),
        ({"status": 501}, r".*/oauth/token: HTTP 501.*; check base_url"),
        ({"kind": "html"}, r".*/oauth/token: .*; check base_url"),
        ({"kind": "drop"}, r"the connection was dropped by .*; check base_url"),
    ],
)
def test_doctor_says_once_that_there_is_no_login_where_base_url_leads(
    shell: Shell, busy_emulator: Running, fault: dict[str, Any], said: str
) -> None:
    busy_emulator.faults.order(fault.pop("kind", "status"), "/oauth/token", times=None, **fault)
    found = shell.run("doctor", "zuora", "--json")
    assert found.code == 1
    (only,) = [each for each in found.json if each["subject"] == "zuora"]
    assert (only["what"], only["is_good"]) == ("reachable", False)
    assert re.fullmatch(said, only["said"])


def test_doctor_sends_nobody_to_base_url_who_asked_too_often(
    shell: Shell, busy_emulator: Running
) -> None:
    limited = {"status": 429, "retry_after": 100_000}
    busy_emulator.faults.order("status", "/oauth/token", times=None, **limited)
    found = shell.run("doctor", "zuora", "--json")
    (only,) = [each for each in found.json if each["subject"] == "zuora"]
    assert (only["what"], only["is_good"]) == ("reachable", False)
    assert "base_url" not in only["said"]


def test_doctor_tells_the_clock_and_the_quota_where_the_quota_is_used_up(
    shell: Shell, busy_emulator: Running
) -> None:
    busy_emulator.faults.order("daily", "*/jobs/query", times=None)
    found = shell.run("doctor", "salesforce", "--json")
    assert found.code == 1
    assert [(each["what"], each["is_good"]) for each in found.json[:-1]] == [
        ("reachable", True),
        ("credentials", True),
        ("ingest", True),
        ("query", False),
        ("quota", True),
        ("clock", True),
    ]


def test_doctor_says_whom_it_asks_and_why_it_waits(shell: Shell, busy_emulator: Running) -> None:
    busy_emulator.faults.order("status", "/query/jobs", status=503, times=1)
    found = shell.run("doctor", "zuora")
    assert found.code == 0
    asking, waiting = found.err.splitlines()
    assert asking == f"zuora: asking {busy_emulator.base_url} …"
    assert re.fullmatch(r"zuora: .*/query/jobs: HTTP 503.*; asking again in \d\.\ds", waiting)


def test_doctor_tells_a_folder_that_a_sync_could_not_write_to(
    shell: Shell, busy_emulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # whoever runs the tests may be allowed everything
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != shell.folder)
    found = shell.run("doctor", "zuora", "--json")
    assert found.code == 2
    assert [each for each in found.json if not each["is_good"]] == [
        {
            "subject": "warehouse",
            "what": "writable",
            "is_good": False,
            "said": f"a sync could not write to {shell.folder}: run jobledger as a user who may",
            "is_setting": True,
        }
    ]


@pytest.mark.skipif(os.name != "posix", reason="files elsewhere have no such modes")
def test_doctor_warns_of_secrets_that_every_user_may_read(shell: Shell) -> None:
    secrets = shell.folder / ".dlt" / "secrets.toml"
    assert "every user" not in shell.run("doctor", "salesforce").err
    secrets.chmod(0o640)
    assert "every user" not in shell.run("doctor", "salesforce").err
    secrets.chmod(0o644)
    found = shell.run("doctor", "salesforce")
    # that may be as it should be, as in a container
    assert found.code == 0
    assert found.err.splitlines()[-1] == (
        f"warning: {secrets} has secrets in it, and every user of this machine may read it:"
        " chmod 600"
    )


def test_doctor_refuses_what_a_sync_would_not_publish_over(shell: Shell) -> None:
    ledger, published = shell.folder / ".jobledger", shell.folder / "jobs.duckdb"

    def refused() -> tuple[str, str]:
        found = shell.run("doctor", "salesforce", "--json")
        (bad,) = (each for each in found.json if not each["is_good"])
        assert (found.code, bad["subject"], bad["what"]) == (2, "warehouse", "opens")
        synced = shell.run("sync", "salesforce")
        assert synced.code == 2
        return bad["said"], synced.err.splitlines()[-1].removeprefix("jobledger: ")

    with duckdb.connect(published) as connection:
        connection.execute("create table jobs as select 1 as mine")
    said, by_sync = refused()
    assert said == by_sync
    assert "is no ledger of jobledger's" in said
    published.unlink()

    assert shell.run("sync", "salesforce").code == 0
    shutil.copytree(ledger, shell.folder / "backup")
    assert shell.run("sync", "salesforce").code == 0
    assert shell.run("doctor", "salesforce").code == 0
    shutil.rmtree(ledger)
    shutil.move(shell.folder / "backup", ledger)
    said, by_sync = refused()
    assert said == by_sync
    assert "a backup was put back" in said


def test_doctor_tells_a_ledger_that_it_may_not_look_at(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(ledger: Path, published: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(ledger))

    monkeypatch.setattr(doctor, "check_publishes", refuse)
    found = shell.run("doctor", "salesforce", "--json")
    assert found.code == 2
    ledger = shell.folder / ".jobledger" / "ledger.duckdb"
    assert [each["said"] for each in found.json if not each["is_good"]] == [
        f"cannot read {ledger}: Permission denied"
    ]
