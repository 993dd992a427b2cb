"""An upstream that does what a test wants, byte by byte, and notices when its client goes."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Behaviour = Callable[["Exchange"], Awaitable[None]]

Json = dict[str, Any]


_MODEL_IN_PATH = re.compile(r"/models?/([^/]+?)(?::\w+|/(?:converse|invoke|count)[a-z-]*)$")
_STREAM_IN_PATH = re.compile(r":stream\w+$|-stream$")


def model_of(path: str, body: Json) -> str:
    """Whom a request is for."""
    named = _MODEL_IN_PATH.search(path.partition("?")[0])
    return unquote(named[1]) if named else body["model"]


def streams(path: str, body: Json) -> bool:
    """Whether a request wants a stream."""
    return bool(_STREAM_IN_PATH.search(path.partition("?")[0]) or body.get("stream"))


class Signal(threading.Event):
    """Something that one side of a test waits for the other to do; the two run on loops of their own."""

    async def seen(self, within: float = 20.0) -> None:
        """Return when it has happened. Raises `AssertionError` when it does not within so many seconds."""
        assert await asyncio.to_thread(self.wait, within), f"nothing happened within {within} s"


@dataclass
class Exchange:
    """One request to the upstream, and the way to answer it."""

    path: str
    headers: dict[str, str]
    body: Json
    _writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client has closed the connection."""

    @property
    def model(self) -> str:
        """Whom the request is for: some formats say it in the path."""
        return model_of(self.path, self.body)

    @property
    def streams(self) -> bool:
        """Whether a stream is asked for: the same formats say that there, too."""
        return streams(self.path, self.body)

    async def answer(self, status: int, body: Json | str, **headers: str) -> None:
        """A whole answer. A `body` that is text is sent as HTML."""
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        head = {"content-type": kind, "content-length": str(len(text.encode())), **_named(headers)}
        await self._send(_head(status, head) + text.encode())

    async def begin(self, kind: str = "text/event-stream", **headers: str) -> None:
        """The head of a stream of that type."""
        head = {"content-type": kind, "transfer-encoding": "chunked", **_named(headers)}
        await self._send(_head(200, head))

    async def send(self, data: bytes) -> None:
        """Bytes of a stream, at once."""
        await self._send(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, chunk: Json | str) -> None:
        """One event of a stream."""
        await self.send(b"data: %b\n\n" % (chunk if isinstance(chunk, str) else json.dumps(chunk)).encode())

    async def end(self) -> None:
        """The proper end of a stream."""
        await self._send(b"0\r\n\r\n")

    def cut(self) -> None:
        """The improper end of anything."""
        self._writer.transport.abort()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


class Upstream:
    """A server on loopback with a thread and a loop of its own, whatever the test itself runs on.

    A behaviour belongs to a model: `serve` gives it a model's name, which nobody else has.
    """

    def __init__(self) -> None:
        self._behaviours: dict[str, Behaviour] = {}
        self._numbers = count(1)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def serve(self, behaviour: Behaviour, model: str | None = None, *, like: str = "model") -> str:
        """The name of a model that behaves so: that one, or one that begins `like` another."""
        name = model or f"{like}-{next(self._numbers)}"
        self._behaviours[name] = behaviour
        return name

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._leave())
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=1024)
        self._port: int = self._server.sockets[0].getsockname()[1]

    async def _leave(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            exchange = await _read_request(reader, writer)
            watching = asyncio.ensure_future(_watch(reader, exchange))
            try:
                await self._behaviours[exchange.model](exchange)
            finally:
                watching.cancel()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone; the behaviour that wants to know looks at `gone`
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
    body = await reader.readexactly(int(headers["content-length"]))
    return Exchange(head[0].split(" ")[1], headers, json.loads(body), writer)


async def _watch(reader: asyncio.StreamReader, exchange: Exchange) -> None:
    try:
        while await reader.read(1024):
            pass
    except ConnectionError:
        pass
    exchange.gone.set()


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{n}: {v}" for n, v in headers.items()), "connection: close", "", ""]
    return "\r\n".join(lines).encode()


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
