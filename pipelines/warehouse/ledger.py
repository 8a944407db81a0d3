"""The ledger: the writer's own database, and the only module that writes to it.

Readers never see this file. They open what `publish` makes of it, so that neither waits for the
other.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import duckdb
import numpy as np
import pyarrow as pa

from jobledger.pipelines.errors import Busy, ConfigError, JobledgerError
from jobledger.pipelines.query import is_damage
from jobledger.pipelines.quoting import literal
from jobledger.pipelines.warehouse.database import (
    SETTINGS,
    copy_tables,
    has,
    name_of,
    said,
    wal,
)
from jobledger.pipelines.warehouse.migration import fill
from jobledger.pipelines.warehouse.publication import publish
from jobledger.pipelines.warehouse.replacing import check_knows, newest_sync
from jobledger.sources._provider.kind import Kind
from jobledger.sources._provider.known import Judged, KnownJob, News
from jobledger.sources._provider.model import JOBS
from jobledger.sources._provider.redact import USER_HASH
from jobledger.sources._provider.seen import Digests, digests_of
from jobledger.sources._provider.source import SCHEMAS

_DLT_TABLES: Final = {
    "_dlt_pipeline_state": "pipeline_name",
    "_dlt_version": "schema_name",
    "_dlt_loads": "schema_name",
}
"""dlt's own tables, and the column that names the source."""

_RAW: Final = "json using compression zstd"
"""What DuckDB would choose by itself makes the file larger by two thirds, and takes longer."""


class Outstanding(NamedTuple):
    """Jobs of a kind that are not done with."""

    open: int
    """Jobs that were not finished when last seen."""
    owed: int
    """Jobs whose detail is owed."""


class Ledger:
    """The writer's database in `.jobledger/`. One process at a time; see `lock`."""

    def __init__(self, path: Path, published: Path) -> None:
        """Opens the ledger; makes it from what is published, or anew, where it is not there.

        Raises `Busy` where another program has it open, `ConfigError` where what is published is
        not its own, `JobledgerError` where a file cannot be read.
        """
        self.path = path
        self.published = published
        self.notes: list[str] = []
        """What the user should hear of how opening went."""
        newest = newest_sync(published)
        try:
            self.connection = self._opened()
            self._shape()
            check_knows(self.connection, newest, path, published)
        except ConfigError:
            self.connection.close()
            raise
        except duckdb.Error as error:
            if not (is_damage(error) and published.exists()):
                raise
            self._set_aside()
            self.connection = self._opened()
            self._shape()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()
        if isinstance(error, duckdb.Error) and is_damage(error) and self.published.exists():
            # found only once that part was read
            self._set_aside()
            raise JobledgerError(
                f"{self.path} is damaged and was set aside; the next sync makes it again from"
                f" {self.published.name}"
            ) from error

    def _opened(self) -> duckdb.DuckDBPyConnection:
        try:
            connection = duckdb.connect(self.path, config=dict(SETTINGS))
        except duckdb.Error as error:
            if "lock on file" in str(error):
                raise Busy(
                    f"{self.path} cannot be opened: another program has it open; close that first"
                    f" (readers open {self.published.name})"
                ) from None
            if isinstance(error, duckdb.IOException) and not is_damage(error):
                raise JobledgerError(f"{self.path} cannot be opened: {said(error)}") from None
            raise
        self.path.chmod(0o600)
        connection.execute("set TimeZone = 'UTC'")
        # a file without tables is new, or one whose rebuilding was cut short
        if not has(connection, "job_versions") and self.published.exists():
            self._rebuild(connection)
        return connection

    def _set_aside(self) -> None:
        """Keeps a damaged file under another name, so that the ledger is made again."""
        if hasattr(self, "connection"):
            self.connection.close()
        broken = self.path.with_suffix(f".broken-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        self.path.rename(broken)
        wal(self.path).unlink(missing_ok=True)
        self.notes.append(
            f"{self.path.name} could not be read and was made again from"
            f" {self.published.name}; the old file is kept as {broken.name}"
        )

    def _rebuild(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Copies the tables of the published file."""
        copy = self.path.with_suffix(".source")
        # a copy without the published file's WAL: what a client wrote there is not ours, and a
        # client that holds the file open does not matter
        try:
            shutil.copyfile(self.published, copy)
            connection.execute(f"attach {literal(copy)} as published (read_only)")
            connection.execute("begin")
            copy_tables(connection, "published", name_of(connection))
            connection.execute("commit")
            connection.execute("detach published")
        except duckdb.Error as error:
            connection.close()
            raise JobledgerError(
                f"{self.published} cannot be read: {said(error)}; restore it from a backup, or"
                " move it away to begin a new ledger"
            ) from None
        except OSError as error:
            connection.close()
            raise JobledgerError(
                f"{self.path} cannot be made from {self.published.name}: {said(error)}; make room"
                " on the disk and sync again"
            ) from None
        finally:
            copy.unlink(missing_ok=True)

    def _shape(self) -> None:
        """Makes the tables that views rely on, and takes back what a killed load left half done."""
        con = self.connection
        con.execute("create schema if not exists loaded")
        for table, schema in SCHEMAS.items():
            columns = dict(_columns(schema))
            if table == "job_versions":
                columns |= {"valid_from": "timestamptz", "valid_to": "timestamptz", "raw": _RAW}
            columns["_dlt_load_id"] = "varchar"
            listed = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
            con.execute(f"create table if not exists loaded.{table} ({listed})")
            self._extend(table, columns)
        self.take_back()

    def _extend(self, table: str, columns: Mapping[str, str]) -> None:
        """Adds what a table of an older version of the model lacks."""
        con = self.connection
        rows = con.execute(
            "select column_name from duckdb_columns() where database_name = current_database()"
            f" and schema_name = 'loaded' and table_name = {literal(table)}"
        ).fetchall()
        missing = [name for name in columns if (name,) not in rows]
        if not missing:
            return
        # with their values or not at all, so that one that is killed is done again
        con.execute("begin")
        for name in missing:
            con.execute(f'alter table loaded.{table} add column "{name}" {columns[name]}')
        if table == "job_versions":
            fill(con, [name for name in missing if name in JOBS.names])
        con.execute("commit")

    def take_back(self) -> None:
        """Removes what a load that did not come to its end left behind.

        A run that was not loaded whole is no run, and a mark may be of a version that never came.
        Versions stay: whatever they are, they were observed.
        """
        if not has(self.connection, "_dlt_loads"):
            return
        for table in ("sync_runs", "rejected_records", "job_details"):
            # dlt says that a load is done with its last statement; what came past it has no load
            self.connection.execute(
                f"delete from loaded.{table} where _dlt_load_id is not null and _dlt_load_id"
                " not in (select load_id from loaded._dlt_loads where status = 0)"
            )

    def add_runs(self, rows: Sequence[pa.Table]) -> None:
        """Rows of `sync_runs` that could not come by dlt."""
        with self.connection.cursor() as cursor:
            cursor.register("runs", pa.concat_tables(rows))
            cursor.execute("insert into loaded.sync_runs by name from runs")

    def newest_version_at(self, source: str) -> datetime | None:
        """When the last version of a source's jobs was observed."""
        with self.connection.cursor() as cursor:
            row = cursor.execute(
                "select greatest(max(valid_from), max(valid_to)) from loaded.job_versions"
                f" where source = {literal(source)}"
            ).fetchone()
        return row[0] if row else None

    def other_provider(self, source: str, provider: str) -> str | None:
        """Of which other provider there are jobs under a source's name, if any."""
        with self.connection.cursor() as cursor:
            row = cursor.execute(
                f"select provider from loaded.job_versions where source = {literal(source)}"
                f" and provider <> {literal(provider)} limit 1"
            ).fetchone()
        return row[0] if row else None

    def outstanding(self, source: str, kind: Kind) -> Outstanding:
        """How much of a kind the next sync has to look at in any case."""
        with self.connection.cursor() as cursor:
            row = cursor.execute(
                _OUTSTANDING.format(source=literal(source), kind=literal(kind.name))
            ).fetchone()
        return Outstanding(*row) if row else Outstanding(0, 0)

    def has_hashed_users(self) -> bool:
        """Whether users of any source are stored as hashes."""
        with self.connection.cursor() as cursor:
            found = cursor.execute(
                "select 1 from loaded.job_versions"
                f" where valid_to is null and starts_with(created_by, '{USER_HASH}') limit 1"
            )
            return bool(found.fetchall())

    # what a walk wants to know (`Known`), with a cursor for each question: threads may ask

    def knows(self, source: str, kind: Kind) -> bool:
        """See `Known.knows`."""
        with self.connection.cursor() as cursor:
            found = cursor.execute(_ANY.format(source=literal(source), kind=literal(kind.name)))
            return bool(found.fetchall())

    def news(
        self, source: str, kind: Kind, listed: pa.Table, *, is_full: bool
    ) -> list[Judged | None]:
        """See `Known.news`."""
        found: list[Judged | None] = [None] * listed.num_rows
        with self.connection.cursor() as cursor:
            cursor.register("listed", listed)
            sql = _NEWS.format(
                source=literal(source),
                kind=literal(kind.name),
                has_details=kind.details,
                is_full=is_full,
                left_alone=", ".join(map(literal, sorted(kind.left_alone))),
            )
            rows = cursor.execute(sql).fetchall()
        for at, news, job_id, row_hash, updated_at, status, *marked in rows:
            job = None
            if row_hash is not None:
                job = KnownJob(job_id, row_hash, updated_at, status, "", *marked)
            found[at] = Judged(News(news), job)
        return found

    def told(self, source: str, kind: Kind) -> Digests:
        """See `Known.told`."""
        sql = _TOLD_DETAILED if kind.details else _TOLD
        with self.connection.cursor() as cursor:
            if not has(cursor, "_dlt_loads"):
                return digests_of([])
            wanted = f"{sql}{_ALL_READ}".format(source=literal(source), kind=literal(kind.name))
            found = cursor.sql(wanted)
            return np.sort(found.to_arrow_table()["digest"].drop_null().to_numpy())

    def open_jobs(self, source: str, kind: Kind) -> list[KnownJob]:
        """See `Known.open_jobs`."""
        return self._jobs("not versions.is_terminal", source, kind)

    def owed(self, source: str, kind: Kind) -> list[KnownJob]:
        """See `Known.owed`."""
        # whoever was asked for last comes last: jobs that always fail must not stand before all
        return self._jobs("details.detail = 'owed'", source, kind, "details.asked_at nulls first, ")

    def _jobs(self, condition: str, source: str, kind: Kind, order: str = "") -> list[KnownJob]:
        with self.connection.cursor() as cursor:
            sql = _JOBS.format(
                source=literal(source), kind=literal(kind.name), condition=condition, order=order
            )
            rows = cursor.execute(sql).fetchall()
        return [KnownJob(*row) for row in rows]

    def publish(self, put_views: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """`publication.publish` of this ledger. Raises `JobledgerError`; what was there stays."""
        publish(self.connection, self.path, self.published, put_views)

    def forget(self, source: str, put_views: Callable[[duckdb.DuckDBPyConnection], None]) -> int:
        """Publishes all but what is known of a source; gives the number of its jobs.

        This ledger ends with it: the next is made again from what is published, so that neither
        file has a trace. Raises `JobledgerError` where that cannot be written; nothing is forgotten
        then.
        """
        ((jobs,),) = self.connection.execute(
            f"select count(*) from loaded.job_versions where source = {literal(source)}"
            " and valid_to is null"
        ).fetchall()
        columns = {**dict.fromkeys(SCHEMAS, "source"), **_DLT_TABLES}
        others = {
            table: f"{column} is distinct from {literal(source)}"
            for table, column in columns.items()
        }

        def give_up() -> None:
            # one that outlived the publication would bring back what it lacks
            self.connection.close()
            for file in (self.path, wal(self.path)):
                file.unlink(missing_ok=True)

        publish(self.connection, self.path, self.published, put_views, only=others, give_up=give_up)
        return int(jobs)


_ANY: Final = """
select 1 from loaded.job_versions
where source = {source} and kind = {kind} and valid_to is null limit 1
"""

_NEWS: Final = """
with judged as (
    select
        listed.position,
        case
            when versions.job_id is null then 'new'
            when listed.updated_at < versions.updated_at
                then if({has_details} and not versions.is_terminal, 'running', 'stale')
            when versions.status = 'vanished' then 'changed'
            when {has_details} and details.listing_hash is distinct from listed.listing_hash
                then 'changed'
            when not {has_details} and versions.row_hash <> listed.listing_hash then 'changed'
            when details.detail = 'owed' then 'owed'
            when details.detail = 'refused' and not {is_full}
                and list_contains([{left_alone}]::varchar[], lower(versions.provider_status))
                then null
            when {has_details} and versions.status = 'running' then 'running'
            when {is_full} and details.detail in ('refused', 'not taken') then 'owed'
        end as news,
        versions.job_id,
        versions.row_hash,
        versions.updated_at,
        versions.status,
        details.listing_hash,
        details.detail,
        details.asked_at,
    from listed
    left join (
        select * from loaded.job_versions
        where source = {source} and kind = {kind} and valid_to is null
    ) as versions using (job_id)
    left join (
        select * from loaded.job_details where source = {source} and kind = {kind}
    ) as details using (job_id)
)
select * from judged where news is not null
"""

_TOLD: Final = """
select try_cast('0x' || left(row_hash, 16) as ubigint) as digest
from loaded.job_versions as versions
where source = {source} and kind = {kind} and valid_to is null and status <> 'vanished'
"""

_TOLD_DETAILED: Final = """
select try_cast('0x' || left(details.listing_hash, 16) as ubigint) as digest
from loaded.job_versions as versions
join loaded.job_details as details using (source, kind, job_id)
where source = {source} and kind = {kind} and valid_to is null
    and is_terminal and status <> 'vanished' and detail = 'merged'
"""

_ALL_READ: Final = """
    and versions._dlt_load_id in (select load_id from loaded._dlt_loads where status = 0)
    and job_id not in (
        select job_id from loaded.rejected_records
        where source = {source} and kind = {kind} and job_id is not null
    )
"""
"""Nothing of the job was unreadable: every sync says so anew of what is. Of a load that did not
come to its end it is not known."""

_OUTSTANDING: Final = """
select
    count(*) filter (where not versions.is_terminal),
    count(*) filter (where details.detail = 'owed'),
from loaded.job_versions as versions
left join loaded.job_details as details using (source, kind, job_id)
where versions.source = {source} and versions.kind = {kind} and versions.valid_to is null
"""

_JOBS: Final = """
select
    versions.job_id,
    versions.row_hash,
    versions.updated_at,
    versions.status,
    versions.raw::varchar,
    details.listing_hash,
    details.detail,
    details.asked_at,
from loaded.job_versions as versions
left join loaded.job_details as details using (source, kind, job_id)
where versions.source = {source} and versions.kind = {kind} and versions.valid_to is null
    and {condition}
order by {order}versions.created_at, versions.job_id
"""


def _columns(schema: pa.Schema) -> Iterator[tuple[str, str]]:
    names = {pa.string(): "varchar", pa.bool_(): "boolean", pa.int64(): "bigint"}
    for column in schema:
        if pa.types.is_timestamp(column.type):
            yield column.name, "timestamptz"
        else:
            yield column.name, names.get(column.type, "double")
