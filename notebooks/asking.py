"""What the pages ask of the published ledger, for the jobs that are chosen.

The filters are put below the views, not above them: the views of the ledger are made once more, in
memory, over the chosen jobs alone. So a number on the page is what the view of that name says of
those jobs, and there is one definition of it, the view's.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb

from jobledger.pipelines.project import Project
from jobledger.pipelines.query import asked, attached, is_damage, unreadable
from jobledger.pipelines.quoting import literal, quoted
from jobledger.pipelines.report.summary import SEVERITY, freshness
from jobledger.pipelines.warehouse.lineage import Name
from jobledger.pipelines.warehouse.views import packaged

Row: TypeAlias = dict[str, Any]

PERIODS: Final = {
    "1d": "last 24 hours",
    "7d": "last 7 days",
    "30d": "last 30 days",
    "all": "everything",
}
"""The periods of the views, and what people call them."""
MOST: Final = 500
"""Rows of a list that someone scrolls through."""
_CURRENT: Final = "(from ledger.loaded.job_versions where valid_to is null)"
"""The jobs, without what the view `jobs` works out of their versions."""
_LOOKED_AT: Final = 1_000_000
CHART_DAYS: Final = {"1d": 14, "7d": 14, "30d": 30}
"""Days that charts show: a day or a week alone has no trend."""


@dataclass(frozen=True)
class Filters:
    """Which jobs are chosen. An empty choice is all."""

    sources: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    period: str = "30d"

    def of_kinds(self) -> str:
        """The condition for rows that know their source, provider and kind."""
        return " and ".join(
            [
                "true",
                *_one_of("source", self.sources),
                *_one_of("provider", self.providers),
                *_one_of("kind", self.kinds),
            ]
        )

    def of_jobs(self) -> str:
        """The condition for rows that know their object too."""
        return " and ".join([self.of_kinds(), *_one_of("object", self.objects)])

    def of_versions(self) -> str:
        """The condition for versions of the jobs: an earlier one may have had another object."""
        if not self.objects:
            return self.of_kinds()
        return (
            "(source, kind, job_id) in"
            f" (select (source, kind, job_id) from {_CURRENT} where {self.of_jobs()})"
        )


def _one_of(column: str, values: Iterable[str]) -> list[str]:
    listed = ", ".join(literal(value) for value in values)
    return [f"{column} in ({listed})"] if listed else []


def _same(key: Row) -> str:
    return " and ".join(f"{each} = {literal(key[each])}" for each in ("source", "kind", "job_id"))


class Published:
    """The ledger as it was published last when this was made. Raises `QueryError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = attached(path)
        self._kept: set[str] = set()

    def kept(self, view: str) -> str:
        """A table with what the view says: no choice changes it, and to work it out takes long."""
        table = f"temp.{quoted(view)}"
        if view not in self._kept:
            self.rows(f"create temp table {table} as from ledger.{quoted(view)}")
            self._kept.add(view)
        return table

    def rows(self, sql: str) -> list[Row]:
        """What the SQL answers, a row as a dict by column. Raises `QueryError`."""
        try:
            return asked(self.connection, sql)
        except duckdb.Error as error:
            if is_damage(error):
                raise unreadable(self.path, error) from error
            raise

    def row(self, sql: str) -> Row:
        """The one row that the SQL answers."""
        (only,) = self.rows(sql)
        return only

    def choices(self) -> dict[str, list[str]]:
        """What can be chosen in each filter."""
        columns = ("source", "provider", "kind", "object")
        found = self.rows(f"select distinct {', '.join(columns)} from {_CURRENT}")
        return {column: sorted({row[column] for row in found} - {None}) for column in columns}

    def about(self) -> Row:
        """How much there is, and how new it is."""
        about = self.row(
            f"select (select count(*) from {_CURRENT}) as jobs,"
            " (select count(distinct source) from ledger.sync_health) as sources,"
            " (select now from ledger.staging.clock) as now"
        )
        synced = self.rows(
            "select source, kind, last_sync_at, last_complete_at from ledger.sync_health"
        )
        return about | {
            "freshness": freshness(
                [
                    (f"{row['source']} {row['kind']}", row["last_sync_at"], row["last_complete_at"])
                    for row in synced
                ],
                about["now"],
            )
        }

    def find(self, job_id: str) -> list[Row]:
        """The jobs of that id: more than one where two kinds or sources use the same."""
        return self.rows(
            "select source, kind, job_id from ledger.jobs"
            f" where job_id = {literal(job_id)} order by source, kind"
        )

    def job(self, key: Row) -> Row | None:
        """Everything that `jobs` knows of a job, its raw record too."""
        found = self.rows(f"select * from ledger.jobs where {_same(key)}")
        return found[0] if found else None

    def history(self, key: Row) -> list[Row]:
        """`job_history` of a job, from its first version on."""
        return self.rows(
            "select status, provider_status, progress, records_processed, records_failed,"
            " valid_from, valid_to, seconds_in_version"
            f" from ledger.job_history where {_same(key)} order by valid_from"
        )

    def choose(self, filters: Filters) -> "Chosen":
        """The same ledger with the chosen jobs alone."""
        return Chosen(self, filters)


class Chosen(Published):
    """The views over the chosen jobs, in a database of their own beside the ledger's."""

    def __init__(self, published: Published, filters: Filters) -> None:
        super().__init__(published.path)
        self.published = published
        self.filters = filters
        self._make_views()
        since = self.row(
            "select max(since) as since from chosen.staging.periods"
            f" where period = {literal(filters.period)}"
        )["since"]
        # written out, it keeps what is older from being looked at; asked for each time, it does not
        begin = "-infinity" if since is None else since.isoformat()
        self._since = f"counted_at >= timestamptz {literal(begin)}"
        """The condition for jobs that count in the period."""

    def _make_views(self) -> None:
        connection = self.connection
        # a ledger that an older version published may lack one
        views = {view.key: view.sql for view in packaged()}
        for schema, name, sql in connection.execute(
            "select schema_name, view_name, sql from duckdb_views()"
            " where database_name = 'ledger' and not internal"
        ).fetchall():
            views[schema, name] = sql.partition(" AS ")[2]
        connection.execute("attach ':memory:' as chosen")
        connection.execute("use chosen")
        try:
            for schema in ("loaded", "staging"):
                connection.execute(f"create schema {schema}")
            for (table,) in connection.execute(
                "select table_name from duckdb_tables()"
                " where database_name = 'ledger' and schema_name = 'loaded'"
            ).fetchall():
                where = self.filters.of_versions() if table == "job_versions" else "true"
                connection.execute(
                    f"create view {quoted('loaded', table)} as"
                    f" from {quoted('ledger', 'loaded', table)} where {where}"
                )
            _in_some_order(connection, views)
        finally:
            connection.execute("use ledger")

    @property
    def _days(self) -> str:
        """The condition for the days that charts show."""
        shown = CHART_DAYS.get(self.filters.period)
        return (
            "true"
            if shown is None
            else "day > (select cast(now at time zone 'UTC' as date)"
            f" from chosen.staging.clock) - {shown}"
        )

    def rates(self) -> list[Row]:
        """`success_rates` of the period, the worst first."""
        return self.rows(
            "select source, kind, finished, rated, job_success_rate, partial_rate,"
            " record_success_rate, low_sample"
            f" from chosen.success_rates where period = {literal(self.filters.period)}"
            " order by job_success_rate nulls last, source, kind"
        )

    def totals(self) -> Row:
        """The rates of all chosen jobs together, by the definitions of `success_rates`."""
        return self.row(
            "select coalesce(sum(finished), 0)::bigint as finished,"
            " coalesce(sum(rated), 0)::bigint as rated,"
            " coalesce(sum(succeeded), 0)::bigint as succeeded,"
            " coalesce(sum(partial), 0)::bigint as partial,"
            " coalesce(sum(failed), 0)::bigint as failed,"
            " sum(succeeded) / nullif(sum(rated), 0) as job_success_rate,"
            " coalesce(sum(rated), 0) < 20 as low_sample,"
            " 1 - sum(records_failed) / nullif(sum(records_processed), 0) as record_success_rate"
            " from (select count(*) filter (where is_finished) as finished,"
            " count(*) filter (where is_rated) as rated,"
            " count(*) filter (where status = 'succeeded') as succeeded,"
            " count(*) filter (where status = 'partial') as partial,"
            " count(*) filter (where status = 'failed') as failed,"
            " sum(records_processed) filter (where is_rated and records_failed is not null)"
            " as records_processed,"
            " sum(records_failed) filter (where is_rated and records_processed is not null)"
            f" as records_failed from chosen.staging.outcomes where {self._since})"
        )

    def health(self) -> list[Row]:
        """`provider_health`: of a kind as a whole, whatever object and period are chosen."""
        return self.published.rows(
            "select source, provider, kind, health, reason, last_finished_at, failure_rate_7d,"
            " rated_7d, open_jobs, stuck_jobs, last_complete_sync_at"
            f" from {self.published.kept('provider_health')} where {self.filters.of_kinds()}"
            f" order by list_position({list(SEVERITY)}, health), failure_rate_7d desc nulls last,"
            " source, kind"
        )

    def outcomes(self) -> list[Row]:
        """`job_outcomes_daily` of the chosen kinds together: a row a day and status."""
        return self.rows(
            "select day, status, cast(sum(jobs) as bigint) as jobs from"
            " (unpivot chosen.job_outcomes_daily"
            " on succeeded, partial, failed, cancelled, vanished into name status value jobs)"
            f" where {self._days} group by day, status order by day, status"
        )

    def trends(self) -> list[Row]:
        """`failure_trends` of the days that charts show."""
        return self.rows(
            "select day, source, provider, kind, failed, rated, failure_rate, failure_rate_7d,"
            " rated_7d, failure_rate_28d, z_score, is_anomaly"
            f" from chosen.failure_trends where {self._days}"
            # by a clock of the future there may be days to come, and the last one shown is today
            " and day <= (select cast(now at time zone 'UTC' as date) from chosen.staging.clock)"
            " order by source, kind, day"
        )

    def trends_by_kind(self) -> list[list[Row]]:
        """`trends` of each kind that had a rated job in those days, the worst of now first."""
        kinds: dict[tuple[str, str], list[Row]] = {}
        for row in self.trends():
            kinds.setdefault((row["source"], row["kind"]), []).append(row)
        return sorted(
            (rows for rows in kinds.values() if any(row["rated"] for row in rows)),
            key=lambda rows: rows[-1]["failure_rate_7d"] or 0,
            reverse=True,
        )

    def durations(self) -> list[Row]:
        """`job_durations` of the period; those with most jobs first."""
        return self.rows(
            "select source, provider, kind, object, n, n < 20 as low_sample, run_p50, run_p95,"
            " queue_p50, queue_p95, total_p50, total_p95"
            f" from chosen.job_durations where period = {literal(self.filters.period)}"
            " order by n desc, source, kind, object"
        )

    def open_jobs(self) -> list[Row]:
        """`open_jobs`, the stuck ones first and then the oldest.

        What is expected of a job is told by all jobs like it, chosen or not.
        """
        return self.published.rows(
            "select source, kind, job_id, object, status, age_seconds, seconds_since_change,"
            f" expected_seconds, is_stuck, stuck_reason from {self._unfinished}"
            f" order by is_stuck desc, age_seconds desc limit {MOST}"
        )

    def how_many_open(self) -> Row:
        """How many jobs are open, and how many of them are stuck, listed or not."""
        return self.published.row(
            "select count(*) as jobs, count(*) filter (where is_stuck) as stuck"
            f" from {self._unfinished}"
        )

    @property
    def _unfinished(self) -> str:
        kept = self.published.kept("open_jobs")
        return f"(from {kept} where {self.filters.of_jobs()})"

    def reasons(self) -> list[Row]:
        """`failure_reasons` of the jobs that failed in the period; most failed jobs first."""
        return self.rows(
            "select fingerprint, count(*) as jobs,"
            " count(*) filter (where status = 'failed') as failed,"
            " count(*) filter (where status = 'partial') as partial,"
            " try_cast(sum(failures.records_failed) as bigint) as records_failed, source, kind,"
            " min(counted_at) as first_at, max(counted_at) as last_at"
            f" from ({self._failures}) as failures group by source, kind, fingerprint"
            " order by failed desc, partial desc, last_at desc, source, kind, fingerprint"
            f" limit {MOST}"
        )

    def failed_jobs(self, reason: Row | None = None) -> list[Row]:
        """The jobs that failed in the period, all or for one of `reasons`; the newest first."""
        same = [
            f"{column} = {literal(reason[column])}"
            for column in ("source", "kind", "fingerprint")
            if reason
        ]
        return self.rows(
            "select counted_at as ended_at, source, kind, object, status, records_failed,"
            f" error_message, job_id from ({self._failures}) as failures"
            f" where {' and '.join(['true', *same])}"
            f" order by counted_at desc, source, kind, job_id limit {MOST}"
        )

    @property
    def _failures(self) -> str:
        return (
            "select failures.*, outcomes.object from chosen.staging.failures as failures"
            " join chosen.staging.outcomes as outcomes using (source, provider, kind, job_id)"
            f" where failures.{self._since}"
        )


def failed_rows(project: Project, key: Row) -> tuple[bytes, bool]:
    """As much as someone looks at of what the provider says of a job's failed rows; is it all?

    It is customer data: it goes to whoever asked, and nowhere else. Raises what `failed_records`
    raises; a page does not wait for as long as a sync may.
    """
    # it brings what speaks to providers, for which no page waits before it shows its numbers
    from jobledger.pipelines.failed_records import failed_records

    patience = {**project.environment, "SYNC__TIME_LIMIT": "60s"}
    said = b""
    for piece in failed_records(
        Project(project.folder, patience),
        key["source"],
        key["kind"],
        key["job_id"],
        threading.Event(),
    ):
        said += piece
        if len(said) > _LOOKED_AT:
            return said[:_LOOKED_AT], False
    return said, True


def _in_some_order(connection: duckdb.DuckDBPyConnection, views: dict[Name, str]) -> None:
    """Makes each view once those that it reads are there; what then cannot be made is left out."""
    while views:
        left = {}
        for name, select in views.items():
            try:
                connection.execute(f"create view {quoted('chosen', *name)} as {select}")
            except duckdb.Error:
                left[name] = select
        if len(left) == len(views):
            return
        views = left
