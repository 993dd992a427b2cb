"""Waiting for what may not come: with patience, within bounds, and without leaving anything behind."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Sequence

    from lambda_responses.lifecycle.ports import Cancellation, Deadline

T = TypeVar("T")


class OutOfTime(Exception):
    """The deadline has passed."""


class StopRequested(Exception):
    """Somebody wants the run to stop."""


class Interrupted(Exception):
    """A run leaves with its response unfinished: another one goes on with it, or somebody else has ended it.

    Nobody is told anything. What was saved last, and the events that were kept, are what the run came to.
    """


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Let work end although whoever waits for it is cancelled: half a write is worse than a late one."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def heard(
    said: AsyncGenerator[Sequence[T], None],
    *,
    patience: float | None,
    deadline: Deadline,
    stop: asyncio.Future[None] | None,
) -> AsyncGenerator[Sequence[T], None]:
    """Everything that is said; an empty batch first when nothing is for `patience` seconds.

    Raises `OutOfTime` and `StopRequested` as soon as they apply, however silent the other side is.
    """
    nothing: Sequence[T] = ()
    while patience is not None or stop is not None:
        async with _coming(said) as coming:
            seconds = deadline.remaining() if patience is None else min(patience, deadline.remaining())
            ready = await _first_of(coming, stop, seconds)
            if not ready and patience is not None and deadline.remaining() > 0:
                yield nothing
                ready = await _first_of(coming, stop, deadline.remaining())
            if not ready:
                raise OutOfTime
            batch = coming.result()
        patience = None
        if batch is None:
            return
        yield batch
    if deadline.remaining() == float("inf"):
        async for batch in said:
            yield batch
    else:
        while (batch := await _in_time(said, deadline)) is not None:
            yield batch


async def _in_time(said: AsyncGenerator[T, None], deadline: Deadline) -> T | None:
    """The next batch, None at the end. Raises `OutOfTime`; `said` is of no more use then."""
    limit = asyncio.timeout(max(deadline.remaining(), 0))
    try:
        async with limit:
            return await anext(said, None)
    except TimeoutError:
        if limit.expired():
            raise OutOfTime from None
        raise


async def _first_of(coming: asyncio.Future[Any], stop: asyncio.Future[None] | None, seconds: float) -> bool:
    """Whether `coming` came within that time. Raises `StopRequested`."""
    waiting = {coming} if stop is None else {coming, stop}
    timeout = None if seconds == float("inf") else max(seconds, 0)
    await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    if not coming.done() and stop is not None and stop.done():
        raise StopRequested
    return coming.done()


@asynccontextmanager
async def _coming(said: AsyncGenerator[T, None]) -> AsyncGenerator[asyncio.Future[T | None]]:
    """The next batch as a task, None at the end; on leaving, it is over and its fault has been seen."""
    coming: asyncio.Future[T | None] = asyncio.ensure_future(_next(said))
    try:
        yield coming
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _next(said: AsyncGenerator[T, None]) -> T | None:
    return await anext(said, None)


@asynccontextmanager
async def stop_signal(cancellation: Cancellation | None) -> AsyncGenerator[asyncio.Future[None] | None]:
    """A future that is done when somebody wants the run to stop; None where nobody can."""
    if cancellation is None:
        yield None
        return
    stop = asyncio.ensure_future(cancellation.requested())
    try:
        yield stop
    finally:
        stop.cancel()
        await asyncio.gather(stop, return_exceptions=True)
