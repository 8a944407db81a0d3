"""How single values are read."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobledger.sources._provider.fields import (
    Reader,
    read_code,
    read_count,
    read_milliseconds,
    read_percent,
    read_size,
    read_text,
    read_time,
)

MOMENT = datetime(2023, 12, 14, 8, 3, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1702541006000, MOMENT),
        ("1702541006000", MOMENT),
        (" 1702541006000\n", MOMENT),
        (1702541006, MOMENT),
        ("1702541006", MOMENT),
        (1702541006000.0, MOMENT),
        ("2023-12-14T08:03:26Z", MOMENT),
        ("2023-12-14 08:03:26Z", MOMENT),
        ("2023-12-14T16:03:26+0800", MOMENT),
        ("2023-12-14T16:03:26+08:00", MOMENT),
        ("2023-12-14T08:03:26.000+0000", MOMENT),
        ("2023-12-14 16:03:26.000000000 +08:00", MOMENT),
        ("2023-12-14T08:03:26", MOMENT),
        ("2023-12-14 16:03:26.123 +0800", MOMENT + timedelta(milliseconds=123)),
        ("2023-12-14 08:03:26.1 Z", MOMENT + timedelta(milliseconds=100)),
        ("2023-12-14t08:03:26z", MOMENT),
        ("2023-12-14T08:03:26.1Z", MOMENT + timedelta(milliseconds=100)),
        ("2023-12-14T08:03:26.17Z", MOMENT + timedelta(milliseconds=170)),
        ("2023-12-14T08:03:26.123456789Z", MOMENT + timedelta(microseconds=123456)),
    ],
)
def test_times(value: Any, expected: datetime) -> None:
    assert read_time(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("soon", "2023-13-01T00:00:00Z", "20231214", "0", 0, -1, 12, True, [], {}, 1.5),
        *(float("nan"), "1612120100000000", "0001-01-01T00:00:00+14:00", float("inf")),
        # Python would take these for the 20th of July 1710, and any letter for the T
        *("1710072012345.6", "1710072012.5", "2023-12-14X08:03:26Z"),
        # as many letters as a time has digits
        *(-123456789, -123456789012),
    ],
)
def test_no_times(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_time(value)


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001 - made aware below
    st.integers(0, 9),
    st.sampled_from(["T", " "]),
    st.integers(-14 * 60, 14 * 60),
    st.booleans(),
)
def test_every_iso_form_is_the_moment_it_says(
    local: datetime, digits: int, between: str, minutes: int, has_colon: bool
) -> None:
    zone = timezone(timedelta(minutes=minutes))
    fraction = f"{local.microsecond:06d}000"[:digits]
    sign, away = ("-" if minutes < 0 else "+"), abs(minutes)
    offset = f"{sign}{away // 60:02d}{':' if has_colon else ''}{away % 60:02d}"
    text = f"{local:%Y-%m-%d}".rjust(10, "0") + f"{between}{local:%H:%M:%S}"
    text += f".{fraction}" if fraction else ""
    shown = local.replace(microsecond=int(fraction.ljust(6, "0")[:6] or 0), tzinfo=zone)
    assert read_time(text + offset) == shown


@given(st.integers(10**12, 10**13 - 1))
def test_epoch_milliseconds_are_exact(milliseconds: int) -> None:
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert read_time(milliseconds) == read_time(str(milliseconds)) == expected


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        (read_text, "Größe", "Größe"),
        (read_code, 71012560, "71012560"),
        (read_code, "E1", "E1"),
        (read_count, 5, 5),
        (read_count, "5", 5),
        (read_count, 5.0, 5),
        (read_count, 2**63 - 1, 2**63 - 1),
        (read_size, "798Byte", 798),
        (read_size, "1,234,798 Bytes", 1_234_798),
        (read_size, "2 KB", 2048),
        (read_size, 12, 12),
        (read_milliseconds, 1882, 1.882),
        (read_milliseconds, 0, 0.0),
        (read_percent, "100.00%", 1.0),
        (read_percent, "33.50%", 0.335),
        (read_percent, 40, 0.4),
    ],
)
def test_values(reader: Reader, value: Any, expected: Any) -> None:
    assert reader(value) == expected


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (read_text, 5),
        (read_text, "\ud800"),
        (read_text, {}),
        (read_code, True),
        (read_code, []),
        (read_count, 2**63),
        (read_count, -(2**63) - 1),
        (read_count, True),
        (read_count, 1.5),
        (read_count, "many"),
        (read_count, "1_000"),
        (read_count, "٣"),
        (read_count, {}),
        (read_size, "798 apples"),
        (read_milliseconds, -1),
        (read_percent, "most"),
        (read_percent, 101),
        (read_percent, float("nan")),
        (read_percent, True),
    ],
)
def test_no_values(reader: Reader, value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        reader(value)


def test_what_is_wrong_with_a_count_is_not_its_type() -> None:
    for value in ("1_000", "many", "٣"):
        with pytest.raises(ValueError, match=r"^not a whole number$"):
            read_count(value)
