"""HTTP/1.1 to a server on this machine: requests in pieces of one's own making, and their replies."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, parse_headers
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from email.message import Message

LARGEST_HEAD = 1 << 20
"""Bytes of a reply's head: Lambda puts what a caller sent as client context there."""


class ConnectionFault(Exception):
    """The connection cannot be used any more. No `OSError`: applications meet those elsewhere."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply."""

    status: int
    headers: Message
    body: bytes


class Connection:
    """A keep-alive connection. Everything raises `ConnectionFault`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ends = False

    @classmethod
    async def open(cls, address: str) -> Connection:
        """A connection to `host:port`; asyncio sets `TCP_NODELAY`, so what is written leaves at once."""
        host, _, port = address.rpartition(":")
        with _faults():
            return cls(*await asyncio.open_connection(host, int(port), limit=LARGEST_HEAD))

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return not (self._ends or self._reader.at_eof() or self._writer.is_closing())

    async def send(self, *pieces: bytes | memoryview) -> None:
        """Write them in one go; returns when the other side keeps up."""
        with _faults():
            # asyncio never gets rid of an empty one, and asks the system without end to send it.
            self._writer.writelines([piece for piece in pieces if piece])
            await self._writer.drain()

    async def reply(self) -> Reply:
        """The reply to the request that was sent, or is still being sent."""
        with _faults():
            head = BytesIO(await self._reader.readuntil(b"\r\n\r\n"))
            status = int(head.readline().split(b" ", 2)[1])
            headers = parse_headers(head)
            body = await self._body(headers)
        self._ends = headers.get("connection", "").lower() == "close"
        return Reply(status, headers, body)

    def close(self) -> None:
        """Let go of it; what is not sent yet is lost."""
        self._writer.transport.abort()

    async def _body(self, headers: Message) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return await self._reader.readexactly(int(headers.get("content-length", 0)))
        pieces: list[bytes] = []
        while size := int((await self._reader.readline()).partition(b";")[0], 16):
            pieces.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        while (await self._reader.readline()).strip():
            pass  # trailers, which the Runtime API has none of
        return b"".join(pieces)


@contextmanager
def _faults() -> Generator[None]:
    try:
        yield
    except (OSError, EOFError, ValueError, IndexError, HTTPException, asyncio.LimitOverrunError) as error:
        raise ConnectionFault(type(error).__name__) from error
