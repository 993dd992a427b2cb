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
        """`beats` are done as often as the lease is renewed: what else has to be held for as long."""
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
        """Go on looking, renewing and doing the beats until the lease is lost, none waiting for another."""
        lasts = self._jobs.lease_seconds
        often, seldom = min(LOOK_EVERY, lasts / BEATS), lasts / BEATS
        await asyncio.gather(
            self._go_on(self._look, every=often, within=LOOK_EVERY),
            self._go_on(self._renew, every=seldom, within=seldom, vital=True),
            *(self._go_on(beat, every=seldom, within=lasts) for beat in self._beats),
        )

    async def _go_on(self, beat: Beat, *, every: float, within: float, vital: bool = False) -> None:
        """A beat that fails, or takes longer than that, has another turn; a vital one while the lease lasts.

        Who stood still for longer than that is asked all the same: nobody may have noticed.
        """
        while not self._lost.is_set():
            await asyncio.sleep(every)
            try:
                async with asyncio.timeout(within):
                    await beat()
            except LeaseLost:
                self._lost.set()
            except (StoreUnavailable, TimeoutError):
                if vital and self._left <= 0:  # by now somebody else may have taken it
                    self._lost.set()
            except Exception as fault:
                self._using.report(fault)

    async def _look(self) -> None:
        await self._jobs.look(self._lease)

    async def _renew(self) -> None:
        began_at = time.monotonic()
        await self._jobs.renew(self._lease)
        self._renewed_at = began_at

    @property
    def _left(self) -> float:
        """Seconds for which nobody else may take it."""
        return self._renewed_at + self._jobs.lease_seconds - time.monotonic()


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
