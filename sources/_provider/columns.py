"""Reading a column of many records at once, where every value in it is of the usual kind.

This is what makes a hundred thousand jobs a second possible: Arrow reads a column in C. Whatever
it would read otherwise than `fields` does, or not at all, it leaves to `fields`, value by value,
which also says what is wrong with one.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from jobledger.sources._provider import fields
from jobledger.sources._provider.model import TIME

Column: TypeAlias = "pa.Array[Any]"
_TEXT: Final[frozenset[type]] = frozenset({str, type(None)})
_NUMBERS: Final[frozenset[type]] = frozenset({int, type(None)})
_EARLIEST: Final = -62_135_510_400_000_000
"""The second day of the year 1; the first one may be of the year before, in UTC."""
_LATEST: Final = 253_402_214_400_000_000
"""The last day of the year 9999 likewise, in microseconds since 1970."""
_EXACT: Final = 2**53
"""Whole numbers up to this are the same in floating point."""


class Unusual(Exception):
    """Not all of these values can be read at once."""


def whole_column(reader: fields.Reader, values: list[Any]) -> Column:
    """The column of these values, of which None and empty text say nothing. Raises `Unusual`."""
    at_once = _AT_ONCE.get(reader)
    if at_once is None:
        raise Unusual
    if "" in values:
        values = [None if value == "" else value for value in values]
    try:
        return at_once(values)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
        raise Unusual from error


def _text(values: list[Any]) -> Column:
    _only(values, _TEXT)
    return pa.array(values, pa.string())


def _code(values: list[Any]) -> Column:
    try:
        return _count(values).cast(pa.string())
    except Unusual:
        return _text(values)


def _time(values: list[Any]) -> Column:
    times = _text(values).cast(TIME)
    _within(times, _EARLIEST, _LATEST)
    return times


def _count(values: list[Any]) -> Column:
    _only(values, _NUMBERS)
    return pa.array(values, pa.int64())


def _milliseconds(values: list[Any]) -> Column:
    counts = _count(values)
    _within(counts, 0, _EXACT)
    return pc.divide(counts.cast(pa.float64()), 1000.0)


def _within(column: Column, least: int, most: int) -> None:
    bounds = pc.min_max(column.cast(pa.int64()))
    if bounds["min"].is_valid and not (
        least <= bounds["min"].as_py() and bounds["max"].as_py() <= most
    ):
        raise Unusual


def _only(values: list[Any], types: frozenset[type]) -> None:
    if not types.issuperset(map(type, values)):
        raise Unusual


_AT_ONCE: Final[Mapping[fields.Reader, Callable[[list[Any]], Column]]] = {
    fields.read_text: _text,
    fields.read_code: _code,
    fields.read_time: _time,
    fields.read_count: _count,
    fields.read_milliseconds: _milliseconds,
}
