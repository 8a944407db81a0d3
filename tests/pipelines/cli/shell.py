"""Typing commands in a project that is set to sync from the emulator."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobledger.pipelines.cli import main

KINDS = ["data_backfill", "auto_backfill", "custom_object_bulk", "data_query"]


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Types commands in a project that is set to sync from the emulator."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd

    def run(self, *words: str) -> Done:
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--project", str(self.folder), *words])
        out, err = self._capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)
