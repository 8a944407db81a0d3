"""The jobs there are: told by a seed, and put there by whoever tests.

A world makes the jobs of a day when its clock comes there, so that it never ends. What is put into
it stands beside what it made itself and is served as it was put, letter by letter.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from threading import RLock
from typing import Any, Final, Protocol

from . import salesforce_jobs, story, zuora_jobs
from .behaviour import Behaviour
from .clock import Clock
from .lives import Life

ZUORA: Final = ("data_backfill", "auto_backfill", "custom_object_bulk", "data_query")
SALESFORCE: Final = ("ingest", "query")
KINDS: Final = (*ZUORA, *SALESFORCE)
GONE: Final = object()
"""In place of a record, where there is no such job: a record itself may be anything."""
_NOTHING: Final = object()


class Job(Protocol):
    """A job that can be asked for."""

    @property
    def id(self) -> str:
        """By which it is asked for."""

    @property
    def created_at(self) -> float:
        """Its place in a listing ordered by creation, in epoch seconds."""

    def record(self, now: float, behaviour: Behaviour) -> Any:
        """What is said of it by id; `GONE` if there is no such job at the time."""

    def listed(self, now: float, behaviour: Behaviour) -> Any:
        """What a listing says of it."""


@dataclass(frozen=True)
class Made:
    """A job of the world's own making."""

    life: Life

    @property
    def id(self) -> str:
        """By which it is asked for."""
        return self.life.id

    @property
    def created_at(self) -> float:
        """Its place in a listing ordered by creation."""
        return self.life.created_at

    def record(self, now: float, behaviour: Behaviour) -> Any:
        """What is said of it by id."""
        moment = self.life.at(now)
        if moment is None:
            return GONE
        of = zuora_jobs if self.life.kind in ZUORA else salesforce_jobs
        return of.record(moment, behaviour)

    def listed(self, now: float, behaviour: Behaviour) -> Any:
        """What a listing says of it."""
        said = self.record(now, behaviour)
        return salesforce_jobs.listed(said) if self.life.kind in SALESFORCE else said


@dataclass(frozen=True)
class Put:
    """A job as someone put it: served verbatim whatever the time is."""

    id: str
    created_at: float
    body: Any
    listing: Any
    errors: Any = None
    """What the provider says of its failed records: a list (Zuora) or CSV (Salesforce)."""

    def record(self, now: float, behaviour: Behaviour) -> Any:  # noqa: ARG002 - it never changes
        """What is said of it by id."""
        return self.body

    def listed(self, now: float, behaviour: Behaviour) -> Any:  # noqa: ARG002 - it never changes
        """What a listing says of it."""
        return self.listing


class Shelf:
    """The jobs of one kind, by id and in order of creation."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._order: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def get(self, job_id: str) -> Job | None:
        """The job of that id."""
        return self._jobs.get(job_id)

    def put(self, job: Job) -> None:
        """Adds a job, in place of one with the same id."""
        self.take(job.id)
        self._jobs[job.id] = job
        insort(self._order, (job.created_at, job.id))

    def take(self, job_id: str) -> Job | None:
        """Removes a job, if it is there."""
        job = self._jobs.pop(job_id, None)
        if job is not None:
            del self._order[bisect_left(self._order, (job.created_at, job_id))]
        return job

    def oldest_first(self) -> list[Job]:
        """All jobs by creation."""
        return [self._jobs[job_id] for _, job_id in self._order]

    def newest_first(self, after: str | None = None) -> Iterator[Job]:
        """All jobs from the newest on; with `after`, those that come after that job."""
        end = len(self._order)
        if after is not None:
            end = bisect_left(self._order, (self._jobs[after].created_at, after))
        for _, job_id in reversed(self._order[:end]):
            # it may have been purged while the page is made
            if (job := self._jobs.get(job_id)) is not None:
                yield job


class World:
    """All jobs of one Zuora tenant and one Salesforce org, at the time its clock tells.

    `jobs` is how many Zuora has, about, in the `days` before the present `now` (else the real
    present); Salesforce's come in proportion, with seven days of them to be seen. 0 is a world
    without any. `clock` may stand elsewhere than in the present: the story is the same.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        now: datetime | None = None,
        jobs: int = story.USUAL,
        days: int = story.DAYS,
        clock: Clock | None = None,
    ) -> None:
        self.seed = seed
        self.present = (now or datetime.now(UTC)).astimezone(UTC)
        self.clock = clock or Clock(self.present)
        self.behaviour = Behaviour()
        self._size = jobs / story.USUAL * story.DAYS / max(1, days)
        self._next_day = (self.present - timedelta(days=days)).date()
        self._shelves = {kind: Shelf() for kind in KINDS}
        self._lock = RLock()
        self._count = 0

    def now(self) -> float:
        """The clock's time in epoch seconds."""
        return self.clock.now().timestamp()

    def put(self, kind: str, record: Any, *, listed: Any = _NOTHING, errors: Any = None) -> str:
        """Puts a job there as its record stands, in place of one with the same id; gives its id.

        A listing says the same of it, for Salesforce without what listings lack, unless `listed`
        says otherwise. `errors` is what is told of its failed records. Raises `ValueError` for a
        kind that there is none of.
        """
        shelf = self._shelf(kind)
        with self._lock:
            self._count += 1
            job_id = _id_of(record) or _id_of(listed) or f"put-{self._count}"
            if listed is _NOTHING:
                listed = salesforce_jobs.listed(record) if kind in SALESFORCE else record
            before = shelf.get(job_id)
            created_at = _created_at(record)
            if created_at is None:
                created_at = self.now() if before is None else before.created_at
            shelf.put(Put(job_id, created_at, record, listed, errors))
            return job_id

    def live(self, life: Life) -> None:
        """Adds a job that changes as the clock moves."""
        with self._lock:
            self._shelf(life.kind).put(Made(life))

    def purge(self, kind: str, job_id: str | None = None) -> int:
        """Removes a job, or all of a kind, for good; says how many went."""
        self._make()
        with self._lock:
            shelf = self._shelf(kind)
            if job_id is not None:
                return int(shelf.take(job_id) is not None)
            self._shelves[kind] = Shelf()
            return len(shelf)

    def jobs(self, kind: str) -> list[Job]:
        """The jobs of a kind that there are now, oldest first."""
        self._make()
        now = self.now()
        with self._lock:
            jobs = self._shelf(kind).oldest_first()
        return [job for job in jobs if job.record(now, self.behaviour) is not GONE]

    def records(self, kind: str) -> list[Any]:
        """What is said of them by id, oldest first."""
        now = self.now()
        return [job.record(now, self.behaviour) for job in self.jobs(kind)]

    def find(self, kind: str, job_id: str) -> Job | None:
        """The job of that id, if it is there now."""
        self._make()
        with self._lock:
            job = self._shelf(kind).get(job_id)
        return None if job is None or self.record(job) is GONE else job

    def newest_first(self, kind: str, after: str | None = None) -> Iterator[Any]:
        """What a listing says of the jobs of a kind, from the newest on, or after that job."""
        self._make()
        now = self.now()
        with self._lock:
            jobs = iter(self._shelf(kind).newest_first(after))
        for job in jobs:
            if job.record(now, self.behaviour) is not GONE:
                yield job.listed(now, self.behaviour)

    def record(self, job: Job) -> Any:
        """What is said of a job by id now."""
        return job.record(self.now(), self.behaviour)

    def listed(self, job: Job) -> Any:
        """What a listing says of a job now."""
        return job.listed(self.now(), self.behaviour)

    def _shelf(self, kind: str) -> Shelf:
        if kind not in self._shelves:
            raise ValueError(f"no kind {kind!r}; there are {', '.join(KINDS)}")
        return self._shelves[kind]

    def _make(self) -> None:
        """Makes the jobs of the days up to the clock's."""
        until = self.clock.now().date()
        with self._lock:
            while self._size and self._next_day <= until:
                day, self._next_day = self._next_day, self._next_day + timedelta(days=1)
                for kind in KINDS:
                    of = zuora_jobs.of if kind in ZUORA else salesforce_jobs.of
                    for begun in story.day_of(kind, day, self.seed, self.present, self._size):
                        self._shelves[kind].put(Made(of(kind, begun).stretched(begun.pace)))


def _id_of(record: Any) -> str | None:
    if not isinstance(record, dict):
        return None
    found = record.get("id", record.get("Id"))
    return found if isinstance(found, str) else None


def _created_at(record: Any) -> float | None:
    """When a record says that its job began, in any of the providers' ways of saying so."""
    if not isinstance(record, dict):
        return None
    for name in ("createdOn", "CreatedDate", "createdDate", "uploadedOn"):
        said = record.get(name)
        if isinstance(said, int):
            return said / 1000
        if isinstance(said, str) and said.isdecimal():
            return int(said) / 1000
        if isinstance(said, str) and said:
            try:
                told = datetime.fromisoformat(said)
            except ValueError:
                continue
            return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    return None


def shuffled(seed: int, job: Job) -> float:
    """A place in a listing that has no order: the same each time, and another with each seed."""
    # an id may be any text that JSON has, a lone surrogate too
    told = f"{seed}/{job.id}".encode(errors="surrogatepass")
    return Random(told).random()  # noqa: S311 - no secret depends on it
