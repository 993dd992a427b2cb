"""A response in the making: a loop of upstream steps over one emitter, kept before its end is told.

There is one path. A streamed response hands its events out as they are made; a plain one is the same run,
drained. What differs is when a fault is still an HTTP status: until the first events have been handed out
(streamed), or until the very end (plain).
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing, nullcontext
from itertools import count
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.beginning import begin, begin_again, own_items
from lambda_responses.lifecycle.placement import placed
from lambda_responses.lifecycle.seals import MAKER, seal_shown
from lambda_responses.lifecycle.steps import Progress, compaction_plan, goes_on, most_steps, searches_tools
from lambda_responses.lifecycle.targets import Targets
from lambda_responses.lifecycle.telling import Telling
from lambda_responses.lifecycle.unshown import kept, made_of
from lambda_responses.lifecycle.waiting import stop_signal
from lambda_responses.lifecycle.weights import TokenWeights
from lambda_responses.storage.responses import StoredResponse
from lambda_responses.stream.deltas import ItemOpened, Opaque
from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.transformers.base import shows_seals
from lambda_responses.wire.compaction import is_compaction
from lambda_responses.wire.errors import APIError, ServerError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.lifecycle.beginning import TakenUp
    from lambda_responses.lifecycle.bounds import RunBounds
    from lambda_responses.lifecycle.compaction import Compaction
    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.known import Known
    from lambda_responses.lifecycle.placement import Placement
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.lifecycle.server_tools.session import ServerTools
    from lambda_responses.providers.base import Target
    from lambda_responses.tools.servers.server import Server
    from lambda_responses.wire.json import Event, Json


class ResponseRun:
    """One response being made. It runs once: either `events` or `response`.

    `servers` are those whose tools are run here, and `pending` the calls that come before a model is asked.
    With `taken_up` it is a response that was promised before, and goes on where that was left: `events` has
    its first batch at once, every fault is one of them, and a run that somebody wants to stop, or that its
    bounds interrupt, leaves by `Interrupted`. `place` is then where it will be kept; nobody gives that back.

    `id`, `target` and `dropped` are known once the first events, or the response, have been handed out. Where
    a target kept silent until then, and another answers in its stead, headers that left name the first.
    """

    def __init__(
        self,
        request: Json,
        targets: Sequence[Target],
        tenant: str,
        known: Known,
        using: Services,
        bounds: RunBounds,
        *,
        servers: Sequence[Server] = (),
        pending: Sequence[Json] = (),
        place: Placement | None = None,
        taken_up: TakenUp | None = None,
    ) -> None:
        self.request = request
        self._candidates = targets
        self._tenant = tenant
        self._known = known
        self._using = using
        self._bounds = bounds
        self._servers = servers
        self._pending = pending if taken_up is None else taken_up.pending
        self._place = place
        self._taken_up = taken_up
        self._progress = Progress.of(taken_up and taken_up.progress)
        self._stop: asyncio.Future[None] | None = None
        self._plan = compaction_plan(request, targets)
        self._weights = TokenWeights()
        self._compaction: Compaction | None = None
        """Where that is all that is asked for."""
        self._context: ModelContext
        self._emitter: ResponseEmitter
        self._telling: Telling
        self._targets: Targets
        self._tools: ServerTools | None = None
        self._most_steps = most_steps(request, using, lasting=taken_up is not None)
        self._steps_here = 0
        """Of those, how many this very run has taken."""
        self._bound: str | None = None

    @property
    def id(self) -> str:
        """The response's id."""
        return self._emitter.response["id"]

    @property
    def target(self) -> str:
        """`provider/model` that answers."""
        answering = self._targets.current if self._compaction is None else self._compaction.target
        return answering.name

    @property
    def dropped(self) -> Sequence[str]:
        """Settings and tools for which the target's format has no place."""
        return self._targets.dropped

    @property
    def bound(self) -> str | None:
        """The bound at which the loop of steps ended, if it did: a name of `tools.bounds`."""
        return self._bound if self._tools is None else self._tools.bound

    def origins_of(self, events: Sequence[Event]) -> dict[str, Json]:
        """What is to be kept beside the items that these events finish, by item id: for who logs events."""
        done = [each["item"]["id"] for each in events if each["type"] == "response.output_item.done"]
        made = self._origins() if done else {}
        return {id: made[id] for id in done if id in made}

    async def response(self) -> Json:
        """The whole response at once. Raises `APIError`, with the real status, for whatever goes wrong."""
        async with aclosing(self._run(streamed=False)) as batches:
            async for _ in batches:
                pass
        return self._emitter.response

    async def events(self) -> AsyncGenerator[Sequence[Event], None]:
        """The response as events, as many at a time as arrived together.

        The first batch waits for the upstream's first word, at most `first_event_wait` seconds. Until it is
        handed out faults are raised as `APIError`; from then on they are events.
        """
        async with aclosing(self._run(streamed=True)) as batches:
            async for events in batches:
                yield events

    async def _run(self, *, streamed: bool) -> AsyncGenerator[Sequence[Event], None]:
        created_at, keep = int(self._using.now()), self.request.get("store", True)
        if self._place is None:
            place = placed(self._tenant, self._known, created_at=created_at, keep=keep, using=self._using)
        else:
            place = nullcontext(self._place)
        async with (
            place as placement,
            self._bounds.claim.held(placement),
            stop_signal(self._bounds.cancellation) as self._stop,
            AsyncExitStack() as exits,
        ):
            self._begin(placement.response_id, created_at)
            try:
                await exits.enter_async_context(self._tools or nullcontext())
                async with aclosing(self._steps(patient=streamed)) as steps:
                    async for _ in steps:
                        events = self._telling.made
                        await self._bounds.sink.keep(events, self.origins_of(events))
                        self._telling.made = []
                        yield events
                if self.bound is not None:
                    self._emitter.response["bound"] = self.bound
                closing = self._emitter.finish(at=int(self._using.now()))
            except Exception as error:
                from lambda_responses.lifecycle.run_faults import as_api_error, leaves  # which few runs need

                if leaves(error, is_taken_up=self._taken_up is not None):
                    raise
                fault = as_api_error(error, too_late=self._too_late, report=self._using.report)
                if not (streamed and self._telling.started):
                    raise fault from None
                closing = [*self._telling.made, *self._emitter.fail(fault)]
            yield await self._ended(closing, placement, streamed=streamed)

    def _begin(self, response_id: str, created_at: int) -> None:
        request, given = self.request, self._plan.given(self.request)
        entropy = self._using.entropy
        if self._taken_up is None:
            beginning = begin(
                request, given, self._known, response_id=response_id, created_at=created_at, entropy=entropy
            )
        else:
            beginning = begin_again(given, self._known, self._taken_up, entropy=entropy)
        self._context = beginning.context
        before = made_of(self._taken_up.made if self._taken_up else (), self._context.origins)
        self._emitter = ResponseEmitter(
            beginning.response,
            beginning.ids,
            bookmark=self._taken_up and self._taken_up.progress,
            origins=before.origins,
            unshown=before.unshown,
            taken_call_ids=self._context.call_ids,
            seal=self._seal,
            parted=lambda item: self._targets.parted(item),
        )
        self._telling = Telling(self._emitter)
        asked = self._plan.asked(request)
        if self._servers or self._pending or searches_tools(request, self._candidates):
            from lambda_responses.lifecycle.server_tools.session import ServerTools

            self._tools = ServerTools(
                asked,
                self._servers,
                tenant=self._tenant,
                using=self._using,
                context=self._context,
                emitter=self._emitter,
                telling=self._telling,
                bounds=self._bounds,
                most_steps=self._most_steps,
                tally=self._progress.tally,
                pending=self._pending,
            )
        self._targets = Targets(
            self._candidates,
            asked,
            self._context,
            self._using,
            self._weights,
            current=self._progress.target,
        )

    def _seal(self, item_type: str, origin: Json) -> str | None:
        owned = {MAKER: self._targets.current.maker, **origin}
        return seal_shown(item_type, owned, self._known.sealer, reasoning=shows_seals(self.request))

    async def _steps(self, *, patient: bool) -> AsyncGenerator[None, None]:
        """Yields whenever there are events to tell, over as many upstream steps as it takes."""
        emitter, bounds, progress, tools = self._emitter, self._bounds, self._progress, self._tools
        telling = self._telling
        if self._taken_up is not None:
            telling.take_up(
                self._taken_up.told
            )  # first events that were not told, ends of what was half told
            if telling.made:
                yield
        if tools is not None:
            listing = tools.list_tools(patience=self._patience(patient), stop=self._stop)
            async with aclosing(telling.of(listing)) as moments:
                async for _ in moments:
                    yield
        while True:
            begun, calls = emitter.items_begun, tools is not None and bool(tools.pending)
            compacts = not (calls or progress.compacted) and await self._is_compaction_due()
            if tools is not None and calls:
                step = telling.of(tools.run_pending(self._stop))
            else:
                step = self._step(compacts, self._patience(patient))
            async with aclosing(step) as moments:
                async for _ in moments:
                    yield
            if tools is not None and not (calls or compacts):
                telling.tell(await tools.settle(self._targets.current))
                if telling.made:
                    yield
            waiting = tools is not None and tools.waiting
            if not goes_on(emitter.stop, progressed=emitter.items_begun > begun, waiting=waiting):
                return
            if not calls:
                progress.steps += 1
                if tools is None and progress.steps >= self._most_steps:
                    self._bound = "max_steps"
                    return
                progress.compacted, progress.target = compacts, self._targets.current.name
                progress.tokens_used = 0 if compacts else emitter.tokens_in_step
            telling.made += emitter.end_step()
            if bounds.checkpoints is not None:
                if telling.made:
                    yield
                await bounds.checkpoints.save(self._record(tools), self._kept_progress())
                self._steps_here += 1
            if bounds.endurance is not None:
                await bounds.endurance.before_step(self._steps_here)

    async def _step(self, compacts: bool, patience: float | None) -> AsyncGenerator[None, None]:
        """One step; the same again for as long as nobody answers it with a word and that can be borne."""
        emitter, endurance = self._emitter, self._bounds.endurance
        for tries in count(1):
            begun = emitter.items_begun
            step = self._compact(patience) if compacts else self._answer(patience)
            try:
                async with aclosing(step) as moments:
                    async for _ in moments:
                        yield
            except APIError as fault:
                spoken = emitter.items_begun > begun
                if spoken or endurance is None or not await endurance.spared(fault, tries):
                    raise
                emitter.forget_upstream()
                self._targets.start_over(emitter)
            else:
                return

    async def _answer(self, patience: float | None) -> AsyncGenerator[None, None]:
        """One step in which a model is asked."""
        gate, telling = None, self._telling
        if self._tools is not None:
            self._targets.ask(
                self._tools.next_turn(), introduced=0 if self._progress.steps else telling.items
            )
            gate = self._tools.gate()
        answer = self._targets.answer(
            self._emitter, gate=gate, patience=patience, deadline=self._bounds.deadline, stop=self._stop
        )
        async with aclosing(answer) as batches:
            async for deltas in batches:
                telling.start(deltas)
                for delta in deltas:
                    telling.tell((delta,))
                    if isinstance(delta, ItemOpened) and is_compaction(delta.item):
                        said, made = self._emitter.said, self._emitter.origins
                        self._emitter.apply(Opaque(delta.block, self._context.stood_for(said, made)))
                if telling.made:
                    yield

    async def _compact(self, patience: float | None) -> AsyncGenerator[None, None]:
        """One step in which the context gives way to an item that stands for it."""
        from lambda_responses.lifecycle.compaction import Compaction

        emitter, bounds = self._emitter, self._bounds
        compaction = Compaction(
            self._candidates,
            self.request,
            self._context,
            self._using,
            deadline=bounds.deadline,
            stop=self._stop,
            patience=patience,
        )
        self._compaction = compaction if self._plan.at_once else None
        async with aclosing(compaction.summarize(emitter.said, emitter.origins)) as moments:
            async for _ in moments:
                self._telling.start()
                if self._telling.made:
                    yield
        self._telling.tell(compaction.deltas("end" if self._plan.at_once else "pause"))
        yield

    async def _is_compaction_due(self) -> bool:
        return await self._plan.is_due(
            self.request, self._context, self._emitter, used=self._progress.tokens_used, weights=self._weights
        )

    def _patience(self, patient: bool) -> float | None:
        return self._using.first_event_wait if patient and not self._telling.started else None

    def _too_late(self) -> str:
        endurance = self._bounds.endurance
        if endurance is not None and (message := endurance.out_of_time(self._steps_here)):
            return message
        from lambda_responses.lifecycle.run_faults import too_late

        return too_late(self.id if self._telling.started and self.request.get("store", True) else None)

    async def _ended(self, closing: list[Event], placement: Placement, *, streamed: bool) -> Sequence[Event]:
        """Commit the record, so that whoever hears of the end finds it; only then hand the end out."""
        failure = self._emitter.response.get("error")
        if failure and not streamed:
            raise ServerError(failure["message"], code=failure["code"])
        try:
            record = self._record()
            await placement.commit(record, closing)
        except Exception as error:
            from lambda_responses.lifecycle.run_faults import not_stored

            taken_up = self._taken_up is not None
            fault = not_stored(error, is_taken_up=taken_up, report=self._using.report)
            if not streamed:
                raise fault from None
            return self._emitter.fail_instead(closing, fault)
        await self._bounds.claim.keep(record)
        try:
            await self._bounds.sink.keep(closing)
        except Exception as error:  # the record stands, whatever became of the log
            self._using.report(error)
        return closing

    def _record(self, tools: ServerTools | None = None) -> StoredResponse:
        """What is kept of it by now; with `tools`, the calls that they still have to make."""
        return StoredResponse(
            response=self._emitter.response,
            input=own_items(self._context),
            origins={**self._context.own_origins, **self._origins()},
            target=self.target,
            pending=() if tools is None else tools.kept_pending,
        )

    def _kept_progress(self) -> Json:
        if self._tools is not None:
            self._progress.tally = self._tools.tally
        return self._progress.kept(self._emitter.bookmark)

    def _origins(self) -> dict[str, Json]:
        """Of the items made so far."""
        maker = self._targets.current.maker
        return kept(self._emitter.origins, self._emitter.unshown, maker=maker)
