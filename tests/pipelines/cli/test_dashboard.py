"""What the dashboard says before there is a page."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

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


def test_settings_that_cannot_be_read_are_told_before_a_page_is_served(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[sources.zuora")
    assert run(tmp_path) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"jobledger: {tmp_path / '.dlt' / 'config.toml'} is no TOML: ")


def test_it_ends_when_told_to_even_as_a_scripts_background_job(tmp_path: Path) -> None:
    jobledger = str(Path(sys.executable).with_name("jobledger"))
    words = ["--project", str(tmp_path), "dashboard", "--headless", "--port", "0"]
    # as a shell starts what it does not wait for
    deaf = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", jobledger, *words]
    with subprocess.Popen(deaf, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().decode().strip()
            with urlopen(address) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
