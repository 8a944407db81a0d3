"""A ledger that is a dictionary: it loads what a walk yields as dlt's SCD2 does, only faster.

That it says the same as the real one is tested in `test_in_memory`.
"""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from jobledger.sources._provider.asking import Budget
from jobledger.sources._provider.kind import Kind, Provider
from jobledger.sources._provider.known import Judged, KnownJob, News
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.redact import Redactor
from jobledger.sources._provider.run import Run
from jobledger.sources._provider.seen import Digests, digests_of
from jobledger.sources._provider.settings import SourceSettings
from jobledger.sources._provider.walk import Errand, Walk
from tests.sources.scripted import Answerer, FixedClock, ScriptedClient

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str, str]


class AtOnce(Executor):
    """Does everything in the caller's thread, in order."""

    def map(self, fn: Callable[..., Any], *iterables: Any, **_: Any) -> Any:
        return [fn(*each) for each in zip(*iterables, strict=True)]


@dataclass
class InMemory:
    """What is known of all kinds, with its clock and the states of its incremental syncs."""

    providers: dict[str, Provider]
    clock: FixedClock = field(default_factory=FixedClock)
    versions: dict[Key, list[Row]] = field(default_factory=dict)
    marks: dict[Key, Row] = field(default_factory=dict)
    states: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def sync(
        self,
        answer: Answerer,
        provider: str,
        kind: str,
        *,
        is_full: bool = False,
        max_details: int = 2000,
        killed: str | None = None,
        hours: float = 1,
    ) -> Run:
        """One sync of one kind. `killed` names the tables that were loaded when it died."""
        found = self.providers[provider]
        said = SourceSettings(provider, provider, "https://127.0.0.1", max_details=max_details)
        client = ScriptedClient(answer)
        run = Run("sync", provider, provider, kind, self.clock.now(), meter=client.meter)
        errand = Errand(
            settings=said,
            provider=found,
            kind=found.kind(kind),
            client=client,  # type: ignore[arg-type]
            reader=Reader(said, found, found.kind(kind), Redactor()),
            known=self,
            clock=self.clock,  # type: ignore[arg-type]
            pool=AtOnce(),
            budget=Budget(max_details),
            run=run,
            is_full=is_full,
        )
        state = copy.deepcopy(self.states.get((provider, kind), {}))
        tables = list(Walk(errand, state).tables())
        self._load(tables, killed)
        if killed is None:
            self.states[provider, kind] = state
        self.clock.move(timedelta(hours=hours))
        return run

    def _load(self, tables: Sequence[tuple[str, pa.Table]], killed: str | None) -> None:
        staged = [
            row for name, rows in tables if name == "job_versions" for row in rows.to_pylist()
        ]
        marks = [row for name, rows in tables if name == "job_details" for row in rows.to_pylist()]
        assert len({_key(row) for row in staged}) == len(staged), "a job twice in one load"
        assert len({_key(row) for row in marks}) == len(marks), "a mark twice in one load"
        if killed is None or "versions" in killed:
            for row in staged:
                self._add(row)
        for row in marks:
            if killed is None:
                self.marks[_key(row)] = row
            elif "marks" in killed:
                # replaced, and then taken back since the load did not come to its end
                self.marks.pop(_key(row), None)

    def _add(self, row: Row) -> None:
        now = self.clock.now()
        versions = self.versions.setdefault(_key(row), [])
        if versions and versions[-1]["row_hash"] == row["row_hash"]:
            return
        if versions:
            versions[-1]["valid_to"] = now
        versions.append({**row, "valid_from": now, "valid_to": None})

    # what a walk wants to know (`Known`)

    def knows(self, source: str, kind: Kind) -> bool:
        return any(key[:2] == (source, kind.name) for key in self.versions)

    def news(
        self, source: str, kind: Kind, listed: pa.Table, *, is_full: bool
    ) -> list[Judged | None]:
        found: list[Judged | None] = []
        for row in listed.to_pylist():
            key = (source, kind.name, row["job_id"])
            news = self._news(key, kind, row, is_full=is_full)
            job = self._job(key, raw="") if key in self.versions else None
            found.append(None if news is None else Judged(news, job))
        return found

    def _news(self, key: Key, kind: Kind, row: Row, *, is_full: bool) -> News | None:
        if key not in self.versions:
            return News.NEW
        job, mark = self.versions[key][-1], self.marks.get(key)
        known, told = job["updated_at"], row["updated_at"]
        if known is not None and told is not None and told < known:
            return News.RUNNING if kind.details and not job["is_terminal"] else News.STALE
        if job["status"] == "vanished":
            return News.CHANGED
        if not kind.details:
            return News.CHANGED if job["row_hash"] != row["listing_hash"] else None
        if mark is None or mark["listing_hash"] != row["listing_hash"]:
            return News.CHANGED
        if mark["detail"] == "owed":
            return News.OWED
        if mark["detail"] == "refused":
            word = (job["provider_status"] or "").lower()
            if not is_full and word in kind.left_alone:
                return None
        if job["status"] == "running":
            return News.RUNNING
        return News.OWED if is_full and mark["detail"] in {"refused", "not taken"} else None

    def told(self, source: str, kind: Kind) -> Digests:
        hashes = []
        for key, rows in self.versions.items():
            if key[:2] == (source, kind.name) and rows[-1]["status"] != "vanished":
                mark = self.marks.get(key)
                if not kind.details:
                    hashes.append(rows[-1]["row_hash"])
                elif rows[-1]["is_terminal"] and mark is not None and mark["detail"] == "merged":
                    hashes.append(mark["listing_hash"])
        return np.sort(digests_of([each for each in hashes if each is not None]))

    def open_jobs(self, source: str, kind: Kind) -> list[KnownJob]:
        found = [
            (rows[-1]["created_at"], key)
            for key, rows in self.versions.items()
            if key[:2] == (source, kind.name) and not rows[-1]["is_terminal"]
        ]
        return [self._job(key) for _, key in sorted(found, key=_nulls_last)]

    def owed(self, source: str, kind: Kind) -> list[KnownJob]:
        found = [
            (mark["asked_at"] or datetime.min.replace(tzinfo=self.clock.now().tzinfo), key)
            for key, mark in self.marks.items()
            if key[:2] == (source, kind.name) and mark["detail"] == "owed" and key in self.versions
        ]
        return [
            self._job(key)
            for _, key in sorted(
                found, key=lambda each: (each[0], *_created(self.versions[each[1]][-1]), each[1])
            )
        ]

    def _job(self, key: Key, raw: str | None = None) -> KnownJob:
        row, mark = self.versions[key][-1], self.marks.get(key, {})
        return KnownJob(
            key[2],
            row["row_hash"],
            row["updated_at"],
            row["status"],
            row["raw"] if raw is None else raw,
            mark.get("listing_hash"),
            mark.get("detail"),
            mark.get("asked_at"),
        )


def _key(row: Row) -> Key:
    return row["source"], row["kind"], row["job_id"]


def _created(row: Row) -> tuple[bool, float]:
    at = row["created_at"]
    return at is None, 0.0 if at is None else at.timestamp()


def _nulls_last(each: tuple[datetime | None, Key]) -> tuple[bool, float, Key]:
    at, key = each
    return at is None, 0.0 if at is None else at.timestamp(), key
