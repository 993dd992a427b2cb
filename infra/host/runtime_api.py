"""Lambda's Runtime API for one instance of a function, with Lambda's limits.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and runtimes-custom.html (streaming)
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from infra.host.connections import BodyTooLarge, Exchange, Server
from infra.host.invocation import Fault, Payload, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.host.invocation import Invocation

LARGEST_PAYLOAD = 6_291_556
"""Bytes of an answer in one piece."""
LARGEST_STREAM = 200 * 1024 * 1024
"""Bytes of an answer in pieces."""
LONGEST_TRAILERS = 4_096
"""Bytes of all trailers, with the blank line that ends them."""

_DRAIN_SECONDS = 1.0
_ROOT = "/2018-06-01/runtime/"
_RESPONSE_MODE = "lambda-runtime-function-response-mode"
_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"


class RuntimeApi:
    """What the process of one instance asks, and is told.

    `idle` is set while the process waits for an event; `refused` is done when it said why it cannot start.
    `restored` is called when it is ready for its snapshot, where it is to have one.
    """

    def __init__(self, arn: str, restored: Callable[[], None] | None = None) -> None:
        self.idle = asyncio.Event()
        self.refused: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        self._arn = arn
        self._restored = restored
        self._handed: asyncio.Queue[Invocation] = asyncio.Queue()
        self._current: Invocation | None = None
        self._server = Server(self._serve)

    @property
    def address(self) -> str:
        """What `AWS_LAMBDA_RUNTIME_API` says."""
        return self._server.address

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def drain(self) -> None:
        """Read what a process sent before it died."""
        await self._server.drain(_DRAIN_SECONDS)

    async def stop(self) -> None:
        """Close every connection."""
        await self._server.stop()
        self.refused.cancel()

    def hand(self, invocation: Invocation) -> None:
        """Give the process its next event."""
        self.idle.clear()
        self._handed.put_nowait(invocation)

    async def _serve(self, exchange: Exchange) -> None:
        asked = exchange.target.removeprefix(_ROOT).split("/")
        match [exchange.method, *asked]:
            case ["GET", "invocation", "next"]:
                await self._next(exchange)
            case ["POST", "invocation", id, "response"] if (invocation := self._asked_for(id)) is not None:
                await self._response(exchange, invocation)
            case ["POST", "invocation", id, "error"] if (invocation := self._asked_for(id)) is not None:
                await self._error(exchange, invocation)
            case ["POST", "invocation", _, "response" | "error"]:
                await _refuse(exchange, 400, "InvalidRequestID", "Invalid request ID")
            case ["POST", "init", "error"] | ["POST", "restore", "error"]:
                await self._init_error(exchange)
            case ["GET", "restore", "next"] if self._restored is not None:
                self._restored()
                await exchange.answer(200, [("connection", "close")])  # it belongs to the snapshot
            case _:
                await _refuse(exchange, 404, "NotFound", "There is no such thing in the Runtime API")

    def _asked_for(self, id: str) -> Invocation | None:
        return self._current if self._current is not None and self._current.id == id else None

    async def _next(self, exchange: Exchange) -> None:
        if self._current is not None:
            await _refuse(exchange, 403, "InvalidStateTransition", "The last event is not answered")
            return
        self.idle.set()
        invocation = await self._handed.get()
        self._current = invocation
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.id),
            ("Lambda-Runtime-Deadline-Ms", str(round(invocation.deadline * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", self._arn),
            ("Lambda-Runtime-Trace-Id", invocation.trace),
        ]
        await exchange.answer(200, headers, invocation.event)

    async def _response(self, exchange: Exchange, invocation: Invocation) -> None:
        if invocation.answer.done():
            await _refuse(exchange, 403, "InvalidStateTransition", "The event is answered already")
            return
        match exchange.header(_RESPONSE_MODE) or "":
            case "streaming":
                await self._stream(exchange, invocation)
            case "":
                await self._payload(exchange, invocation)
            case _:
                await _refuse(exchange, 400, "Runtime.InvalidResponseModeHeader", "No such response mode")

    async def _payload(self, exchange: Exchange, invocation: Invocation) -> None:
        try:
            invocation.answered(Payload(await exchange.body(LARGEST_PAYLOAD)))
        except BodyTooLarge:
            size = f"Response payload size exceeded maximum allowed payload size ({LARGEST_PAYLOAD} bytes)."
            invocation.answered(Fault("Function.ResponseSizeTooLarge", size))
            self._current = None
            await _refuse(exchange, 413, "RequestEntityTooLarge", size)
            return
        await self._accept(exchange)

    async def _stream(self, exchange: Exchange, invocation: Invocation) -> None:
        stream = Stream(exchange.header("content-type") or "")
        invocation.answered(stream)
        size = 0
        try:
            async for piece in exchange.pieces():
                size += len(piece)
                if size > LARGEST_STREAM:
                    stream.end(Fault("Function.ResponseSizeTooLarge", "The stream is larger than any may be"))
                else:
                    await stream.feed(piece)
            if _size_of(exchange.trailers) > LONGEST_TRAILERS:
                raise ConnectionAbortedError("The trailers are longer than any may be")
        except ConnectionError as error:
            stream.end(Fault("Runtime.TruncatedResponse", str(error)))
            raise
        stream.end(_fault_in(exchange.trailers))
        await self._accept(exchange)

    async def _error(self, exchange: Exchange, invocation: Invocation) -> None:
        if invocation.answer.done():
            await _refuse(exchange, 403, "InvalidStateTransition", "The event is answered already")
            return
        invocation.answered(await _told(exchange))
        await self._accept(exchange)

    async def _init_error(self, exchange: Exchange) -> None:
        fault = await _told(exchange)
        if self.idle.is_set() or self._current is not None or self.refused.done():
            await _refuse(exchange, 403, "InvalidStateTransition", "The function has started already")
            return
        self.refused.set_result(fault)
        await _accepted(exchange)

    async def _accept(self, exchange: Exchange) -> None:
        self._current = None
        await _accepted(exchange)


async def _accepted(exchange: Exchange) -> None:
    await exchange.answer(202, [("Content-Type", "application/json")], b'{"status":"OK"}\n')


async def _refuse(exchange: Exchange, status: int, kind: str, message: str) -> None:
    body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    await exchange.answer(status, [("Content-Type", "application/json")], body)


async def _told(exchange: Exchange) -> Fault:
    """What an error says about itself."""
    return _fault(exchange.header(_ERROR_TYPE), await exchange.body(LARGEST_PAYLOAD))


def _fault_in(trailers: Mapping[str, str]) -> Fault | None:
    if _ERROR_TYPE not in trailers:
        return None
    try:
        body = base64.b64decode(trailers.get(_ERROR_BODY, ""))
    except binascii.Error:
        body = b""
    return _fault(trailers[_ERROR_TYPE], body)


def _fault(kind: str | None, body: bytes) -> Fault:
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = None
    match told:
        case {"errorMessage": message}:
            return Fault(told.get("errorType") or kind or "Runtime.Unknown", str(message))
        case _:
            return Fault(kind or "Runtime.Unknown", "")


def _size_of(trailers: Mapping[str, str]) -> int:
    lines = [f"{name}: {value}\r\n" for name, value in trailers.items()]
    return len("".join([*lines, "\r\n"]))
