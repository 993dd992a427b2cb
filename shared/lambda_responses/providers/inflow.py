"""A body that is being received, taken off the connection as it comes.

An HTTP library hands out each chunk of a body by itself, although dozens of them came in one packet. Whoever
reads on beside the reader finds out which of them can be had without waiting, and those travel together: what
is done once for everything that arrived at a time costs a fast stream half of what it costs one by one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MOST_HELD = 64 * 1024
"""Bytes that wait for the reader before no more is taken off the connection."""


class Body(Protocol):
    """What is received; an `httpx.Response` is one."""

    is_closed: bool
    """Whether the end has come, and the connection is being given back or has been."""

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """The body, in parts. Whoever has read to its end has closed it, too."""
        ...


class Inflow:
    """Reads a body on a task of its own, until its end, a fault, or `stop`."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._held = bytearray()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._over = False
        self._fault: Exception | None = None
        self._receiving = asyncio.ensure_future(self._receive())

    @property
    def ended(self) -> bool:
        """Whether the body has been received to its end, taken or not."""
        return self._over

    async def take(self) -> bytes | None:
        """All that has come since the last time, or the next that comes; None at the end.

        Raises what the body raised, once everything before it has been taken.
        """
        if not self._held and not self._over:
            self._news.clear()
            await self._news.wait()
        if self._held:
            taken = bytes(self._held)
            self._held.clear()
            self._room.set()
            return taken
        if self._fault is not None:
            raise self._fault
        return None

    async def stop(self) -> None:
        """Take no more; when this returns, nobody uses the connection."""
        self._over = True
        if not self._receiving.done():
            if not self._body.is_closed:  # a connection that is disturbed while it is given back is lost
                self._receiving.cancel()
            await asyncio.wait([self._receiving])

    async def _receive(self) -> None:
        try:
            async for part in self._body.aiter_bytes():
                self._held += part
                self._news.set()
                if len(self._held) >= MOST_HELD:
                    self._room.clear()
                    await self._room.wait()
        except Exception as fault:
            self._fault = fault
        finally:
            self._over = True
            self._news.set()
