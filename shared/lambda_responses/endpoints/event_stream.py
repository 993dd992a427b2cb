"""Events on their way out: framed, padded, kept alive, and stopped when nobody listens."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from starlette.responses import Response

from lambda_responses.endpoints.exchange import disconnected, end
from lambda_responses.stream import sse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from lambda_responses.wire.json import Event

    class Stays(Protocol):
        """What becomes of a run whose client has gone."""

        async def __call__(self, *, begun: bool) -> bool:
            """Whether it goes on. The client may have been told something if it has `begun`."""
            ...


HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # a reverse proxy in front must not collect tokens
}


ENDINGS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
"""What a stream ends with: the last is a refusal that comes too late for a status line."""


@dataclass(slots=True)
class Framing:
    """How events become bytes."""

    obfuscated_for: str | None
    """The response's id where deltas are padded; known with the first event at the latest."""
    done_marker: bool = False

    _last: str | None = None
    """What the last event was."""

    def frames(self, events: Sequence[Event]) -> bytes:
        """Whole frames: some readers lose an event that is cut over two writes."""
        if events:
            self._last = events[-1]["type"]
        return b"".join([sse.encode(event, obfuscated_for=self.obfuscated_for) for event in events])

    @property
    def ending(self) -> bytes:
        """What follows the terminal event; nothing where the stream goes on elsewhere."""
        return sse.DONE if self.done_marker and self._last in ENDINGS else b""


async def ends(*, begun: bool) -> bool:
    """A run that is nobody's business once its client has gone."""
    return False


class EventStreamResponse(Response):
    """Sends `first` and then every batch as it is made; closes `batches` as soon as the client has gone.

    Unless it `stays`, which is asked then, with whether the client may have been told anything: the rest is
    made to its end all the same, for whoever asks later. Without a `first` to send there is a comment, and
    `batches` give all events.
    """

    def __init__(
        self,
        first: Sequence[Event],
        batches: AsyncGenerator[Sequence[Event], None],
        framing: Framing,
        *,
        keep_alive: float,
        headers: Mapping[str, str],
        stays: Stays = ends,
    ) -> None:
        super().__init__(headers={**HEADERS, **headers})
        del self.headers["content-length"]
        self._first = first
        self._batches = batches
        self._framing = framing
        self._keep_alive = keep_alive
        self._stays = stays
        self._sent_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application of this response."""
        gone = asyncio.ensure_future(disconnected(receive))
        await asyncio.sleep(0)  # now it is done where the client has gone already
        begun = not gone.done()
        writing = asyncio.ensure_future(self._write(send))
        waiting = asyncio.ensure_future(self._keep_awake(send))
        try:
            await asyncio.wait({writing, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done() and await self._stays(begun=begun):
                await asyncio.wait({writing})
        finally:
            await end(waiting, gone, *(() if writing.done() else (writing,)))
        if writing.done() and not writing.cancelled():
            writing.result()

    async def _write(self, send: Send) -> None:
        async with aclosing(self._batches) as batches:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._send(send, self._framing.frames(self._first) or sse.KEEP_ALIVE)
            async for events in batches:
                await self._send(send, self._framing.frames(events))
            await send({"type": "http.response.body", "body": self._framing.ending, "more_body": False})

    async def _send(self, send: Send, body: bytes) -> None:
        self._sent_at = time.monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _keep_awake(self, send: Send) -> None:
        """A comment whenever nothing else was sent for a while; gateways and clients give up on silence."""
        self._sent_at = time.monotonic()
        while True:
            silence = time.monotonic() - self._sent_at
            if silence >= self._keep_alive:
                await self._send(send, sse.KEEP_ALIVE)
                silence = 0.0
            await asyncio.sleep(self._keep_alive - silence)
