r"""What a column's values look like in text: the same in a table, in CSV and in JSON.

DuckDB writes what Python would bend (intervals, nanoseconds, infinite dates, exact decimals) as
text before we see it; here that text becomes a value that JSON can hold. Nested values keep their
shape, with the same rules inside.

| type | becomes |
|---|---|
| TIMESTAMPTZ | ISO 8601 in UTC: `2026-11-23T12:00:00Z`, with a fraction only if there is one |
| TIMESTAMP, DATE, TIME | ISO 8601 |
| DECIMAL, HUGEINT, BIGNUM | a number with all its digits |
| FLOAT, DOUBLE | a number; NaN and infinity are null in JSON, `nan` and `inf` elsewhere |
| JSON, VARIANT | JSON itself |
| LIST, ARRAY, STRUCT, MAP | a JSON array or object; a map's keys as text |
| BLOB | as DuckDB writes it: printable bytes as they are, others as `\xFF` |
| others | as DuckDB writes them: `1 month 2 days`, a UUID, a word of an ENUM |
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias, cast

import duckdb
import orjson
from duckdb.sqltypes import DuckDBPyType

from jobledger.pipelines.quoting import quoted

Reader: TypeAlias = Callable[[Any], Any]

_WHOLE: Final = frozenset(
    {"tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"}
)
_HUGE: Final = frozenset({"hugeint", "uhugeint"})
_EXACT: Final = _HUGE | {"decimal", "bignum"}
_NUMBERS: Final = _WHOLE | _EXACT | {"float", "double"}
_BITS_OF_JSON: Final = 64


class Json(str):
    """Text that is JSON already, and stands in JSON as it is."""

    __slots__ = ()


def dumps(value: Any) -> bytes:
    """JSON of what `Column.read` gave."""
    return orjson.dumps(value, _embedded, orjson.OPT_PASSTHROUGH_SUBCLASS)


def _embedded(value: Any) -> orjson.Fragment:
    return orjson.Fragment(str(value))


@dataclass(frozen=True)
class Column:
    """A column of a result."""

    name: str
    type: DuckDBPyType

    @property
    def is_number(self) -> bool:
        """Whether its values are set to the right."""
        return self.type.id in _NUMBERS

    @cached_property
    def text_type(self) -> str:
        """What DuckDB is to make of it for `read`."""
        return _recast(self.type, _text_leaf)

    @cached_property
    def arrow_type(self) -> str:
        """What DuckDB is to make of it for a Parquet file, without loss."""
        return _recast(self.type, _arrow_leaf)

    @cached_property
    def read(self) -> Reader:
        """Makes what JSON can hold of a value that came as `text_type`."""
        return _reader(self.type)


def text(value: Any) -> str:
    """What `Column.read` gave, as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return dumps(value).decode()


def _recast(type_: DuckDBPyType, leaf: Callable[[DuckDBPyType], str]) -> str:
    """The type with other leaves, as SQL."""
    kind = type_.id
    if kind in {"list", "array"}:
        return _recast(_children(type_)[0][1], leaf) + "[]"
    if kind == "map":
        return f"map(varchar, {_recast(_children(type_)[1][1], leaf)})"
    if _is_struct(type_):
        fields = (f"{quoted(name)} {_recast(child, leaf)}" for name, child in _children(type_))
        return f"struct({', '.join(fields)})"
    return leaf(type_)


def _text_leaf(type_: DuckDBPyType) -> str:
    if type_.id in _WHOLE | _HUGE | {"boolean", "double"}:
        return type_.id
    return "json" if type_.id == "variant" or str(type_) == "JSON" else "varchar"


def _arrow_leaf(type_: DuckDBPyType) -> str:
    kind = type_.id
    if kind == "decimal":
        return str(type_)
    if kind in _HUGE:
        return "decimal(38, 0)"
    if kind == "variant":
        return "json"
    if kind in _WHOLE | {"boolean", "float", "double", "date", "time", "blob"}:
        return kind
    if kind in {"timestamp_s", "timestamp_ms"}:
        return "timestamp"
    if kind in {"timestamp", "timestamp_ns", "timestamp with time zone"}:
        return kind
    return "varchar"


def _children(type_: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    return cast("list[tuple[str, DuckDBPyType]]", type_.children)


def _is_struct(type_: DuckDBPyType) -> bool:
    # a row() has no names for its fields, and so no place in an object
    return type_.id == "struct" and all(name for name, _ in _children(type_))


def _reader(type_: DuckDBPyType) -> Reader:
    kind = type_.id
    if kind in {"list", "array"}:
        child = _or_null(_reader(_children(type_)[0][1]))
        return lambda values: [child(value) for value in values]
    if kind == "map":
        key = _reader(_children(type_)[0][1]) if _is_time(_children(type_)[0][1]) else str
        child = _or_null(_reader(_children(type_)[1][1]))
        return lambda values: {key(k): child(value) for k, value in values.items()}
    if _is_struct(type_):
        children = {name: _or_null(_reader(child)) for name, child in _children(type_)}
        return lambda values: {name: children[name](value) for name, value in values.items()}
    if _is_time(type_):
        return _instant
    if kind in _HUGE:
        return _whole
    if kind in {"decimal", "bignum"}:
        return Json
    if kind == "float":
        return float
    if kind == "variant" or str(type_) == "JSON":
        return _json
    return _same


def _or_null(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def _same(value: Any) -> Any:
    return value


def _is_time(type_: DuckDBPyType) -> bool:
    return type_.id.startswith("timestamp")


def _instant(text_: str) -> str:
    day, _, time = text_.partition(" ")
    if not time or time.startswith("("):
        return text_  # infinity, or before Christ: ISO 8601 has no common way to say either
    return f"{day}T{time[:-3]}Z" if time.endswith("+00") else f"{day}T{time}"


def _whole(number: int) -> Any:
    # orjson writes 64 bits
    return number if number.bit_length() < _BITS_OF_JSON else Json(number)


def _json(text_: str) -> Any:
    try:
        orjson.loads(text_)
    except orjson.JSONDecodeError:
        return text_  # DuckDB lets NaN pass as JSON, which others refuse
    # a line break within JSON stands between its tokens only: a row stays one line
    return Json(text_.replace("\r", " ").replace("\n", " "))


def columns(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Column]:
    """The columns of a query, without running it. A name that comes twice gets a number."""
    connection.execute(f"from (\n{sql}\n) limit 0")
    found = [Column(described[0], described[1]) for described in connection.description or ()]
    connection.fetchall()
    return found


def selected(found: list[Column], types: list[str], sql: str, limit: int | None = None) -> str:
    """The query with its columns made into other types; the user's SQL begins on line 2."""
    casts = ", ".join(
        f"c{at}::{type_} as {quoted(column.name)}"
        for at, (column, type_) in enumerate(zip(found, types, strict=True))
    )
    names = ", ".join(f"c{at}" for at in range(len(found)))
    limited = "" if limit is None else f" limit {limit}"
    return f"select {casts} from (\n{sql}\n) as t({names}){limited}"
