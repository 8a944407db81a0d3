"""Reading a column of many records at once, where every value in it is of the usual kind.

This is what makes a hundred thousand jobs a second possible: Arrow reads a column in C. Whatever
it would read otherwise than `fields` does, or not at all, it leaves to `fields`, value by value,
which also says what is wrong with one.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from jobledger.sources._provider import fields
from jobledger.sources._provider.model import TIME, Record

Column: TypeAlias = "pa.Array[Any]"
_TEXT: Final[frozenset[type]] = frozenset({str, type(None)})
_NUMBERS: Final[frozenset[type]] = frozenset({int, type(None)})
_OBJECTS: Final[frozenset[type]] = frozenset({dict, type(None)})
TEXTS: Final = frozenset({fields.read_text, fields.read_time})
"""The readers of what JSON has as text, in `whole_texts`' reach."""
_EARLIEST: Final = -62_135_510_400_000_000
"""The second day of the year 1; the first one may be of the year before, in UTC."""
_LATEST: Final = 253_402_214_400_000_000
"""The last day of the year 9999 likewise, in microseconds since 1970."""
_EXACT: Final = 2**53
"""Whole numbers up to this are the same in floating point."""


class Unusual(Exception):
    """Not all of these values can be read at once."""


_NOT_AT_ONCE: Final = (Unusual, pa.ArrowException, UnicodeEncodeError, OverflowError)


def whole_texts(
    places: Mapping[str, tuple[str, fields.Reader]], records: Sequence[Record]
) -> dict[str, Column]:
    """Columns of texts and times: those of the places, by name, that can be read at once.

    All of them in one go where that can be, which takes a third of the time.
    """
    inside: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name, (place, _) in places.items():
        outer, _, last = place.rpartition(".")
        inside[outer][name] = last
    found: dict[str, Column] = {}
    for outer, inner in inside.items():
        try:
            texts = _texts(_objects(records, outer), inner)
        except _NOT_AT_ONCE:
            if len(places) > 1:
                for name, where in places.items():
                    found |= whole_texts({name: where}, records)
            return found
        for name, column in texts.items():
            reader = places[name][1]
            try:
                found[name] = _time_of(column) if reader is fields.read_time else column
            except _NOT_AT_ONCE:
                continue
    return found


def _objects(records: Sequence[Record], outer: str) -> Sequence[Record | None]:
    if not outer:
        return records
    if "." in outer:
        raise Unusual
    objects: list[Any] = [record.get(outer) for record in records]
    _only(objects, _OBJECTS)
    return objects


def _texts(objects: Sequence[Record | None], inner: Mapping[str, str]) -> dict[str, Column]:
    shape = pa.struct([(name, pa.string()) for name in dict.fromkeys(inner.values())])
    read: Any = pa.array(objects, shape)
    texts: dict[str, Any] = dict(zip((field.name for field in shape), read.flatten(), strict=True))
    for name, text in texts.items():
        is_empty = pc.equal(text, pa.scalar(""))
        if pc.any(is_empty).as_py():
            texts[name] = pc.if_else(is_empty, None, text)
    return {name: texts[place] for name, place in inner.items()}


def whole_column(reader: fields.Reader, values: list[Any]) -> Column:
    """The column of these values, of which None and empty text say nothing. Raises `Unusual`."""
    at_once = _AT_ONCE.get(reader)
    if at_once is None:
        raise Unusual
    if "" in values:
        values = [None if value == "" else value for value in values]
    try:
        return at_once(values)
    except _NOT_AT_ONCE as error:
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
    return _time_of(_text(values))


def _time_of(texts: Column) -> Column:
    times = texts.cast(TIME)
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
