"""JSON that a provider sent: read whatever can be read, write it in one canonical way.

`orjson` reads nearly everything. What it refuses (half characters, numbers of any size, a thousand
levels) is read by the standard library, so that one odd record does not cost its whole page.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 64
"""Levels of nesting kept of a record; no documented record has more than two."""

_INT64: Final = 2**63
_MOST_DIGITS: Final = 1000
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_TOO_DEEP: Final = "[nested too deep]"


def loads(body: bytes) -> Any:
    """The value of a JSON text. Raises `ValueError` if it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # a byte that is no UTF-8 becomes half a character, which the field's reader then refuses
        text = body.decode("utf-8-sig", "surrogateescape")
    try:
        return json.loads(text, parse_int=_int)
    except RecursionError:
        return json.loads(_pruned(text), parse_int=_int)


def _int(digits: str) -> int:
    # Python refuses longer ones, and `tame` keeps far less of any that is beyond 64 bits
    return int(digits[:_MOST_DIGITS])


def _pruned(text: str) -> str:
    """The text with everything nested deeper than a page of readable records can be cut out."""
    kept: list[str] = []
    depth = 0
    start = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == MAX_DEPTH * 2:
                kept.append(text[start : token.start()])
        elif token[0] in "]}":
            if depth == MAX_DEPTH * 2:
                kept.append(json.dumps(_TOO_DEEP))
                start = token.end()
            depth -= 1
    kept.append(text[start:])
    return "".join(kept)


def dumps(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces. Raises `TypeError` for what `tame` would change."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def tame(value: Any) -> tuple[Any, dict[str, str]]:
    """A value that `dumps` takes, and what was wrong: place in the record -> problem."""
    problems: dict[str, str] = {}
    return _tamed(value, "", 1, problems), problems


def _tamed(value: Any, place: str, depth: int, problems: dict[str, str]) -> Any:
    if isinstance(value, str):
        if _is_whole(value):
            return value
        problems[place] = "text with half a character (a lone surrogate)"
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        problems[place] = "a number beyond 64 bits"
        # ever more digits than anyone counts jobs in: kept as text, and not all of them
        return hex(value)[:100]
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            problems[place.split(".", maxsplit=1)[0]] = f"nested deeper than {MAX_DEPTH} levels"
            return _TOO_DEEP
        if isinstance(value, list):
            return [_tamed(item, place, depth + 1, problems) for item in value]
        return {
            _tamed(key, place, depth, problems): _tamed(item, inner, depth + 1, problems)
            for key, item, inner in _items(value, place)
        }
    return value


def _items(value: dict[str, Any], place: str) -> Iterator[tuple[str, Any, str]]:
    for key, item in value.items():
        yield key, item, f"{place}.{key}" if place else key


def _is_whole(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
