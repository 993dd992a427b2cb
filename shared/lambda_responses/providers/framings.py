"""How an upstream's bytes are cut into chunks: server-sent events, and the elements of one JSON array.

A framing is fed what each network read held, and gives the chunks that are complete by then. What is wrong
with the bytes it keeps as its `fault`, so that the good chunks before it are not lost.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

from lambda_responses.providers.base import Marker, UpstreamCutShort, UpstreamError, UpstreamUnreadable
from lambda_responses.stream.sse import SSEDecoder
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.wire.json import Json

_MARKER = Marker()
_OUTSIDE_STRINGS = re.compile(rb'["{}\[\]]')
_INSIDE_A_STRING = re.compile(rb'["\\]')
_BETWEEN_ELEMENTS = b" \t\r\n,[]"


class Framing(Protocol):
    """One body being cut into chunks."""

    fault: UpstreamError | None
    """What is wrong behind the chunks that were given so far; nothing is fed after it."""
    over: bool
    """Whether the framing's own end has been read: nothing that follows counts."""

    def feed(self, data: bytes) -> list[Json | Marker]:
        """The chunks that these bytes complete."""
        ...

    def end(self) -> list[Json | Marker]:
        """What the end of the body completes. A body that must not end here is a `fault`."""
        ...


class EventFraming:
    """`Framing` of server-sent events. `[DONE]` is a marker."""

    def __init__(self, name: str) -> None:
        self.fault: UpstreamError | None = None
        self.over = False
        self._name = name
        self._sse = SSEDecoder()

    def feed(self, data: bytes) -> list[Json | Marker]:
        """See `Framing.feed`."""
        try:
            payloads = self._sse.feed(data)
        except ValueError:
            payloads = self._before_the_fault(data)
            self.fault = UpstreamUnreadable(f"{self._name}: bytes that are no UTF-8")
        return self._chunks_of(payloads, at_end=False)

    def end(self) -> list[Json | Marker]:
        """See `Framing.end`. A last event that is whole counts, although no blank line ended it."""
        try:
            payloads = self._sse.end()
        except ValueError:
            payloads = []
            self.fault = self._cut()
        return self._chunks_of(payloads, at_end=True)

    def _before_the_fault(self, data: bytes) -> list[str]:
        """The events before the line that is no UTF-8, however many of them came together with it."""
        payloads: list[str] = []
        with suppress(ValueError):
            for line in data.splitlines(keepends=True):
                payloads += self._sse.feed(line)
        return payloads

    def _chunks_of(self, payloads: Iterable[str], *, at_end: bool) -> list[Json | Marker]:
        chunks: list[Json | Marker] = []
        for payload in payloads:
            if not payload.startswith("{"):
                text = payload.strip()
                if text == "[DONE]":
                    chunks.append(_MARKER)
                    self.over = True
                    self.fault = None  # whatever came behind it
                    break
                if not text:
                    continue
            chunk = parsed_object(payload)
            if chunk is None:
                unreadable = UpstreamUnreadable(f"{self._name}: an event that is no JSON object")
                self.fault = self._cut() if at_end else unreadable
                break
            chunks.append(chunk)
        return chunks

    def _cut(self) -> UpstreamError:
        """What the last bytes begin, nobody finished."""
        return UpstreamCutShort(f"{self._name}: the stream ended inside an event")


class ArrayFraming:
    """`Framing` of one JSON array whose elements are chunks (Gemini's, where nobody asked for events)."""

    def __init__(self, name: str) -> None:
        self.fault: UpstreamError | None = None
        self.over = False
        self._name = name
        self._unfinished = bytearray()
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, data: bytes) -> list[Json | Marker]:
        """See `Framing.feed`."""
        chunks: list[Json | Marker] = []
        start = 0
        for end in self._ends(data):
            self._unfinished += data[start:end]
            start = end
            element = bytes(self._unfinished).lstrip(_BETWEEN_ELEMENTS)
            self._unfinished.clear()
            self.over = self._depth <= 0
            if self.over and not element:
                break
            chunk = parsed_object(element)
            if chunk is None:
                self.fault = UpstreamUnreadable(f"{self._name}: an element that is no JSON object")
                break
            chunks.append(chunk)
        self._unfinished += data[start:]
        return chunks

    def end(self) -> list[Json | Marker]:
        """See `Framing.end`."""
        if not self.over:
            self.fault = UpstreamCutShort(f"{self._name}: the body ended inside its array")
        return []

    def _ends(self, data: bytes) -> Iterator[int]:
        """Positions behind each element, and behind the array.

        It looks at brackets, quotes and backslashes alone; in UTF-8 no other character has their bytes.
        """
        at = 0
        while at < len(data):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = (_INSIDE_A_STRING if self._in_string else _OUTSIDE_STRINGS).search(data, at)
            if found is None:
                return
            at = found.end()
            match found[0]:
                case b'"':
                    self._in_string = not self._in_string
                case b"\\":
                    self._escaped = True
                case b"{" | b"[":
                    self._depth += 1
                case _:
                    self._depth -= 1
                    if self._depth <= 1:
                        yield at


def parsed_object(text: str | bytes) -> Json | None:
    """The JSON object that the text is; None for anything else."""
    try:
        value: Any = from_text(text)
    except ValueError:
        return None
    return cast("Json", value) if isinstance(value, dict) else None
