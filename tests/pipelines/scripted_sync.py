"""Real syncs into a real ledger, of providers that answer from a script."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from jobledger.pipelines.sync.assignments import Assignment
from jobledger.pipelines.sync.loading import Result, Sync
from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources import providers
from jobledger.sources._provider.kind import Provider
from jobledger.sources._provider.redact import Redactor
from jobledger.sources._provider.run import Run
from jobledger.sources._provider.settings import SourceSettings
from tests.sources.scripted import Answerer, FixedClock, ScriptedClient


class Quiet:
    """Watches, and says nothing."""

    def started(self, run: Run) -> None: ...

    def ended(self, run: Run) -> None: ...

    def waiting(self, source: str, seconds: float, why: str) -> None: ...

    def published(self) -> None: ...


class Keys:
    """Keeps a key for the users' names."""

    def user_key(self, is_used: Callable[[], bool]) -> bytes:
        return b"key"


class Project:
    """A folder with a ledger, and a clock that each sync moves on by an hour."""

    def __init__(self, folder: Path, found: Mapping[str, Provider] | None = None) -> None:
        self.folder = folder
        self.providers = found or providers()
        self.published = folder / "jobs.duckdb"
        self.clock = FixedClock()
        self.asked: list[str] = []

    def sync(
        self,
        answer: Answerer,
        provider: str = "zuora",
        kinds: Sequence[str] | None = None,
        *,
        is_full: bool = False,
        hours: float = 1,
        **settings: Any,
    ) -> dict[str, Run]:
        """One sync of one source; its runs by kind. `asked` holds what the provider was asked."""
        result = self.sync_all({provider: answer}, kinds, is_full=is_full, **settings)
        self.clock.move(timedelta(hours=hours))
        assert result.load_errors == {}
        return {run.kind: run for run in result.runs}

    def sync_all(
        self,
        answers: Mapping[str, Answerer | Exception],
        kinds: Sequence[str] | None = None,
        *,
        is_full: bool = False,
        **settings: Any,
    ) -> Result:
        """One sync of several sources, each named after its provider.

        What cannot even be opened is an exception.
        """
        state = self.folder / ".jobledger"
        state.mkdir(exist_ok=True)
        self.asked = []
        found = self.providers
        with Ledger(state / "ledger.duckdb", self.published) as ledger:
            sync = Sync(
                ledger=ledger,
                folder=state / "dlt",
                kept=Keys(),  # type: ignore[arg-type]
                clock=self.clock,  # type: ignore[arg-type]
                watcher=Quiet(),
                put_views=lambda connection: None,
                is_full=is_full,
                is_clock_real=False,
                open_account=self._open(answers),
            )
            return sync.run(
                [
                    Assignment(
                        SourceSettings(name, name, "https://127.0.0.1", **settings),
                        found[name],
                        kinds or [kind.name for kind in found[name].kinds],
                    )
                    for name in answers
                ]
            )

    def _open(self, answers: Mapping[str, Answerer | Exception]) -> Callable[..., Any]:
        project = self

        class Account:
            def __init__(self, settings: SourceSettings, *_: Any, **__: Any) -> None:
                self.redactor = Redactor()
                answer = answers[settings.name]
                if isinstance(answer, Exception):
                    raise answer
                self._answer = answer

            def client(self) -> ScriptedClient:
                client = ScriptedClient(self._answer)
                client.asked = project.asked
                return client

        return Account

    def lose_working_files(self) -> None:
        shutil.rmtree(self.folder / ".jobledger")

    # what a sync that was killed leaves behind

    def tables(self, *names: str) -> dict[str, pa.Table]:
        with self._writers() as connection:
            return {name: connection.sql(f"from loaded.{name}").to_arrow_table() for name in names}

    def put(self, table: str, rows: pa.Table) -> None:
        with self._writers() as connection:
            connection.register("rows", rows)
            connection.execute(f"delete from loaded.{table}")
            connection.execute(f"insert into loaded.{table} by name from rows")

    def forget_last_load(self) -> None:
        """As if dlt had not come to say that its last load is done, nor anyone to publish it."""
        self.published.unlink()
        with self._writers() as connection:
            connection.execute(
                "delete from loaded._dlt_loads where inserted_at ="
                " (select max(inserted_at) from loaded._dlt_loads)"
            )

    def _writers(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(self.folder / ".jobledger" / "ledger.duckdb")
        connection.execute("set TimeZone = 'UTC'")
        return connection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.published, read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def current(self) -> list[tuple[Any, ...]]:
        """Id, status and word of each job now."""
        return self.rows(
            "select job_id, status, provider_status from loaded.job_versions"
            " where valid_to is null order by kind, job_id"
        )

    def versions(self) -> int:
        return int(self.rows("select count(*) from loaded.job_versions")[0][0])
