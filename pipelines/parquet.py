"""Parquet, through Arrow batches as DuckDB makes them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import IOBase
from pathlib import Path
from typing import IO, Any, Final, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from jobledger.pipelines.cells import Column, selected
from jobledger.pipelines.errors import QueryError
from jobledger.pipelines.query import explained, is_interrupt, said

_BATCH: Final = 122_880
"""Rows a batch and a row group: DuckDB's own row group."""

_COMPRESSION: Final = "zstd"

Progress = Callable[[int], None]


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
    """Writes `col=value/….parquet` below an empty folder; gives the number of rows.

    Values stand in the paths as DuckDB writes them, URL-encoded, and NULL as
    `__HIVE_DEFAULT_PARTITION__`. Raises `QueryError` and `OSError`.
    """
    import pyarrow.dataset as ds

    types = [
        # an empty text would be a folder `col=`, which readers take for NULL or for nothing at all
        "varchar" if column.name in by else column.arrow_type
        for column in found
    ]
    count = 0

    def counted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nonlocal count
        for batch in batches:
            count += batch.num_rows
            yield batch

    parquet: Any = ds.ParquetFileFormat()
    with _batches(connection, selected(found, types, sql), progress) as (schema, batches):
        ds.write_dataset(
            counted(batches),
            folder,
            schema=schema,
            format="parquet",
            file_options=parquet.make_write_options(compression=_COMPRESSION),
            partitioning=ds.partitioning(
                pa.schema([schema.field(name) for name in by]), flavor="hive"
            ),
            max_partitions=1_000_000,
            existing_data_behavior="overwrite_or_ignore",
        )
    if not count:
        # a file without rows still says which columns there are
        pq.write_table(schema.empty_table(), folder / "part-0.parquet", compression=_COMPRESSION)
    return count


@contextmanager
def _batches(
    connection: duckdb.DuckDBPyConnection, sql: str, progress: Progress | None
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    with explained(lines_before=1):
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
