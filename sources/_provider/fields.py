"""Where a column of the job model is read from, and how its text becomes a value.

A field is one or more places in a provider's record, tried in order until one says something:
`text("type", "importType")`. A reader takes a JSON value that is neither null nor empty and gives
a Python value, or raises `ValueError` with the reason.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

Reader: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True)
class Field:
    """Where a column is read."""

    places: tuple[tuple[str, Reader], ...]
    """Each place and how to read it; a dot goes into an object (`error.code`)."""
    is_newest: bool = False
    """The newest of all places, instead of the first that says something."""

    def __or__(self, other: "Field") -> "Field":
        """This field, else the other."""
        return Field(self.places + other.places)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INT64: Final = 2**63
_EPOCH_SECONDS, _EPOCH_MILLISECONDS = 10, 13
_DATE_FIRST: Final = re.compile(r"[\dW-]+(?:[T ]|\Z)")
"""How a time of ISO 8601 begins. Python would take anything for the T, and so read epoch digits
with a fraction as a time of the 18th century."""
_ZONE_APART: Final = re.compile(r"(?<=\d)\s+(?=(?:[+-]\d{2}:?\d{2}|Z)\Z)")
_SIZE: Final = re.compile(r"\s*(\d[\d,]*(?:\.\d+)?)\s*(byte|bytes|b|kb|mb|gb|tb)\s*", re.IGNORECASE)
_UNIT: Final = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4, "b": 1}


def read_text(value: Any) -> str:
    """A string as it is, if it is one that UTF-8 can hold."""
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {_kind_of(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError("text with half a character (a lone surrogate)") from error
    return value


def read_code(value: Any) -> str:
    """A word or a whole number: providers write ids and error codes as either."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return read_text(value)


def read_time(value: Any) -> datetime:
    """Epoch milliseconds (13 digits) or seconds (10), or ISO 8601; UTC where no zone is said."""
    if isinstance(value, str):
        bare = value.strip()
        if bare.isdecimal() and bare.isascii():
            return _from_epoch(bare)
        # RFC 3339 allows a small t and z, which Python does not
        written = _ZONE_APART.sub("", bare.upper())
        if not _DATE_FIRST.match(written):
            raise ValueError("not a date and time")
        try:
            at = datetime.fromisoformat(written)
        except ValueError as error:
            raise ValueError("not a date and time") from error
        if at.tzinfo is None:
            return at.replace(tzinfo=UTC)
        try:
            return at.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("a date outside the years 1 to 9999") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError(f"expected a date and time, got {_kind_of(value)}")
    return _from_epoch(str(int(value)))


def _from_epoch(digits: str) -> datetime:
    # a sign is no digit
    if digits.isdecimal() and len(digits) == _EPOCH_MILLISECONDS:
        return _EPOCH + timedelta(milliseconds=int(digits))
    if digits.isdecimal() and len(digits) == _EPOCH_SECONDS:
        return _EPOCH + timedelta(seconds=int(digits))
    raise ValueError("a time in digits has 10 (seconds) or 13 of them (milliseconds)")


def read_count(value: Any) -> int:
    """A whole number of 64 bits, also as text."""
    if isinstance(value, str):
        # Python takes 1_000 for a number
        if not value.isascii() or "_" in value:
            raise ValueError("not a whole number")
        try:
            value = int(value)
        except ValueError as error:
            raise ValueError("not a whole number") from error
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected a whole number, got {_kind_of(value)}")
    if not -_INT64 <= value < _INT64:
        raise ValueError("a number beyond 64 bits")
    return value


def read_size(value: Any) -> int:
    """A number of bytes out of text such as `798Byte`."""
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        return read_count(float(found[1].replace(",", "")) * _UNIT[found[2][0].lower()] // 1)
    return read_count(value)


def read_milliseconds(value: Any) -> float:
    """Milliseconds as seconds."""
    milliseconds = read_count(value)
    if milliseconds < 0:
        raise ValueError("a time span below zero")
    return milliseconds / 1000


def read_percent(value: Any) -> float:
    """A percentage, as a number or as text such as `100.00%`, as a share from 0 to 1."""
    if isinstance(value, str):
        try:
            value = float(value.strip().removesuffix("%"))
        except ValueError as error:
            raise ValueError("not a percentage") from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a percentage, got {_kind_of(value)}")
    if not 0 <= value <= 100:  # noqa: PLR2004 - percent
        raise ValueError("a percentage outside 0 to 100")
    return value / 100


def _kind_of(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")


def _field(reader: Reader) -> Callable[..., Field]:
    def at(*places: str) -> Field:
        return Field(tuple((place, reader) for place in places))

    return at


text = _field(read_text)
code = _field(read_code)
time = _field(read_time)
count = _field(read_count)
size = _field(read_size)
milliseconds = _field(read_milliseconds)
percent = _field(read_percent)


def newest(*places: str) -> Field:
    """The newest of several times."""
    return Field(time(*places).places, is_newest=True)
