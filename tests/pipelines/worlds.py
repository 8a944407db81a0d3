"""A small world of jobs of all six kinds, whose every change is told by plain values.

It shares no code with the product: what it says is written down here by the providers' documents.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from jobledger.sources import providers
from jobledger.sources._provider.errors import (
    BadReply,
    CredentialsRefused,
    NotFound,
    ProviderError,
    QuotaReached,
    Refused,
    ServerFault,
    TimeLimitReached,
    Unreachable,
)
from jobledger.sources._provider.kind import Provider

Record: TypeAlias = dict[str, Any]
START: Final = datetime(2026, 10, 20, tzinfo=UTC)

WORDS: Final[Mapping[str, Sequence[str]]] = {
    "data_backfill": ("Pending", "Processing", "Stopping", "Completed", "Failed", "Stopped", "Odd"),
    "auto_backfill": ("ACCEPTED", "PROCESSING", "STOPPING", "COMPLETED", "FAILED", "STOPPED"),
    "custom_object_bulk": ("pending", "accepted", "in_progress", "completed", "failed", "odd"),
    "data_query": ("accepted", "in_progress", "completed", "failed", "cancelled", "submitted"),
    "v2": ("Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted", "Odd"),
    "classic": ("Open", "Closed", "Closed", "Failed", "Aborted"),
}
RUNNING: Final = frozenset({"InProgress", "Closed"})
"""Words under which a detail may change although the listing does not."""
GROUPS: Final = ("data_backfill", "auto_backfill", "custom_object_bulk", "data_query", "salesforce")
"""Jobs that share a list; Salesforce's two listings show some of the same jobs."""
KINDS: Final = (
    ("zuora", "data_backfill"),
    ("zuora", "auto_backfill"),
    ("zuora", "custom_object_bulk"),
    ("zuora", "data_query"),
    ("salesforce", "ingest"),
    ("salesforce", "query"),
)
DEEDS: Final = (
    *("add", "add", "change", "change", "change", "tick", "pass", "purge", "restore", "hide"),
    *("show", "move", "sort", "twice", "break", "mend", "refuse", "permit", "size", "end"),
)
"""What may happen; what is told more often happens more often."""
WHEN: Final = ("now", "now", "same", "earlier", "missing")
FAULTS: Final[Sequence[Callable[[], ProviderError]]] = (
    lambda: BadReply("an HTML page", status=200),
    lambda: ServerFault("out of order", status=503),
    lambda: Unreachable("the connection was dropped"),
    lambda: QuotaReached("no more today", status=403),
    lambda: TimeLimitReached("the time limit is reached"),
    lambda: CredentialsRefused("the login is refused", status=401),
)


@dataclass(frozen=True)
class Deed:
    """One change of the world."""

    what: str
    group: int = 0
    pick: int = 0
    word: int = 0
    when: str = "now"


@dataclass
class Job:
    """A job as its provider has it."""

    id: str
    family: str
    """Its row of `WORDS`."""
    created: int | None
    updated: int | None
    word: str
    ticks: int = 0
    reads: bool = False
    """It is a query."""
    is_listed: bool = True
    is_there: bool = True
    is_twice: bool = False
    is_broken: bool = False
    refusal: int | None = None
    """The HTTP status that asking for it gives."""
    was_refused: bool = False
    classic_way: int = 0
    """Which of the two ways of asking for a Classic job answers."""
    top: int = 0
    """The newest `updated` it ever had."""

    @property
    def shown_updated(self) -> datetime | None:
        """When it last changed, as its provider lets one know."""
        at = self.updated
        if self.family == "data_backfill":
            # which has no such field: the newest of its times
            at = max(at or 0, self.created or 0)
        return None if at is None else START + timedelta(seconds=at)

    def set_updated(self, at: int | None) -> None:
        self.updated = at
        self.top = max(self.top, at or 0)

    @property
    def shown_ticks(self) -> int:
        """What it has done: seen to grow while it runs, else a matter of word and time."""
        if self.word in RUNNING:
            return self.ticks
        return (sum(self.word.encode()) + (self.updated or 0)) % 5


@dataclass
class World:
    """All jobs of an account of each provider."""

    now: int = 0
    jobs: dict[str, list[Job]] = field(default_factory=lambda: {name: [] for name in GROUPS})
    is_small: bool = False
    """The provider takes no large page sizes."""
    has_last_cursor: bool = True
    asked: list[str] = field(default_factory=list)
    pending: dict[int, Sequence[Deed]] = field(default_factory=dict)
    """What happens just before so many requests of a sync."""
    faults: dict[int, int] = field(default_factory=dict)
    """Which fault a request of a sync meets."""
    fails_from: int | None = None
    """From which request on everything fails as the login does."""
    made: int = 0
    done: int = 0

    # what happens

    def do(self, deed: Deed) -> None:
        self.done += 1
        group = GROUPS[deed.group % len(GROUPS)]
        jobs = self.jobs[group]
        if deed.what == "pass":
            self.now += deed.word % 3 + 1
        elif deed.what == "size":
            self.is_small = not self.is_small
        elif deed.what == "end":
            self.has_last_cursor = not self.has_last_cursor
        elif deed.what == "sort":
            jobs.sort(key=lambda job: (-(job.created or 0), job.id))
        elif deed.what == "add":
            self._add(group, deed)
        elif jobs:
            self._happen(jobs, jobs[deed.pick % len(jobs)], deed)

    def _add(self, group: str, deed: Deed) -> None:
        self.made += 1
        family, reads = group, False
        if group == "salesforce":
            family = "classic" if deed.pick % 3 == 0 else "v2"
            reads = deed.pick % 2 == 0
        words = WORDS[family]
        created = max(self.now - (0, 0, 0, 2, 40)[deed.word % 5], 0)
        job = Job(
            f"{group[0]}{self.made:04d}",
            family,
            None if group == "data_query" and deed.pick % 4 == 0 else created,
            None,
            words[deed.word % 2],
            reads=reads,
            classic_way=deed.pick % 5,
        )
        job.set_updated(None if deed.when == "missing" else created)
        jobs = self.jobs[group]
        # mostly where a listing that is newest first would have it
        newer = sum((each.created or 0) > created for each in jobs)
        jobs.insert(newer if deed.pick % 5 else deed.pick % (len(jobs) + 1), job)

    def _happen(self, jobs: list[Job], job: Job, deed: Deed) -> None:
        match deed.what:
            case "change":
                job.word = WORDS[job.family][deed.word % len(WORDS[job.family])]
                earlier = None if job.updated is None else max(job.updated - 2, 0)
                now = max(self.now, job.updated or 0)
                job.set_updated(
                    {"now": now, "same": job.updated, "earlier": earlier}.get(deed.when)
                )
            case "tick":
                job.ticks += job.word in RUNNING
            case "purge":
                job.is_there = job.is_listed = False
                job.was_refused = True
            case "restore":
                job.is_there = job.is_listed = True
            case "hide":
                job.is_listed = False
            case "show":
                job.is_listed = job.is_there
            case "move":
                jobs.remove(job)
                jobs.insert(deed.word % (len(jobs) + 1), job)
            case "twice":
                job.is_twice = not job.is_twice
            case "break" | "mend":
                job.is_broken = deed.what == "break"
            case "refuse":
                # whether a Classic job may be asked for never changes
                job.refusal = None if job.family == "classic" else (400, 403, 404)[deed.word % 3]
                job.was_refused = job.was_refused or job.refusal is not None
            case "permit":
                job.refusal = None

    def rest(self) -> None:
        """Nothing happens any more, and no job claims to be older than it ever was."""
        self.pending, self.faults, self.fails_from = {}, {}, None
        for jobs in self.jobs.values():
            for job in jobs:
                job.is_broken, job.refusal = False, None
                if job.updated is not None or job.family == "data_backfill":
                    job.set_updated(max(job.top, job.created or 0))

    # what it answers

    def begin_sync(
        self,
        pending: Mapping[int, Sequence[Deed]] | None = None,
        faults: Mapping[int, int] | None = None,
        fails_from: int | None = None,
    ) -> None:
        self.asked = []
        self.pending, self.faults = dict(pending or {}), dict(faults or {})
        self.fails_from = fails_from

    def answer(self, path: str, params: Mapping[str, str]) -> Any:
        at = len(self.asked)
        self.asked.append(f"{path}?{params}" if params else path)
        for deed in self.pending.pop(at, ()):
            self.do(deed)
        if self.fails_from is not None and at >= self.fails_from:
            return CredentialsRefused("the login is refused", status=401)
        if at in self.faults:
            return FAULTS[self.faults[at] % len(FAULTS)]()
        return self._listing(path, params) or self._by_id(path)

    def _listing(self, path: str, params: Mapping[str, str]) -> Any:
        if path == "/v1/uno/data-backfill/listjobs":
            return {"success": True, "jobs": self._shown("data_backfill")}
        if path == "/v1/uno/data-backfill/propagation/jobs":
            return {"success": True, "jobs": self._shown("auto_backfill")}
        if path == "/objects/jobs":
            return self._after(params)
        if path == "/query/jobs":
            return self._window(params)
        if path.endswith(("/jobs/ingest", "/jobs/query")):
            return self._located(path, params)
        return None

    def _shown(self, group: str) -> list[Record]:
        jobs = [job for job in self.jobs[group] if job.is_listed]
        twice = [job for job in jobs if job.is_twice]
        return [self.record(group, job) for job in (*jobs, *twice)]

    def _after(self, params: Mapping[str, str]) -> Any:
        size = int(params["pageSize"])
        if self.is_small and size > 2:
            return Refused("pageSize is too large", status=400)
        jobs = [job for job in self.jobs["custom_object_bulk"] if job.is_listed]
        ids = [job.id for job in jobs]
        start = 0
        if "cursor" in params:
            if params["cursor"] not in ids:
                return Refused("no such cursor", status=400)
            start = ids.index(params["cursor"]) + 1
        page = jobs[start : start + min(size, 4)]
        is_last = start + len(page) >= len(jobs)
        more = {"cursor": page[-1].id} if page and (self.has_last_cursor or not is_last) else {}
        return {"jobs": [self.record("custom_object_bulk", job) for job in page], **more}

    def _window(self, params: Mapping[str, str]) -> Any:
        size = int(params["pageSize"])
        if self.is_small and size > 3:
            return Refused("pageSize is too large", status=400)
        shown = self._shown("data_query")
        if "queryStatus" in params:
            shown = [each for each in shown if each["queryStatus"] == params["queryStatus"]]
        return {"data": shown[:size]}

    def _located(self, path: str, params: Mapping[str, str]) -> Any:
        reads = path.endswith("query")
        shown = [
            self.record("salesforce", job)
            for job in [
                *self.jobs["salesforce"],
                *(j for j in self.jobs["salesforce"] if j.is_twice),
            ]
            if job.is_listed and (job.family == "classic" or job.reads == reads)
        ]
        start = int(params.get("queryLocator", "01g-0").rsplit("-", 1)[1])
        end = start + 3
        done = end >= len(shown)
        # as documented, the query listing's next page seems to be the ingest listing's
        url = None if done else f"/services/data/v62.0/jobs/ingest?queryLocator=01g-{end}"
        return {"done": done, "nextRecordsUrl": url, "records": shown[start:end]}

    def _by_id(self, path: str) -> Any:
        job_id = path.rsplit("/", 1)[1]
        found = [(g, job) for g, jobs in self.jobs.items() for job in jobs if job.id == job_id]
        if not found or not found[0][1].is_there:
            return NotFound("there is no such job", status=404)
        ((group, job),) = found
        if job.is_broken:
            return ServerFault("out of order", status=500)
        if job.refusal is not None:
            kind = NotFound if job.refusal == 404 else Refused
            return kind("not for you", status=job.refusal)
        if job.family == "classic":
            return self._classic(path, job)
        record = self.record(group, job)
        if group == "salesforce":
            return _with_counts(record, job)
        return {"data": record} if group == "data_query" else {"success": True, "job": record}

    def _classic(self, path: str, job: Job) -> Any:
        batches = {
            "numberBatchesTotal": 3,
            "numberBatchesCompleted": min(job.shown_ticks, 2),
            "numberBatchesFailed": min(job.shown_ticks // 2, 1),
        }
        record = _with_counts(self.record("salesforce", job), job)
        if "/async/" not in path:
            # refused in either way, answered without batches, answered in full
            return (
                Refused("no", status=400),
                NotFound("no", status=404),
                Refused("no", status=403),
                record,
                {**record, **batches},
            )[job.classic_way]
        if job.classic_way == 2:
            return Refused("no", status=403)
        return {k: v for k, v in record.items() if k not in {"jobType", "lineEnding"}} | batches

    def record(self, group: str, job: Job) -> Record:
        """The job as its listing shows it."""
        created, updated = job.created, job.updated
        match group:
            case "data_backfill":
                is_over = job.word in {"Completed", "Failed"}
                said: Record = {
                    "id": job.id,
                    "type": "RatePlanCharge",
                    "status": job.word,
                    "uploadedOn": _milliseconds(created, as_text=True),
                    "processedCount": job.ticks,
                    "failureMessage": "",
                    "completedOn" if is_over else "startedProcessingOn": _milliseconds(
                        updated, as_text=True
                    ),
                }
            case "auto_backfill":
                said = {
                    "id": job.id,
                    "status": job.word,
                    "createdOn": _milliseconds(created),
                    "updatedOn": _milliseconds(updated),
                    "errorCount": job.shown_ticks % 2,
                    "progress": f"{job.shown_ticks * 10:.2f}%",
                }
            case "custom_object_bulk":
                said = {
                    "Id": job.id,
                    "object": "vehicle",
                    "operation": "update",
                    "status": job.word,
                    "CreatedDate": _iso(created, "Z"),
                    "UpdatedDate": _iso(updated, "Z"),
                    "processingTime": job.shown_ticks,
                    "recordsProcessed": job.shown_ticks,
                }
            case "data_query":
                said = {
                    "id": job.id,
                    "query": "select 1",
                    "queryStatus": job.word,
                    "createdOn": _iso(created, "Z"),
                    "updatedOn": _iso(updated, ".17Z"),
                    "dataFile": f"https://b.s3.example/{job.id}?X-Amz-Signature={self.done}",
                }
            case _:
                said = {
                    "id": job.id,
                    "operation": "query" if job.reads else "insert",
                    "object": "Account",
                    "createdDate": _iso(created, ".000+0000"),
                    "systemModstamp": _iso(updated, ".000+0000"),
                    "state": job.word,
                    "jobType": _job_type(job),
                    "lineEnding": "LF",
                }
                if job.word == "Open":
                    said["contentUrl"] = f"services/data/v62.0/jobs/ingest/{job.id}/batches"
        return {name: value for name, value in said.items() if value is not None}

    # the provider that walks it

    @staticmethod
    def providers() -> dict[str, Provider]:
        """The real providers, with pages as small as this world."""
        zuora, salesforce = providers()["zuora"], providers()["salesforce"]
        sizes = {"custom_object_bulk": (5, 2), "data_query": (6, 3)}
        kinds = tuple(
            replace(kind, paging=replace(kind.paging, sizes=sizes[kind.name]))  # type: ignore[type-var]
            if kind.name in sizes
            else kind
            for kind in zuora.kinds
        )
        return {"zuora": replace(zuora, kinds=kinds), "salesforce": salesforce}


def _with_counts(record: Record, job: Job) -> Record:
    return {
        **{name: value for name, value in record.items() if name != "contentUrl"},
        "numberRecordsProcessed": job.shown_ticks,
        "numberRecordsFailed": job.shown_ticks % 2,
        "totalProcessingTime": job.shown_ticks * 100,
    }


def _job_type(job: Job) -> str:
    return "Classic" if job.family == "classic" else "V2Query" if job.reads else "V2Ingest"


def _milliseconds(at: int | None, *, as_text: bool = False) -> Any:
    if at is None:
        return None
    value = int((START + timedelta(seconds=at)).timestamp() * 1000)
    return str(value) if as_text else value


def _iso(at: int | None, zone: str) -> str | None:
    return None if at is None else f"{START + timedelta(seconds=at):%Y-%m-%dT%H:%M:%S}{zone}"
