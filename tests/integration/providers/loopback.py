"""An upstream on a raw socket of the test's own loop: it says bytes, and notices who hangs up."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw.decode(), strict_parsing=True))


@dataclass
class Call:
    """One request, and the way to answer it."""

    request: Request
    number: int
    """Which request it is, from 1."""
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def stream(self, *parts: bytes, media_type: str = "text/event-stream") -> None:
        """A whole stream, each part one chunk."""
        head = STREAM.replace(b"text/event-stream", media_type.encode())
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        await self.write(head + body + b"0\r\n\r\n")

    async def frames(self, *parts: bytes) -> None:
        """A whole stream of AWS's, each part one chunk."""
        await self.stream(*parts, media_type="application/vnd.amazon.eventstream")

    async def answer(self, status: int, body: bytes, **headers: str) -> None:
        head = {"content-length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        await self.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)

    async def gone(self) -> None:
        """Returns when the client has closed the connection."""
        try:
            while await self._reader.read(1024):
                pass
        except ConnectionError:
            pass

    def cut(self) -> None:
        self._writer.transport.abort()


@dataclass
class Loopback:
    base_url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def loopback(behave: Callable[[Call], Awaitable[None]]) -> AsyncIterator[Loopback]:
    """Serve on a free port; each connection serves requests until either side closes it."""
    upstream = Loopback()
    serving: set[asyncio.Task[Any]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream.connections += 1
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            while not writer.is_closing():
                request = await _read(reader)
                upstream.requests.append(request)
                await behave(Call(request, len(upstream.requests), reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client, or the test, is done
        finally:
            serving.discard(task)
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    upstream.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield upstream
    finally:
        server.close()
        left = list(serving)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)
