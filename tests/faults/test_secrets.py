"""Marked secrets, planted wherever one can enter, are nowhere but in `.dlt/`.

Searched is every byte of the project's folder, of what the command wrote on stdout and stderr, and
of what it left in the temporary folder, after runs that go well and runs that fail, with `--debug`
too.
"""

import base64
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from jobledger.emulator import Running, tokens
from tests.faults.processes import Commands, forking
from tests.faults.provider import KINDS_OF, served

MARKS = {
    "presigned": "Sig9natureMARKpresigned",
    "fragment": "Fr4gmentMARKpresigned",
    "nested": "N3stedMARKpresigned",
    "userinfo": "Us3rinfoMARKpassword",
    "in text": "Sig9natureMARKintext",
    "user": "mark.user@customer.example",
    "query": "MARKED_query_text_of_a_customer",
    "authorization": "Be4rerMARKauthorization",
    "receiver": "R3ceiverMARKpassword",
    "receivers key": "R3ceiverMARKkey",
}
SECRETS = (
    tokens.ZUORA_CLIENT_SECRET,
    tokens.SALESFORCE_CLIENT_SECRET,
    tokens.SALESFORCE_REFRESH_TOKEN,
)
ROW = "MARKED customer row that failed"
CONFIG = """\
[sources.zuora]
base_url = "{url}"
redact_users = true
keep_query_text = false
[sources.salesforce]
base_url = "{url}"
redact_users = true
[sources.sales_two]
provider = "salesforce"
base_url = "{url}"
kinds = ["query"]
redact_users = true
"""
SECTIONS = """\
[sources.zuora.credentials]
client_id = "{zuora_id}"
client_secret = "{zuora_secret}"
[sources.salesforce.credentials]
client_id = "{salesforce_id}"
client_secret = "{salesforce_secret}"
refresh_token = "{refresh_token}"
"""
ENVIRONMENT = {
    # the third source has its secret from here alone
    "SOURCES__SALES_TWO__CREDENTIALS__CLIENT_ID": tokens.SALESFORCE_CLIENT_ID,
    "SOURCES__SALES_TWO__CREDENTIALS__CLIENT_SECRET": tokens.SALESFORCE_CLIENT_SECRET,
    # and these are nobody's
    "CLIENT_SECRET": "MARKbareSecret",
    "SOURCES__ELSEWHERE": "MARKelsewhere",
}


@pytest.fixture
def running() -> Iterator[Running]:
    with served() as running:
        running.behaviour.rotates_refresh_tokens = True
        _remember(running)
        _plant(running)
        yield running


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with forking(tmp_path_factory.mktemp("commands"), ENVIRONMENT) as commands:
        yield commands


GIVEN: list[str] = []
"""All tokens that were ever given, the void ones too."""


def _remember(running: Running) -> None:
    issue, refresh = running.tokens._issue, running.tokens.refresh

    def issued(provider: tokens.Provider, token: str, seconds: float) -> str:
        GIVEN.append(token)
        return issue(provider, token, seconds)

    def refreshed(token: str) -> str | None:
        GIVEN.append(refresh(token) or "")
        return GIVEN[-1] or None

    GIVEN.clear()
    running.tokens._issue = issued  # type: ignore[method-assign]
    running.tokens.refresh = refreshed  # type: ignore[method-assign]


def _plant(running: Running) -> None:
    """Jobs with secrets in all the places where a record may have one."""
    world = running.world
    url = f"https://files.example/out.csv?X-Amz-Signature={MARKS['presigned']}&a=1"
    for kind in KINDS_OF["zuora"]:
        newest = world.records(kind)[-1]
        key = "Id" if "Id" in newest else "id"
        said = {
            **newest,
            key: f"planted-{kind}",
            "dataFile": url,
            "sinkPath": f"s3://key:{MARKS['userinfo']}@bucket/out?sig={MARKS['nested']}",
            "downloadUrl": f"https://files.example/a#token={MARKS['fragment']}",
            "deep": {"list": [{"href": f"/download?signature={MARKS['nested']}"}]},
            "failureMessage": f"could not fetch {url}: see {url}",
            "errorMessage": f"GET https://h.example/x?sig={MARKS['in text']} failed",
            "error": {"code": "1", "message": f"PUT https://h.example/x?sig={MARKS['in text']}"},
            # as a proxy's log would have it
            "note": f"Authorization: Bearer {MARKS['authorization']}",
            "ours": f"client_secret={tokens.ZUORA_CLIENT_SECRET}",
        }
        for field in ("uploadedBy", "updatedByUsername", "CreatedById", "UpdatedById"):
            if field in newest:
                said[field] = MARKS["user"]
        if kind == "data_query":
            said |= {"createdByUserEmail": MARKS["user"], "createdBy": MARKS["user"]}
            said["query"] = f"select * from account where name = '{MARKS['query']}'"
            said["errorMessage"] += f" for {MARKS['user']}"
        world.put(kind, said)
    for kind in KINDS_OF["salesforce"]:
        newest = world.records(kind)[-1]
        world.put(
            kind,
            {
                **newest,
                "id": f"750planted{kind}",
                "createdById": MARKS["user"],
                "errorMessage": f"could not read https://h.example/x?sig={MARKS['in text']}",
                "contentUrl": f"services/data/v62.0/jobs/ingest/1/batches?sig={MARKS['presigned']}",
            },
        )


def _project(folder: Path, running: Running) -> Path:
    (folder / ".dlt").mkdir(parents=True)
    (folder / ".dlt" / "config.toml").write_text(CONFIG.format(url=running.base_url))
    (folder / ".dlt" / "secrets.toml").write_text(
        SECTIONS.format(
            zuora_id=tokens.ZUORA_CLIENT_ID,
            zuora_secret=tokens.ZUORA_CLIENT_SECRET,
            salesforce_id=tokens.SALESFORCE_CLIENT_ID,
            salesforce_secret=tokens.SALESFORCE_CLIENT_SECRET,
            refresh_token=tokens.SALESFORCE_REFRESH_TOKEN,
        )
    )
    return folder


def _spellings(secret: str) -> set[bytes]:
    """A secret as it may be written."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), raw[::-1]}
    for shift in range(3):
        # what of its base64 is the same whatever stands before and after
        coded = base64.b64encode(b"\0" * shift + raw)
        found.add(coded[4 if shift else 0 : len(coded) // 4 * 4 - 8])
    return {each for each in found if len(each) > 8}


class Search:
    """Searches every byte for every secret."""

    def __init__(self) -> None:
        everything = [*MARKS.values(), *SECRETS, *GIVEN, "MARKbareSecret", "MARKelsewhere"]
        self.needles = {
            needle: secret for secret in everything if secret for needle in _spellings(secret)
        }
        self.searched = 0

    def text(self, text: bytes, where: str) -> None:
        self.searched += len(text)
        found = {secret for needle, secret in self.needles.items() if needle in text}
        assert found == set(), where

    def folder(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and ".dlt" not in path.relative_to(folder).parts:
                self.text(path.read_bytes(), str(path))
                self.text(str(path.relative_to(folder)).encode(), "a name")
        self._tables(folder / "jobs.duckdb")
        self._tables(folder / ".jobledger" / "ledger.duckdb")

    def _tables(self, path: Path) -> None:
        """The rows too, since a file may hold them compressed."""
        if not path.exists():
            return
        with duckdb.connect(path, read_only=True) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() union all"
                " select schema_name, view_name from duckdb_views() where not internal"
            ).fetchall()
            for schema, table in tables:
                rows = connection.execute(f'from "{schema}"."{table}"').fetchall()
                self.text(repr(rows).encode(), f"{path.name}, {schema}.{table}")


def _echoing(running: Running, provider: str, *, is_login: bool = False) -> Mapping[str, Any]:
    """An error body that says all that the provider was sent, and more."""
    _, token = next(iter(running.state.tokens._expiry), ("", "none"))
    said = [
        f"https://h.example/x?sig={MARKS['in text']}",
        f"Authorization: Bearer {token}",
        f"authorization: bearer {MARKS['authorization']}",
    ]
    secret = tokens.ZUORA_CLIENT_SECRET
    if provider == "salesforce":
        secret = tokens.SALESFORCE_CLIENT_SECRET
        if not is_login:
            # two sources log in here, of which only one has it; see test_token_life for the login
            said += [tokens.SALESFORCE_REFRESH_TOKEN, running.tokens.refresh_token or ""]
    said += [
        f"client_secret={secret}",
        quote(secret),
        base64.b64encode(secret.encode()).decode(),
        base64.urlsafe_b64encode(f"id:{secret}".encode()).decode(),
    ]
    text = " ".join(said)
    return {"code": 500, "message": text, "reasons": [{"code": text, "message": text}]}


def _errors_that_echo(running: Running) -> None:
    zuora, salesforce = _echoing(running, "zuora"), _echoing(running, "salesforce")
    running.faults.order("body", "/query/jobs", times=None, status=400, body=zuora)
    running.faults.order("body", "/objects/jobs", times=None, status=403, body=zuora)
    running.faults.order("body", "*/jobs/ingest", times=None, status=403, body=[salesforce])
    running.faults.order("body", "*/jobs/query/*", times=None, status=410, body=str(salesforce))


def _logins_that_echo(running: Running) -> None:
    for path, provider in (("/oauth/token", "zuora"), ("/services/oauth2/token", "salesforce")):
        body = _echoing(running, provider, is_login=True)
        running.faults.order("body", path, times=None, status=400, body=body)


def _listings_that_echo(running: Running) -> None:
    body = _echoing(running, "zuora")
    # no job at all, yet with all of it inside; and HTML that quotes it
    running.faults.order("body", "/query/jobs", times=None, body={"data": [body, str(body), 7]})
    page = f"<html><head><title>{body['message']}</title></head></html>"
    running.faults.order("body", "/objects/jobs", times=None, status=404, body=page)
    running.faults.order("status", "/v1/*", times=1, status=503)
    away = f"https://elsewhere.example/x?sig={MARKS['in text']}"
    running.faults.order("redirect", "*/jobs/ingest", times=None, location=away)
    running.faults.order("elsewhere", "*/jobs/query", times=None, location=away)


def _tokens_that_end(running: Running) -> None:
    running.faults.order("expire_tokens", "/query/jobs", times=None)
    running.faults.order("expire_tokens", "*/jobs/ingest/*", times=3)


TROUBLES = [_errors_that_echo, _logins_that_echo, _listings_that_echo, _tokens_that_end]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: each.__name__.strip("_"))
def test_no_secret_is_anywhere_but_in_dlt(
    trouble: Callable[[Running], None],
    tmp_path: Path,
    running: Running,
    commands: Commands,
    record_property: Callable[[str, object], None],
) -> None:
    folder = _project(tmp_path / "project", running)
    said = []
    # what it says without --debug is part of what it says with it
    code, output = commands.run(folder, "sync", "--debug")
    said.append(output)
    assert code == 0, output
    running.clock.advance(timedelta(hours=1))
    trouble(running)
    receiver = f"json://mark:{MARKS['receiver']}@127.0.0.1:1/hook?key={MARKS['receivers key']}"
    for command in (
        *(["sync"], ["sync", "--json", "--full"], ["doctor"], ["status"]),
        ["check", "--notify", receiver],
    ):
        code, output = commands.run(folder, *command, "--debug")
        said.append(output)
        assert code in (0, 1, 4), output
    assert "--notify number 1 (JSON) did not take" in output

    search = Search()
    for output in said:
        search.text(output.encode(), output)
    search.folder(folder)
    # the search would find one: the secrets are where they belong
    assert tokens.ZUORA_CLIENT_SECRET in (folder / ".dlt" / "secrets.toml").read_text()
    kept = (folder / ".dlt" / "kept.toml").read_text()
    if running.tokens.refresh_token is not None:
        assert running.tokens.refresh_token in kept
    assert search.searched > 500_000
    record_property("bytes_searched", search.searched)
    record_property("spellings", len(search.needles))


def test_what_failed_in_a_job_leaves_no_trace(
    tmp_path: Path, running: Running, commands: Commands
) -> None:
    running.world.put(
        "custom_object_bulk",
        {**running.world.records("custom_object_bulk")[0], "Id": "of-errors", "status": "failed"},
        errors=[{"line": 1, "message": ROW}],
    )
    folder = _project(tmp_path / "project", running)
    assert commands.run(folder, "sync")[0] == 0
    code, output = commands.run(
        folder, "--debug", "errors", "zuora", "custom_object_bulk", "of-errors"
    )
    assert code == 0
    assert ROW in output
    assert commands.run(folder, "sync")[0] == 0
    for path in folder.rglob("*"):
        if path.is_file():
            assert ROW.encode() not in path.read_bytes(), path


def test_what_is_made_is_its_owners_alone(
    tmp_path: Path, running: Running, commands: Commands
) -> None:
    folder = _project(tmp_path / "project", running)
    old = os.umask(0o022)
    try:
        assert commands.run(folder, "sync")[0] == 0
    finally:
        os.umask(old)
    made = [folder / "jobs.duckdb", folder / ".dlt" / "kept.toml", folder / ".jobledger"]
    inside = [path for path in (folder / ".jobledger").rglob("*") if path.is_file()]
    for path in (*made, *(path for path in inside if path.parent.name == ".jobledger")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    # the folder keeps others out of all that is in it
    assert stat.S_IMODE((folder / ".jobledger").stat().st_mode) == 0o700

    # also after it came back from a backup that does not keep who may read what
    (folder / ".jobledger").chmod(0o755)
    assert commands.run(folder, "sync")[0] == 0
    assert stat.S_IMODE((folder / ".jobledger").stat().st_mode) == 0o700
