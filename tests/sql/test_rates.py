from datetime import date
from typing import Any

import pytest

from tests.sql.worlds import World, ago, at

NOTHING = (0, 0, 0, 0, 0, 0, 0, 0, 0)
COUNTS = (
    "day", "finished", "rated", "succeeded", "partial", "failed", "cancelled", "vanished",
    "records_processed", "records_failed",
)  # fmt: skip


def test_an_empty_ledger_has_no_days_and_no_rates(world: World):
    assert world.rows("job_outcomes_daily") == []
    assert world.rows("success_rates") == []
    assert world.rows("job_durations") == []
    assert world.rows("failure_trends") == []


def test_every_day_from_the_first_job_to_today_is_there(world: World):
    world.job(
        created_at=at("2026-03-11T23:00"),
        finished_at=at("2026-03-13T01:00"),
        records_processed=10,
        records_failed=0,
    )

    assert world.rows("job_outcomes_daily") == [
        (date(2026, 3, 11), "zuora", "zuora", "data_query", *NOTHING),
        (date(2026, 3, 12), "zuora", "zuora", "data_query", *NOTHING),
        (date(2026, 3, 13), "zuora", "zuora", "data_query", 1, 1, 1, 0, 0, 0, 0, 10, 0),
        (date(2026, 3, 14), "zuora", "zuora", "data_query", *NOTHING),
        (date(2026, 3, 15), "zuora", "zuora", "data_query", *NOTHING),
    ]


def test_a_sum_beyond_64_bits_is_unknown_and_spoils_no_other_day(world: World):
    most: dict[str, Any] = {"records_processed": 2**63 - 1, "records_failed": 2**63 - 1}
    told = {"error_message": "x", "status": "partial"}
    world.jobs(2, finished_at=at("2026-03-14T01:00"), **most, **told)
    world.job(finished_at=at("2026-03-15T01:00"), records_processed=3, records_failed=1, **told)

    days = ("day", "finished", "records_processed", "records_failed")
    assert world.rows("job_outcomes_daily", days) == [
        (date(2026, 3, 14), 2, None, None),
        (date(2026, 3, 15), 1, 3, 1),
    ]
    assert world.rows("failure_reasons", ("jobs", "records_failed")) == [(3, None)]


def test_a_day_counts_each_outcome_and_leaves_open_jobs_out(world: World):
    day = {"created_at": at("2026-03-15T00:00"), "finished_at": at("2026-03-15T01:00")}
    for number, status in enumerate(["succeeded", "succeeded", "partial", "failed", "cancelled"]):
        world.job(f"j{number}", status=status, records_processed=10, records_failed=number, **day)
    world.job("gone", status="vanished", records_processed=99, valid_from=at("2026-03-15T02:00"))
    world.job("open", status="running", records_processed=99, created_at=at("2026-03-15T02:00"))
    world.job("odd", status="unknown", created_at=at("2026-03-15T02:00"))

    assert world.rows("job_outcomes_daily", COUNTS) == [
        (date(2026, 3, 15), 5, 4, 2, 1, 1, 1, 1, 50, 0 + 1 + 2 + 3 + 4)
    ]


def test_records_are_unknown_where_no_job_of_the_day_tells(world: World):
    world.job("a", created_at=at("2026-03-14T00:00"), finished_at=at("2026-03-14T01:00"))
    world.job("b", finished_at=at("2026-03-15T01:00"), records_failed=2)
    world.job("c", finished_at=at("2026-03-15T01:00"))

    assert world.rows("job_outcomes_daily", ("day", "records_processed", "records_failed")) == [
        (date(2026, 3, 14), None, None),
        (date(2026, 3, 15), None, 2),
    ]


def test_a_job_that_tells_no_end_counts_when_it_was_first_seen_to_have_ended(world: World):
    world.job(status="failed", valid_from=at("2026-03-11T05:00"), valid_to=at("2026-03-12T05:00"))
    world.job(status="running", valid_from=at("2026-03-12T05:00"), valid_to=at("2026-03-13T05:00"))
    world.job(status="vanished", valid_from=at("2026-03-13T05:00"))

    assert [row for row in world.rows("job_outcomes_daily", ("day", "vanished")) if row[1]] == [
        (date(2026, 3, 11), 1)
    ]


def test_a_date_that_stands_for_none_makes_no_calendar_of_two_thousand_years(world: World):
    world.job("n", created_at=at("0001-01-01"), finished_at=ago(hours=1))
    world.job("m", created_at=None, finished_at=at("1899-12-30"))
    found = world.rows("job_outcomes_daily", ("day", "finished"))
    assert [row for row in found if row[1]] == [(date(1899, 12, 30), 1), (ago().date(), 1)]
    assert (found[1], len(found)) == (
        (date(2000, 1, 1), 0),
        1 + (ago().date() - date(1999, 12, 31)).days,
    )


def test_a_finish_beyond_today_is_not_lost(world: World):
    world.job(created_at=at("2026-03-15T11:59"), finished_at=at("2026-03-16T00:01"))

    assert world.rows("job_outcomes_daily", ("day", "finished")) == [
        (date(2026, 3, 15), 0),
        (date(2026, 3, 16), 1),
    ]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_days_are_utc_in_every_zone_over_a_change_of_clocks_and_a_month(world: World, zone: str):
    world.time_is(at("2026-04-01T00:30"))
    # the European clocks go forward on 29 March at 01:00 UTC
    for number, end in enumerate(
        [
            "2026-03-28T23:59:59.999999",
            "2026-03-29T00:00",
            "2026-03-29T01:30",
            "2026-03-29T23:30",
            "2026-03-31T22:30",
            "2026-04-01T00:00",
        ]
    ):
        world.job(f"j{number}", created_at=at("2026-03-28T12:00"), finished_at=at(end))
    world.connection.execute(f"set TimeZone = '{zone}'")

    assert world.rows("job_outcomes_daily", ("day", "finished")) == [
        (date(2026, 3, 28), 1),
        (date(2026, 3, 29), 3),
        (date(2026, 3, 30), 0),
        (date(2026, 3, 31), 1),
        (date(2026, 4, 1), 1),
    ]
    assert world.rows("success_rates", ("period", "finished")) == [
        ("1d", 2), ("30d", 6), ("7d", 6), ("all", 6),
    ]  # fmt: skip


def test_rates_come_in_an_order_that_people_read(world: World):
    for source in ("zuora", "acme"):
        for kind in ("query", "ingest"):
            world.jobs(30, f"{source}{kind}", source=source, kind=kind, finished_at=ago(days=3))

    assert world.connection.execute(
        "select source, kind, period from success_rates"
    ).fetchall() == [
        (source, kind, period)
        for source in ("acme", "zuora")
        for kind in ("ingest", "query")
        for period in ("1d", "7d", "30d", "all")
    ]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_day_is_24_hours_also_when_clocks_change(world: World, zone: str):
    world.time_is(at("2026-03-29T12:00"))
    world.job("in", finished_at=at("2026-03-28T12:00"))
    world.job("out", finished_at=at("2026-03-28T11:59:59"))
    world.connection.execute(f"set TimeZone = '{zone}'")

    assert rates(world)["1d"][0] == 1
    assert rates(world)["7d"][0] == 2


def rates(world: World) -> dict[str, tuple[Any, ...]]:
    return {
        row["period"]: tuple(row.values())[4:]
        for row in world.dicts("success_rates")
        if row["kind"] == "data_query"
    }


def test_rates_of_each_period_with_their_counts(world: World):
    ends = {"1d": ago(hours=24), "7d": ago(days=7), "30d": ago(days=30), "all": ago(days=900)}
    for period, end in ends.items():
        world.jobs(3, f"s{period}", finished_at=end, records_processed=100, records_failed=0)
        world.job(
            f"p{period}", status="partial", finished_at=end, records_processed=100, records_failed=9
        )

    assert rates(world) == {
        "1d": (4, 4, 0.75, 0.25, 1 - 9 / 400, True),
        "7d": (8, 8, 0.75, 0.25, 1 - 18 / 800, True),
        "30d": (12, 12, 0.75, 0.25, 1 - 27 / 1200, True),
        "all": (16, 16, 0.75, 0.25, 1 - 36 / 1600, True),
    }


def test_cancelled_jobs_are_in_neither_rate(world: World):
    world.job("a", finished_at=ago(hours=1), records_processed=10, records_failed=1)
    world.job(
        "b", status="cancelled", finished_at=ago(hours=1), records_processed=10, records_failed=10
    )
    world.job("c", status="failed", finished_at=ago(hours=1))

    assert rates(world)["1d"] == (3, 2, 0.5, 0.0, 0.9, True)


def test_a_zero_denominator_gives_no_rate(world: World):
    world.job("a", status="cancelled", finished_at=ago(hours=1))
    world.job("b", finished_at=ago(days=2), records_processed=0, records_failed=0)

    assert rates(world) == {
        "1d": (1, 0, None, None, None, True),
        "7d": (2, 1, 1.0, 0.0, None, True),
        "30d": (2, 1, 1.0, 0.0, None, True),
        "all": (2, 1, 1.0, 0.0, None, True),
    }


def test_a_kind_with_nothing_but_open_jobs_has_its_four_rows(world: World):
    world.job(status="queued")

    assert rates(world) == dict.fromkeys(("1d", "7d", "30d", "all"), (0, 0, None, None, None, True))


def test_records_count_where_both_numbers_are_known(world: World):
    world.job("a", finished_at=ago(hours=1), records_processed=10, records_failed=5)
    world.job("b", finished_at=ago(hours=1), records_processed=1000)
    world.job("c", finished_at=ago(hours=1), records_failed=1000)

    assert rates(world)["all"][4] == 0.5


def test_twenty_rated_jobs_are_no_low_sample(world: World):
    world.jobs(19, finished_at=ago(hours=25))
    world.job("last", finished_at=ago(hours=1))
    world.job("no", status="cancelled", finished_at=ago(hours=25))

    assert {period: row[-1] for period, row in rates(world).items()} == {
        "1d": True, "7d": False, "30d": False, "all": False,
    }  # fmt: skip


def test_durations_of_an_object_with_few_jobs(world: World):
    for number, seconds in enumerate([10.0, 20.0]):
        world.job(
            f"j{number}",
            object="Account",
            finished_at=ago(days=2),
            run_seconds=seconds,
            total_seconds=seconds * 2,
        )
    world.job("c", object="Account", status="cancelled", finished_at=ago(days=2), run_seconds=9e9)
    world.job("q", finished_at=ago(days=60), run_seconds=3.0, queue_seconds=0.0)

    none = (None,) * 5
    account = (
        2,
        pytest.approx(15), pytest.approx(19), pytest.approx(19.5), pytest.approx(19.9), 20.0,
        *none,
        pytest.approx(30), pytest.approx(38), pytest.approx(39), pytest.approx(39.8), 40.0,
    )  # fmt: skip
    key = ("zuora", "zuora", "data_query")
    assert world.rows("job_durations") == [
        (*key, "Account", "30d", *account),
        (*key, "Account", "7d", *account),
        (*key, "Account", "all", *account),
        (*key, None, "all", 1, *(3.0,) * 5, *(0.0,) * 5, *none),
    ]
