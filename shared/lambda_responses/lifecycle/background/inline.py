"""A streamed background response, made by whoever was asked for it, as long as that one lives.

So its client waits no longer for the first word than with any other stream. Before it hears anything, a
message is on its way that is handed out when the first lease has run out, should the maker have died by then.
Where the maker has to leave it to another one, the client goes on hearing the log. So it does from the start
where the tenant has no slot left, once it has heard that the response is queued.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_responses.lifecycle.background.enqueue import announce, keep_queued
from lambda_responses.lifecycle.background.leased import LeasedRun, Undertaking
from lambda_responses.lifecycle.background.resume import resumed
from lambda_responses.lifecycle.background.slots import slot_for, until_one_is_free
from lambda_responses.lifecycle.background.work import AFTER_LEASE
from lambda_responses.lifecycle.waiting import uninterrupted
from lambda_responses.storage.background.job import Lease
from lambda_responses.stream.grammar import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence

    from lambda_responses.lifecycle.background.verdict import Verdict
    from lambda_responses.lifecycle.ports import Claim, Deadline, EventSink, Principal, Services
    from lambda_responses.storage.background.job import Job
    from lambda_responses.wire.json import Event, Json


class StreamedInBackground:
    """One request for a streamed background response. `events` is for one listener, once."""

    def __init__(
        self,
        body: Json,
        *,
        principal: Principal,
        using: Services,
        deadline: Deadline,
        provider: str | None = None,
        claim: Claim | None = None,
        telling: EventSink,
    ) -> None:
        """`deadline` is that of whoever makes the response here; `telling` hears what is said meanwhile."""
        self._body = body
        self._principal = principal
        self._using = using
        self._deadline = deadline
        self._provider = provider
        self._claim = claim
        self._telling = telling
        self._told = -1
        """The number of the last event that the listener has heard from here."""
        self._over = False
        self._left = asyncio.Event()
        self.id = ""
        """The response's; known with the first events, as is its target."""
        self.target = ""
        """`provider/model` that is asked first."""

    async def events(self) -> AsyncGenerator[Sequence[Event]]:
        """The response as events, as many at a time as were logged together; the first ones at once.

        Raises `APIError` for a fault of the request, before the first of them. Closed before the end, it lets
        another one go on with the response.
        """
        try:
            async with aclosing(self._made_here()) as batches:
                async for events in batches:
                    self._told = events[-1]["sequence_number"]
                    self._over = events[-1]["type"] in TERMINAL
                    yield events
        finally:
            self._left.set()
        if self._over:
            return
        tenant, using = self._principal.tenant, self._using
        reading = resumed(tenant, self.id, after=self._told, using=using, deadline=self._deadline)
        async with aclosing(reading) as batches:
            async for events in batches:
                yield events

    async def left(self) -> None:
        """Return once nothing more is made here: what there still is to hear is there for all to read."""
        await self._left.wait()

    async def _made_here(self) -> AsyncGenerator[Sequence[Event]]:
        """What is told of the response here, until it ends or is left to another."""
        tenant, using = self._principal.tenant, self._using
        owner = f"asked/{using.entropy(12)}"
        async with slot_for(tenant, using, owner) as slot:
            queued = await keep_queued(
                self._body,
                principal=self._principal,
                using=using,
                provider=self._provider,
                claim=self._claim,
                owner=owner,
            )
            self.id, self.target = queued.job.response_id, queued.asked.targets[0].name
            run = LeasedRun(
                Lease(queued.job, owner),
                using,
                deadline=self._deadline,
                telling=self._telling,
                whole=False,
                beats=slot or (),
            )
            if slot is None:
                wait = until_one_is_free(tenant, using)
                making = partial(run.put_off, queued.beginning.queued().response, wait)
            else:
                wait = using.jobs.lease_seconds + AFTER_LEASE
                asked, taken_up = queued.asked, queued.beginning.taken_up()
                undertaking = Undertaking(asked.request, asked.targets, asked.known, taken_up, asked.servers)
                making = partial(run.go_on, undertaking)
            await announce(queued.job, using, delay=wait)
            make = partial(self._leave, making, queued.job, sends=slot is not None)
            async with aclosing(self._heard(run, make)) as batches:
                async for events in batches:
                    yield events

    async def _heard(
        self, run: LeasedRun, make: Callable[[], Coroutine[Any, Any, None]]
    ) -> AsyncGenerator[Sequence[Event]]:
        assert run.writer is not None  # as of every job that is streamed
        heard, making = run.writer.told(), asyncio.ensure_future(make())
        try:
            async with aclosing(heard):
                async for events in heard:
                    yield events
            await asyncio.wait({making})
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)

    async def _leave(self, make: Callable[[], Awaitable[Verdict]], job: Job, *, sends: bool) -> None:
        """Make it, and, if this `sends`, call others where something is left to do before their time."""
        try:
            verdict = await make()
        except asyncio.CancelledError:
            await uninterrupted(announce(job, self._using))
            raise
        except Exception as error:  # nobody is told: another one takes it over when the lease has run out
            self._using.report(error)
            return
        if sends and verdict.again is not None:
            await announce(job, self._using, delay=verdict.again)
