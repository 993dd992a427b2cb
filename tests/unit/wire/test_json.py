"""What is written is JSON, whatever is in it; what is read is JSON, or is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.json import from_text, to_bytes

VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(st.characters(), max_size=4) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("beside", ["text", "half a pair: \ud83d"])
def test_what_is_no_number_leaves_as_null(number: float, beside: str):
    assert json.loads(to_bytes({"a": [number, 0.5], "b": beside})) == {"a": [None, 0.5], "b": beside}


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("beside", ["text", r"half a pair: \ud83d"])
def test_constants_that_are_not_json_are_null(constant: str, beside: str):
    read = from_text(f'{{"a": [{constant}, 0.5], "b": "{beside}"}}')
    assert read["a"] == [None, 0.5]


@given(VALUES)
def test_what_was_written_reads_the_same_for_every_reader(value: Any):
    written = to_bytes(value)
    assert json.loads(written, parse_constant=pytest.fail) == from_text(written)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nan", "[" * 100_000])
def test_what_is_not_json_is_refused(text: str):
    with pytest.raises(ValueError, match=r"Expecting|Illegal|nested"):
        from_text(text)


def test_text_with_half_a_pair_is_read_like_any_other():
    assert from_text('{"a": "\ud83d"}') == {"a": "\ud83d"}
    with pytest.raises(ValueError, match="Expecting"):
        from_text('{"a": "\ud83d"')
