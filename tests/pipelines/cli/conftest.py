"""A shell to type commands in."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobledger.emulator import Running
from jobledger.pipelines.demo import settings_of
from tests.pipelines.cli.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, busy_emulator: Running, capfd: pytest.CaptureFixture[str]) -> Shell:
    busy_emulator.behaviour.salesforce_page_size = 50
    # doctor compares the provider's clock with the real one
    busy_emulator.clock.set(datetime.now(UTC))
    config, secrets = settings_of(busy_emulator.base_url)
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(config)
    (tmp_path / ".dlt" / "secrets.toml").touch(mode=0o600)
    (tmp_path / ".dlt" / "secrets.toml").write_text(secrets)
    return Shell(tmp_path, capfd)
