"""How a connection to a server is opened: by which transport, and in the words of which protocol.

What a server turned out to speak is remembered in this process, and the next connection does without asking.
"""

from __future__ import annotations

import functools
import logging
from collections import OrderedDict
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from lambda_responses.tools.servers.programs import program
from lambda_responses.tools.servers.server import Http, Server, Stdio
from lambda_responses.tools.servers.transport import current, http_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx2

    from lambda_responses.outbound.client import Outbound

WITHOUT_STREAMS = frozenset((400, 404, 405))
"""What a server answers that has only the older transport:
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility"""
REMEMBERED = 512

_LEGACY = "legacy"
_ROOM_FOR_FRAMING = 65_536
"""Bytes of an event around a result."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What a server speaks."""

    protocol: str = "auto"
    transport: Literal["http", "sse"] = "http"


_known: OrderedDict[str, Speech] = OrderedDict()


def is_known(server: Server) -> bool:
    """Whether it is remembered what that server speaks."""
    return server.digest in _known


def forget(server: Server) -> None:
    """Find out anew what that server speaks."""
    _known.pop(server.digest, None)


@asynccontextmanager
async def opened(server: Server, outbound: Outbound) -> AsyncGenerator[Client]:
    """A client of that server, which is closed in the end. Raises whatever the SDK does."""
    _quieten()
    async with AsyncExitStack() as stack:
        match server.where:
            case Stdio() as where:
                transport = program(where, server.result_bytes)
                yield await stack.enter_async_context(Client(transport, cache=None, client_info=_ourselves()))
            case Http() as where:
                yield await _reached(server, where, outbound, stack)


async def _reached(server: Server, where: Http, outbound: Outbound, stack: AsyncExitStack) -> Client:
    speech = _known.get(server.digest) or Speech(transport="sse" if where.kind == "sse" else "http")
    try:
        client = await stack.enter_async_context(_client(server, where, outbound, speech))
    except Exception:  # an answer to the handshake, or a group of what that has led to
        seen = current.get()
        speechless = seen.fault is None and not seen.spoken and seen.status in WITHOUT_STREAMS
        if where.kind != "auto" or speech.transport == "sse" or not speechless:
            raise
        speech = Speech(_LEGACY, "sse")
        client = await stack.enter_async_context(_client(server, where, outbound, speech))
    modern = client.protocol_version in MODERN_PROTOCOL_VERSIONS
    _remember(server, Speech(client.protocol_version if modern else _LEGACY, speech.transport))
    return client


def _client(server: Server, where: Http, outbound: Outbound, speech: Speech) -> Client:
    def factory(*_: Any, **__: Any) -> httpx2.AsyncClient:
        return http_client(server, outbound)

    if speech.transport == "sse":
        transport = sse_client(where.url, httpx_client_factory=factory)
        return Client(transport, mode=_LEGACY, cache=None, client_info=_ourselves())
    transport = _streamable(server, where, outbound)
    return Client(transport, mode=speech.protocol, cache=None, client_info=_ourselves())


@asynccontextmanager
async def _streamable(server: Server, where: Http, outbound: Outbound) -> AsyncGenerator[Any]:
    largest = server.result_bytes + _ROOM_FOR_FRAMING
    async with (
        http_client(server, outbound) as client,
        streamable_http_client(where.url, http_client=client, max_sse_event_size=largest) as streams,
    ):
        yield streams


@functools.cache
def _ourselves() -> Implementation:
    return Implementation(name="lambda-responses", version=version("lambda-responses"))


def _remember(server: Server, speech: Speech) -> None:
    _known[server.digest] = speech
    _known.move_to_end(server.digest)
    while len(_known) > REMEMBERED:
        _known.popitem(last=False)


def _quieten() -> None:
    """Keep what the SDK says to itself out of logs, unless somebody asks for it: it quotes servers."""
    for name in ("mcp", "httpx2", "httpcore2"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL + 1)
