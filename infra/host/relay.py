"""From a function's answer to a client's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.host.invocation import StreamCut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from infra.host.answers import Head
    from infra.host.connections import Exchange
    from infra.host.invocation import Stream


async def relay(
    exchange: Exchange, head: Head, first: bytes, rest: AsyncIterator[bytes], stream: Stream
) -> None:
    """Send every piece when it comes; a stream that is cut cuts the client's connection.

    A client that leaves, or a caller that is cancelled, leaves the function to itself.
    """
    try:
        await exchange.begin(head.status, head.headers, first)
        async for piece in rest:
            await exchange.send(piece)
            if exchange.gone:
                return
        await exchange.end()
    except StreamCut:
        exchange.cut()
    finally:
        stream.abandon()
