"""A provider that answers from a script, for tests of what is read and when."""

from collections.abc import Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from jobledger.sources import providers
from jobledger.sources._provider.asking import Budget
from jobledger.sources._provider.known import Known
from jobledger.sources._provider.limits import Meter
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.redact import Redactor
from jobledger.sources._provider.run import Run
from jobledger.sources._provider.settings import SourceSettings
from jobledger.sources._provider.walk import Errand, Walk
from tests.sources.nothing_known import NothingKnown

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

Answerer = Callable[[str, Mapping[str, str]], Any]


class ScriptedClient:
    """Answers by a function of path and parameters, and writes down what it was asked."""

    host = "127.0.0.1"

    def __init__(self, answer: Answerer) -> None:
        self.meter = Meter()
        self.asked: list[str] = []
        self._answer = answer

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        session_header: str | None = None,
    ) -> Any:
        query = "&".join(f"{name}={value}" for name, value in (params or {}).items())
        self.asked.append(f"{path}?{query}" if query else path)
        self.meter.requests += 1
        answer = self._answer(path, params or {})
        if isinstance(answer, Exception):
            raise answer
        return answer


class FixedClock:
    """Stands still until moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def move(self, span: timedelta) -> None:
        self.time += span


class Walked:
    """What a walk loaded and asked."""

    def __init__(
        self, tables: list[tuple[str, pa.Table]], client: ScriptedClient, run: Run
    ) -> None:
        self.client = client
        self.run = run
        self._tables = tables

    def rows(self, table: str = "job_versions") -> list[dict[str, Any]]:
        return [row for name, rows in self._tables if name == table for row in rows.to_pylist()]

    def ids(self) -> list[str]:
        return [row["job_id"] for row in self.rows()]


def reader(provider: str, kind: str, **settings: Any) -> Reader:
    """A reader for one kind."""
    found = providers()[provider]
    said = SourceSettings(provider, provider, "https://127.0.0.1", **settings)
    key = b"key" if said.redact_users else None
    return Reader(said, found, found.kind(kind), Redactor(), key)


def walk(
    provider: str,
    kind: str,
    answer: Answerer,
    *,
    known: Known | None = None,
    state: MutableMapping[str, Any] | None = None,
    clock: FixedClock | None = None,
    is_full: bool = False,
    **settings: Any,
) -> Walked:
    """Walks one kind of a scripted provider."""
    found, clock = providers()[provider], clock or FixedClock()
    said = SourceSettings(provider, provider, "https://127.0.0.1", **settings)
    client = ScriptedClient(answer)
    run = Run("sync", provider, provider, kind, clock.now(), meter=client.meter)
    with ThreadPoolExecutor(2) as pool:
        errand = Errand(
            settings=said,
            provider=found,
            kind=found.kind(kind),
            client=client,  # type: ignore[arg-type]
            reader=reader(provider, kind, **settings),
            known=known or NothingKnown(),
            clock=clock,  # type: ignore[arg-type]
            pool=pool,
            budget=Budget(said.max_details),
            run=run,
            is_full=is_full,
        )
        tables = list(Walk(errand, {} if state is None else state).tables())
    return Walked(tables, client, run)
