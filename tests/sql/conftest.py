from collections.abc import Iterator

import pytest

from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.pipelines.warehouse.views import put_in_place
from tests.sql.worlds import World


@pytest.fixture(scope="session")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("ledger")
    with Ledger(folder / "ledger.duckdb", folder / "jobs.duckdb") as ledger:
        assert put_in_place(ledger.connection, None) == []
        yield World(ledger.connection)


@pytest.fixture
def world(shaped: World) -> World:
    shaped.clear()
    return shaped
