"""Lines of a program that serves tools, however they come."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.tools.servers.programs import Lines

SHORT = [b'{"id":1}', b"", b"x" * 1_000]
BIG = "x" * 5_000


@given(st.lists(st.integers(0, 1_100)))
def test_lines_are_the_same_in_whatever_pieces_they_come(cuts: list[int]):
    told = b"".join(line + b"\n" for line in SHORT)
    ends = sorted({0, len(told), *(cut for cut in cuts if cut < len(told))})
    lines = Lines(1_000)
    pieces = [told[start:end] for start, end in pairwise(ends)]
    assert [line for piece in pieces for line in lines.feed(piece)] == SHORT


@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
@pytest.mark.parametrize(
    ("message", "seen"),
    [
        ({"jsonrpc": "2.0", "id": 7, "result": {"text": BIG}}, 7),
        ({"id": 8, "jsonrpc": "2.0", "result": {"text": BIG}}, 8),
        ({"result": {"text": BIG}, "jsonrpc": "2.0", "id": 9}, 9),
        ({"result": {"text": BIG}, "id": 10, "jsonrpc": "2.0"}, 10),
        (
            {"jsonrpc": "2.0", "method": "m", "params": {"id": 1, "text": BIG, "last": {"x": 1, "id": 2}}},
            None,
        ),
        ({"jsonrpc": "2.0", "method": "m", "params": {"text": BIG + ',"id":3}'}}, None),
    ],
)
def test_of_a_line_that_is_too_long_its_id_is_left(message: dict[str, Any], seen: int | None, size: int):
    for separators in ((",", ":"), (", ", ": ")):
        told = json.dumps(message, separators=separators).encode() + b"\nnext\n"
        lines = Lines(1_000)
        pieces = [told[start : start + size] for start in range(0, len(told), size)]
        assert [line for piece in pieces for line in lines.feed(piece)] == [seen, b"next"]
