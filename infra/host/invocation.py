"""One call of a function, and what came of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PIECES = 64
"""How far a function may be ahead of whoever reads its stream."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a call failed, in Lambda's words."""

    kind: str
    """Such as `Runtime.ExitError`, or the name of an exception."""
    message: str


@dataclass(frozen=True, slots=True)
class Payload:
    """An answer in one piece."""

    content: bytes


class StreamCut(Exception):
    """A stream ended before its end."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Stream:
    """An answer in pieces, which are read once, as they come."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self._pieces: asyncio.Queue[bytes | Fault | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(_PIECES)
        self.ended = False
        self._abandoned = False

    async def feed(self, piece: bytes) -> None:
        """Add a piece, when the reader is near enough."""
        await self._room.acquire()
        if self._abandoned:
            self._room.release()
        else:
            self._pieces.put_nowait(piece)

    def end(self, fault: Fault | None = None) -> None:
        """That was all; a fault says that it should have been more. The first end counts."""
        if not self.ended:
            self.ended = True
            self._pieces.put_nowait(fault)

    def abandon(self) -> None:
        """Nobody reads any more; the function goes on all the same, and is not kept waiting."""
        self._abandoned = True
        self._room.release()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces. Raises `StreamCut`."""
        while isinstance(piece := await self._pieces.get(), bytes):
            self._room.release()
            yield piece
        if piece is not None:
            raise StreamCut(piece)


Answer: TypeAlias = Payload | Stream | Fault


def _future() -> asyncio.Future[Answer]:
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False, slots=True)
class Invocation:
    """A call, from the moment that somebody asks for it."""

    id: str
    event: bytes
    trace: str
    answer: asyncio.Future[Answer] = field(default_factory=_future)
    """Set when the answer is there, or its first piece may be."""
    deadline: float = 0.0
    """Seconds since the epoch; known when an instance takes the event."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to be answered."""
        if not self.answer.done():
            return False
        answer = self.answer.result()
        return not isinstance(answer, Stream) or answer.ended

    def answered(self, answer: Answer) -> None:
        """The function has answered, or has begun to."""
        self.answer.set_result(answer)

    def failed(self, fault: Fault) -> None:
        """Nothing more will come. What was answered in full by then stays answered."""
        if not self.answer.done():
            self.answer.set_result(fault)
        elif isinstance(stream := self.answer.result(), Stream):
            stream.end(fault)


def new_trace() -> str:
    """An X-Ray header of a call that is not sampled."""
    number = uuid.uuid4().hex
    return f"Root=1-{int(time.time()):08x}-{number[:24]};Parent={number[16:]};Sampled=0"
