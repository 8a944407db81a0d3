"""A project with a ledger of made-up rows, published on demand."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from jobledger.pipelines.cli import main
from jobledger.pipelines.project import Project
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.pipelines.warehouse.views import put_in_place
from tests.pipelines.report.story import tell
from tests.sql.worlds import NOW, World


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


class Scene:
    """A project whose ledger is made of rows put into its world."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.project = Project(folder, {})
        self.world = World(ledger.connection)
        self._ledger = ledger

    def publish(self) -> None:
        """Puts the ledger where readers look, with the world's present."""

        def put_views(connection: duckdb.DuckDBPyConnection) -> None:
            put_in_place(connection, None)
            World(connection).time_is(NOW)

        self._ledger.publish(put_views)


Run = Callable[..., Done]


def _scene(folder: Path) -> Iterator[Scene]:
    (folder / "acme").mkdir()
    with Ledger(folder / "ledger.duckdb", folder / "acme" / "jobs.duckdb") as ledger:
        scene = Scene(folder / "acme", ledger)
        put_in_place(ledger.connection, None)
        scene.world.clear()
        yield scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """An empty one, to be filled."""
    yield from _scene(tmp_path)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One in which the story is told already; to be looked at only."""
    for scene in _scene(tmp_path_factory.mktemp("told")):
        tell(scene.world)
        scene.publish()
        yield scene


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a scene's project."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("JOBLEDGER_NOTIFY", raising=False)

    def run(scene: Scene, *words: str) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--project", str(scene.project.folder), *words])
        out, err = capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return run
