"""`python -m emulator`, as a process."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]


def command(*arguments: str, module: str = "emulator") -> list[str]:
    return [sys.executable, "-m", module, *arguments]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    arguments = ("--jobs", "50", "--seed", "3", "--now", "2026-11-24T14:30:00", "--still")
    running = subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    with running:
        yield running
        running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_settings_serves_and_stops(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert process.stderr is not None
    url = re.findall(r"http://127\.0\.0\.1:\d+", process.stderr.readline())[0]
    about = requests.get(f"{url}/_emulator", timeout=10).json()
    assert (about["now"], about["seed"]) == ("2026-11-24T14:30:00+00:00", 3)
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    # two files, ready to paste; settings of a source stand in both
    config, secrets = out.split("# .dlt/secrets.toml")
    assert tomllib.loads(config) == {
        "sources": {"zuora": {"base_url": url}, "salesforce": {"base_url": url}}
    }
    credentials = {
        name: said["credentials"] for name, said in tomllib.loads(secrets)["sources"].items()
    }
    assert credentials == {
        "zuora": {
            "client_id": "emulator-zuora-client-00000000000001",
            "client_secret": "emulator-zuora-secret",
        },
        "salesforce": {
            "client_id": "emulator-salesforce-consumer-key",
            "client_secret": "emulator-salesforce-secret",
        },
    }


@pytest.mark.parametrize("module", ["emulator", "jobledger.emulator"])
def test_help_explains_everything(module: str) -> None:
    done = subprocess.run(
        command("--help", module=module), cwd=ROOT, capture_output=True, text=True, check=True
    )
    for word in ("--port", "--seed", "--now", "--jobs", "PUT /_emulator/clock", "repeat_cursor"):
        assert word in done.stdout
    assert done.stderr == ""


def test_a_port_that_is_taken(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    port = re.findall(r"127\.0\.0\.1:(\d+)", process.stderr.readline())[0]
    done = subprocess.run(
        command("--port", port, "--jobs", "0"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"emulator: cannot listen on port {port}: Address already in use\n"
