"""Whether a run still has its lease: the heartbeat that renews it, and the look that notices its loss.

A response may be cancelled, deleted or taken over while a model is speaking. No write of a run that has lost
its lease is taken, so this is not about what is kept: it is about not paying for what nobody will see.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from lambda_responses.storage.background.job import LeaseLost
from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.background.job import Lease

    Beat: TypeAlias = Callable[[], Awaitable[None]]

LOOK_EVERY = 1.0
"""Seconds between two looks at the control row. What was cancelled has to be hung up on within two."""
BEATS = 3
"""Beats for each life of a lease: two may fail, and it is still alive."""


class Watch:
    """The `Cancellation` of a leased run: somebody else has the response now, or nobody."""

    def __init__(self, using: Services, lease: Lease, beats: Sequence[Beat] = ()) -> None:
        """`beats` are done whenever the lease is renewed: what else has to be held for as long."""
        self._using = using
        self._jobs = using.jobs
        self._lease = lease
        self._beats = beats
        self._lost = asyncio.Event()
        self._renewed_at = time.monotonic()

    async def requested(self) -> None:
        """See `Cancellation`."""
        await self._lost.wait()

    async def keep(self) -> None:
        """Go on looking and renewing until the lease is lost."""
        while not self._lost.is_set():
            await asyncio.sleep(min(LOOK_EVERY, self._jobs.lease_seconds / BEATS))
            try:
                await self._look()
            except LeaseLost:
                self._lost.set()
            except StoreUnavailable:
                if self._elapsed >= self._jobs.lease_seconds:  # by now somebody else may have taken it
                    self._lost.set()

    async def _look(self) -> None:
        if self._elapsed < self._jobs.lease_seconds / BEATS:
            await self._jobs.look(self._lease)
            return
        began_at = time.monotonic()
        await self._jobs.renew(self._lease)
        self._renewed_at = began_at
        for missed in await asyncio.gather(*(beat() for beat in self._beats), return_exceptions=True):
            if missed is not None:
                self._using.report(missed)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._renewed_at


@asynccontextmanager
async def watched(using: Services, lease: Lease, beats: Sequence[Beat] = ()) -> AsyncGenerator[Watch]:
    """Watch over a lease until the block is left."""
    watch = Watch(using, lease, beats)
    keeping = asyncio.ensure_future(watch.keep())
    try:
        yield watch
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
