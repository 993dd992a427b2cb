"""A run under a lease: a background response from where it was taken up to its end, or until it is left.

Everything that such a run writes is fenced. Where the fence is another's by now, nobody is to hear what this
run has left to say: it stops without a word.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lambda_responses.lifecycle.background.event_writer import EventWriter
from lambda_responses.lifecycle.background.keeping import GivenUp, Keeping, give_up
from lambda_responses.lifecycle.background.patience import PutBack, TimeLeft, WorkersPatience
from lambda_responses.lifecycle.background.verdict import Verdict
from lambda_responses.lifecycle.background.watch import watched
from lambda_responses.lifecycle.beginning import TakenUp
from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.known import Known
from lambda_responses.lifecycle.placement import Placement
from lambda_responses.lifecycle.ports import NO_ORIGINS
from lambda_responses.lifecycle.run import ResponseRun
from lambda_responses.lifecycle.waiting import Interrupted, StopRequested, uninterrupted
from lambda_responses.storage.background.job import LeaseLost
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.emitter import queued_events
from lambda_responses.wire.context import without_cut_calls
from lambda_responses.wire.errors import APIError
from lambda_responses.wire.requests import read_model

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from lambda_responses.lifecycle.background.watch import Beat, Watch
    from lambda_responses.lifecycle.ports import Deadline, EventSink, Services
    from lambda_responses.providers.base import Target
    from lambda_responses.storage.background.job import Lease
    from lambda_responses.storage.background.jobs import Restart
    from lambda_responses.tools.servers.server import Server
    from lambda_responses.wire.json import Event, Json

FALTERED_FOR = 5.0
"""Seconds for which a response is put back where the store did not answer for longer than can be waited."""


@dataclass(frozen=True, slots=True)
class Undertaking:
    """All that a run needs to know of a response."""

    request: Json
    targets: Sequence[Target]
    known: Known
    taken_up: TakenUp
    servers: Sequence[Server] = ()


class LeasedRun:
    """One run of a response on which this process has the lease."""

    def __init__(
        self,
        lease: Lease,
        using: Services,
        *,
        deadline: Deadline,
        telling: EventSink,
        whole: bool,
        beats: Sequence[Beat] = (),
    ) -> None:
        """`telling` hears what is said, `beats` are done for as long as it goes on, `deadline` ends it.

        `whole`: that is all the time that a run ever gets.
        """
        self._lease = lease
        self._job = lease.job
        self._using = using
        self._left = TimeLeft(deadline, lease.job, using.now)
        self._telling = telling
        self._whole = whole
        self._beats = beats
        self.writer = EventWriter(using.events, lease) if lease.job.streamed else None
        """The way of events into the log, and from there to whoever listens."""
        self._target: str | None = None

    async def go_on(self, undertaking: Undertaking | None = None) -> Verdict:
        """Make the response, from where it is. Without an `undertaking` the store is asked where that is.

        Raises `StoreUnavailable` where even that the store does not answer cannot be kept; the lease then
        runs out. Cancelled, it lets another go on at once.
        """
        return await self._outcome(self._watched(undertaking))

    async def put_off(self, response: Json, delay: float) -> Verdict:
        """Say that the response, which nobody has begun to make, is queued; another run makes it.

        Raises, and may be cancelled, like `go_on`.
        """
        return await self._outcome(self._queued(response, delay))

    async def _outcome(self, work: Coroutine[Any, Any, None]) -> Verdict:
        """How that leaves the response. Its log has been written then as far as it will be from here."""
        try:
            await work
            verdict = Verdict("ended")
        except PutBack as pause:
            verdict = await self._put_back(pause.delay, throttled=pause.throttled)
        except StoreUnavailable as fault:
            self._using.report(fault)
            verdict = await self._put_back(FALTERED_FOR, attempt=True)
        except GivenUp:
            verdict = Verdict("given_up")
        except (Interrupted, StopRequested, LeaseLost):
            verdict = Verdict("lost")
        except asyncio.CancelledError:
            await uninterrupted(self._hand_over())
            raise
        finally:
            if self.writer is not None:
                await self.writer.aclose()
        if verdict.outcome == "lost" and self.writer is not None:
            await self._using.events.remove_deleted(self._job)
        job = self._job
        return replace(verdict, target=self._target, key_id=job.key_id, attempts=job.attempts)

    async def _queued(self, response: Json, delay: float) -> None:
        assert self.writer is not None  # as of every job that is streamed
        await self.writer.keep(queued_events(response))
        await self.writer.flush()
        raise PutBack(delay)

    async def _watched(self, undertaking: Undertaking | None) -> None:
        async with watched(self._using, self._lease, self._beats) as watch:
            await self._make(undertaking or await self._taken_up(), watch)

    async def _make(self, undertaking: Undertaking, watch: Watch) -> None:
        using = self._using
        keeping = Keeping(self._lease, using, self.writer)
        patience = WorkersPatience(
            self._left, self._job, whole=self._whole, stop=watch, now=using.now, entropy=using.entropy
        )
        bounds = RunBounds(
            sink=self._telling if self.writer is None else _Both(self.writer, self._telling),
            deadline=self._left,
            cancellation=watch,
            checkpoints=keeping,
            endurance=patience,
            journal=using.journals.of(self._lease),
        )
        run = ResponseRun(
            undertaking.request,
            undertaking.targets,
            self._job.tenant,
            undertaking.known,
            using,
            bounds,
            servers=undertaking.servers,
            place=Placement(self._job.response_id, keeping.commit),
            taken_up=undertaking.taken_up,
        )
        async with aclosing(run.events()) as batches:
            async for _ in batches:
                self._target = run.target

    async def _taken_up(self) -> Undertaking:
        """What the store has of it. The log is cut first: from then on nobody before adds to it."""
        using = self._using
        if self._job.open_cut:
            self._job = await using.events.seal(self._job)
            self._lease = replace(self._lease, job=self._job)
        sealer = await using.sealer(self._job.tenant)
        restart = await using.jobs.restart(self._lease, sealer)
        request = restart.request
        try:
            targets = using.router.resolve(read_model(request), provider=restart.provider)
        except APIError as fault:  # a model that was there when it was asked for
            await give_up(self._lease, fault, using)
        known = Known(
            previous=None,
            conversation=None,
            history=without_cut_calls(restart.history, continued=request["input"]),
            input=request["input"],
            origins={**restart.history_origins, **restart.origins},
            brought={},
            sealer=sealer,
        )
        servers = await self._servers(restart, targets)
        return Undertaking(request, targets, known, await self._told(restart), servers)

    async def _servers(self, restart: Restart, targets: Sequence[Target]) -> Sequence[Server]:
        if restart.rights is None:
            return ()
        from lambda_responses.lifecycle.servers import read_rights, resolve_servers

        caller = read_rights(self._job.tenant, restart.key_id, restart.rights)
        try:
            return resolve_servers(restart.request, targets=targets, principal=caller, using=self._using)
        except APIError as fault:  # a server that was there when it was asked for
            await give_up(self._lease, fault, self._using)

    async def _told(self, restart: Restart) -> TakenUp:
        """Where it was left: the last save, and what its client was told since."""
        taken_up = TakenUp(
            restart.response, restart.input, restart.origins, restart.progress, pending=restart.pending
        )
        if not self._job.streamed or self._job.fence == 1:
            return taken_up
        after = restart.progress["told"] if restart.progress else -1
        chunks = await self._using.events.told(self._job, after=after)
        events = [event for chunk in chunks for event in chunk.events if event["sequence_number"] > after]
        origins = {id: origin for chunk in chunks for id, origin in chunk.origins.items()}
        return replace(taken_up, told=events, origins={**restart.origins, **origins})

    async def _put_back(self, delay: float, *, throttled: bool = False, attempt: bool = False) -> Verdict:
        try:
            await self._using.jobs.release(self._lease, throttled=throttled, attempt=attempt, delay=delay)
        except LeaseLost:
            return Verdict("lost")
        return Verdict("put_back", again=delay)

    async def _hand_over(self) -> None:
        """Let another worker go on at once: this process is being stopped."""
        try:
            await self._using.jobs.release(self._lease)
        except LeaseLost:
            pass
        except Exception as error:  # the store may be closed by now; then the lease runs out
            self._using.report(error)


class _Both:
    """An `EventSink` that is two."""

    def __init__(self, first: EventSink, second: EventSink) -> None:
        self._first = first
        self._second = second

    async def keep(self, events: Sequence[Event], origins: Mapping[str, Json] = NO_ORIGINS) -> None:
        """See `EventSink`."""
        await self._first.keep(events, origins)
        await self._second.keep(events, origins)
