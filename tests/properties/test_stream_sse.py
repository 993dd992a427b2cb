"""Server-sent events cut anywhere, from any sender: what is read is what was sent."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream import sse
from lambda_responses.stream.sse import SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
FIELDS = st.sampled_from(
    ["data", "data:", "data: ", "data:  ", ":", ": ", "event: ", "id:", "dat", "datax:", ""]
)
VALUES = st.text(
    st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=4
) | st.sampled_from(["\u2028", "\u0085", "\x0b", "\x0c", "\x1c", "\ufeff", "data: x", "語", "😀"])
LINES = st.builds(lambda field, value, end: field + value + end, FIELDS, VALUES, LINE_ENDS) | LINE_ENDS
STREAMS = st.builds(
    lambda mark, lines, rest: (mark + "".join(lines) + rest).encode(),
    *[
        st.sampled_from(["", "\ufeff"]),
        st.lists(LINES, max_size=12),
        st.sampled_from(["", "data: end", "data"]),
    ],
)


def read(pieces: Iterable[bytes]) -> list[str]:
    decoder = SSEDecoder()
    return [data for piece in pieces for data in decoder.feed(piece)] + decoder.end()


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(marks)]


def as_the_standard_says(stream: bytes) -> list[str]:
    """The events by the standard's own words, the whole stream at hand. A last one need not be ended."""
    text = stream.decode().removeprefix("\ufeff")
    events: list[str] = []
    data: list[str] = []
    for line in [*re.split("\r\n|\n|\r", text), ""]:
        field, _, value = line.partition(":")
        if line == "":
            events += ["\n".join(data)] if data else []
            data = []
        elif field == "data":
            data.append(value.removeprefix(" "))
    return events


@given(STREAMS, st.lists(st.integers(0, 200), max_size=8))
def test_it_does_not_matter_where_the_bytes_are_cut(stream: bytes, places: list[int]) -> None:
    assert read(cut(stream, places)) == read([stream]) == as_the_standard_says(stream)


@given(STREAMS)
def test_byte_by_byte_is_as_good_as_whole(stream: bytes) -> None:
    assert read(bytes([byte]) for byte in stream) == read([stream])


@given(STREAMS, st.integers(1, 3), st.lists(st.integers(0, 200), max_size=4))
def test_half_a_character_is_an_error_wherever_the_bytes_are_cut(
    stream: bytes, missing: int, places: list[int]
) -> None:
    with pytest.raises(ValueError, match="utf-8"):
        read(cut(stream + "😀".encode()[:-missing], places))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.just("\ud83d"), max_size=40)
"""Halves of surrogate pairs included, as some models send them."""

EVENTS = st.builds(
    lambda name, number, delta, extra: {"type": name, "delta": delta, "sequence_number": number, **extra},
    *[st.sampled_from(["response.output_text.delta", "response.output_text.done", "error"])],
    *[st.integers(0, 10**6), TEXTS, st.dictionaries(st.sampled_from(["text", "logprobs"]), TEXTS)],
)
RESPONSE_IDS = st.sampled_from(["resp_1", "resp_2"])


@given(st.lists(EVENTS, max_size=5), st.none() | RESPONSE_IDS, st.lists(st.integers(0, 900), max_size=6))
def test_what_is_encoded_is_decoded(events: list[Any], padded_for: str | None, places: list[int]) -> None:
    stream = b"".join(sse.encode(event, obfuscated_for=padded_for) + sse.KEEP_ALIVE for event in events)
    told = [json.loads(data) for data in read(cut(stream, places))]
    padding = [event.pop("obfuscation", None) for event in told]
    assert told == events
    expected = [padded_for is not None and event["type"].endswith(".delta") for event in events]
    assert [bool(each) for each in padding] == expected


@given(EVENTS, RESPONSE_IDS)
def test_the_same_event_is_the_same_frame(event: Any, response_id: str) -> None:
    before = dict(event)
    once = sse.encode(event, obfuscated_for=response_id)
    assert sse.encode(event, obfuscated_for=response_id) == once
    assert event == before


@given(st.integers(0, 10**6), TEXTS, TEXTS)
def test_the_size_of_a_frame_tells_a_delta_to_sixteen_bytes_at_most(
    number: int, one: str, other: str
) -> None:
    sizes = {
        len(
            sse.encode(
                {"type": "response.output_text.delta", "delta": delta, "sequence_number": number},
                obfuscated_for="resp_1",
            )
        )
        for delta in (one, other)
    }
    assert (max(sizes) - min(sizes)) % 16 == 0
