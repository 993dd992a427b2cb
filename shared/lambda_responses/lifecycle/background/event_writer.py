"""What a streamed background run says, on its way into the log, and from there to whoever listens.

A run does not wait for the store at every word: what it says is gathered and logged beside it. But nothing is
told before it is in the log, and counts: what one reader has seen, no other may ever see differently. Who was
taken over without having noticed keeps silent.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.asking import patiently
from lambda_responses.lifecycle.ports import NO_ORIGINS
from lambda_responses.storage.background.job import LeaseLost
from lambda_responses.storage.scheduling import weight_of
from lambda_responses.stream.grammar import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from lambda_responses.storage.background.event_log import EventLog
    from lambda_responses.storage.background.job import Lease
    from lambda_responses.wire.json import Event, Json

EVERY = 0.3
"""Seconds from one chunk to the next, unless there is much to say."""
MOST = 16_384
"""Characters that are not kept waiting for that."""
_BEHIND = 16
"""So many times that, still unlogged, and the run waits: the store is slower than the model."""


class EventWriter:
    """The `EventSink` of a run that holds a lease, to be closed (`aclose`) when the run is over.

    A batch that ends the response is told and not logged: the commit has done that, after a `flush`.
    """

    def __init__(self, log: EventLog, lease: Lease, *, every: float = EVERY, most: int = MOST) -> None:
        self._log = log
        self._job = lease.job
        self._every = every
        self._most = most
        self._unlogged: list[Event] = []
        self._origins: dict[str, Json] = {}
        self._weight = 0
        self._hurry = asyncio.Event()
        self._logging: asyncio.Task[None] | None = None
        self._logged_at = float("-inf")
        self._listener: asyncio.Queue[Sequence[Event] | None] | None = None

    async def keep(self, events: Sequence[Event], origins: Mapping[str, Json] = NO_ORIGINS) -> None:
        """See `EventSink`. Raises like `flush` for something said before."""
        if events[-1]["type"] in TERMINAL:
            self._tell(events)
            return
        self._unlogged += events
        self._origins.update(origins)
        self._weight += weight_of(events)
        self._go_on()
        if self._weight >= self._most:
            self._hurry.set()
        if self._weight >= self._most * _BEHIND:
            await self.flush()

    async def flush(self) -> None:
        """Return once everything that was said is in the log.

        Raises `LeaseLost`, and `StoreUnavailable`: a gap is left then, which nothing may follow.
        """
        while (logging := self._go_on()) is not None:
            self._hurry.set()
            await asyncio.wait({logging})

    def told(self) -> AsyncGenerator[Sequence[Event]]:
        """What is told from now on, as it is logged; ends with the response, or else with the run."""
        self._listener = asyncio.Queue()
        return self._heard(self._listener)

    async def aclose(self) -> None:
        """Drop what is not in the log, of a run that was stopped. Nobody was told of it."""
        if self._logging is not None:
            self._logging.cancel()
            await asyncio.gather(self._logging, return_exceptions=True)
        if self._listener is not None:
            self._listener.put_nowait(None)

    async def _heard(
        self, listener: asyncio.Queue[Sequence[Event] | None]
    ) -> AsyncGenerator[Sequence[Event]]:
        try:
            while (events := await listener.get()) is not None:
                yield events
                if events[-1]["type"] in TERMINAL:
                    return
        finally:
            self._listener = None  # what is told from here on would pile up

    def _tell(self, events: Sequence[Event]) -> None:
        if self._listener is not None:
            self._listener.put_nowait(events)

    def _go_on(self) -> asyncio.Task[None] | None:
        """The task that logs what there is to be logged, if there is anything."""
        if self._logging is not None and self._logging.done():
            self._logging.result()
            self._logging = None
        if self._logging is None and self._unlogged:
            self._logging = asyncio.ensure_future(self._log_all())
        return self._logging

    async def _log_all(self) -> None:
        while self._unlogged:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._logged_at + self._every):
                    await self._hurry.wait()
            self._hurry.clear()
            events, self._unlogged = self._unlogged, []
            origins, self._origins = self._origins, {}
            self._weight = 0
            await patiently(partial(self._log.append, self._job, events, origins))
            self._logged_at = asyncio.get_running_loop().time()
            if self._listener is not None:
                if not await patiently(partial(self._log.counts, self._job)):
                    raise LeaseLost
                self._tell(events)
