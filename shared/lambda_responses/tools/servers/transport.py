"""The way that requests to a server of tools take: signed, guarded, and remembered for what became of them.

The SDK reads answers in tasks that serve all calls of a connection, and what is raised there ends every one
of them. So nothing is raised: whoever asked finds what went wrong in an `Exchange` of his own, and the SDK is
shown an answer without content.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httpx2

from lambda_responses.outbound.faults import OutboundFault, TooLarge
from lambda_responses.outbound.guarded_transport import EVENTS, GuardedTransport
from lambda_responses.tools.servers.credentials import proof_of
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lambda_responses.outbound.client import Outbound
    from lambda_responses.tools.servers.server import Server

OWN_HEADERS = {"user-agent": "lambda-responses", "accept-encoding": "identity"}
NOT_THEIRS = frozenset(
    [
        *("accept", "accept-encoding", "content-encoding", "content-length", "content-type", "user-agent"),
        *("connection", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection"),
        *("last-event-id", "te", "trailer", "transfer-encoding", "upgrade"),
    ]
)
"""Headers that the connection or the protocol sets, whatever a request's tool says."""
LARGEST_EVENT = 1_048_576
"""Bytes of one event of a stream that goes on: for a larger one the SDK ends the stream without a reason."""
_BLANK = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_PROTOCOLS = "mcp-"
JSON = "application/json"
KINDS = (JSON, EVENTS)
"""Of what servers answer with."""
_OK = 200
_UNAUTHORIZED = 401
_BAD_GATEWAY = 502


@dataclass(slots=True)
class Exchange:
    """What became of the HTTP requests that one question led to."""

    fault: OutboundFault | None = None
    """Why there is no answer, or no whole one."""
    status: int | None = None
    """Of the last answer, where it is no success."""
    spoken: bool = False
    """Whether that answer is one of the protocol all the same: an error in words of its own."""
    largest: int | None = None
    """Bytes of one event, where it was too large for that."""
    strange: bool = False
    """Whether the last answer is of a kind that the protocol does not have, such as a page for people."""


current: ContextVar[Exchange] = ContextVar("exchange")
"""Of whoever asks; the SDK sends a request in the context of who asked for it."""


def http_client(server: Server, outbound: Outbound) -> httpx2.AsyncClient:
    """A client for that server and nobody else. It waits for as long as whoever asks does."""
    return httpx2.AsyncClient(
        transport=_ServerTransport(server, outbound),
        headers={**sent_headers(server), **OWN_HEADERS},
        timeout=None,
        trust_env=False,
    )


def sent_headers(server: Server) -> dict[str, str]:
    """The headers of a server's entry that are its own to set."""
    return {
        name: value
        for name, value in server.headers.items()
        if name.lower() not in NOT_THEIRS and not name.lower().startswith(_PROTOCOLS)
    }


class _ServerTransport(httpx2.AsyncBaseTransport):
    def __init__(self, server: Server, outbound: Outbound) -> None:
        self._guarded = GuardedTransport(outbound, largest=server.result_bytes)
        self._largest_event = min(server.result_bytes, LARGEST_EVENT)
        self._proof = proof_of(server.auth, outbound)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        exchange = current.get(None) or Exchange()
        if exchange.fault is not None:  # asked in another way, as negotiations do, it would only take longer
            return httpx2.Response(_BAD_GATEWAY)
        try:
            response = await self._signed(request)
        except OutboundFault as fault:
            exchange.fault = fault
            return httpx2.Response(_BAD_GATEWAY)
        goes_on = request.method == "GET" and _has(response, EVENTS)
        response.stream = _Body(
            cast("httpx2.AsyncByteStream", response.stream),
            exchange,
            self._largest_event if goes_on else None,
        )
        exchange.status = None if response.is_success else response.status_code
        exchange.spoken = response.is_error and await _is_spoken(response)
        exchange.strange = response.status_code == _OK and not _has(response, *KINDS)
        return response

    async def _signed(self, request: httpx2.Request) -> httpx2.Response:
        if self._proof is None:
            return await self._guarded.handle_async_request(request)
        await self._proof.sign(request)
        response = await self._guarded.handle_async_request(request)
        if response.status_code == _UNAUTHORIZED and self._proof.renew():
            await response.aclose()
            await self._proof.sign(request)
            response = await self._guarded.handle_async_request(request)
        return response

    async def aclose(self) -> None:
        await self._guarded.aclose()


def _has(response: httpx2.Response, *kinds: str) -> bool:
    return response.headers.get("content-type", "").lower().startswith(kinds)


async def _is_spoken(response: httpx2.Response) -> bool:
    """Whether an answer without success has an error of JSON-RPC, which says more than its status."""
    if not _has(response, JSON):
        return False
    try:
        told = from_text(await response.aread())
    except (ValueError, httpx2.StreamError):
        return False
    return isinstance(told, dict) and "jsonrpc" in told and "error" in told


class _Body(httpx2.AsyncByteStream):
    """What an answer has, until something goes wrong."""

    def __init__(
        self, stream: httpx2.AsyncByteStream, exchange: Exchange, largest_event: int | None = None
    ) -> None:
        self._stream = stream
        self._exchange = exchange
        self._largest_event = largest_event

    async def __aiter__(self) -> AsyncIterator[bytes]:
        events = _Events()
        try:
            async for chunk in self._stream:
                if self._largest_event is not None and events.feed(chunk) > self._largest_event:
                    self._exchange.largest = self._largest_event
                    raise TooLarge
                yield chunk
        except OutboundFault as fault:
            self._exchange.fault = fault
            # The one kind of exception that the SDK answers to whoever asked, and to nobody else.
            raise httpx2.StreamError("there is no more of this answer") from None

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Events:
    """How large events are, which end with a blank line."""

    def __init__(self) -> None:
        self._size = 0
        self._edge = b""

    def feed(self, chunk: bytes) -> int:
        """Bytes of the largest one that is in the chunk or ends there."""
        first, *others = _BLANK.split(self._edge + chunk)
        sizes = [self._size + len(first), *map(len, others)]
        last = others[-1] if others else first
        self._edge = last[-3:]
        self._size = sizes[-1] - len(self._edge)
        return max(sizes)
