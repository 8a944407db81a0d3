"""Tokens that end, refresh tokens that are replaced, clocks that are wrong."""

import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jobledger.emulator import Running, serving, tokens
from jobledger.pipelines.project import Project
from jobledger.pipelines.sync.project_sync import exit_of, sync_project
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources._provider.run import Outcome, Run
from tests.faults.processes import forking, until
from tests.faults.provider import TOKENS, Walks, project, served, small_world
from tests.pipelines.scripted_sync import Quiet
from tests.sources._provider.accounts import NOW, FakeClock

ALL_WELL = {Outcome.COMPLETE}
REFRESH = f'refresh_token = "{tokens.SALESFORCE_REFRESH_TOKEN}"\n'


@pytest.fixture
def running() -> Iterator[Running]:
    with served() as running:
        yield running


@pytest.fixture
def walks(running: Running, tmp_path: Path) -> Iterator[Walks]:
    (tmp_path / ".dlt").mkdir()
    with Ledger(tmp_path / "ledger.duckdb", tmp_path / "jobs.duckdb") as ledger:
        yield Walks(ledger, tmp_path, running.base_url)


class WorldClock(FakeClock):
    """Passes with the emulator's: whenever a request was answered, it is so much later."""

    def __init__(self, running: Running, each: float) -> None:
        self._running, self._each = running, each
        super().__init__()

    def monotonic(self) -> float:
        self.passed = len(self._running.requests) * self._each
        behind = NOW + timedelta(seconds=self.passed) - self._running.clock.now()
        if behind > timedelta():
            self._running.clock.advance(behind)
        return self.passed


def logins(running: Running) -> int:
    return sum(seen.path in TOKENS.values() for seen in running.requests)


def test_a_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    with (
        serving(small_world({"custom_object_bulk": 400})) as running,
        Ledger(tmp_path / "ledger.duckdb", tmp_path / "jobs.duckdb") as ledger,
    ):
        running.behaviour.zuora_token_seconds = 250
        walks = Walks(ledger, tmp_path, running.base_url)
        runs = walks.sync("zuora", clock=WorldClock(running, each=20))
        assert {run.outcome for run in runs.values()} == ALL_WELL
        assert 401 not in {seen.status for seen in running.requests}
        assert logins(running) >= 2


def test_a_session_that_ends_in_mid_listing_costs_one_login(running: Running, walks: Walks) -> None:
    running.faults.order("expire_tokens", "*/jobs/ingest?queryLocator*", after=1, times=1)
    runs = walks.sync("salesforce", "ingest")
    assert {run.outcome for run in runs.values()} == ALL_WELL
    assert walks.jobs("salesforce") == walks.fresh("salesforce")
    assert [seen.status for seen in running.requests].count(401) == 1


def test_a_permanent_401_is_no_loop(running: Running, walks: Walks) -> None:
    running.faults.order("status", "*", times=None, status=401)
    runs = walks.sync("zuora")
    assert {(run.outcome, run.error_kind) for run in runs.values()} == {
        (Outcome.FAILED, "credentials")
    }
    assert len(running.requests) == 1

    running.faults.clear()
    running.requests.clear()
    for path in ("/v1/*", "/objects/*", "/query/*"):
        running.faults.order("status", path, times=None, status=401)
    runs = walks.sync("zuora")
    assert {(run.outcome, run.error_kind) for run in runs.values()} == {
        (Outcome.FAILED, "credentials")
    }
    # one login, one more after the first 401, and one request of each other kind
    assert logins(running) == 2
    assert len(running.requests) <= 2 + 2 + 3


# refresh tokens


@pytest.fixture
def rotating(tmp_path: Path, running: Running) -> Project:
    running.behaviour.rotates_refresh_tokens = True
    ours = project(tmp_path / "ours", running.base_url, "salesforce")
    secrets = ours.folder / ".dlt" / "secrets.toml"
    secrets.write_text(secrets.read_text() + REFRESH)
    return ours


def kept(ours: Project) -> str | None:
    path = ours.folder / ".dlt" / "kept.toml"
    found = re.search(r'token = "([^"]+)"', path.read_text()) if path.exists() else None
    return found[1] if found else None


def test_a_rotated_token_is_kept_and_used(rotating: Project, running: Running) -> None:
    seen = {tokens.SALESFORCE_REFRESH_TOKEN}
    for _ in range(3):
        result = sync_project(rotating, watcher=Quiet(), clock=FakeClock())
        assert exit_of(result) == 0
        assert kept(rotating) == running.tokens.refresh_token
        assert kept(rotating) not in seen
        seen.add(str(kept(rotating)))


def test_a_sync_killed_after_its_login_can_log_in_again(
    rotating: Project, running: Running, tmp_path: Path
) -> None:
    with forking(tmp_path) as commands:
        for _ in range(3):
            # the token's answer came, and whatever is asked with it has no answer so far
            running.requests.clear()
            running.faults.clear()
            running.faults.order("slow", "*/jobs/*", times=None, seconds=5)
            before = kept(rotating)
            command = commands.start(rotating.folder, "sync")
            assert until(lambda: kept(rotating) not in (None, before))  # noqa: B023 - asked at once
            command.kill()
            assert command.wait() == -signal.SIGKILL
            assert kept(rotating) == running.tokens.refresh_token
        running.faults.clear()
        code, said = commands.run(rotating.folder, "sync")
        assert code == 0, said


def test_nothing_is_asked_for_with_a_token_whose_successor_cannot_be_kept(
    rotating: Project, running: Running
) -> None:
    path = rotating.folder / ".dlt" / "kept.toml"
    path.mkdir()
    result = sync_project(rotating, watcher=Quiet(), clock=FakeClock())
    assert exit_of(result) in (1, 2)
    # not even the login: what it gives could not be kept
    assert [seen for seen in running.requests if seen.status == 200] == []
    assert running.tokens.refresh_token == tokens.SALESFORCE_REFRESH_TOKEN

    path.rmdir()
    assert exit_of(sync_project(rotating, watcher=Quiet(), clock=FakeClock())) == 0


def test_a_token_that_the_user_sets_anew_wins(rotating: Project, running: Running) -> None:
    assert exit_of(sync_project(rotating, watcher=Quiet(), clock=FakeClock())) == 0
    running.tokens.refresh_token = None
    result = sync_project(rotating, watcher=Quiet(), clock=FakeClock())
    assert {run.error_kind for run in result.runs} == {"credentials"}
    assert exit_of(result) == 1

    running.tokens.refresh_token = "a-new-one-of-the-user's"
    secrets = rotating.folder / ".dlt" / "secrets.toml"
    secrets.write_text(
        secrets.read_text().replace(tokens.SALESFORCE_REFRESH_TOKEN, "a-new-one-of-the-user's")
    )
    again = Project(rotating.folder, {})
    assert exit_of(sync_project(again, watcher=Quiet(), clock=FakeClock())) == 0


def test_a_login_that_quotes_what_it_was_sent(rotating: Project, running: Running) -> None:
    assert exit_of(sync_project(rotating, watcher=Quiet(), clock=FakeClock())) == 0
    mine = str(kept(rotating))
    said = f"{mine} is no refresh token, nor is {tokens.SALESFORCE_REFRESH_TOKEN}"
    body = {"error": "invalid_grant", "error_description": said}
    running.faults.order("body", TOKENS["salesforce"], status=400, body=body)
    result = sync_project(rotating, watcher=Quiet(), clock=FakeClock())
    for run in result.runs:
        assert (
            str(run.error_message)
            .partition("; check ")[0]
            .endswith("HTTP 400: invalid_grant: [redacted] is no refresh token, nor is [redacted]")
        )


# clocks


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_a_wrong_clock_does_not_keep_a_signed_login_out(hours: float, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    world = small_world()
    world.behaviour.public_key = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    with (
        serving(world) as running,
        Ledger(tmp_path / "ledger.duckdb", tmp_path / "jobs.duckdb") as ledger,
    ):
        walks = Walks(ledger, tmp_path, running.base_url)
        # the provider's clock is right, ours is that much behind or ahead
        running.clock.advance(timedelta(hours=hours))
        runs: dict[str, Run] = walks.sync(
            "salesforce",
            credentials={
                "client_id": tokens.SALESFORCE_CLIENT_ID,
                "username": tokens.SALESFORCE_USERNAME,
                "private_key": pem,
            },
        )
        assert {run.error_message for run in runs.values()} == {None}
        assert logins(running) <= 2
