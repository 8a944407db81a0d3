"""Made-up ledgers, in which every view must say what pandas and plain Python say."""

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobledger.pipelines.demo import demo_project, stand_still, synced_twice
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.sync.project_sync import exit_of, sync_project
from jobledger.sources._provider.clock import Clock
from tests.pipelines.scripted_sync import Quiet
from tests.sql.recomputed import Recomputed, same
from tests.sql.worlds import NOW, OPEN, World

KINDS = [
    ("zuora", "zuora", "data_query"),
    ("zuora", "zuora", "custom_object_bulk"),
    ("zuora_eu", "zuora", "data_query"),
    ("salesforce", "salesforce", "ingest"),
]
STATUSES = ["succeeded"] * 6 + [
    "failed", "failed", "partial", "cancelled", "vanished", "queued", "running", "unknown",
]  # fmt: skip
MESSAGES = [
    "row 17: no such column 'Foo__c'",
    "row 18: no such column 'Bar__c'",
    "Locked by 0018d00000ABCdeAAB, 0018d00000ABCdfAAB",
    "Locked by 0018d00000ABCdgAAB",
    "See https://example.com/x?id=1 or ask ada@example.com",
    'can\'t  read "a b" at 2026-03-01T10:00:00Z',
    None,
]
VIEWS = [name for name in vars(Recomputed) if not name.startswith("_")]


def filled(world: World, seed: int) -> None:
    """A ledger of a few hundred jobs that nobody would think of."""
    dice = random.Random(seed)

    def before(time: datetime, days: float) -> datetime:
        whole = dice.random() < 0.1
        seconds = dice.random() ** 2 * days * 86400
        return time - timedelta(seconds=round(seconds / 86400) * 86400 if whole else seconds)

    def maybe(value: Any, chance: float = 0.7) -> Any:
        return value if dice.random() < chance else None

    rows = []
    for number in range(dice.choice([1, 30, 200, 400])):
        source, provider, kind = dice.choice(KINDS)
        created = before(NOW - timedelta(minutes=5), dice.choice([2, 10, 120]))
        status = dice.choice(STATUSES)
        seconds = dice.choice([1.0, 30.0, 4000.0]) * dice.random()
        finished = None
        if status not in OPEN | {"vanished"}:
            finished = maybe(min(created + timedelta(seconds=seconds), NOW), 0.9)
        word = {"queued": ["Open", "pending", "accepted"], "running": ["Closed", "in_progress"]}
        job = {
            "source": source,
            "provider": provider,
            "kind": kind,
            "job_id": f"j{number}",
            "object": maybe(dice.choice(["Account", "Contact", "Case"])),
            "operation": dice.choice(["insert", "query"]),
            "status": status,
            "provider_status": dice.choice(word.get(status, [status])),
            "is_terminal": status not in OPEN,
            "created_at": maybe(created, 0.9),
            "finished_at": finished,
            "queue_seconds": maybe(dice.random() * 60, 0.3),
            "run_seconds": None if status in OPEN else maybe(seconds),
            "total_seconds": seconds if finished and kind != "data_query" else None,
            "records_processed": maybe(dice.randrange(1000)),
            "records_failed": maybe(dice.randrange(30)),
            "error_message": dice.choice(MESSAGES) if status in ("failed", "partial") else None,
            "error_code": maybe("E1", 0.2),
            "raw": "{}",
        }
        seen = [NOW - (NOW - created) * dice.random() for _ in range(dice.choice([1, 1, 1, 2, 3]))]
        seen.sort()
        for at, until in zip(seen, [*seen[1:], None], strict=True):
            earlier = dice.choice(["running", "failed"])
            changed = (
                {}
                if until is None
                else {
                    "status": earlier,
                    "is_terminal": earlier == "failed",
                    "finished_at": None,
                }
            )
            rows.append(job | changed | {"row_hash": "h", "valid_from": at, "valid_to": until})
    for source, provider, kind in dice.sample(KINDS, dice.randrange(len(KINDS)) + 1):
        schedule = dice.choice([None, 3600.0, 86400.0])
        for number in range(dice.choice([1, 5])):
            ended = before(NOW, 14)
            world.run(
                source=source, provider=provider, kind=kind, sync_id=f"{kind}{number}",
                started_at=ended - timedelta(minutes=dice.random()), finished_at=ended,
                outcome=dice.choice(["complete", "complete", "incomplete", "failed"]),
                requests=maybe(dice.randrange(50)), gap_from=maybe(ended, 0.2),
                schedule_seconds=schedule,
            )  # fmt: skip
            world.reject(source=source, kind=kind, seen_at=before(NOW, 14))
    for row in rows:
        world.job(**row)
        if row["provider_status"] == "Closed" and dice.random() < 0.5 and row["valid_to"] is None:
            key = {name: row[name] for name in ("source", "kind", "job_id")}
            world.detail(**key, detail=dice.choice(["merged", "refused", "not taken"]))


def agree(world: World, now: datetime) -> None:
    """Every view says what the second calculation says, to the row and the column."""
    recomputed = Recomputed(world.connection, now)
    for view in VIEWS:
        expected = getattr(recomputed, view)()
        found = world.dicts(view)
        order = sorted_by(found[0] if found else {})
        expected.sort(key=order)
        found.sort(key=order)
        assert len(found) == len(expected), view
        for left, right in zip(found, expected, strict=True):
            reason = left.pop("reason", None)
            assert reason is None or len(reason) > 10
            assert list(left) == list(right), view
            differences = {
                name: (left[name], right[name])
                for name in left
                if not same(utc(left[name]), right[name])
            }
            assert differences == {}, (view, left)


@pytest.mark.parametrize("seed", range(int(os.environ.get("JOBLEDGER_WORLDS", "10"))))
def test_every_view_agrees_with_a_second_calculation(world: World, seed: int):
    filled(world, seed)
    zone = random.Random(seed).choice(["UTC", "Europe/Berlin", "America/New_York"])
    world.connection.execute(f"set TimeZone = '{zone}'")

    agree(world, NOW)


def test_every_view_of_the_demo_agrees_with_a_second_calculation(tmp_path: Path):
    project = demo_project(tmp_path / "demo")

    def sync(clock: Clock) -> None:
        assert exit_of(sync_project(project, watcher=Quiet(), clock=clock)) is Exit.DONE

    synced_twice(project, NOW, sync)
    stand_still(project, NOW)

    with duckdb.connect(project.warehouse, read_only=True) as connection:
        world = World(connection)
        assert len(world.rows("jobs", ("job_id",))) > 500
        assert len(world.rows("provider_health", ("kind",))) == 6
        agree(world, NOW)


def utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def sorted_by(row: dict[str, Any]):
    names = ("source", "kind", "job_id", "object", "period", "day", "valid_from", "fingerprint")
    return lambda each: [str(utc(each[name])) for name in names if name in row]


def test_views_under_test_are_all_there_are(world: World):
    listed = world.connection.execute(
        "select view_name from duckdb_views() where schema_name = 'main' and not internal"
    ).fetchall()
    assert sorted(VIEWS) == sorted(name for (name,) in listed)
