"""The ledger as a destination is dlt's own for DuckDB, but for what it costs to ask."""

from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.destination import Destination
from dlt.common.normalizers.naming.snake_case import NamingConvention

from jobledger.pipelines.warehouse.destination import LedgerDestination


def test_it_can_do_what_dlt_says_that_duckdb_can() -> None:
    with duckdb.connect() as connection:
        ours, theirs = LedgerDestination(connection), dlt.destinations.duckdb(connection)

        for naming in (None, NamingConvention()):
            assert dict(ours.capabilities(naming=naming)) == dict(
                theirs.capabilities(naming=naming)
            )
    # by these a pipeline's state knows it again
    assert ours.destination_type == theirs.destination_type
    assert ours.destination_name == theirs.destination_name


def test_no_settings_are_read_to_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    configuration = Destination.configuration

    def counted(self: Any, *args: Any, **how: Any) -> Any:
        read.append(type(self))
        return configuration(self, *args, **how)

    monkeypatch.setattr(Destination, "configuration", counted)
    with duckdb.connect() as connection:
        LedgerDestination(connection).capabilities()
        assert read == []
        # once dlt does without as well, this class is not needed any more
        dlt.destinations.duckdb(connection).capabilities()
        assert read == [dlt.destinations.duckdb]
