"""HTTP/1.1 as the host serves it: bodies piece by piece, trailers, connections that are cut on purpose."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import h11

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    Handler = Callable[["Exchange"], Awaitable[None]]

Headers = list[tuple[str, str]]

_READ = 65_536
_LONGEST_HEAD = 1_048_576
_BODILESS = (204, 304)
_REASONS = {status.value: status.phrase for status in HTTPStatus}

T = TypeVar("T")


class BodyTooLarge(Exception):
    """A body is larger than whoever reads it takes."""


class Exchange:
    """One request, and the way to answer it.

    Answering a client that has gone is no error: what is sent then goes nowhere, and `gone` tells.
    """

    def __init__(self, request: h11.Request, connection: _Connection) -> None:
        self._connection = connection
        self.method = request.method.decode()
        self.target = request.target.decode()
        self.headers: Headers = [(n.decode(), v.decode("latin-1")) for n, v in request.headers.raw_items()]
        """As they were sent, in any case of letters."""
        self.trailers: dict[str, str] = {}
        """What followed the body, by lower-case name, when the body has been read."""
        peer: tuple[str, int] = connection.writer.get_extra_info("peername") or ("", 0)
        self.client = peer[0]
        self._bodiless = False

    def header(self, name: str) -> str | None:
        """The last header of that name."""
        return next((value for each, value in reversed(self.headers) if each.lower() == name.lower()), None)

    @property
    def gone(self) -> bool:
        """Whether nobody can be answered any more."""
        return self._connection.gone

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises `ConnectionError` when it ends before its end."""
        while isinstance(event := await self._connection.receive(), h11.Data):
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise ConnectionResetError("The request ended before its body did.")
        self.trailers = {name.decode(): value.decode("latin-1") for name, value in event.headers}

    async def body(self, largest: int) -> bytes:
        """The whole body. Raises `BodyTooLarge`, or `ConnectionError` when it ends before its end."""
        if int(self.header("content-length") or 0) > largest:
            raise BodyTooLarge
        pieces, size = list[bytes](), 0
        async for piece in self.pieces():
            size += len(piece)
            if size > largest:
                raise BodyTooLarge
            pieces.append(piece)
        return b"".join(pieces)

    async def answer(self, status: int, headers: Sequence[tuple[str, str]], body: bytes = b"") -> None:
        """A whole answer."""
        length = [] if status in _BODILESS else [("content-length", str(len(body)))]
        whole = [h11.Data(data=body)] if body and self._takes_body(status) else []
        await self._connection.send(_head(status, [*headers, *length]), *whole, h11.EndOfMessage())

    async def begin(self, status: int, headers: Sequence[tuple[str, str]], first: bytes = b"") -> None:
        """The head of an answer in pieces, which h11 frames, with the first piece if there is one."""
        self._bodiless = not self._takes_body(status)
        data = [h11.Data(data=first)] if first and not self._bodiless else []
        await self._connection.send(_head(status, headers), *data)

    async def send(self, piece: bytes) -> None:
        """A piece of an answer, at once."""
        if piece and not self._bodiless:
            await self._connection.send(h11.Data(data=piece))

    async def end(self) -> None:
        """The proper end of an answer in pieces."""
        await self._connection.send(h11.EndOfMessage())

    def cut(self) -> None:
        """The improper end: the client sees a connection that was closed too early."""
        self._connection.cut()

    def _takes_body(self, status: int) -> bool:
        return self.method != "HEAD" and status not in _BODILESS


def _head(status: int, headers: Sequence[tuple[str, str]]) -> h11.Response:
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    return h11.Response(status_code=status, headers=encoded, reason=_REASONS.get(status, ""))


class Server:
    """A listener on loopback that gives each request to one handler."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        # With the protocol named, asyncio sets TCP_NODELAY on what it accepts: no piece waits for another.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Host and port."""
        return "{}:{}".format(*self._listener.getsockname())

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1, on a free port unless one is named. Raises `OSError`."""
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._server = await asyncio.start_server(self._accept, sock=self._listener, limit=_READ)

    async def drain(self, seconds: float) -> None:
        """Wait that long for clients to finish what they are at and go."""
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=seconds)

    async def stop(self) -> None:
        """Close the listener and whatever is under way."""
        if self._server is not None:
            self._server.close()
        self._listener.close()
        await cancelled(*self._conversations)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(_Connection(reader, writer)))
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)
        task.add_done_callback(lambda _: writer.close())

    async def _converse(self, connection: _Connection) -> None:
        with suppress(ConnectionError):
            while isinstance(request := await connection.receive(), h11.Request):
                await self._handle(Exchange(request, connection))
                if not await connection.again():
                    break


async def cancelled(*tasks: asyncio.Future[T]) -> None:
    """Cancel those tasks, and return when they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Connection:
    """One connection, as h11 sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._protocol = h11.Connection(h11.SERVER, _LONGEST_HEAD)

    @property
    def gone(self) -> bool:
        return self.writer.transport.is_closing()

    async def receive(self) -> h11.Event | None:
        """What the client sends next, if anything. Raises `ConnectionError` for what is no whole HTTP."""
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                if self._protocol.they_are_waiting_for_100_continue:
                    await self.send(h11.InformationalResponse(status_code=100, headers=[]))
                self._protocol.receive_data(await self.reader.read(_READ))
        except h11.RemoteProtocolError as error:
            raise ConnectionAbortedError(str(error)) from None
        return event if isinstance(event, h11.Event) else None

    async def send(self, *events: h11.Event) -> None:
        """Write those events together, unless nobody is there."""
        data = b"".join(filter(None, map(self._protocol.send, events)))
        if self.gone:
            return
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def again(self) -> bool:
        """Whether another request may follow on this connection."""
        protocol = self._protocol
        if self.gone or protocol.our_state is not h11.DONE or protocol.they_are_waiting_for_100_continue:
            return False
        while protocol.their_state is h11.SEND_BODY:  # of a body that nobody wanted
            await self.receive()
        if protocol.their_state is not h11.DONE:
            return False
        protocol.start_next_cycle()
        return True

    def cut(self) -> None:
        self.writer.close()
