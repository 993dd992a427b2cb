"""How bytes are cut into chunks, wherever the network cut them."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.providers.aws_frames import FrameFraming
from lambda_responses.providers.base import Marker, UpstreamCutShort, UpstreamUnreadable
from lambda_responses.providers.framings import ArrayFraming, EventFraming, Framing
from tests.fakes.formats.aws_frames import error, event, exception, message

EVENTS = 'data: {"a": "é"}\n\nevent: x\r\ndata: {"b": 2}\r\n\r\ndata: [DONE]\n\n'.encode()
ELEMENTS: list[Any] = [{"a": 'ü ]}"\\'}, {"b": {"c": [1, {"d": []}]}}, {}]
ARRAY = json.dumps(ELEMENTS, ensure_ascii=False, indent=1).encode()
EACH_FRAME = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"delta": {"text": "é"}, "p": "abc"}),
    exception("throttlingException", {"message": "slow down"}),
    error("InternalFailure", "sorry"),
]
FRAMES = b"".join(EACH_FRAME)
READ_FRAMES = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"delta": {"text": "é"}, "p": "abc"}},
    {"throttlingException": {"message": "slow down"}},
    {"error": {"code": "InternalFailure", "message": "sorry"}},
]
BODIES: list[tuple[type[Any], bytes, list[Any]]] = [
    (EventFraming, EVENTS, [{"a": "é"}, {"b": 2}, Marker()]),
    (ArrayFraming, ARRAY, ELEMENTS),
    (FrameFraming, FRAMES, READ_FRAMES),
]
each_framing = pytest.mark.parametrize(
    ("framing", "body", "chunks"), BODIES, ids=["events", "array", "frames"]
)


def read(framing: Framing, *parts: bytes) -> list[Any]:
    chunks: list[Any] = []
    for part in parts:
        if framing.fault is None and not framing.over:
            chunks += framing.feed(part)
    if framing.fault is None and not framing.over:
        chunks += framing.end()
    return chunks


@each_framing
def test_a_body_is_cut_into_its_chunks(framing: type[Any], body: bytes, chunks: list[Any]):
    whole: Framing = framing("acme")
    assert read(whole, body) == chunks
    assert whole.fault is None


@each_framing
def test_the_network_may_cut_a_body_at_any_byte(framing: type[Any], body: bytes, chunks: list[Any]):
    for at in range(len(body) + 1):
        assert read(framing("acme"), body[:at], body[at:]) == chunks
    assert read(framing("acme"), *(bytes([byte]) for byte in body)) == chunks


@each_framing
@given(data=st.data())
def test_the_network_may_cut_a_body_into_any_parts(
    framing: type[Any], body: bytes, chunks: list[Any], data: st.DataObject
):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    parts = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert read(framing("acme"), *parts) == chunks


@each_framing
def test_what_is_whole_when_it_comes_is_handed_out_at_once(
    framing: type[Any], body: bytes, chunks: list[Any]
):
    whole: Framing = framing("acme")
    assert whole.feed(body) == chunks


def test_an_array_that_ends_too_early_was_cut():
    for at in range(len(ARRAY)):
        cut: Framing = ArrayFraming("acme")
        read(cut, ARRAY[:at])
        assert type(cut.fault) is UpstreamCutShort


def test_half_a_frame_at_the_end_was_cut_and_the_end_of_a_frame_is_an_end():
    ends = list(accumulate(map(len, EACH_FRAME), initial=0))
    for at in range(len(FRAMES) + 1):
        cut: Framing = FrameFraming("acme")
        chunks = read(cut, FRAMES[:at])
        assert chunks == READ_FRAMES[: sum(end <= at for end in ends) - 1]
        assert (cut.fault is None) is (at in ends)
        assert cut.fault is None or type(cut.fault) is UpstreamCutShort


def test_a_damaged_frame_is_told_from_a_cut_one_and_the_frames_before_it_count():
    first, second = EACH_FRAME[:2]
    for at in range(8, len(second)):  # before, its length is damaged, which its own checksum tells of
        damaged: Framing = FrameFraming("acme")
        body = bytearray(first + second)
        body[len(first) + at] ^= 0x20
        assert read(damaged, bytes(body)) == READ_FRAMES[:1]
        assert type(damaged.fault) is UpstreamUnreadable


@pytest.mark.parametrize("at", range(8))
def test_a_damaged_length_is_noticed_before_it_is_believed(at: int):
    body = bytearray(FRAMES)
    body[at] ^= 0x01
    damaged: Framing = FrameFraming("acme")
    assert read(damaged, bytes(body)) == []
    assert type(damaged.fault) is UpstreamUnreadable


@pytest.mark.parametrize("payload", [b"{", b"[]", b"7", b"\xff"])
def test_a_frame_without_an_object_in_it_is_unreadable(payload: bytes):
    broken: Framing = FrameFraming("acme")
    assert read(broken, message({":event-type": "chunk"}, payload)) == []
    assert type(broken.fault) is UpstreamUnreadable


def test_an_empty_payload_is_an_empty_object():
    assert read(FrameFraming("acme"), message({":event-type": "ping"}, b"")) == [{"ping": {}}]


def test_a_frame_that_does_not_say_what_it_is_goes_on_as_it_is():
    assert read(FrameFraming("acme"), message({}, b'{"a": 1}')) == [{"None": {"a": 1}}]


@pytest.mark.parametrize(
    ("body", "chunks"), [(b'[{"a": 1}, 7]', [{"a": 1}]), (b'[{"a": 1}, [2]]', [{"a": 1}]), (b"[7]", [])]
)
def test_an_element_that_is_no_object_is_unreadable(body: bytes, chunks: list[Any]):
    broken: Framing = ArrayFraming("acme")
    assert read(broken, body) == chunks
    assert type(broken.fault) is UpstreamUnreadable


def test_nothing_behind_an_array_counts():
    done: Framing = ArrayFraming("acme")
    assert read(done, b"[ ] trailing ]}") == []
    assert (done.fault, done.over) == (None, True)
