import math
from datetime import date, timedelta
from typing import Any

import pytest

from tests.sql.worlds import World, ago, at

TODAY = date(2026, 3, 15)


def day(world: World, day: date = TODAY) -> dict[str, Any]:
    (row,) = [row for row in world.dicts("failure_trends") if row["day"] == day]
    return row


def failures(world: World, days_ago: int, failed: int, rated: int, **columns: Any) -> None:
    end = at("2026-03-15T01:00") - timedelta(days=days_ago)
    times = {"created_at": end, "finished_at": end}
    world.jobs(failed, f"f{days_ago}-", status="failed", **times, **columns)
    world.jobs(rated - failed, f"s{days_ago}-", **times, **columns)


def test_trends_over_seven_and_twenty_eight_days(world: World):
    failures(world, 29, 5, 5)  # before all of it
    failures(world, 28, 1, 2)  # the first of the 28 days before
    failures(world, 7, 1, 4)  # not of the 7 days that end today
    failures(world, 6, 1, 3)
    failures(world, 0, 2, 4)
    world.job("no", status="cancelled", finished_at=at("2026-03-15T01:00"))

    assert day(world) == {
        "day": TODAY,
        "source": "zuora",
        "provider": "zuora",
        "kind": "data_query",
        "failed": 2,
        "rated": 4,
        "failure_rate": 0.5,
        "failure_rate_7d": 3 / 7,
        "failed_7d": 3,
        "rated_7d": 7,
        "failure_rate_28d": 3 / 9,
        "change": 0.5 - 3 / 9,
        "z_score": None,
        "is_anomaly": False,
    }


def test_a_day_without_rated_jobs_has_no_rate(world: World):
    failures(world, 1, 1, 1)

    row = day(world)
    assert (row["failed"], row["rated"]) == (0, 0)
    assert (row["failure_rate"], row["change"], row["z_score"]) == (None, None, None)
    assert (row["failure_rate_7d"], row["failure_rate_28d"]) == (1.0, 1.0)


def test_a_z_score_wants_seven_days_with_a_rate(world: World):
    for days in range(2, 8):
        failures(world, days, 0, 2)
    failures(world, 0, 3, 3)
    assert day(world)["z_score"] is None

    failures(world, 20, 0, 1)
    assert day(world)["z_score"] == pytest.approx(1 / 0.01)  # no deviation: the least there is
    assert day(world)["is_anomaly"] is True


def test_a_z_score_is_of_the_daily_rates_and_their_sample_deviation(world: World):
    rates = [(0, 2), (1, 2), (1, 4), (0, 1), (2, 4), (0, 3), (1, 1)]
    for days, (failed, rated) in enumerate(rates, start=1):
        failures(world, days, failed, rated)
    failures(world, 0, 2, 2)

    values = [failed / rated for failed, rated in rates]
    mean = sum(values) / 7
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / 6)
    assert day(world)["z_score"] == pytest.approx((1 - mean) / deviation)
    assert day(world)["is_anomaly"] is False


def test_an_anomaly_wants_three_failures(world: World):
    for days in range(1, 8):
        failures(world, days, 0, 1)
    failures(world, 0, 2, 2)
    assert (day(world)["z_score"], day(world)["is_anomaly"]) == (pytest.approx(100), False)


def reasons(world: World) -> list[tuple[Any, ...]]:
    return world.rows("failure_reasons", ("fingerprint", "jobs", "records_failed"))


@pytest.mark.parametrize(
    ("messages", "fingerprint"),
    [
        (
            ["Row 17 of 2,000 failed", "Row 3 of 12,345,678 failed"],
            "Row # of # failed",
        ),
        (
            ["No such column 'Foo__c' on entity 'Account'", "No such column 'B' on entity 'C'"],
            "No such column # on entity #",
        ),
        (
            ["can't find \"a b\", don't retry", "can't find \"\", don't retry"],
            "can't find #, don't retry",
        ),
        (
            ["locked: 0018d00000ABCdeAAB, 0018d00000ABCdfAAB", "locked: 0018d00000XYZ12AAB"],
            "locked: #",
        ),
        (
            [
                "job 8ac681e9-7c5b-11ee-b962-0242ac120002 ended 2026-03-01T10:00:00.000+08:00",
                "job ffffffff-7c5b-11ee-b962-aaaaaaaaaaaa ended 2026-03-01 10:00:00",
            ],
            "job # ended #",
        ),
        (
            [
                "See https://example.com/a?b=c\n  or write to ada@example.com",
                "See sftp://files/in or write to bo@example.com",
            ],
            "See # or write to #",
        ),
        (
            [f"Query 'select {word * 99}' is bad" for word in ("Abcdef, ", "Bcdefg, ")],
            "Query #",
        ),
        (["404:NOT_FOUND", "410:NOT_FOUND"], "#:NOT_FOUND"),
        (
            ["Row 3:Required field of 1,000/2,000", "Row 4:Required field of 10/20"],
            "Row #:Required field of #",
        ),
        (["Spalte „Foo__c“ fehlt", "Spalte „Bar“ fehlt"], "Spalte # fehlt"),
        (["Column “Foo__c” of ‘A’ in «B»", "Column “Bar” of ‘C’ in «D»"], "Column # of # in #"),
        (
            [
                "expired on Thu, 05 Mar 2026 10:00:00 GMT, renew",
                "expired on Monday, 16 February 2026 09:30:00 GMT, renew",
                "expired on May 3, 2026 GMT, renew",
                "expired on Sept. 3, 2026, 9:15 GMT, renew",
                "expired on 2026-03-05T10:00:00 GMT, renew",
            ],
            "expired on # GMT, renew",
        ),
        (
            ["late at 3/15/2026 10:00 AM", "late at 3/15/2026 9:30 p.m.", "late at 10:00pm"],
            "late at #",
        ),
        (["at 10:00:00 +0000", "at 9:00:00 -0800"], "at #"),
        (["moved by +5 rows", "moved by 5 rows"], "moved by # rows"),
        (["I am 5 amps", "I am 7 amps"], "I am # amps"),
        (["March to may, 3 times", "March to may, 4 times"], "March to may, # times"),
        (["FIELD_INTEGRITY_EXCEPTION: bad value"], "FIELD_INTEGRITY_EXCEPTION: bad value"),
        (["Zeitüberschreitung nach 30 Sekunden"], "Zeitüberschreitung nach # Sekunden"),
    ],
)
def test_messages_that_differ_in_ids_numbers_dates_or_quotes_are_one(
    world: World, messages: list[str], fingerprint: str
):
    for number, message in enumerate(messages):
        world.job(f"j{number}", status="failed", error_message=message, finished_at=ago(hours=1))

    assert reasons(world) == [(fingerprint, len(messages), None)]


def test_a_reason_has_its_first_its_last_and_its_newest_example(world: World):
    for number, days in enumerate([3, 1, 2]):
        world.job(
            f"j{number}",
            status="failed" if number else "partial",
            error_message=f"row {number}: too long",
            finished_at=ago(days=days),
            records_failed=number or None,
        )
    for number in range(4):
        world.job(f"other{number}", kind="auto_backfill", status="partial", finished_at=ago(days=9))
    world.job("coded", status="failed", error_code="E9", finished_at=ago(days=9), records_failed=4)
    world.job("good", error_message="row 1: too long", finished_at=ago(days=9))

    # in the order of the view: most failed jobs first, however many are partial
    assert world.connection.execute("from failure_reasons").fetchall() == [
        ("zuora", "zuora", "data_query", "row #: too long", 3, 2, 1, 3, ago(days=3), ago(days=1),
         "j1", "row 1: too long"),
        ("zuora", "zuora", "data_query", "E9", 1, 1, 0, 4, ago(days=9), ago(days=9), "coded", None),
        ("zuora", "zuora", "auto_backfill", "(no message)", 4, 0, 4, None, ago(days=9),
         ago(days=9), "other3", None),
    ]  # fmt: skip


def test_failed_jobs_are_the_failed_and_partial_ones_newest_first(world: World):
    world.job("old", status="failed", finished_at=ago(days=3), error_code="E", error_message="no")
    world.job("new", status="partial", finished_at=ago(days=1), records_failed=2, object="Account")
    world.job("seen", status="failed", valid_from=ago(days=2), operation="query")
    for status in ("succeeded", "cancelled", "vanished", "running"):
        world.job(status, status=status)

    key = ("zuora", "zuora", "data_query")
    assert world.connection.execute("from failed_jobs").fetchall() == [
        (*key, "new", "Account", None, "partial", ago(days=1), 2, None, None),
        (*key, "seen", None, "query", "failed", None, None, None, None),
        (*key, "old", None, None, "failed", ago(days=3), None, "E", "no"),
    ]


def test_windows_are_days_where_a_clock_of_the_future_leaves_a_hole(world: World):
    failures(world, 3, 1, 1)
    failures(world, 0, 1, 4)
    failures(world, -5, 2, 2)

    row = day(world, TODAY + timedelta(days=5))
    assert (row["rated_7d"], row["failure_rate_28d"]) == (6, 2 / 5)


def test_an_example_without_words_takes_none_of_another_job(world: World):
    said = {"status": "failed", "created_at": ago(hours=3)}
    world.job("told", error_message="(no message)", finished_at=ago(hours=2), **said)
    world.job("silent", finished_at=ago(hours=1), **said)

    columns = ("jobs", "example_job_id", "example_message")
    assert world.rows("failure_reasons", columns) == [(2, "silent", None)]
