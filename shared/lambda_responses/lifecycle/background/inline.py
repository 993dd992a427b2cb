"""A streamed background response, made by whoever was asked for it, as long as that one lives.

So its client waits no longer for the first word than with any other stream. Before it hears anything, a
message is on its way that is handed out when the first lease has run out, should the maker have died by then.
Where the maker has to leave it to another one, the client goes on hearing the log.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.enqueue import announce, keep_queued
from lambda_responses.lifecycle.background.leased import LeasedRun, Undertaking
from lambda_responses.lifecycle.background.resume import resumed
from lambda_responses.lifecycle.background.slots import slot_for
from lambda_responses.lifecycle.background.work import AFTER_LEASE
from lambda_responses.storage.background.job import Lease
from lambda_responses.stream.grammar import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.lifecycle.background.enqueue import Queued
    from lambda_responses.lifecycle.ports import Claim, Deadline, EventSink, Principal, Services
    from lambda_responses.tools.port import ServerTools
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
        tools: ServerTools | None = None,
    ) -> None:
        """`deadline` is that of whoever makes the response here; `telling` hears what is said meanwhile."""
        self._body = body
        self._principal = principal
        self._using = using
        self._deadline = deadline
        self._provider = provider
        self._claim = claim
        self._telling = telling
        self._tools = tools
        self._told = -1
        """The number of the last event that the listener has heard from here."""
        self._over = False
        self.id = ""
        """The response's; known with the first events, as is its target."""
        self.target = ""
        """`provider/model` that is asked first."""

    async def events(self) -> AsyncGenerator[Sequence[Event]]:
        """The response as events, as many at a time as were logged together; the first ones at once.

        Raises `APIError` for a fault of the request, before the first of them. Closed before the end, it lets
        another one go on with the response.
        """
        using, tenant = self._using, self._principal.tenant
        owner = f"asked/{using.entropy(12)}"
        async with AsyncExitStack() as held:
            slot = await held.enter_async_context(slot_for(tenant, using, owner))
            queued = await keep_queued(
                self._body,
                principal=self._principal,
                using=using,
                provider=self._provider,
                claim=self._claim,
                owner=None if slot is None else owner,
            )
            self.id, self.target = queued.job.response_id, queued.asked.targets[0].name
            wait = 0.0 if slot is None else using.jobs.lease_seconds + AFTER_LEASE
            await announce(queued.job, using, delay=wait)
            if slot is not None:
                lease = Lease(queued.job, owner)
                run = LeasedRun(
                    lease,
                    using,
                    deadline=self._deadline,
                    telling=self._telling,
                    whole=False,
                    beats=slot,
                    tools=self._tools,
                )
                async with aclosing(self._made(run, queued)) as batches:
                    async for events in batches:
                        yield events
                if self._over:
                    return
        reading = resumed(tenant, self.id, after=self._told, using=using, deadline=self._deadline)
        async with aclosing(reading) as batches:
            async for events in batches:
                yield events

    async def _made(self, run: LeasedRun, queued: Queued) -> AsyncGenerator[Sequence[Event]]:
        """What is told of a response that is made here, until it ends or is left to another."""
        assert run.writer is not None  # as of every job that is streamed
        heard, making = run.writer.told(), asyncio.ensure_future(self._make(run, queued))
        try:
            async with aclosing(heard):
                async for events in heard:
                    self._told = events[-1]["sequence_number"]
                    self._over = events[-1]["type"] in TERMINAL
                    yield events
            await asyncio.wait({making})
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)

    async def _make(self, run: LeasedRun, queued: Queued) -> None:
        asked = queued.asked
        undertaking = Undertaking(asked.request, asked.targets, asked.known, queued.beginning.taken_up())
        try:
            verdict = await run.go_on(undertaking)
        except Exception as error:  # nobody is told: another one takes it over when the lease has run out
            self._using.report(error)
            return
        if verdict.again is not None:
            await announce(queued.job, self._using, delay=verdict.again)
