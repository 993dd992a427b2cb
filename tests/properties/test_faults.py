"""Streams that are cut, chopped or damaged anywhere: one end each, and never one that is too good."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from functools import cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.lifecycle.upstream import deltas_of
from lambda_responses.providers.base import Target
from lambda_responses.providers.dialects import dialect
from lambda_responses.providers.http import HttpAnswer
from lambda_responses.providers.inflow import Inflow
from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.wire.errors import APIError
from tests.fakes.formats import aws_frames
from tests.fakes.formats.base import Call, Thought, Words, stream_of, told
from tests.fakes.formats.every import CONVERSE, FORMATS, GEMINI
from tests.kit import check, emitter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

    from tests.fakes.formats.base import Format, Said

Json = dict[str, Any]

SAID: list[Said] = [
    Thought("Hm", "c2VhbA=="),
    Words("Grü"),
    Words("ezi \U0001f600"),
    Call("call_0123456789", "look", '{"at":"é"}'),
]
TEXT = "Grüezi \U0001f600"

formats = pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)


class Line:
    """A provider whose one answer is these pieces, and then its end or the connection's."""

    name = "line"

    def __init__(self, kind: str, pieces: Sequence[bytes], *, breaks: bool) -> None:
        self.kind, self.pieces, self.breaks = kind, pieces, breaks
        self.is_closed = False

    @asynccontextmanager
    async def open(self, rendered: Rendered) -> AsyncGenerator[HttpAnswer]:
        inflow = Inflow(self)
        try:
            answer = HttpAnswer(self.name, self.kind, inflow)
            await answer.look()
            yield answer
        finally:
            await inflow.stop()

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
            await asyncio.sleep(0)
        if self.breaks:
            raise httpx.ReadError("the line broke")


async def heard(
    format: Format, pieces: Sequence[bytes], *, breaks: bool = False, kind: str = ""
) -> list[Json]:
    """The events of the response that is made of these bytes."""
    transformer, profile = dialect(format.wire, format.provider)  # type: ignore[arg-type]
    target = Target(Line(kind or format.kind, pieces, breaks=breaks), transformer, profile, format.model)  # type: ignore[arg-type]
    turn, making = Turn(format.model, {"input": []}, []), emitter()
    events, unforeseen = making.start(), list[BaseException]()
    try:
        async for deltas in deltas_of(target, turn, Rendered("", {}), unforeseen.append):
            for delta in deltas:
                events += making.apply(delta)
        events += making.finish(at=2)
    except APIError as error:
        events += making.fail(error)
    assert unforeseen == []
    check(events)  # which there is exactly one end in
    return events


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all of them."""
    with asyncio.Runner() as running:
        yield running


@cache
def whole(name: str) -> bytes:
    return b"".join(stream_of(FORMATS[name], SAID, "calls"))


@cache
def said_to_be_over(name: str) -> int:
    """Bytes before the first chunk of the end: with fewer than these, nobody has said that all is said."""
    format = FORMATS[name]
    parts = told(format.voice(), SAID, "calls")
    return sum(len(format.frame(chunk)) for part in parts[:-1] for chunk in part)


def status_of(events: list[Json]) -> str:
    return events[-1]["response"]["status"]


def text_of(events: list[Json]) -> str:
    items = events[-1]["response"]["output"]
    return "".join(part["text"] for item in items if item["type"] == "message" for part in item["content"])


def essence(events: list[Json]) -> list[Json]:
    """The response itself: how often it was told of depends on how it came."""
    return events[-1]["response"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_stream_that_is_cut_at_any_byte_has_one_end_and_no_false_one(runner: asyncio.Runner, name: str):
    format, body = FORMATS[name], whole(name)
    complete = essence(runner.run(heard(format, [body])))
    assert complete["status"] == "completed"
    over = said_to_be_over(name)
    for at in range(len(body)):
        for breaks in (True, False) if at % 8 == 0 else (bool(at % 2),):
            events = runner.run(heard(format, [body[:at]] if at else [], breaks=breaks))
            assert TEXT.startswith(text_of(events)), at
            if at < over:
                assert status_of(events) == "failed", at
                assert events[-2]["type"] == "error"
            elif status_of(events) == "completed":
                assert essence(events)["output"] == complete["output"], at


@pytest.mark.parametrize("name", FORMATS)
def test_it_does_not_matter_where_the_pieces_of_a_stream_end(runner: asyncio.Runner, name: str):
    format, body = FORMATS[name], whole(name)
    complete = essence(runner.run(heard(format, [body])))
    for at in range(1, len(body)):
        assert essence(runner.run(heard(format, [body[:at], body[at:]]))) == complete
    one_by_one = [body[at : at + 1] for at in range(len(body))]
    assert essence(runner.run(heard(format, one_by_one))) == complete


@formats
@given(data=st.data())
def test_any_pieces_of_a_stream_are_the_stream(runner: asyncio.Runner, format: Format, data: st.DataObject):
    texts = data.draw(
        st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=4), min_size=1, max_size=4)
    )
    body = b"".join(stream_of(format, [Words(text) for text in texts]))
    ends = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
    pieces = [body[a:b] for a, b in pairwise(sorted({0, *ends, len(body)}))]
    events = runner.run(heard(format, pieces))
    assert (status_of(events), text_of(events)) == ("completed", "".join(texts))


@formats
@given(data=st.data())
def test_rubbish_in_a_stream_never_completes_it(runner: asyncio.Runner, format: Format, data: st.DataObject):
    voice = format.voice()
    frames = [format.frame(chunk) for chunk in (*voice.begin(), *voice.say("Hello"))]
    at = data.draw(st.integers(0, len(frames)))
    rubbish = data.draw(
        st.sampled_from([b"data: {]\n\n", b"data: 7\n\n", b"data: \xff\n\n", bytes(16), b"\xff" * 40])
    )
    events = runner.run(heard(format, [*frames[:at], rubbish]))
    assert status_of(events) == "failed"


def test_a_frame_with_any_wrong_byte_is_not_believed(runner: asyncio.Runner):
    body = b"".join(stream_of(CONVERSE, [Words("Hi")]))
    over = sum(map(len, stream_of(CONVERSE, [Words("Hi")])[:-3]))
    for at in range(over):
        damaged = bytes([*body[:at], body[at] ^ 0x10, *body[at + 1 :]])
        events = runner.run(heard(CONVERSE, [damaged]))
        assert status_of(events) == "failed", at


@pytest.mark.parametrize("name", [name for name, format in FORMATS.items() for _ in format.faults[:1]])
def test_a_fault_in_a_stream_fails_it_wherever_it_comes(runner: asyncio.Runner, name: str):
    format = FORMATS[name]
    frames = stream_of(format, SAID, "calls")
    over = [*accumulate(map(len, frames))].index(said_to_be_over(name)) + 1
    for code in format.faults:
        fault = [format.frame(chunk) for chunk in format.fault(code, "It went wrong")]
        for at in range(over + 1):
            events = runner.run(heard(format, [*frames[:at], *fault]))
            assert status_of(events) == "failed"
            assert essence(events)["error"]["code"] == code


def test_a_fault_that_the_frames_themselves_tell_of_fails_the_stream(runner: asyncio.Runner):
    frames = stream_of(CONVERSE, [Words("Hello")])
    for at in range(len(frames) - 2):
        events = runner.run(heard(CONVERSE, [*frames[:at], aws_frames.error("internal", "It broke")]))
        assert (status_of(events), essence(events)["error"]["code"]) == ("failed", "server_error")


def test_a_stream_in_one_array_may_be_cut_and_chopped_anywhere(runner: asyncio.Runner):
    parts = told(GEMINI.voice(), SAID, "calls")
    body = json.dumps([chunk for part in parts for chunk in part], ensure_ascii=False, indent=1).encode()
    over = len(
        json.dumps([chunk for part in parts[:-1] for chunk in part], ensure_ascii=False, indent=1).encode()
    )
    complete = essence(runner.run(heard(GEMINI, [whole("gemini")])))
    for at in range(1, len(body)):
        chopped = runner.run(heard(GEMINI, [body[:at], body[at:]], kind="application/json"))
        assert essence(chopped) == complete, at
        cut = runner.run(heard(GEMINI, [body[:at]], kind="application/json", breaks=bool(at % 2)))
        assert status_of(cut) == "failed" or (at >= over and essence(cut) == complete), at
