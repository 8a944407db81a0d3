"""Accounts to test with, on a clock that waits without waiting."""

import threading
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import responses

from jobledger.sources import providers
from jobledger.sources._provider.client import Account
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.limits import OnWait
from jobledger.sources._provider.settings import SourceSettings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZUORA = "https://rest.zuora.com"
SALESFORCE = "https://acme.my.salesforce.com"
SECRET = "c1ient+S3cret/of&zuora=="
JOBS = "/objects/jobs"
PAGE = {"cursor": "7b39d73f", "jobs": [{"Id": "7b39d73f", "status": "completed"}]}
TOKEN = "tok3n-c652cbc0ea384b9f81856a93a2a74538"


class FakeClock(Clock):
    """Time passes only by waiting, and then at once."""

    def __init__(self, deadline: float = inf) -> None:
        self.passed = 0.0
        self.waits: list[float] = []
        self._waiting = threading.Lock()
        super().__init__(None if deadline == inf else deadline)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def _sleep(self, seconds: float) -> None:
        with self._waiting:
            self.waits.append(round(seconds, 3))
            self.passed += seconds

    def stop(self) -> None:
        self._stop.set()


def zuora(
    tmp_path: Path,
    clock: Clock | None = None,
    *,
    base_url: str = ZUORA,
    on_wait: OnWait | None = None,
    **settings: Any,
) -> Account:
    said = {"client_id": "0c5e1b9e", "client_secret": SECRET}
    named = SourceSettings("zuora", "zuora", base_url, credentials=said, **settings)
    dialect = providers()["zuora"].dialect
    kept = Kept(tmp_path / ".dlt" / "kept.toml")
    return Account(named, dialect, clock or FakeClock(), kept, on_wait=on_wait)


def salesforce(
    tmp_path: Path,
    clock: Clock | None = None,
    *,
    base_url: str = SALESFORCE,
    credentials: dict[str, str] | None = None,
    **settings: Any,
) -> Account:
    said = credentials or {"client_id": "3MVG9", "client_secret": SECRET}
    named = SourceSettings("salesforce", "salesforce", base_url, credentials=said, **settings)
    (tmp_path / ".dlt").mkdir(exist_ok=True)
    kept = Kept(tmp_path / ".dlt" / "kept.toml")
    return Account(named, providers()["salesforce"].dialect, clock or FakeClock(), kept)


def calls(http: responses.RequestsMock, path: str) -> int:
    """How often a path was asked for."""
    return sum((call.request.url or "").split("?")[0].endswith(path) for call in http.calls)
