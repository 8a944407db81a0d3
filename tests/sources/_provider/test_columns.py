"""A column that is read at once says what its values say one by one."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobledger.sources._provider import fields
from jobledger.sources._provider.columns import whole_columns

offsets = st.integers(-23 * 60, 23 * 60).map(lambda each: timezone(timedelta(minutes=each)))
moments = st.datetimes(timezones=offsets | st.just(UTC))
written = moments.flatmap(
    lambda at: st.sampled_from(
        [
            at.isoformat(),
            at.isoformat(" ", "milliseconds"),
            at.strftime("%Y-%m-%dT%H:%M:%S%z"),
            at.astimezone(UTC).isoformat().replace("+00:00", "Z")
            if 1 < at.year < 9999
            else "0001-01-01T00:00:00+09:00",
        ]
    )
)
VALUES = {
    fields.read_text: st.text(),
    fields.read_code: st.integers(-(2**63), 2**63 - 1) | st.text(),
    fields.read_time: written | st.sampled_from(["2024-02-30T00:00:00Z", "0000-01-01T00:00:00Z"]),
    fields.read_count: st.integers(-(2**64), 2**64) | st.booleans() | st.floats(),
    fields.read_milliseconds: st.integers(-5, 2**54),
}


def at_once(reader: fields.Reader, values: list[Any]) -> list[Any] | None:
    """A column of these values; None where it is left to the readers."""
    records = [{"it": value} for value in values]
    found = whole_columns({"its": ("it", reader)}, records)
    return found["its"].to_pylist() if found else None


def one_by_one(reader: fields.Reader, values: list[Any]) -> list[Any]:
    return [None if value is None or value == "" else reader(value) for value in values]


# Arrow looks for pandas when it is first shown a list, which takes its time
@settings(deadline=None)
@given(st.data())
def test_at_once_is_one_by_one(data: st.DataObject) -> None:
    reader = data.draw(st.sampled_from(sorted(VALUES, key=lambda each: each.__name__)))
    values = data.draw(st.lists(VALUES[reader] | st.none() | st.just(""), max_size=5))
    found = at_once(reader, values)
    assert found is None or found == one_by_one(reader, values)


@pytest.mark.parametrize(
    ("reader", "usual"),
    [
        (fields.read_text, ["a", "", None, "é"]),
        (fields.read_code, [71012560, None, 5]),
        (fields.read_code, ["E1", None]),
        (fields.read_time, ["2021-03-10T00:05:54.207Z", "2021-03-15T06:47:18Z", None, ""]),
        (fields.read_time, ["2018-12-05T10:56:43.000+0000", "2018-12-05 10:56:43+08:00"]),
        (fields.read_count, [0, None, 2**63 - 1]),
        (fields.read_milliseconds, [0, 62, None]),
    ],
)
def test_what_providers_write_is_read_at_once(reader: fields.Reader, usual: list[Any]) -> None:
    assert at_once(reader, usual) == one_by_one(reader, usual)


@pytest.mark.parametrize(
    ("reader", "values"),
    [
        (fields.read_text, ["a", 1]),
        (fields.read_text, ["\ud800"]),
        (fields.read_time, ["1699517693000"]),
        (fields.read_time, ["2018-12-05T10:56:43"]),
        (fields.read_time, ["0001-01-01T00:00:00+09:00"]),
        (fields.read_count, [1.0]),
        (fields.read_count, [True]),
        (fields.read_count, [2**63]),
        (fields.read_milliseconds, [-1]),
        (fields.read_percent, [100]),
    ],
)
def test_whatever_else_is_left_to_the_readers(reader: fields.Reader, values: list[Any]) -> None:
    assert at_once(reader, values) is None


def test_times_are_in_utc() -> None:
    found = at_once(fields.read_time, ["2021-03-10T08:00:00+08:00"])
    assert found == [datetime(2021, 3, 10, tzinfo=UTC)]
    assert found[0].utcoffset() == timedelta(0)


PLACES = {
    "object": ("object", fields.read_text),
    "created_at": ("made", fields.read_time),
    "error_message": ("error.message", fields.read_text),
    "operation": ("error.cause.verb", fields.read_text),
}
USUAL: list[dict[str, Any]] = [
    {"object": "Order", "made": "2021-03-10T00:05:54.207Z", "error": {"message": "no", "code": 5}},
    {"object": "", "made": None, "error": None},
    {"made": "2021-03-10T08:05:54+08:00", "error": {"message": "", "cause": {"verb": "put"}}},
]
MADE = datetime(2021, 3, 10, 0, 5, 54, tzinfo=UTC)


def texts(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: column.to_pylist() for name, column in whole_columns(PLACES, records).items()}


def test_texts_and_times_are_read_together() -> None:
    assert texts(USUAL) == {
        "object": ["Order", None, None],
        "created_at": [MADE.replace(microsecond=207_000), None, MADE],
        "error_message": ["no", None, None],
    }


@pytest.mark.parametrize(
    ("odd", "left"),
    [
        ({"object": 1}, {"object"}),
        ({"object": ["a"]}, {"object"}),
        ({"object": "\ud800"}, {"object"}),
        ({"made": 1699517693000}, {"created_at"}),
        ({"made": "soon"}, {"created_at"}),
        ({"error": "no"}, {"error_message"}),
        ({"error": ""}, {"error_message"}),
        ({"error": []}, {"error_message"}),
        ({"error": [["message", "no"]]}, {"error_message"}),
        ({"error": {"message": {"en": "no"}}}, {"error_message"}),
    ],
)
def test_an_odd_text_leaves_no_column_but_its_own(odd: dict[str, Any], left: set[str]) -> None:
    found = texts([*USUAL, odd])
    assert found.keys() == {"object", "created_at", "error_message"} - left
    assert {name: column[:-1] for name, column in found.items()} == {
        name: column for name, column in texts(USUAL).items() if name not in left
    }
