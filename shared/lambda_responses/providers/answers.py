"""One open answer of an upstream that is spoken to over HTTP: which framing it has, and its chunks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from lambda_responses.providers.base import UpstreamCutShort, UpstreamError, UpstreamUnreadable
from lambda_responses.providers.framings import ArrayFraming, EventFraming, parsed_object
from lambda_responses.wire.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.providers.base import Marker
    from lambda_responses.providers.framings import Framing
    from lambda_responses.providers.inflow import Inflow
    from lambda_responses.wire.json import Json

LARGEST_CHUNK = 64 * 1024 * 1024
"""Bytes of a plain answer, or of one chunk of a stream, that are read."""

_SECONDS_FOR_LAST_BYTES = 0.05
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_EVENT_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")


class HttpAnswer:
    """See `Answer`. Its own iterator: whoever peeks at the first chunks may go on later."""

    def __init__(self, name: str, content_type: str, inflow: Inflow, secrets: Sequence[str] = ()) -> None:
        """`secrets` are this server's own, which some upstreams quote."""
        self.plain = False
        self._secrets = secrets
        self._name = name
        self._content_type = content_type.lower()
        self._inflow = inflow
        self._framing: Framing = EventFraming(name)
        self._first = b""
        self._unfinished = 0
        self._fault: UpstreamError | None = None
        self._over = False

    def redacted(self, text: str) -> str:
        """See `Answer.redacted`."""
        return redacted(text, self._secrets)

    async def look(self) -> None:
        """Tell what kind of answer it is, by its first bytes where its type does not say it is a stream.

        Raises `UpstreamUnreadable` for what is of no kind that is known.
        """
        if self._content_type.startswith("text/event-stream"):
            return
        if self._content_type.startswith("application/vnd.amazon.eventstream"):
            from lambda_responses.providers.aws_frames import FrameFraming

            self._framing = FrameFraming(self._name)
            return
        while not self._first.strip():
            data = await self._read()
            if data is None:
                raise UpstreamUnreadable(f"{self._name}: a success without a body")
            self._first += data
        start = self._first.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if start.startswith(b"["):
            self._framing = ArrayFraming(self._name)
            self._first = start
            return
        self.plain = start.startswith(b"{")
        if not self.plain and not start.startswith(_EVENT_STARTS):
            raise UpstreamUnreadable(f"{self._name}: a success that is neither JSON nor an event stream")

    async def take_last_bytes(self) -> None:
        """Read to the end of the body, which is mostly there, so that the connection can serve again."""
        if self._inflow.ended:
            return
        with suppress(UpstreamError, TimeoutError):
            async with asyncio.timeout(_SECONDS_FOR_LAST_BYTES):
                while await self._read() is not None:
                    pass

    def __aiter__(self) -> HttpAnswer:
        return self

    async def __anext__(self) -> Sequence[Json | Marker]:
        if self._fault is not None:
            raise self._fault
        if self._over:
            raise StopAsyncIteration
        if self.plain:
            self._over = True
            return [await self._whole_body()]
        while not self._over:
            if chunks := await self._next_chunks():
                return chunks
            if self._fault is not None:
                raise self._fault
        raise StopAsyncIteration

    async def _next_chunks(self) -> Sequence[Json | Marker]:
        """What the next network read holds. A fault behind good chunks is kept for the next call."""
        data, self._first = self._first or await self._read(), b""
        framing = self._framing
        chunks = framing.end() if data is None else framing.feed(data)
        self._over = framing.over or data is None
        self._fault = framing.fault
        self._unfinished = 0 if chunks else self._unfinished + len(data or b"")
        if self._unfinished > LARGEST_CHUNK:
            self._fault = UpstreamUnreadable(f"{self._name}: a chunk of more than {LARGEST_CHUNK} bytes")
        return chunks

    async def _whole_body(self) -> Json:
        body = bytearray(self._first)
        while (data := await self._read()) is not None:
            body += data
            if len(body) > LARGEST_CHUNK:
                raise UpstreamUnreadable(f"{self._name}: a plain answer of more than {LARGEST_CHUNK} bytes")
        parsed = parsed_object(bytes(body).removeprefix(_BYTE_ORDER_MARK))
        if parsed is None:
            raise UpstreamUnreadable(f"{self._name}: a plain answer that is no JSON object")
        return parsed

    async def _read(self) -> bytes | None:
        """What has come; None at the end of the body."""
        try:
            return await self._inflow.take()
        except httpx.TransportError as error:
            fault = UpstreamCutShort(f"{self._name}: {type(error).__name__} in mid-answer")
        except httpx.DecodingError:
            fault = UpstreamUnreadable(f"{self._name}: an encoding that was not asked for")
        self._over = True
        raise fault
