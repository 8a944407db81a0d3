"""What is not trusted: bodies without bounds, and ways that lead to other hosts."""

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobledger.emulator import Running
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources._provider.run import Run
from tests.faults.provider import Walks, served


@pytest.fixture
def running() -> Iterator[Running]:
    with served() as running:
        yield running


@pytest.fixture
def walks(running: Running, tmp_path: Path) -> Iterator[Walks]:
    (tmp_path / ".dlt").mkdir()
    with Ledger(tmp_path / "ledger.duckdb", tmp_path / "jobs.duckdb") as ledger:
        yield Walks(ledger, tmp_path, running.base_url)


@contextmanager
def stranger() -> Iterator[tuple[str, list[bytes]]]:
    """Another host, which writes down whatever it is sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(65_536))

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)


def the(runs: dict[str, Run], kind: str) -> tuple[str, str | None, str | None]:
    run = runs[kind]
    return str(run.outcome), run.error_kind, run.error_message


def test_a_bomb_is_refused_before_it_is_unpacked(running: Running, walks: Walks) -> None:
    running.faults.order("bomb", "/objects/jobs", times=None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs = walks.sync("zuora", kinds=("custom_object_bulk",))
    assert the(runs, "custom_object_bulk") == (
        *("failed", "unsafe"),
        "the answer has more than 268,435,456 bytes and was not read",
    )
    # kilobytes; what was let in before it was enough, and no gigabyte
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 800_000


def test_a_body_without_an_end_is_refused(running: Running, walks: Walks) -> None:
    running.faults.order("huge", "*/jobs/query", times=None)
    runs = walks.sync("salesforce", kinds=("query",))
    assert the(runs, "query") == (
        *("failed", "unsafe"),
        "the answer has more than 268,435,456 bytes and was not read",
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["/objects/jobs", "/oauth/token"])
def test_no_credentials_follow_a_redirect(
    path: str, status: int, running: Running, walks: Walks
) -> None:
    with stranger() as (there, heard):
        running.faults.order("redirect", path, times=None, status=status, location=f"{there}/x")
        runs = walks.sync("zuora", kinds=("custom_object_bulk",))
    outcome, kind, message = the(runs, "custom_object_bulk")
    assert (outcome, kind) == ("failed", "unsafe")
    assert message == f"127.0.0.1 redirects to {there}, which is not followed"
    assert heard == []


def test_a_next_page_on_another_host_is_not_asked_for(running: Running, walks: Walks) -> None:
    with stranger() as (there, heard):
        running.faults.order("elsewhere", "*/jobs/ingest", times=None, location=there)
        runs = walks.sync("salesforce", "ingest")
    assert the(runs, "ingest") == (
        *("incomplete", "unsafe"),
        "nextRecordsUrl points at another host, 127.0.0.1",
    )
    assert runs["ingest"].jobs_listed == 2
    assert str(runs["query"].outcome) == "complete"
    assert heard == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "https://evil.example", "https://salesforce.com.evil.example"]
)
def test_a_login_that_names_another_host(url: str, running: Running, walks: Walks) -> None:
    body = {"access_token": "00Dtoken", "instance_url": url, "token_type": "Bearer"}
    running.faults.order("body", "/services/oauth2/token", times=None, body=body)
    runs = walks.sync("salesforce", kinds=("ingest",))
    outcome, kind, _ = the(runs, "ingest")
    # one loopback address may send us to another; nothing is there
    assert (outcome, kind) == ("failed", "network" if "127.0.0.1" in url else "unsafe")
    assert all(seen.path == "/services/oauth2/token" for seen in running.requests)
