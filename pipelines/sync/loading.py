"""One sync: every source is read and loaded by itself, side by side with the others.

    provider -> walk -> Arrow tables -> dlt -> ledger -> publish

Each source has its own dlt pipeline, with its own state and staging, so that an account that is
slow or has to wait delays nobody's rows but its own. Reading goes on in many threads; loading and
publishing take turns.
"""

import gc
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import duckdb
import pyarrow as pa

from jobledger.pipelines.errors import JobledgerError
from jobledger.pipelines.sync.assignments import Assignment
from jobledger.pipelines.warehouse.dlt_pipeline import prepared_pipeline
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources._provider.asking import Budget
from jobledger.sources._provider.client import Account
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.errors import MAX_MESSAGE, ProviderError, SettingsError
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.redact import for_log, one_line
from jobledger.sources._provider.run import Outcome, Run
from jobledger.sources._provider.settings import SourceSettings
from jobledger.sources._provider.source import job_source
from jobledger.sources._provider.walk import Errand

if TYPE_CHECKING:
    import dlt

PUBLISH_EVERY: Final = 10.0
"""Seconds between publications while a sync goes on, at the least."""


class Watcher(Protocol):
    """Whoever shows the progress of a sync."""

    def started(self, run: Run) -> None:
        """A kind is about to be read; its run is filled in as it goes."""

    def ended(self, run: Run) -> None:
        """A kind was read and loaded, or failed."""

    def waiting(self, source: str, seconds: float, why: str) -> None:
        """A source waits because its provider asks for it."""

    def published(self) -> None:
        """Readers see what was loaded so far."""


@dataclass
class Result:
    """What a sync came to."""

    runs: list[Run] = field(default_factory=list)
    load_errors: dict[str, BaseException] = field(default_factory=dict)
    """Sources whose rows could not be loaded, and why."""
    notes: list[str] = field(default_factory=list)
    """What the user should hear."""


@dataclass
class Sync:
    """One sync of some sources into one ledger."""

    ledger: Ledger
    folder: Path
    """Where dlt works; nothing in it is worth keeping."""
    kept: Kept
    clock: Clock
    watcher: Watcher
    put_views: Callable[[duckdb.DuckDBPyConnection], None]
    schedule: float | None = None
    """Seconds between two syncs, where there is a rhythm."""
    is_full: bool = False
    open_account: Callable[..., Account] = Account
    is_clock_real: bool = True
    """Versions are valid from the moment that dlt loads them; else from the clock's."""

    def __post_init__(self) -> None:
        self._loading = threading.Lock()
        self._published_at: float | None = None
        # the ledger has what readers do not see yet
        self._is_ahead = True
        self._sync_id = uuid.uuid4().hex

    def run(self, assignments: Sequence[Assignment]) -> Result:
        """Syncs all sources; returns when every one has loaded and the ledger is published."""
        result = Result()
        # DuckDB imports pandas when a thread first shows it a table, and of two threads that do so
        # at once one gets half a module
        with suppress(ImportError):
            import_module("pandas")
        with (
            _little_garbage(),
            ThreadPoolExecutor(len(assignments), thread_name_prefix="source") as threads,
        ):
            for runs in threads.map(lambda each: self._source(each, result), assignments):
                result.runs.extend(runs)
        if self._is_ahead:
            self._publish()
        return result

    def _source(self, assignment: Assignment, result: Result) -> list[Run]:
        settings = assignment.settings
        runs = [self._start(assignment, kind) for kind in assignment.kinds]
        try:
            self._read_and_load(assignment, runs, result)
        except Exception as error:  # noqa: BLE001 - one source that fails leaves the rest alone
            result.load_errors[settings.name] = error
            self._fail(assignment, runs, error)
        for run in runs:
            self.watcher.ended(run)
        return runs

    def _fail(self, assignment: Assignment, runs: Sequence[Run], error: Exception) -> None:
        """A source came to nothing: its kinds' rows say so, past dlt, which may be what failed."""
        kind, message = _told(error)
        for run in runs:
            run.outcome, run.error_kind, run.error_message = Outcome.FAILED, kind, message
            run.jobs_new = run.jobs_changed = run.jobs_finished = run.jobs_failed = 0
            run.rejected = 0
            run.finished_at = self.clock.now()
        with self._loading, suppress(duckdb.Error):
            self._is_ahead = True
            self.ledger.take_back()
            for run in runs:
                left = self.ledger.outstanding(run.source, assignment.provider.kind(run.kind))
                run.open_jobs, run.details_pending = left.open, left.owed
            self.ledger.add_runs([run.row() for run in runs])

    def _start(self, assignment: Assignment, kind: str) -> Run:
        settings = assignment.settings
        run = Run(
            sync_id=self._sync_id,
            source=settings.name,
            provider=assignment.provider.name,
            kind=kind,
            started_at=self.clock.now(),
            schedule_seconds=self.schedule,
        )
        self.watcher.started(run)
        return run

    def _read_and_load(self, assignment: Assignment, runs: Sequence[Run], result: Result) -> None:
        settings = assignment.settings
        if other := self.ledger.other_provider(settings.name, settings.provider):
            raise SettingsError(
                f"[sources.{settings.name}] is an account of {settings.provider}, and its jobs in"
                f" the ledger are of {other}: give it another name, or remove those with"
                f" 'jobledger state forget {settings.name}'"
            )
        account = self.open_account(
            settings,
            assignment.provider.dialect,
            self.clock,
            self.kept,
            on_wait=lambda seconds, why: self.watcher.waiting(settings.name, seconds, why),
        )
        with self._loading:
            pipeline = prepared_pipeline(self.ledger, self.folder, settings.name)
        if address := _asked_before(pipeline, settings):
            result.notes.append(
                f"{settings.name}: asked at {settings.base_url} now, and at {address} before; if"
                " that is another account, its jobs stand among the other's now: give it a name of"
                f" its own, and put back a backup or 'jobledger state forget {settings.name}'"
            )
        with ThreadPoolExecutor(settings.max_concurrent, thread_name_prefix="detail") as pool:
            errands = self._errands(assignment, runs, account, pool)
            newest = self.ledger.newest_version_at(settings.name)
            source = job_source(
                errands, observed_at=self._observed_at(newest), is_first=newest is None
            )
            pipeline.extract(source, loader_file_format="parquet")
        with self._loading:
            # what Arrow keeps for more to come, DuckDB can use
            pa.default_memory_pool().release_unused()
            pipeline.normalize()
            pipeline.load(raise_on_failed_jobs=True)
            self._is_ahead = True
            self._publish_if_due()

    def _errands(
        self,
        assignment: Assignment,
        runs: Sequence[Run],
        account: Account,
        pool: ThreadPoolExecutor,
    ) -> list[Errand]:
        settings, provider = assignment.settings, assignment.provider
        kinds = [provider.kind(run.kind) for run in runs]
        owed = {
            kind.name: self.ledger.outstanding(settings.name, kind).owed
            for kind in kinds
            if kind.details
        }
        budget = Budget(settings.max_details, owed)
        user_key = None
        if settings.redact_users:
            user_key = self.kept.user_key(self.ledger.has_hashed_users)
        errands = []
        for run, kind in zip(runs, kinds, strict=True):
            client = account.client()
            run.meter = client.meter
            reader = Reader(settings, provider, kind, account.redactor, user_key)
            errands.append(
                Errand(
                    settings=settings,
                    provider=provider,
                    kind=kind,
                    client=client,
                    reader=reader,
                    known=self.ledger,
                    clock=self.clock,
                    pool=pool,
                    budget=budget,
                    run=run,
                    is_full=self.is_full,
                )
            )
        return errands

    def _observed_at(self, newest: datetime | None) -> datetime | None:
        now = self.clock.now()
        if newest is not None and newest >= now:
            # a clock that was put back must not make versions that end before they begin
            return newest + timedelta(microseconds=1)
        return None if self.is_clock_real else now

    def _publish_if_due(self) -> None:
        now = self.clock.monotonic()
        if self._published_at is None or now - self._published_at >= PUBLISH_EVERY:
            # a source that was loaded is loaded; what is wrong is said by the last publication
            with suppress(JobledgerError, duckdb.Error):
                self._publish()

    def _publish(self) -> None:
        self._published_at = self.clock.monotonic()
        self.ledger.publish(self.put_views)
        self._is_ahead = False
        self.watcher.published()


def _asked_before(pipeline: "dlt.Pipeline", settings: SourceSettings) -> str | None:
    """The other address that a source was last asked at, if any."""
    kinds = pipeline.state.get("sources", {}).get(settings.name, {}).get("resources", {})
    known = {state.get("base_url") for state in kinds.values()}
    return min(known - {None, settings.base_url}, default=None)


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Looks for garbage less often.

    Records come and go by the thousand, and none of them holds itself; looking through them, and
    through all modules, again and again took a quarter of the time.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def _told(error: BaseException) -> tuple[str, str]:
    """What kind of error it is, and one line on it."""
    if isinstance(error, ProviderError):
        return error.kind, str(error)
    if isinstance(error, SettingsError):
        # ours, and the step that helps stands at its end
        return "settings", one_line(for_log(str(error)), 3 * MAX_MESSAGE)
    while error.__cause__ is not None:
        # dlt's own errors say little
        error = error.__cause__
    return "load", one_line(for_log(f"{type(error).__name__}: {error}"), MAX_MESSAGE)
