"""JSON of any kind is read, and what is written can be read by anyone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobledger.sources._provider.json_text import MAX_DEPTH, dumps, loads, tame

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


@given(anything)
def test_whatever_is_tamed_can_be_written_and_read_again(value: Any) -> None:
    tamed, _ = tame(value)
    assert json.loads(dumps(tamed)) == tamed


@given(anything)
def test_a_value_without_problems_is_left_as_it_is(value: Any) -> None:
    tamed, problems = tame(value)
    assert problems or tamed == value


def test_what_orjson_refuses_is_read_all_the_same() -> None:
    assert loads(b'{"a": "\\ud800", "n": 123456789012345678901234567890}') == {
        "a": "\ud800",
        "n": 123456789012345678901234567890,
    }
    assert loads(b'{"n": %b, "a": 1}' % (b"7" * 5000))["a"] == 1
    assert loads(b"\xef\xbb\xbf[1]") == [1]
    assert loads(b'["caf\xe9"]') == ["caf\udce9"]


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_one_record_nested_beyond_measure_does_not_cost_the_page(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    page = loads(b'{"jobs": [{"id": "a", "x": ' + deep + b'}, {"id": "b"}]}')
    tamed, problems = tame(page["jobs"][0])
    assert page["jobs"][1] == {"id": "b"}
    assert problems == {"x": f"nested deeper than {MAX_DEPTH} levels"}
    assert tamed["id"] == "a"
    assert len(dumps(tamed)) < 1_000


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": ', b"nul", b'{"a": 1} x'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(body)


def test_keys_come_in_one_order() -> None:
    assert dumps({"b": {"d": 1, "c": 2}, "a": None}) == b'{"a":null,"b":{"c":2,"d":1}}'
