"""One sync of one kind: walk its listing, ask for what the listing does not tell, say what is new.

Nothing is dropped, nothing frozen, and nothing asked for twice. What makes that hold:

- Every job that the listing shows is compared with the ledger, whatever its dates; nothing is
  decided by a cursor. What moved is read in full and loaded; loading it twice changes nothing.
- A job that is open in the ledger and not in the listing is asked for by id.
- A listing is cut short only if it was newest first through a whole walk, and only below every job
  created since the last complete sync.
"""

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import compress
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobledger.sources._provider.asking import Answer, Asker, Budget, Question
from jobledger.sources._provider.client import Client, Endpoint
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.columns import Column
from jobledger.sources._provider.details import Details, Item, Settled, stored
from jobledger.sources._provider.errors import BadReply, ProviderError
from jobledger.sources._provider.kind import Kind, Provider
from jobledger.sources._provider.known import LISTED, Judged, Known, KnownJob, News
from jobledger.sources._provider.model import OPEN, REJECTED, Status
from jobledger.sources._provider.paging import Page
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.readings import Reading, Readings
from jobledger.sources._provider.redact import for_log
from jobledger.sources._provider.run import Outcome, Run, Scope
from jobledger.sources._provider.seen import Digests, Seen, among, digests_of
from jobledger.sources._provider.settings import SourceSettings

Loadable: TypeAlias = tuple[str, pa.Table]
"""Rows, and the name of the table they belong in."""
_BATCH: Final = 20_000
"""Jobs that are compared with the ledger at once, at the most."""
_BATCH_TEXT: Final = 16 * 2**20
"""Characters of what is kept of them, likewise: a query job may have its whole SQL."""
_TIMES: Final = ("created_at", "updated_at")
_UNFORESEEN: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What code runs into that did not expect something a provider says."""


@dataclass(frozen=True)
class Errand:
    """All that a walk works with."""

    settings: SourceSettings
    provider: Provider
    kind: Kind
    client: Client
    reader: Reader
    known: Known
    clock: Clock
    pool: Executor
    budget: Budget
    run: Run
    is_full: bool = False
    """Walk the listing to its end, whatever its order."""

    @property
    def version(self) -> str:
        """The version of the provider's API to speak to."""
        return self.provider.version(self.settings)


@dataclass
class Batch:
    """Jobs that the listing has news of, side by side."""

    readings: Readings = field(default_factory=Readings)
    judged: Sequence[Judged] = ()
    """What is new of each, and what the ledger has of it."""

    def __len__(self) -> int:
        return len(self.judged)

    def current(self) -> "Batch":
        """Without those of which the ledger has something newer."""
        is_current = [each.news is not News.STALE for each in self.judged]
        return Batch(self.readings.those(is_current), list(compress(self.judged, is_current)))

    def items(self, updated: Sequence[datetime | None]) -> list[Item]:
        """One by one, with the times of their last change."""
        each = zip(self.readings, self.readings.hashes, updated, self.judged, strict=True)
        return [
            Item(reading, listing_hash, at, judged.news, judged.job)
            for reading, listing_hash, at, judged in each
        ]


class Walk:
    """One sync of one kind."""

    def __init__(self, errand: Errand, state: MutableMapping[str, Any]) -> None:
        """`state` is where this kind's incremental sync stands; it moves when a walk completes."""
        self._errand = errand
        self._kind = errand.kind
        self._listing = Endpoint(errand.client, errand.kind.listing.format(version=errand.version))
        self._reader = errand.reader
        self._run = errand.run
        self._state = state
        self._asker = Asker(errand.kind, errand.client, errand.reader, errand.pool, errand.version)
        self._details = Details(errand.reader, self._asker, errand.budget, errand.run)
        self._seen = Seen()
        self._told: Digests = digests_of([])
        self._is_first = False
        """The ledger has no job of this kind."""
        self._order = Order()
        self._batch = Readings()
        self._batch_text = 0
        self._open: dict[str, KnownJob] = {}
        self._still_open: set[str] = set()
        self._of_another_kind: set[str] = set()
        """Open jobs that the listing shows, but no longer as this kind's."""
        self._error: ProviderError | None = None

    def tables(self) -> Iterator[Loadable]:
        """What is to be loaded, as it is found: table name and rows. The run's row comes last."""
        known, name = self._errand.known, self._run.source
        self._open = {job.job_id: job for job in known.open_jobs(name, self._kind)}
        self._still_open = set(self._open)
        self._is_first = not known.knows(name, self._kind)
        if self._kind.details:
            self._details.owe(known.owed(name, self._kind))
        yield from self._guarded(self._read)
        if self._error is not None:
            self._errand.budget.release(self._kind.name)
            # what was read is kept
            yield from self._guarded(self._loaded)
        yield from self._guarded(lambda: self._settled(self._details.left_over()))
        self._finish(self._error or self._asker.fault)
        if self._reader.rejected:
            yield "rejected_records", self._rejected()
        yield "sync_runs", self._run.row()

    def _guarded(self, step: Callable[[], Iterator[Loadable]]) -> Iterator[Loadable]:
        """What a step gives; the first that goes wrong is the kind's, and ends no other kind."""
        try:
            yield from step()
        except ProviderError as error:
            self._error = self._error or error
        except _UNFORESEEN as error:
            # a batch that cannot be read is lost, but nothing that came before it
            said = for_log(f"{type(error).__name__}: {error}")
            self._error = self._error or BadReply(
                f"what {self._listing.host} sent cannot be read: {said}"
            )

    def _read(self) -> Iterator[Loadable]:
        yield from self._listed()
        self._details.fetch_owed()
        yield from self._loaded()
        yield from self._not_listed()

    def _loaded(self) -> Iterator[Loadable]:
        yield from self._load(self._news())

    # the listing

    def _listed(self) -> Iterator[Loadable]:
        may_cut = self._may_cut()
        if not may_cut:
            # for the few pages of a listing that is cut short this would cost more than it saves
            self._told = self._errand.known.told(self._run.source, self._kind)
        for page in self._kind.paging.pages(self._listing):
            self._run.pages += 1
            fresh = self._take(page)
            is_batch = len(self._batch) >= _BATCH or self._batch_text >= _BATCH_TEXT
            if not (may_cut or page.is_cut or is_batch):
                continue
            news = self._news()
            if page.is_cut:
                self._mind_gap(fresh, news)
            self._details.fetch_owed()
            yield from self._load(news)
            if may_cut and fresh and not news and self._is_below():
                self._run.scope = Scope.RECENT
                return

    def _take(self, page: Page) -> Readings:
        """The jobs of a page that were not seen before; they join the batch."""
        is_new = self._seen.add(self._reader.identities(page.records))
        items = page.records if all(is_new) else list(compress(page.records, is_new))
        page.unseen = len(items)
        fresh = self._reader.take_page(items)
        if (belongs := self._kind.belongs) is not None:
            is_ours = [belongs(record) for record in fresh.records]
            others = (each for each, ours in zip(fresh.ids, is_ours, strict=True) if not ours)
            self._of_another_kind.update(each for each in others if each in self._open)
            fresh = fresh.those(is_ours)
        self._run.jobs_listed += len(fresh)
        self._batch.extend(fresh)
        self._batch_text += sum(map(len, fresh.raws))
        return fresh

    def _may_cut(self) -> bool:
        walked_at = _time(self._state.get("full_walk_at"))
        return (
            self._kind.newest_first
            and not self._errand.is_full
            and bool(self._state.get("is_newest_first"))
            # of what another account has below, nothing is known
            and self._state.get("base_url") in {None, self._errand.settings.base_url}
            and walked_at is not None
            and self._next_after(walked_at) <= self._errand.settings.full_walk_every
        )

    def _next_after(self, walked_at: datetime) -> timedelta:
        """How long after the last full walk the next sync comes, on the rhythm of the last two."""
        started_at = self._run.started_at
        last = _time(self._state.get("complete_at")) or walked_at
        # a clock that was put back says nothing of when the next full walk is due
        return abs(started_at - walked_at) + abs(started_at - last)

    def _is_below(self) -> bool:
        """Whether the last complete sync listed all jobs further down."""
        position = _time(self._state.get("position"))
        oldest = self._order.oldest
        return (
            self._order.is_newest_first
            and position is not None
            and oldest is not None
            and oldest < position
        )

    def _mind_gap(self, fresh: Readings, news: "Batch") -> None:
        """Says so if a full window shows no job that is known: there may have been more."""
        complete_at = _time(self._state.get("complete_at"))
        new = sum(each.news is News.NEW for each in news.judged)
        if complete_at is not None and fresh and new == len(fresh):
            times = self._reader.columns(_TIMES, fresh)
            self._run.gap_from = complete_at
            self._run.gap_to = pc.min(pc.coalesce(times["created_at"], times["updated_at"])).as_py()

    # comparing with the ledger, and loading

    def _news(self) -> "Batch":
        """What of the batch is not told already; the next one begins."""
        batch, self._batch, self._batch_text = self._batch, Readings(), 0
        if not batch:
            return Batch()
        self._order.follow(self._reader.columns(_TIMES, batch)["created_at"])
        hashes = self._reader.row_hashes(batch)
        if self._is_first:
            return Batch(batch, [Judged(News.NEW, None)] * len(batch))
        is_told = among(digests_of(hashes), self._told)
        asked = batch.those((~is_told).tolist())
        found = self._with_ends(asked, self._judged(asked)) if asked else []
        # what is not loaded is not read otherwise
        left = [each is None or each.news is News.STALE for each in found]
        self._reader.report(asked.those(left))
        told = [each for each in found if each is not None]
        return Batch(asked.those([each is not None for each in found]), told)

    def _with_ends(self, asked: Readings, found: Sequence[Judged | None]) -> list[Judged | None]:
        """What was found, in which an end is news that only looks stale."""
        told = list(found)
        is_stale = [each is not None and each.news is News.STALE for each in found]
        places = compress(range(len(found)), is_stale)
        for at, reading in zip(places, asked.those(is_stale), strict=True):
            known = self._open.get(reading.job_id)
            if known and self._reader.ends_without_its_times(reading, stored(known)):
                told[at] = Judged(News.CHANGED, known)
        return told

    def _judged(self, asked: Readings) -> list[Judged | None]:
        """What the ledger knows of them."""
        columns: list[Column] = [
            pa.array(np.arange(len(asked))),
            pa.array(asked.ids, pa.string()),
            pa.array(asked.hashes, pa.string()),
            self._reader.columns(_TIMES, asked)["updated_at"],
        ]
        return self._errand.known.news(
            self._run.source,
            self._kind,
            pa.table(columns, schema=LISTED),
            is_full=self._errand.is_full,
        )

    def _load(self, news: "Batch") -> Iterator[Loadable]:
        current = news.current()
        if self._kind.details:
            times = self._reader.columns(("updated_at",), current.readings)
            items = current.items(times["updated_at"].to_pylist())
            yield from self._settled(self._details.settle(items))
        elif current:
            yield from self._counted(
                self._reader.jobs(current.readings), [each.job for each in current.judged]
            )

    def _settled(self, settled: Settled) -> Iterator[Loadable]:
        if settled.found:
            rows = self._reader.jobs(Readings.of(reading for reading, _ in settled.found))
            yield from self._counted(rows, [job for _, job in settled.found])
        if settled.marks:
            now = self._errand.clock.now()
            yield "job_details", self._details.table(settled, now)

    def _counted(self, rows: pa.Table, known: Sequence[KnownJob | None]) -> Iterator[Loadable]:
        """Rows to be loaded, counted for the run's row and the closing line."""
        run = self._run
        ids: Any = rows["job_id"]
        statuses: Any = rows["status"]
        is_over: Any = rows["is_terminal"]
        self._still_open.difference_update(job.job_id for job in known if job is not None)
        self._still_open.update(ids.filter(pc.invert(is_over)).to_pylist())
        were = {at: job.status for at, job in enumerate(known) if job is not None}
        run.jobs_changed += rows.num_rows
        run.jobs_new += rows.num_rows - len(were)
        run.jobs_failed += pc.sum(pc.equal(statuses, pa.scalar(str(Status.FAILED)))).as_py()
        for at, was in were.items():
            status = statuses[at].as_py()
            # nobody knows how a vanished one ended
            run.jobs_finished += was in OPEN and status not in {*OPEN, Status.VANISHED}
            run.jobs_failed -= status == was == Status.FAILED
        yield "job_versions", rows

    # jobs that the listing does not show

    def _not_listed(self) -> Iterator[Loadable]:
        """Asks for each open job that the listing went without."""
        answers: list[Answer] = []
        questions: list[Question] = []
        for job_id, job in self._open.items():
            if job_id in self._seen and job_id not in self._of_another_kind:
                continue
            if (answer := self._details.asked_early(job_id)) is not None:
                answers.append(answer)
            else:
                questions.append(Question(job_id, stored(job), is_listed=False))
        vanished: list[tuple[Reading, KnownJob]] = []
        settled = Settled()
        for answer in (*answers, *self._asker.ask(questions)):
            job = self._open[answer.question.job_id]
            if answer.is_gone and self._run.scope is Scope.FULL:
                vanished.append((answer.question.base, job))
            self._details.settle_unlisted(answer, job, settled)
        yield from self._settled(settled)
        if vanished:
            rows = self._reader.vanished(Readings.of(reading for reading, _ in vanished))
            yield from self._counted(rows, [job for _, job in vanished])

    # the end

    def _finish(self, error: ProviderError | None) -> None:
        run = self._run
        run.finished_at = self._errand.clock.now()
        run.open_jobs = len(self._still_open)
        run.details_pending = len(self._details.pending)
        run.rejected = len(self._reader.rejected)
        run.listed_from = self._order.oldest
        if error is None:
            run.outcome = Outcome.COMPLETE
            self._move()
            return
        run.error_kind, run.error_message = error.kind, for_log(str(error))
        is_lost = run.pages == 0 and not error.is_planned
        run.outcome = Outcome.FAILED if is_lost else Outcome.INCOMPLETE

    def _move(self) -> None:
        """Moves the position of the incremental sync, now that the listing was walked."""
        state, run, order = self._state, self._run, self._order
        complete_at, forgets_after = _time(state.get("complete_at")), self._kind.forgets_after
        if complete_at and forgets_after and run.started_at - complete_at > forgets_after:
            run.gap_from, run.gap_to = complete_at, run.started_at - forgets_after
        if order.newest is not None:
            newest = max(order.newest, _time(state.get("position")) or order.newest)
            # a job of the future, whatever its provider's clock, does not say that we saw it come
            state["position"] = min(newest, run.started_at).isoformat()
        if run.scope is Scope.FULL:
            state["is_newest_first"] = order.is_newest_first
            state["full_walk_at"] = run.started_at.isoformat()
        state["complete_at"] = run.started_at.isoformat()
        # a source that is asked elsewhere later may be another account
        state["base_url"] = self._errand.settings.base_url

    def _rejected(self) -> pa.Table:
        run, now = self._run, self._errand.clock.now()
        of_all = {"sync_id": run.sync_id, "source": run.source, "kind": run.kind, "seen_at": now}
        rows = [{**vars(each), **of_all} for each in self._reader.rejected]
        return pa.Table.from_pylist(rows, schema=REJECTED)


class Order:
    """The order in which a listing shows its jobs, by when they were created."""

    def __init__(self) -> None:
        self.is_newest_first = True
        """No job so far was newer than the one before it."""
        self.newest: datetime | None = None
        self.oldest: datetime | None = None

    def follow(self, created: Column) -> None:
        """Takes the next jobs."""
        if created.null_count:
            self.is_newest_first = False
            created = created.drop_null()
        if not len(created):
            return
        bounds, first = pc.min_max(created), created[0].as_py()
        oldest, newest = bounds["min"].as_py(), bounds["max"].as_py()
        is_rising = pc.any(pc.greater(created[1:], created[:-1])).as_py()
        if is_rising or (self.oldest is not None and first > self.oldest):
            self.is_newest_first = False
        self.oldest = oldest if self.oldest is None else min(self.oldest, oldest)
        self.newest = newest if self.newest is None else max(self.newest, newest)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
