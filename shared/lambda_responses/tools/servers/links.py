"""One connection to one server, opened and closed in a task of its own, as the SDK wants it.

Whoever asks something runs in another task. A connection that breaks ends what is being asked over it, and
nothing else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lambda_responses.tools.servers.transport import Exchange, current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from mcp import Client

Answer = TypeVar("Answer")

CANCELS = 4
"""Times that a task is told to end: what it does on its way out may hang in its turn."""
CANCEL_SECONDS = 0.5
"""For each of them."""


class NotOpened(Exception):
    """There is no connection; the `exchange` may tell why, and so may the cause."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__("no connection")
        self.exchange = exchange


class Lost(Exception):
    """The connection ended before an answer came."""


def alone(error: Exception) -> Exception:
    """The exception that a group was made for: the SDK tells in groups of one what broke a connection."""
    if not isinstance(error, ExceptionGroup):
        return error
    group = cast("ExceptionGroup[Exception]", error)
    return alone(group.exceptions[0]) if len(group.exceptions) == 1 else group


class Link:
    """A connection that is being opened, is open, or is over."""

    def __init__(
        self, opened: Callable[[], AbstractAsyncContextManager[Client]], *, guessing: bool = False
    ) -> None:
        """Begins to open it; `guessing`, in words that the server once understood."""
        self.guessing = guessing
        """Until it has answered."""
        self._opened = opened
        self.exchange = Exchange()
        """What became of its opening, and of what it hears."""
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._hold())

    @property
    def opening(self) -> bool:
        """Whether it is not known yet if it opens."""
        return not self._client.done()

    @property
    def over(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._task.done()

    async def asked(self, question: Callable[[Client], Awaitable[Answer]], exchange: Exchange) -> Answer:
        """What the server answers. Raises `NotOpened`, `Lost`, and whatever the question does."""
        client = await asyncio.shield(self._client)

        async def within() -> Answer:
            current.set(exchange)
            return await question(client)

        asking = asyncio.create_task(within())
        try:
            await asyncio.wait((asking, self._task), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise Lost
        finally:
            await _cancelled(asking)
        answer = asking.result()
        self.guessing = False
        return answer

    async def close(self, seconds: float) -> None:
        """Ends it; a server that takes longer to say goodbye is not waited for."""
        self._closing.set()
        if self.opening:
            self._task.cancel()
        await asyncio.wait((self._task,), timeout=seconds)
        await _cancelled(self._task)

    async def _hold(self) -> None:
        current.set(self.exchange)
        cause: Exception | None = None
        try:
            async with self._opened() as client:
                self._client.set_result(client)
                await self._closing.wait()
        except Exception as error:
            cause = alone(error)
        finally:
            if not self._client.done():
                fault = NotOpened(self.exchange)
                fault.__cause__ = cause
                self._client.set_exception(fault)
                self._client.exception()  # nobody may be waiting for it any more


async def _cancelled(task: asyncio.Task[Any]) -> None:
    """Ends a task; one that cannot be ended is not waited for."""
    for _ in range(CANCELS):
        if task.done():
            return
        task.cancel()
        await asyncio.wait((task,), timeout=CANCEL_SECONDS)
