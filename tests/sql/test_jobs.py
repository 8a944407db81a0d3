from typing import Any

from jobledger.sources._provider.model import JOBS
from tests.sql.worlds import NOW, World, ago, at


def test_a_job_shows_every_column_of_the_model_in_its_order_and_when_it_was_seen(world: World):
    world.job(
        "j1", status="running", valid_from=at("2026-03-01T08:00"), valid_to=at("2026-03-01T09:00")
    )
    world.job(
        "j1", status="running", valid_from=at("2026-03-01T09:00"), valid_to=at("2026-03-02T07:00")
    )
    row: dict[str, Any] = {
        "source": "zuora",
        "provider": "zuora",
        "kind": "data_backfill",
        "job_id": "j2",
        "object": "RatePlanCharge",
        "operation": "backfill",
        "status": "partial",
        "provider_status": "Completed",
        "is_terminal": True,
        "created_at": at("2026-03-01T07:00"),
        "started_at": at("2026-03-01T07:01"),
        "finished_at": at("2026-03-01T07:03"),
        "updated_at": at("2026-03-01T07:04"),
        "finished_at_basis": "reported",
        "queue_seconds": 60.0,
        "run_seconds": 120.0,
        "total_seconds": 180.0,
        "run_basis": "timestamps",
        "records_total": 2,
        "records_processed": 2,
        "records_succeeded": 1,
        "records_failed": 1,
        "progress": 1.0,
        "error_code": "E1",
        "error_message": "one failed",
        "created_by": "ada@example.com",
        "input_bytes": 798,
        "output_bytes": 9,
        "raw": '{"id":"j2"}',
    }
    world.job(**row, valid_from=at("2026-03-01T08:00"))
    world.job("j1", status="succeeded", valid_from=at("2026-03-02T07:00"))

    first, second = world.dicts("jobs")

    assert second["job_id"] == "j1"
    assert second["first_seen_at"] == at("2026-03-01T08:00")
    assert second["last_changed_at"] == at("2026-03-02T07:00")
    assert first == row | {
        "first_seen_at": at("2026-03-01T08:00"),
        "last_changed_at": at("2026-03-01T08:00"),
    }
    model = [name for name in JOBS.names if name != "row_hash"]
    assert list(first) == [*model, "first_seen_at", "last_changed_at"]


def test_the_same_id_in_two_kinds_is_two_jobs(world: World):
    world.job("7", kind="data_query", valid_from=ago(hours=3))
    world.job("7", kind="auto_backfill", valid_from=ago(hours=9), valid_to=ago(hours=2))
    world.job("7", kind="auto_backfill", valid_from=ago(hours=2))

    assert world.rows("jobs", ("kind", "job_id", "first_seen_at")) == [
        ("auto_backfill", "7", ago(hours=9)),
        ("data_query", "7", ago(hours=3)),
    ]


def test_types_of_jobs(world: World):
    types = dict(
        world.connection.execute(
            "select column_name, data_type from duckdb_columns() where table_name = 'jobs'"
        ).fetchall()
    )

    assert types["raw"] == "JSON"
    assert {types[name] for name in types if name.endswith("_at")} == {"TIMESTAMP WITH TIME ZONE"}
    assert {types[name] for name in types if name.startswith("records_")} == {"BIGINT"}
    assert {types[name] for name in types if name.endswith("_seconds")} == {"DOUBLE"}


def test_history_has_every_version_and_how_long_it_stood(world: World):
    world.job(
        status="running",
        progress=0.5,
        valid_from=at("2026-03-15T10:00:00.500"),
        valid_to=at("2026-03-15T11:00"),
    )
    world.job(
        provider_status="completed",
        records_total=4,
        records_processed=3,
        records_succeeded=2,
        records_failed=1,
        progress=1.0,
        valid_from=at("2026-03-15T11:00"),
    )

    key = ("zuora", "zuora", "data_query", "j1")
    assert world.rows("job_history") == [
        (
            *key, "running", "running", 0.5, None, None, None, None,
            at("2026-03-15T10:00:00.500"), at("2026-03-15T11:00"), 3599.5,
        ),
        (
            *key, "succeeded", "completed", 1.0, 4, 3, 2, 1,
            at("2026-03-15T11:00"), None, 3600.0,
        ),
    ]  # fmt: skip


def test_a_version_that_stands_over_a_change_of_clocks_stood_as_long_as_it_did(world: World):
    world.connection.execute("set TimeZone = 'America/New_York'")
    world.time_is(at("2026-03-08T12:00"))
    world.job(valid_from=at("2026-03-07T12:00"))

    assert world.only("job_history")["seconds_in_version"] == 86400.0
    assert at("2026-03-08T12:00") < NOW
