"""Server-sent events: what leaves, to the byte, and what is read from any sender."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_responses.stream import sse
from lambda_responses.stream.sse import SSEDecoder

DELTA: dict[str, Any] = {
    "type": "response.output_text.delta",
    "item_id": "msg_0",
    "output_index": 0,
    "content_index": 0,
    "delta": "Hi",
    "logprobs": [],
    "sequence_number": 4,
}


def read(*pieces: bytes) -> list[str]:
    decoder = SSEDecoder()
    return [data for piece in pieces for data in decoder.feed(piece)] + decoder.end()


def test_a_frame_names_its_event_and_carries_it_on_one_line() -> None:
    assert sse.encode({"type": "response.x", "text": "a\nb\u2028ü"}) == (
        'event: response.x\ndata: {"type":"response.x","text":"a\\nb\u2028ü"}\n\n'.encode()
    )


def test_a_lone_surrogate_is_escaped() -> None:
    frame = sse.encode({**DELTA, "delta": "\ud83d"})
    assert json.loads(read(frame)[0])["delta"] == "\ud83d"


def test_no_event_name_can_end_its_line() -> None:
    frame = sse.encode({"type": "response.x\n\ndata: {}\n\n", "sequence_number": 0})
    assert frame.count(b"\n\n") == 1
    assert len(read(frame)) == 1


def test_padding_is_the_same_at_every_replay_and_another_for_another_event() -> None:
    once, again = (sse.encode(DELTA, obfuscated_for="resp_1") for _ in range(2))
    assert once == again
    padding = json.loads(read(once)[0])["obfuscation"]
    others = [
        sse.encode(DELTA, obfuscated_for="resp_2"),
        sse.encode({**DELTA, "sequence_number": 5}, obfuscated_for="resp_1"),
    ]
    assert padding not in [json.loads(read(other)[0])["obfuscation"] for other in others]


def test_padding_hides_how_long_a_delta_is() -> None:
    said = ["x" * length for length in range(32)] + ["\n", "ü", "語" * 3, '"', "\u2028"]
    lengths = [len(sse.encode({**DELTA, "delta": delta}, obfuscated_for="resp_1")) for delta in said]
    assert len(set(lengths)) == 3
    token = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": []}
    lengths.append(len(sse.encode({**DELTA, "logprobs": [token]}, obfuscated_for="resp_1")))
    assert len({length % 16 for length in lengths}) == 1


def test_padding_is_on_deltas_alone_and_can_be_switched_off() -> None:
    assert b"obfuscation" in sse.encode(
        {**DELTA, "type": "response.mcp_call_arguments.delta"}, obfuscated_for="r"
    )
    for name in ("response.output_text.done", "response.created", "error"):
        assert b"obfuscation" not in sse.encode({**DELTA, "type": name}, obfuscated_for="r")
    assert b"obfuscation" not in sse.encode(DELTA)
    assert "obfuscation" not in DELTA


def test_padding_changes_nothing_else() -> None:
    padded = json.loads(read(sse.encode(DELTA, obfuscated_for="resp_1"))[0])
    assert 1 <= len(padded.pop("obfuscation")) <= 16
    assert padded == DELTA


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
        (b"data: a\n\r\ndata: b\r\n\r", ["a", "b"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"\n\n\ndata: a\n\n\n\n", ["a"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data\n\n", [""]),
        (b"data:\n\n", [""]),
        (b"data: a\ndata: b\ndata\n\n", ["a\nb\n"]),
        (b": a comment\ndata: a\n:\n\n", ["a"]),
        (b"event: x\nid: 7\nretry: 10\ndata: a\nother: b\n\n", ["a"]),
        (b"event: ping\n\ndata: a\n\n", ["a"]),
        (b"database: x\n\n", []),
        (b"data: a", ["a"]),
        (b"data: a\n", ["a"]),
        (b"data: a\r", ["a"]),
        (b"data: a\n\ndata: b", ["a", "b"]),
        ("data: a\u2028b\u2029c\u0085d\x0be\x0cf\n\n".encode(), ["a\u2028b\u2029c\u0085d\x0be\x0cf"]),
        (b"", []),
        (sse.KEEP_ALIVE + b"data: a\n\n" + sse.DONE, ["a", "[DONE]"]),
    ],
)
def test_any_sender_is_read_as_the_standard_says(stream: bytes, events: list[str]) -> None:
    assert read(stream) == events
    assert read(*(bytes([byte]) for byte in stream)) == events


def test_an_event_is_told_as_soon_as_its_blank_line_has_come() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == ["a"]
    assert decoder.feed(b"\ndata: b\n") == []
    assert decoder.feed(b"\n") == ["b"]


def test_a_byte_order_mark_inside_the_stream_is_text() -> None:
    assert read("data: a\n\n\ufeffdata: b\n\ndata: \ufeff\n\n".encode()) == ["a", "\ufeff"]


def test_half_a_character_at_the_end_is_an_error() -> None:
    decoder = SSEDecoder()
    assert decoder.feed("data: ü".encode()[:-1]) == []
    with pytest.raises(ValueError, match="utf-8"):
        decoder.end()


@pytest.mark.parametrize("wrong", [b"\xff", b"\xc3(", b"\xed\xa0\x80"])
def test_what_is_not_utf8_is_an_error(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="utf-8"):
        read(b"data: " + wrong + b"\n\n")
