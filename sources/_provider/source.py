"""A source of jobs for dlt: one resource per kind, each with its own incremental state."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TScd2StrategyDict
from dlt.extract import DltResource, DltSource

from jobledger.sources._provider.model import DETAILS, JOBS, REJECTED, TIME, column
from jobledger.sources._provider.run import RUNS
from jobledger.sources._provider.walk import Errand, Loadable, Walk

_SAME_JOB: Final = (
    "exists (select 1 from {staging_table} as staged where staged.source = {table}.source"
    " and staged.kind = {table}.kind and staged.job_id = {table}.job_id)"
)
"""The versions that a load may retire. dlt's own `merge_key` compares the key's parts glued
together, under which two different jobs may look like one."""


def _hints(observed_at: datetime | None) -> dict[str, Any]:
    """How dlt loads each table."""
    versions: TScd2StrategyDict = {
        "disposition": "merge",
        "strategy": "scd2",
        "validity_column_names": ["valid_from", "valid_to"],
        "row_version_column_name": "row_hash",
        "destination_scope": _SAME_JOB,
        "boundary_timestamp": None if observed_at is None else observed_at.isoformat(),
    }
    make = dlt.mark.make_hints
    return {
        "job_versions": make(
            table_name="job_versions",
            write_disposition=versions,
            columns={"raw": {"data_type": "json"}},
        ),
        "job_details": make(
            table_name="job_details",
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
            primary_key=["source", "kind", "job_id"],
        ),
        "rejected_records": make(table_name="rejected_records", write_disposition="append"),
        "sync_runs": make(table_name="sync_runs", write_disposition="append"),
    }


ROW_GROUP: Final = 122_880
"""Rows that DuckDB keeps together on disk."""

_MOST_HELD: Final = 120 * 2**20
"""Bytes of an account's that wait to be so many; of one kind, usual ones take less."""

SCHEMAS: Final = {
    "job_versions": JOBS,
    "job_details": DETAILS,
    "rejected_records": REJECTED,
    "sync_runs": RUNS,
}
"""The tables that a source fills, and their columns."""


def _ahead(tables: Iterator[Loadable]) -> Iterator[Loadable]:
    """The tables, of which the next is read while dlt writes the one before."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, tables, None)
        while (found := coming.result()) is not None:
            coming = thread.submit(next, tables, None)
            yield found


def _by_row_group(
    tables: Iterator[Loadable], kind: str, waiting: dict[str, int]
) -> Iterator[Loadable]:
    """The tables, of which versions come as many at once as DuckDB keeps together.

    Threads that load such pieces leave no group half full, which a checkpoint would have to fill up
    by writing the others again. `waiting` has the bytes that wait, of each kind of the account.
    """
    held = JOBS.empty_table()
    for table, rows in tables:
        if table != "job_versions":
            yield table, rows
            continue
        held = pa.concat_tables([held, rows])
        waiting[kind] = held.nbytes
        while held.num_rows >= ROW_GROUP or (held and sum(waiting.values()) > _MOST_HELD):
            yield table, held.slice(0, ROW_GROUP)
            held = held.slice(ROW_GROUP)
            waiting[kind] = held.nbytes
    waiting[kind] = 0
    if held:
        yield "job_versions", held


def _with_validity(rows: pa.Table, valid_from: datetime | None) -> pa.Table:
    """The rows with the columns that tell when they are valid, in the order of the table.

    A merge fills them as it loads; but without them dlt would write every file a second time.
    """
    for name, at in (("valid_from", valid_from), ("valid_to", None)):
        times = pa.repeat(pa.scalar(at, TIME), rows.num_rows)
        rows = rows.append_column(column(name, TIME), times)
    return rows


def job_source(
    errands: Sequence[Errand], *, observed_at: datetime | None = None, is_first: bool = False
) -> DltSource:
    """The dlt source that walks these kinds of one account, side by side.

    `observed_at` is the moment from which the versions found are valid; dlt's load time where
    None. Versions of an account of which nothing `is_first` known need no merge: they are appended,
    in half the time.
    """
    hints = _hints(observed_at)
    if is_first:
        observed_at = observed_at or errands[0].clock.now()
        hints["job_versions"] = dlt.mark.make_hints(
            table_name="job_versions",
            write_disposition="append",
            columns={"raw": {"data_type": "json"}},
        )

    waiting = {errand.kind.name: 0 for errand in errands}

    def resource(errand: Errand) -> DltResource:
        @dlt.resource(name=errand.kind.name, parallelized=True)
        def walk() -> Iterator[Any]:
            state = dlt.current.resource_state(errand.kind.name)
            tables = _by_row_group(Walk(errand, state).tables(), errand.kind.name, waiting)
            for table, rows in _ahead(tables):
                item = _with_validity(rows, observed_at) if table == "job_versions" else rows
                yield dlt.mark.with_hints(item, hints[table], create_table_variant=True)

        return walk

    @dlt.source(name=errands[0].settings.name, max_table_nesting=0)
    def source() -> list[DltResource]:
        return [resource(errand) for errand in errands]

    return source()
