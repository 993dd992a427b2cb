"""How an upstream says things and reads what it is asked, whatever its wire format.

A test says what it wants in the words of this file; a module beside it puts that into a vendor's own. None of
them shares code with the formats of the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.fakes.upstream import Behaviour, Exchange, Upstream

Json = dict[str, Any]

Chunk: TypeAlias = "Json | str"
"""What one frame of a stream holds; text is what is not JSON, such as `[DONE]`."""

STOPS = ("end", "calls", "length", "filter")
"""Why a model stops, as a test says it in any format. It may also use a vendor's own word."""

Fault: TypeAlias = Literal["rate_limit_exceeded", "server_error", "context_length_exceeded"]
"""Faults inside a stream, by the code that our client is told."""
Trouble: TypeAlias = Literal[
    "invalid", "too long", "bad key", "no money", "forbidden", "no model", "too fast", "broken", "full"
]
"""Refusals with a status of their own."""

READ, WRITTEN = 7, 5
"""Tokens of every answer."""
MODEL = "demo-1"
"""How a model calls itself."""


@dataclass(frozen=True)
class Thought:
    """Reasoning, and what its maker wants back with it."""

    text: str
    secret: str = ""


@dataclass(frozen=True)
class Words:
    """Text for the user."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call of a tool; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


Said: TypeAlias = Thought | Words | Call


@dataclass(frozen=True)
class Heard:
    """One thing in a request's context, in the order of the conversation."""

    kind: Literal["system", "user", "image", "file", "assistant", "thought", "call", "result"]
    text: str
    """Its text; a picture's or file's bytes in base64, or its address; a call's arguments, as JSON text."""
    id: str = ""
    """The call that it is, or is the result of."""
    name: str = ""
    secret: str = ""


@dataclass(frozen=True)
class Asked:
    """What a request says, whatever format it says it in."""

    context: Sequence[Heard]
    tools: dict[str, Json] = field(default_factory=dict[str, Any])
    """The schemas of the tools that may be called, by name."""
    must: bool = False
    """Whether one of them has to be called."""
    schema: Json | None = None
    """What the answer must obey."""

    @property
    def last(self) -> Heard:
        """The end of the context, which an answer is for."""
        return self.context[-1]

    def of(self, *kinds: str) -> list[Heard]:
        """The things of those kinds."""
        return [each for each in self.context if each.kind in kinds]


class Voice(Protocol):
    """One streamed answer in the making. Each method gives the chunks that say it."""

    def begin(self) -> list[Chunk]:
        """What comes before anything is said."""
        ...

    def think(self, text: str, secret: str = "") -> list[Chunk]:
        """A whole thought."""
        ...

    def say(self, text: str) -> list[Chunk]:
        """A piece of text."""
        ...

    def call(self, call: Call) -> list[Chunk]:
        """A whole call."""
        ...

    def stop(self, reason: str = "end") -> list[Chunk]:
        """The word that all is said, with one of `STOPS` or the vendor's own, and what follows it."""
        ...


class Format(Protocol):
    """A wire format, spoken by the vendor that `server` knows as `provider`."""

    wire: str
    """What the package calls it."""
    provider: str
    model: str
    """How the names of its models begin: one that sees, calls tools and reasons."""
    kind: str
    """The content type of its streams."""
    faults: tuple[Fault, ...]
    """What it can say that has gone wrong inside a stream."""
    troubles: dict[Trouble, tuple[int, Json, dict[str, str]]]
    """How it refuses: status, body, headers."""

    def voice(self) -> Voice:
        """A fresh one."""
        ...

    def fault(self, code: Fault, message: str) -> list[Chunk]:
        """An error inside a stream."""
        ...

    def frame(self, chunk: Chunk) -> bytes:
        """The chunk as it goes over the line."""
        ...

    def plain(self, said: Sequence[Said], stop: str = "end") -> Json:
        """A plain answer."""
        ...

    def asked(self, body: Json) -> Asked:
        """What a request says."""
        ...

    def credential(self, key: str) -> dict[str, str]:
        """The headers that tell the vendor who pays."""
        ...


def told(voice: Voice, said: Iterable[Said], stop: str = "end") -> list[list[Chunk]]:
    """The chunks of a whole answer, by what they say: the beginning first, and the end last."""
    parts = [voice.begin()]
    for each in said:
        match each:
            case Thought():
                parts.append(voice.think(each.text, each.secret))
            case Words():
                parts.append(voice.say(each.text))
            case Call():
                parts.append(voice.call(each))
    return [*parts, voice.stop(stop)]


def stream_of(format: Format, said: Iterable[Said], stop: str = "end") -> list[bytes]:
    """The frames of a whole answer."""
    parts = told(format.voice(), said, stop)
    return [format.frame(chunk) for part in parts for chunk in part]


class Speaking:
    """A streamed answer to one request."""

    def __init__(self, format: Format, exchange: Exchange) -> None:
        self._format, self._exchange = format, exchange
        self._voice = format.voice()

    async def begin(self) -> Speaking:
        """Itself, with the head of the stream and what comes before anything is said."""
        await self._exchange.begin(self._format.kind)
        await self._send(self._voice.begin())
        return self

    async def think(self, text: str, secret: str = "") -> None:
        await self._send(self._voice.think(text, secret))

    async def say(self, text: str) -> None:
        await self._send(self._voice.say(text))

    async def call(self, call: Call) -> None:
        await self._send(self._voice.call(call))

    async def fault(self, code: Fault, message: str) -> None:
        await self._send(self._format.fault(code, message))

    async def stop(self, reason: str = "end") -> None:
        await self._send(self._voice.stop(reason))
        await self._exchange.end()

    async def _send(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            await self._exchange.send(self._format.frame(chunk))


async def begin(format: Format, exchange: Exchange) -> Speaking:
    """An answer that has begun."""
    return await Speaking(format, exchange).begin()


async def answer(format: Format, exchange: Exchange, said: Sequence[Said], stop: str = "end") -> None:
    """A whole answer, streamed or plain as it was asked for."""
    if not exchange.streams:
        await exchange.answer(200, format.plain(said, stop))
        return
    await exchange.begin(format.kind)
    for frame in stream_of(format, said, stop):
        await exchange.send(frame)
    await exchange.end()


def served(upstream: Upstream, format: Format, behaviour: Behaviour) -> str:
    """What our client calls a model of that vendor that behaves so."""
    return f"{format.provider}/{upstream.serve(behaviour, like=format.model)}"
