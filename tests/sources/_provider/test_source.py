"""Versions reach dlt in pieces that DuckDB keeps together, and all of them do."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobledger.sources._provider import source
from jobledger.sources._provider.model import JOBS


def rows(first: int, count: int) -> pa.Table:
    ids = pa.array([str(first + each) for each in range(count)], pa.string())
    columns = [ids if each.name == "job_id" else pa.nulls(count, each.type) for each in JOBS]
    return pa.table(columns, schema=JOBS)


@given(st.lists(st.integers(0, 25), max_size=12), st.sampled_from([10, 10_000]))
def test_versions_come_by_the_row_group(sizes: list[int], most_held: int) -> None:
    total = sum(sizes)
    tables = [("job_versions", rows(sum(sizes[:at]), count)) for at, count in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "ROW_GROUP", 10)
        patch.setattr(source, "_MOST_HELD", most_held)
        given_ = iter([*tables, ("sync_runs", JOBS.empty_table())])
        found = list(source._by_row_group(given_, "ingest", {"ingest": 0, "query": 0}))
    assert [name for name, _ in found].count("sync_runs") == 1
    pieces = [each["job_id"].to_pylist() for name, each in found if name == "job_versions"]
    assert [each for piece in pieces for each in piece] == [str(each) for each in range(total)]
    assert all(0 < len(piece) <= 10 for piece in pieces)
    if most_held == 10_000:
        assert all(len(piece) == 10 for piece in pieces[:-1])


def test_what_other_kinds_hold_counts_too() -> None:
    waiting = {"ingest": 0, "query": source._MOST_HELD}
    tables = iter([("job_versions", rows(0, 3)), ("job_versions", rows(3, 2))])
    found = list(source._by_row_group(tables, "ingest", waiting))
    assert [each.num_rows for _, each in found] == [3, 2]
    assert waiting["ingest"] == 0
