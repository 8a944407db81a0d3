"""To add a provider is to add a file: nothing else in jobledger hears of Acme."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import jobledger.sources
from jobledger.sources import providers
from tests.pipelines.scripted_sync import Project

EXPORTS = [
    {"number": 7, "table": "invoices", "state": "Done", "asked": "2026-11-20T08:00:00Z",
     "touched": "2026-11-20T08:05:00Z", "rows": 1200},
    {"number": 8, "table": "accounts", "state": "broken", "asked": "2026-11-20T09:00:00Z",
     "touched": "2026-11-20T09:00:30Z", "rows": 0, "why": "no such table"},
    {"number": 9, "table": "invoices", "state": "busy", "asked": 1763715600},
]  # fmt: skip


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts the file beside the providers, as a user of a clone would."""
    there = [*jobledger.sources.__path__, str(Path(__file__).parent / "third")]
    monkeypatch.setattr(jobledger.sources, "__path__", there)
    providers.cache_clear()
    yield
    providers.cache_clear()


def answer(path: str, params: Mapping[str, str]) -> Any:
    assert path == "/exports"
    start = int(params.get("cursor", "0"))
    page = EXPORTS[start : start + 2]
    return {"exports": page, "cursor": str(start + len(page)) if page else None}


@pytest.mark.usefixtures("acme")
def test_a_file_is_a_provider(tmp_path: Path) -> None:
    assert sorted(providers()) == ["acme", "salesforce", "zuora"]
    project = Project(tmp_path)
    run = project.sync(answer, "acme")["export"]
    assert (run.outcome, run.pages, run.jobs_changed) == ("complete", 3, 3)
    assert project.rows(
        "select kind, job_id, object, operation, status, created_at, total_seconds,"
        " records_processed, error_message from loaded.job_versions order by job_id"
    ) == [
        ("export", "7", "invoices", "export", "succeeded",
         datetime(2026, 11, 20, 8, tzinfo=UTC), 300.0, 1200, None),
        ("export", "8", "accounts", "export", "failed",
         datetime(2026, 11, 20, 9, tzinfo=UTC), 30.0, 0, "no such table"),
        ("export", "9", "invoices", "export", "running",
         datetime(2025, 11, 21, 9, tzinfo=UTC), None, None, None),
    ]  # fmt: skip
