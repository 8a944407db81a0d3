"""Columns that an older version of the model did not have, filled in from what is kept.

A version's `raw` is all that its columns are made of, so what a newer model reads of it is known
for every version ever observed, not only for those to come. No hash changes, and no version is
added.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import duckdb
import pyarrow as pa

from jobledger.sources import providers
from jobledger.sources._provider.json_text import loads
from jobledger.sources._provider.model import Status
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.readings import Reading, Readings
from jobledger.sources._provider.redact import Redactor
from jobledger.sources._provider.settings import SourceSettings

_BATCH: Final = 10_000
"""Versions that are read at once."""


def fill(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> None:
    """Gives these columns of `loaded.job_versions` what they would have had from the start."""
    (last,) = connection.execute("select max(rowid) from loaded.job_versions").fetchone() or (None,)
    for begin in range(0, -1 if last is None else last + 1, _BATCH):
        versions = connection.execute(
            "select source, provider, kind, status, rowid, job_id, raw::varchar"
            " from loaded.job_versions"
            f" where rowid >= {begin} and rowid < {begin + _BATCH} and raw is not null"
        ).fetchall()
        alike = defaultdict(list)
        for source, provider, kind, status, *version in versions:
            alike[source, provider, kind, status == Status.VANISHED].append(version)
        for (source, provider, kind, is_vanished), found in alike.items():
            reader = _reader(source, provider, kind)
            if reader is None:
                # of a provider or kind that is there no more: nobody can read it
                continue
            readings = Readings.of(Reading(job_id, loads(raw), raw) for _, job_id, raw in found)
            rows = reader.vanished(readings) if is_vanished else reader.jobs(readings)
            places = pa.array([place for place, *_ in found], pa.int64())
            _update(connection, rows.select(list(columns)).append_column("place", places))


def _reader(source: str, provider: str, kind: str) -> Reader | None:
    known = providers().get(provider)
    if known is None or kind not in {each.name for each in known.kinds}:
        return None
    return Reader(SourceSettings(source, provider, ""), known, known.kind(kind), Redactor())


def _update(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
    names = [name for name in rows.column_names if name != "place"]
    listed = ", ".join(f'"{name}" = filled."{name}"' for name in names)
    connection.register("filled", rows)
    connection.execute(
        f"update loaded.job_versions as known set {listed} from filled"
        " where known.rowid = filled.place"
    )
    connection.unregister("filled")
