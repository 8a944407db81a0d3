"""Parquet, through Arrow batches as DuckDB makes them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import IOBase
from pathlib import Path
from typing import IO, Any, Final, cast
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from jobledger.pipelines.errors import QueryError
from jobledger.pipelines.output.cells import Column, selected
from jobledger.pipelines.output.writing import Progress
from jobledger.pipelines.query import in_one_line, is_interrupt, said

_BATCH: Final = 122_880
"""Rows a batch and a row group: DuckDB's own row group."""

_HELD: Final = 1_000_000
"""Rows that wait until they are parted, so that a partition's files are few and not too small."""

_HELD_BYTES: Final = 512 * 2**20
"""Bytes of them, likewise: an Arrow column takes no more than 2 GiB of text."""

_WITHOUT_ROWS: Final = "part-0.parquet"
"""Where there are no rows there are no partitions, and one file for the columns."""

_PART: Final = re.compile(r"part-\d+(-\d+)?\.parquet")
"""What files of partitions are called."""

_MARK: Final = b"jobledger"
"""In the metadata of a file that is a part of an export."""

_AT: Final = "\0at"
_COMPRESSION: Final = "zstd"


def write_parquet(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    found: list[Column],
    stream: IO[bytes],
    limit: int | None,
    progress: Progress | None,
) -> int:
    """Writes one file; gives the number of rows. Raises `QueryError` and `OSError`."""
    types = [column.arrow_type for column in found]
    with _batches(connection, selected(found, types, sql, limit), progress) as (schema, batches):
        count = 0
        # a sink that cannot seek, such as a pipe, is as good: Parquet is written front to back
        with (
            pa.PythonFile(cast("IOBase", stream), mode="w") as sink,
            pq.ParquetWriter(sink, schema, compression=_COMPRESSION) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)
                count += batch.num_rows
        return count


def write_partitions(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    found: list[Column],
    folder: Path,
    by: Sequence[str],
    progress: Progress | None,
) -> int:
    """Writes `col=value/part-0.parquet` below an empty folder; gives the number of rows.

    Values stand in the paths as DuckDB writes them, URL-encoded, and NULL as
    `__HIVE_DEFAULT_PARTITION__`. Raises `QueryError` and `OSError`.

    Arrow's own `write_dataset` reads ahead in threads that still read when it has failed, by when
    the query is gone: that ends the process. Here one thread does one thing after the other.
    """
    types = ["varchar" if column.name in by else column.arrow_type for column in found]
    count = parts = 0
    held: list[pa.RecordBatch] = []
    with _batches(connection, selected(found, types, sql), progress) as (schema, batches):
        for batch in batches:
            held.append(batch)
            count += batch.num_rows
            is_much = sum(each.nbytes for each in held) >= _HELD_BYTES
            if is_much or sum(each.num_rows for each in held) >= _HELD:
                _write_parts(pa.Table.from_batches(held), folder, by, parts)
                held.clear()
                parts += 1
        if held:
            _write_parts(pa.Table.from_batches(held), folder, by, parts)
    if not count:
        # a file without rows still says which columns there are
        empty = _marked(schema.empty_table())
        pq.write_table(empty, folder / _WITHOUT_ROWS, compression=_COMPRESSION)
    return count


def is_part(folder: Path, path: Path) -> bool:
    """Whether `write_partitions` wrote the file at this path in the folder."""
    *partitions, name = path.parts
    if not all("=" in partition for partition in partitions):
        return False
    if not (_PART.fullmatch(name) if partitions else name == _WITHOUT_ROWS):
        return False
    try:
        return _MARK in (pq.read_schema(folder / path).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def _marked(rows: pa.Table) -> pa.Table:
    return rows.replace_schema_metadata({**(rows.schema.metadata or {}), _MARK: b"export"})


def _write_parts(rows: pa.Table, folder: Path, by: Sequence[str], part: int) -> None:
    """One more file for each partition that has rows here, which keep their order in it."""
    order = pa.array(range(rows.num_rows), pa.int64())
    in_order = rows.append_column(_AT, order).sort_by([(name, "ascending") for name in (*by, _AT)])
    # where each partition begins now, and how long it is
    placed = in_order.set_column(in_order.num_columns - 1, _AT, order)
    groups = placed.group_by(list(by)).aggregate([(_AT, "min"), (_AT, "count")]).to_pylist()
    in_order = _marked(in_order.drop_columns([*by, _AT]))
    for group in groups:
        below = folder.joinpath(*(_hive(name, group[name]) for name in by))
        below.mkdir(parents=True, exist_ok=True)
        path = below / f"part-{part}.parquet"
        if path.exists():
            # of a value that is written alike: NULL and its name, or on some disks A and a
            path = below / f"part-{part}-{group[f'{_AT}_min']}.parquet"
        pq.write_table(
            in_order.slice(group[f"{_AT}_min"], group[f"{_AT}_count"]),
            path,
            compression=_COMPRESSION,
            row_group_size=_BATCH,
        )


def _hive(name: str, value: str | None) -> str:
    told = "__HIVE_DEFAULT_PARTITION__" if value is None else quote(value, safe="")
    return f"{quote(name, safe='')}={told}"


@contextmanager
def _batches(
    connection: duckdb.DuckDBPyConnection, sql: str, progress: Progress | None
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    with in_one_line(lines_before=1):
        # the relation, since a result of `execute` would be copied once more on its way to Arrow
        reader: Any = connection.sql(sql).to_arrow_reader(_BATCH)
    try:
        yield reader.schema, _read(reader, progress)
    finally:
        # the connection takes no other query while the reader is open
        reader.close()


def _read(reader: pa.RecordBatchReader, progress: Progress | None) -> Iterator[pa.RecordBatch]:
    count = 0
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            # Arrow passes DuckDB's errors on as its own, with DuckDB's text
            if is_interrupt(error):
                raise KeyboardInterrupt from error
            raise QueryError(said(str(error), lines_before=None)) from error
        count += batch.num_rows
        if progress is not None:
            progress(count)
        yield batch
