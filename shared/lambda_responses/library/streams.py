"""A response as events, for a thread or a coroutine that is elsewhere than the library's loop.

One task on that loop reads the events as they are made and hands them over, a little ahead of whoever takes
them. To close the stream, or to forget it, cancels the task, and with it the upstream.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lambda_responses.library.engine import Arrival, closed, crossing_to, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from types import TracebackType

    from lambda_responses.library.home import Home
    from lambda_responses.library.objects import JsonObject

    Batches = AsyncGenerator[Sequence[JsonObject], None]

MOST_AHEAD = 256
"""Events that wait to be taken before the upstream has to wait as well."""


class Handover:
    """Events on their way from the loop, where they are put, to wherever they are taken."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._ready: deque[JsonObject] = deque()
        self._room = asyncio.Event()
        self._wanted: Callable[[], None] | None = None
        self._over = False
        self._fault: BaseException | None = None

    async def put(self, events: Sequence[JsonObject]) -> None:
        """Hand events over; waits while too many have not been taken."""
        with self._lock:
            self._ready.extend(events)
            wanted, self._wanted = self._wanted, None
            full = len(self._ready) >= MOST_AHEAD
        if full:
            self._room.clear()
        if wanted is not None:
            wanted()
        if full:
            await self._room.wait()

    def end(self, fault: BaseException | None) -> None:
        """There is nothing more, or a fault after what there is."""
        with self._lock:
            self._over, self._fault = True, fault
            wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted()

    def take(self, wanted: Callable[[], None]) -> Sequence[JsonObject] | None:
        """What is there; none at the end; or nothing yet: `wanted` is called, on the loop, when to ask again.

        Raises the fault, once, where the stream ended with one.
        """
        with self._lock:
            if not self._ready:
                if not self._over:
                    self._wanted = wanted
                    return None
                fault, self._fault = self._fault, None
                if fault is not None:
                    raise fault
                return ()
            taken, self._ready = self._ready, deque()
        if len(taken) >= MOST_AHEAD:
            with suppress(RuntimeError):  # the loop has been closed: nobody waits for room
                self._loop.call_soon_threadsafe(self._room.set)
        return taken


class Source:
    """The loop's side of a stream: the task that reads it, and where its events are handed over."""

    def __init__(self, batches: Batches) -> None:
        self.handover = Handover()
        self._loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self._task = asyncio.ensure_future(self._read(batches))

    async def begun(self) -> None:
        """Return when the first events are there. Raises what went wrong before."""
        try:
            await asyncio.shield(self._begun)
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Cancel the reading; the upstream has been let go when this returns."""
        self._task.cancel()
        await asyncio.wait({self._task})

    def forget(self) -> None:
        """The same from any thread, without waiting."""
        with suppress(RuntimeError):  # the loop has been closed, and has cancelled it before
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _read(self, batches: Batches) -> None:
        fault: BaseException | None = None
        try:
            async for events in batches:
                if not self._begun.done():
                    self._begun.set_result(None)
                await self.handover.put(events)
        except asyncio.CancelledError:
            fault = closed()
        except Exception as error:
            fault = error
        finally:
            await batches.aclose()
        if self._begun.done():
            self.handover.end(fault)
        elif fault is not None:
            self._begun.set_exception(fault)
            self._begun.exception()  # whoever waited may have gone; this is no fault that nobody saw
        else:
            self._begun.set_result(None)
            self.handover.end(None)


class _Taking:
    """What both kinds of stream have: what was taken and not yet given, and the end."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._taken: deque[JsonObject] = deque()
        self._over = False
        self._forget = weakref.finalize(self, source.forget)

    def _closed(self) -> Callable[[Home], Any] | None:
        """What is still to be done to close it; nothing is given afterwards."""
        self._over = True
        self._taken.clear()
        if self._forget.detach() is None:
            return None
        return lambda home: self._source.stop()


class EventStream(_Taking):
    """The events of a response, as they are made: `for event in stream`. It closes when it is left alone."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._turn = threading.Lock()

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> JsonObject:
        """The next event. Raises `APIError` for what the events themselves cannot tell."""
        with self._turn:
            while not self._taken:
                if self._over:
                    raise StopIteration
                self._wait()
            return self._taken.popleft()

    def close(self) -> None:
        """Stop the response, unless it has ended."""
        if work := self._closed():
            wait_for(work)

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self) -> None:
        arrival = Arrival()
        found = self._source.handover.take(arrival.announce)
        if found is not None:
            self._taken.extend(found)
            self._over = not found
            return
        try:
            arrival.wait()
        except BaseException:  # such as an interrupt
            self._source.forget()
            raise


class AsyncEventStream(_Taking):
    """The events of a response, as they are made: `async for event in stream`."""

    def __aiter__(self) -> AsyncEventStream:
        return self

    async def __anext__(self) -> JsonObject:
        """The next event. Raises `APIError` for what the events themselves cannot tell."""
        while not self._taken:
            if self._over:
                raise StopAsyncIteration
            there = asyncio.Event()
            found = self._source.handover.take(_announcing(there))
            if found is None:
                await there.wait()
            else:
                self._taken.extend(found)
                self._over = not found
        return self._taken.popleft()

    async def aclose(self) -> None:
        """Stop the response, unless it has ended."""
        if work := self._closed():
            await crossing_to(work)

    async def __aenter__(self) -> AsyncEventStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _announcing(there: asyncio.Event) -> Callable[[], None]:
    """What sets that event on the loop that runs here, from any thread."""
    loop = asyncio.get_running_loop()

    def announce() -> None:
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(there.set)

    return announce
