"""A body's bytes: what is read, and what is refused without a stack trace."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.requests import MAX_BODY_BYTES, read_json

BROKEN = {
    "nothing": b"",
    "a cut object": b'{"model": "m"',
    "two objects": b"{}{}",
    "an array": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "HTML": b"<html>",
    "a lone high surrogate": b'{"input": "\\ud800"}',
    "a lone low surrogate": b'{"input": "\\udc00x"}',
    "a surrogate in a key": b'{"\\ud800": 1}',
    "invalid UTF-8": b'{"input": "\xff"}',
    "a surrogate in UTF-8": b'{"input": "\xed\xa0\x80"}',
    "half a character": b'{"input": "\xe2\x82',
    "10,000 levels": b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "NaN": b'{"temperature": NaN}',
    "Infinity": b'{"temperature": Infinity}',
    "minus Infinity": b'{"temperature": -Infinity}',
    "an exponent beyond doubles": b'{"metadata": {"a": [1, {"b": 1e999}]}}',
    "digits beyond doubles": b'{"temperature": ' + b"9" * 400 + b".5}",
    "a million digits": b'{"top_logprobs": ' + b"9" * 1_000_000 + b"}",
    "a byte order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_broken_json_is_a_400(raw: bytes):
    with pytest.raises(InvalidRequestError) as caught:
        read_json(raw)
    assert caught.value.status == 400
    assert len(caught.value.message) < 300


def test_a_body_over_the_limit_is_refused_unread():
    with pytest.raises(InvalidRequestError) as caught:
        read_json(b"{" * 101, limit=100)
    assert "100" in caught.value.message
    assert MAX_BODY_BYTES > 6 * 1024 * 1024


def test_the_last_of_repeated_keys_counts():
    assert read_json(b'{"model": "a", "model": "b"}') == {"model": "b"}


def test_a_large_number_that_a_double_holds_is_read():
    assert read_json(b'{"a": 1e300, "b": 1.5E+308}') == {"a": 1e300, "b": 1.5e308}


def test_a_paired_surrogate_is_one_character():
    assert read_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_every_json_object_is_read_as_it_is(body: dict[str, Any]):
    assert read_json(json.dumps(body, ensure_ascii=False).encode()) == body


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(raw: bytes):
    with suppress(InvalidRequestError):
        assert isinstance(read_json(raw), dict)
