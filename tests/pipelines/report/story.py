"""A small story that has something of everything the summary tells."""

from typing import Any

from tests.sql.worlds import World, ago

HOSTILE = "<script>alert(1)</script>"


def tell(world: World) -> None:
    """Three kinds: one that fails, one with a stuck job and one with nothing wrong, of few jobs."""
    # each row by itself would be written to disk by itself
    world.connection.execute("begin")
    _tell(world)
    world.connection.execute("commit")


def tell_stuck(world: World, job_id: str) -> None:
    """A kind with one job alone, that waits."""
    _kind(world, "salesforce_europe", "salesforce", "ingest")
    _wait(world, job_id, "salesforce_europe")


def _wait(world: World, job_id: str, source: str) -> None:
    """A job whose data nobody sends."""
    world.job(
        job_id,
        source=source,
        provider="salesforce",
        kind="ingest",
        object="Account",
        operation="upsert",
        status="queued",
        provider_status="Open",
        created_at=ago(hours=30),
        valid_from=ago(hours=30),
    )


def _tell(world: World) -> None:
    _kind(world, "zuora", "zuora", "data_query")
    for day in range(40):
        fails = 2 if day < 3 else 0
        for number in range(4):
            ended = ago(days=day, hours=2 + number)
            is_failed = number < fails
            world.job(
                f"q-{day}-{number}",
                status="failed" if is_failed else "succeeded",
                created_at=ago(days=day, hours=2 + number, seconds=90),
                finished_at=ended,
                run_seconds=10.0 + number + day,
                total_seconds=90.0,
                error_message=f"Column 'c{number}' cannot be resolved" if is_failed else None,
                valid_from=ended,
            )
    _kind(world, "salesforce", "salesforce", "ingest")
    for number in range(30):
        ended = ago(days=number % 10, hours=3)
        world.job(
            f"750{number:03}",
            source="salesforce",
            provider="salesforce",
            kind="ingest",
            object="Account" if number % 3 else "Contact",
            operation="upsert",
            status="partial" if number % 5 == 0 else "succeeded",
            created_at=ago(days=number % 10, hours=3, minutes=2),
            finished_at=ended,
            run_seconds=60.0 * (number + 1),
            total_seconds=120.0,
            records_processed=100,
            records_failed=7 if number % 5 == 0 else 0,
            valid_from=ended,
        )
    _wait(world, "750stuck", "salesforce")
    _kind(world, "zuora", "zuora", "auto_backfill")
    for number in range(5):
        world.job(
            f"a-{number}",
            kind="auto_backfill",
            object="RatePlanCharge",
            created_at=ago(days=number, hours=1, seconds=200),
            finished_at=ago(days=number, hours=1),
            total_seconds=200.0,
            valid_from=ago(days=number, hours=1),
        )


def tell_hostile(world: World, **columns: Any) -> None:
    """The same story, with jobs that are named to do harm."""
    tell(world)
    bad = {
        "object": f'"><img src=x onerror=alert(1)>{HOSTILE}',
        "operation": "{{ 7 * 7 }}[bold red]",
        "provider_status": "\x1b[2J\x07</title></style></svg>" + HOSTILE,
        "created_by": HOSTILE,
    }
    world.job(
        f"{HOSTILE}'\"&",
        status="failed",
        finished_at=ago(hours=1),
        valid_from=ago(hours=1),
        error_message=f"\u202e{HOSTILE}</td>\x1b]0;owned\x07",
        **(bad | columns),
    )
    world.job(
        f"open{HOSTILE}",
        status="running",
        created_at=ago(hours=60),
        valid_from=ago(hours=60),
        **(bad | columns),
    )


def _kind(world: World, source: str, provider: str, kind: str) -> None:
    world.run(source=source, provider=provider, kind=kind, requests=12)
