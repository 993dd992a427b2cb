"""A small internet on loopback: names, addresses, and a record of who was looked up and who was called.

No packet leaves the machine: a connection to an address goes to the server that the test put there, if any.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    Behaviour = Callable[["Visit"], Awaitable[None]]

PUBLIC = "93.184.216.34"
PUBLIC_V6 = "2606:2800:220:1::1"


@dataclass
class Visit:
    """One request at a server, and the way to answer it."""

    line: str
    headers: dict[str, str]
    body: bytes
    _writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        """A whole answer, after which the connection is closed."""
        head = {"content-length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        await self.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1") + body)

    async def gone(self) -> None:
        """Returns when the other side has closed the connection."""
        await self._writer.wait_closed()


@dataclass
class Internet:
    """What there is to find."""

    names: dict[str, list[Sequence[str]]] = field(default_factory=dict[str, Any])
    """By name, what it resolves to: at the first look-up, at the second, …, and then always the last."""
    ports: dict[str, int] = field(default_factory=dict[str, int])
    """By address, the port on loopback where its server listens."""
    lookups: list[str] = field(default_factory=list[str])
    calls: list[tuple[str, int]] = field(default_factory=list[Any])
    """Connections that were asked for."""
    visits: list[Visit] = field(default_factory=list[Visit])
    """Requests that arrived, at whatever server."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """A resolver that knows these names alone."""
        self.lookups.append(host)
        answers = self.names.get(host)
        if not answers:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @asynccontextmanager
    async def server(
        self, behave: Behaviour, *addresses: str, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[int]:
        """Serve at these addresses, whatever the port; gives the real one, on loopback."""
        serving: set[asyncio.Task[None]] = set()

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            serving.add(task)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                visit = await _visit(reader, writer)
                self.visits.append(visit)
                await behave(visit)
            writer.close()

        listener = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls)
        port = listener.sockets[0].getsockname()[1]
        self.ports.update(dict.fromkeys(addresses, port))
        try:
            yield port
        finally:
            listener.close()
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

    def connect(self, core: Any = httpcore) -> Any:
        """In place of the own way of httpcore, or of a release of another name, to open a socket."""
        really = core.AnyIOBackend.connect_tcp

        async def connect_tcp(
            backend: Any, host: str, port: int, *rest: Any, **options: Any
        ) -> httpcore.AsyncNetworkStream:
            self.calls.append((host, port))
            if host not in self.ports:
                raise core.ConnectError("nobody is there")
            return await really(backend, "127.0.0.1", self.ports[host], *rest, **options)

        return connect_tcp


async def _visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Visit:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Visit(line, headers, body, writer)
