"""A small world of jobs behind real HTTP, and syncs of it on a clock whose waits cost nothing."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from jobledger.emulator import KINDS, Running, World, serving, tokens
from jobledger.pipelines.project import Project
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources import providers
from jobledger.sources._provider.asking import Budget
from jobledger.sources._provider.client import Account
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.known import Known
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.run import Run
from jobledger.sources._provider.settings import SourceSettings
from jobledger.sources._provider.source import SCHEMAS
from jobledger.sources._provider.walk import Errand, Walk
from tests.sources._provider.accounts import NOW, FakeClock
from tests.sources.nothing_known import NothingKnown

CREDENTIALS = {
    "zuora": {
        "client_id": tokens.ZUORA_CLIENT_ID,
        "client_secret": tokens.ZUORA_CLIENT_SECRET,
    },
    "salesforce": {
        "client_id": tokens.SALESFORCE_CLIENT_ID,
        "client_secret": tokens.SALESFORCE_CLIENT_SECRET,
    },
}
KINDS_OF = {
    name: tuple(kind.name for kind in provider.kinds) for name, provider in providers().items()
}
LISTINGS = {
    "data_backfill": "/v1/uno/data-backfill/listjobs",
    "auto_backfill": "/v1/uno/data-backfill/propagation/jobs",
    "custom_object_bulk": "/objects/jobs",
    "data_query": "/query/jobs",
    "ingest": "*/jobs/ingest",
    "query": "*/jobs/query",
}
DETAILS = {
    "data_backfill": "/v1/uno/data-backfill/jobs/*",
    "auto_backfill": "/v1/uno/data-backfill/propagation/jobs/*",
    "custom_object_bulk": "/objects/jobs/*",
    "data_query": "/query/jobs/*",
    "ingest": "*/jobs/ingest/*",
    "query": "*/jobs/query/*",
}
TOKENS = {"zuora": "/oauth/token", "salesforce": "/services/oauth2/token"}
KEPT = {"custom_object_bulk": 45}
"""Jobs a kind, so that its listing has several pages; 6 of any other."""
OPEN: dict[str, dict[str, Any]] = {
    "data_backfill": {"status": "Processing", "completedOn": None},
    "auto_backfill": {"status": "PROCESSING"},
    "custom_object_bulk": {"status": "in_progress"},
    "data_query": {"queryStatus": "in_progress"},
}
_SAME_JOB = "known.source = rows.source and known.kind = rows.kind and known.job_id = rows.job_id"
Row = dict[str, Any]


def small_world(kept: Mapping[str, int] = KEPT) -> World:
    """A few jobs of each kind, as few as make several pages of each listing that has pages."""
    world = World(now=NOW, jobs=800, days=20)
    world.behaviour.objects_page_max = 40
    world.behaviour.query_page_max = 100
    world.behaviour.salesforce_page_size = 2
    world.behaviour.salesforce_order = "newest"
    for kind in KINDS:
        records = [record for record in world.records(kind) if record.get("jobType") != "Classic"]
        world.purge(kind)
        for record in records[-kept.get(kind, 6) :]:
            world.put(kind, record)
        # the newest is still on its way
        world.put(kind, {**records[-1], **OPEN.get(kind, {})})
    return world


def provider_of(kind: str) -> str:
    return next(name for name, kinds in KINDS_OF.items() if kind in kinds)


def settings_of(
    name: str, base_url: str, provider: str | None = None, **said: Any
) -> SourceSettings:
    provider = provider or name
    said = {"credentials": CREDENTIALS[provider], **said}
    return SourceSettings(name, provider, base_url, **said)


class Walks:
    """Syncs of accounts, as `Sync` does them but for dlt: the full matrix would take an hour."""

    def __init__(self, ledger: Ledger, folder: Path, base_url: str) -> None:
        self._ledger = ledger
        self._folder = folder
        self._base_url = base_url
        self._state: dict[tuple[str, str], MutableMapping[str, Any]] = {}

    def forget(self, *sources: str) -> None:
        for source in sources:
            for table in SCHEMAS:
                self._ledger.connection.execute(
                    f"delete from loaded.{table} where source = '{source}'"
                )
        self._state = {}

    def sync(
        self, source: str, first: str | None = None, *, clock: FakeClock | None = None, **said: Any
    ) -> dict[str, Run]:
        """The runs of one account's kinds, one after the other: `first` first."""
        clock = clock or FakeClock()
        settings = settings_of(source, self._base_url, **said)
        kinds = sorted(settings.kinds or KINDS_OF[source], key=lambda kind: kind != (first or kind))
        runs = {}
        for run, tables in walked(settings, kinds, self._folder, self._ledger, clock, self._state):
            with self._committed():
                for table, rows in tables:
                    self._load(table, rows)
            runs[run.kind] = run
        return runs

    def fresh(self, source: str) -> dict[tuple[str, str], Row]:
        """What a first sync into an empty ledger makes of the provider."""
        settings = settings_of(source, self._base_url)
        found = {}
        for _, tables in walked(
            settings, KINDS_OF[source], self._folder, NothingKnown(), FakeClock(), {}
        ):
            for table, rows in tables:
                if table == "job_versions":
                    found.update({(row["kind"], row["job_id"]): row for row in rows.to_pylist()})
        return found

    def jobs(self, source: str) -> dict[tuple[str, str], Row]:
        """The current version of each job in the ledger."""
        rows = self._ledger.connection.sql(
            f"select * exclude (valid_from, valid_to, _dlt_load_id) from loaded.job_versions"
            f" where source = '{source}' and valid_to is null"
        ).to_arrow_table()
        return {(row["kind"], row["job_id"]): row for row in rows.to_pylist()}

    @contextmanager
    def _committed(self) -> Iterator[None]:
        # one transaction: a disk that is asked to be sure of each row takes its time
        self._ledger.connection.execute("begin")
        yield
        self._ledger.connection.execute("commit")

    def _load(self, table: str, rows: pa.Table) -> None:
        connection = self._ledger.connection
        connection.register("rows", rows)
        if table == "job_versions":
            connection.execute(
                "update loaded.job_versions as known set valid_to = now() from rows"
                f" where {_SAME_JOB} and valid_to is null and known.row_hash <> rows.row_hash"
            )
            connection.execute(
                "insert into loaded.job_versions by name select *, now() as valid_from from rows"
                " where not exists (from loaded.job_versions as known"
                f" where {_SAME_JOB} and valid_to is null)"
            )
        elif table == "job_details":
            connection.execute(
                f"delete from loaded.job_details as known using rows where {_SAME_JOB}"
            )
            connection.execute("insert into loaded.job_details by name from rows")
        connection.unregister("rows")


def walked(
    settings: SourceSettings,
    kinds: Sequence[str],
    folder: Path,
    known: Known,
    clock: FakeClock,
    state: MutableMapping[tuple[str, str], MutableMapping[str, Any]],
) -> Iterator[tuple[Run, list[tuple[str, pa.Table]]]]:
    """Each kind's run, and what is to be loaded of it."""
    provider = providers()[settings.provider]
    account = Account(settings, provider.dialect, clock, Kept(folder / ".dlt" / "kept.toml"))
    budget = Budget(settings.max_details)
    with ThreadPoolExecutor(settings.max_concurrent) as pool:
        for name in kinds:
            kind, client = provider.kind(name), account.client()
            run = Run("sync", settings.name, provider.name, name, clock.now(), meter=client.meter)
            errand = Errand(
                settings=settings,
                provider=provider,
                kind=kind,
                client=client,
                reader=Reader(settings, provider, kind, account.redactor),
                known=known,
                clock=clock,
                pool=pool,
                budget=budget,
                run=run,
            )
            position = state.setdefault((settings.name, name), {})
            yield run, list(Walk(errand, position).tables())


CONFIG = """\
[sources.{name}]
provider = "{provider}"
base_url = "{url}"
"""


def project(
    folder: Path, base_url: str, *sources: str, more: Mapping[str, str] | None = None
) -> Project:
    """A project folder whose sources are at `base_url`; `more` has further settings of each."""
    settings = folder / ".dlt"
    settings.mkdir(parents=True, exist_ok=True)
    config, secrets = "", ""
    for name in sources or ("zuora", "salesforce"):
        provider = name.partition("_")[0]
        config += CONFIG.format(name=name, provider=provider, url=base_url)
        config += (more or {}).get(name, "")
        secrets += f"[sources.{name}.credentials]\n"
        secrets += "".join(f'{key} = "{value}"\n' for key, value in CREDENTIALS[provider].items())
    (settings / "config.toml").write_text(config)
    (settings / "secrets.toml").write_text(secrets)
    (settings / "secrets.toml").chmod(0o600)
    return Project(folder, {})


@contextmanager
def served() -> Iterator[Running]:
    with serving(small_world()) as running:
        yield running


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a reader of the published file gets."""
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def moved(clock: FakeClock, span: timedelta = timedelta(hours=1)) -> FakeClock:
    """The same clock, a while later."""
    clock.passed += span.total_seconds()
    return clock
