"""The demo, when it goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import jobledger.emulator
from jobledger.emulator import Running, World, serving
from jobledger.pipelines.cli import main


def test_a_sync_that_fails_ends_it_with_the_code_of_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def refusing(world: World) -> Iterator[Running]:
        with serving(world) as running:
            running.faults.order("status", "/query/jobs", status=403, times=None)
            yield running

    monkeypatch.setattr(jobledger.emulator, "serving", refusing)
    folder = tmp_path / "demo"
    folder.mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["--project", str(folder), "demo"])
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert 'kinds = ["data_backfill", "auto_backfill", "custom_object_bulk"]' in err
    assert err.endswith("jobledger: a sync of the demo failed, as it says above\n")
    assert err.count("syncing the world as it was") == 1
