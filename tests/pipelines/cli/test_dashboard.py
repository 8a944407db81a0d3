"""What the dashboard says before there is a page."""

import socket
import sys
from pathlib import Path

import pytest

from jobledger.pipelines.cli import main


def run(folder: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--project", str(folder), "dashboard", "--headless", *words])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("missing", ["marimo", "altair"])
def test_what_is_not_installed_is_named_with_how_to_get_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    missing: str,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert run(tmp_path) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err == (
        f"jobledger: the dashboard needs {missing}, which is not installed: run pip install"
        " 'jobledger[dashboard]'\n"
    )


def test_a_port_that_is_taken_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(tmp_path, "--port", str(port)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err == (
        f"jobledger: cannot serve on port {port}: Address already in use; name another --port, or 0"
        " for any that is free\n"
    )


def test_no_other_machine_is_served(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--host", "0.0.0.0") == 2
    assert "'0.0.0.0' is not one of '127.0.0.1', 'localhost'" in capfd.readouterr().err
