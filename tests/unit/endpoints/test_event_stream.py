"""Events on their way out, at the ASGI interface."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints.event_stream import ENDINGS, EventStreamResponse, Framing
from lambda_responses.stream import sse
from lambda_responses.stream.grammar import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.anyio

Event = dict[str, Any]
DELTA: Event = {"type": "response.output_text.delta", "delta": "Hello", "sequence_number": 4}
SCOPE = {"type": "http"}


class Client:
    """Takes what is sent; leaves when told to."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.received = asyncio.Condition()

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        async with self.received:
            self.received.notify_all()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def has(self, body: bytes, times: int = 1) -> None:
        async with self.received:
            await self.received.wait_for(lambda: self.body.count(body) >= times)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Batches:
    """One batch, then silence until `speak`, then another."""

    def __init__(self) -> None:
        self.speak = asyncio.Event()
        self.closed = False

    async def events(self) -> AsyncGenerator[list[Event]]:
        try:
            yield [DELTA]
            await self.speak.wait()
            yield [{**DELTA, "sequence_number": 5}]
        finally:
            self.closed = True


def stream(batches: Batches, framing: Framing | None = None, keep_alive: float = 60) -> EventStreamResponse:
    framing = framing or Framing(None)
    return EventStreamResponse([DELTA], batches.events(), framing, keep_alive=keep_alive, headers={})


async def test_silence_is_broken_by_comments_and_nothing_else() -> None:
    client, batches = Client(), Batches()
    serving = asyncio.ensure_future(stream(batches, keep_alive=0.01)(SCOPE, client.receive, client.send))
    await client.has(sse.KEEP_ALIVE, times=2)
    batches.speak.set()
    await serving
    events = client.body.replace(sse.KEEP_ALIVE, b"")
    assert sse.SSEDecoder().feed(events) == [
        frame.split("data: ")[1].strip() for frame in events.decode().split("\n\n") if frame
    ]
    assert client.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_the_run_ends_when_its_reader_leaves() -> None:
    client, batches = Client(), Batches()
    serving = asyncio.ensure_future(stream(batches)(SCOPE, client.receive, client.send))
    await client.has(b"Hello", times=2)
    client.gone.set()
    await asyncio.wait_for(serving, timeout=5)
    assert batches.closed


async def test_a_batch_leaves_in_one_write_of_whole_frames() -> None:
    client, batches = Client(), Batches()
    batches.speak.set()
    await stream(batches)(SCOPE, client.receive, client.send)
    bodies = [message["body"] for message in client.sent[1:-1]]
    assert all(body.endswith(b"\n\n") for body in bodies)
    assert len(bodies) == 3


async def test_padding_is_the_framings_choice() -> None:
    client, batches = Client(), Batches()
    batches.speak.set()
    await stream(batches, Framing("resp_1", done_marker=True))(SCOPE, client.receive, client.send)
    assert client.body.count(b"obfuscation") == 3
    assert sse.DONE not in client.body


@pytest.mark.parametrize("ending", sorted(ENDINGS))
def test_the_end_marker_follows_an_end_alone(ending: str) -> None:
    framing = Framing(None, done_marker=True)
    framing.frames([DELTA])
    assert framing.ending == b""
    framing.frames([{"type": ending, "sequence_number": 5}])
    assert framing.ending == sse.DONE
    assert Framing(None).ending == b""


def test_streams_end_as_the_grammar_says() -> None:
    assert ENDINGS - {"error"} == TERMINAL


async def test_a_fault_of_the_run_is_not_hidden() -> None:
    async def broken() -> AsyncGenerator[list[Event]]:
        yield [DELTA]
        raise RuntimeError("bug")

    client = Client()
    response = EventStreamResponse([DELTA], broken(), Framing(None), keep_alive=60, headers={})
    with pytest.raises(RuntimeError):
        await response(SCOPE, client.receive, client.send)
