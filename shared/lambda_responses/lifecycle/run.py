"""A response in the making: a loop of upstream steps over one emitter, kept before its end is told.

There is one path. A streamed response hands its events out as they are made; a plain one is the same run,
drained. What differs is when a fault is still an HTTP status: until the first events have been handed out
(streamed), or until the very end (plain).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from lambda_responses.lifecycle.context import MAKER
from lambda_responses.lifecycle.ports import Unbounded, Uncancelled, Unkept
from lambda_responses.lifecycle.upstream import deltas_of, may_fail_over
from lambda_responses.storage.keyed import StoreUnavailable
from lambda_responses.storage.responses import StoredResponse, TooLargeToStore
from lambda_responses.stream.deltas import Envelope
from lambda_responses.tools.steps import goes_on
from lambda_responses.transformers.base import Turn
from lambda_responses.wire.errors import APIError, ServerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Sequence

    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.ports import Cancellation, Deadline, EventSink, Services
    from lambda_responses.providers.base import Target
    from lambda_responses.storage.responses import Reservation
    from lambda_responses.stream.deltas import Delta
    from lambda_responses.stream.emitter import ResponseEmitter
    from lambda_responses.wire.json import Event, Json


@dataclass(frozen=True, slots=True)
class RunBounds:
    """Where a run's events are kept, and what may stop it."""

    sink: EventSink = field(default_factory=Unkept)
    deadline: Deadline = field(default_factory=Unbounded)
    cancellation: Cancellation = field(default_factory=Uncancelled)


class ResponseRun:
    """One response being made. It runs once: either `events` or `response`."""

    def __init__(
        self,
        request: Json,
        targets: Sequence[Target],
        context: ModelContext,
        emitter: ResponseEmitter,
        reservation: Reservation | None,
        using: Services,
        bounds: RunBounds,
    ) -> None:
        self.request = request
        self._waiting = list(targets)
        self._context = context
        self._emitter = emitter
        self._reservation = reservation
        self._using = using
        self._bounds = bounds
        self._started = False
        self._made: list[Event] = []
        self._committed = False
        self._choose_next_target()

    @property
    def id(self) -> str:
        """The response's id."""
        return self._emitter.response["id"]

    @property
    def target(self) -> str:
        """`provider/model` that answers; final once the first events have been handed out."""
        return self._target.name

    @property
    def dropped(self) -> Sequence[str]:
        """Settings and tools for which the target's format has no place."""
        return self._rendered.dropped

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
                await self._bounds.sink.keep(events)
                yield events

    async def _run(self, *, streamed: bool) -> AsyncGenerator[Sequence[Event], None]:
        try:
            try:
                async with aclosing(self._steps(streamed=streamed)) as batches:
                    async for events in batches:
                        yield events
                closing = self._emitter.finish(at=int(self._using.now()))
                self._check_plain_end(streamed=streamed)
            except APIError as error:
                if not (streamed and self._started):
                    raise
                closing = [*self._taken(), *self._emitter.fail(error)]
            except Exception as error:
                if not (streamed and self._started):
                    raise
                self._using.report(error)
                fault = ServerError("The server had an error while making this response.")
                closing = [*self._taken(), *self._emitter.fail(fault)]
            yield await _uninterrupted(self._keep(closing, streamed=streamed))
        finally:
            if self._reservation is not None and not self._committed:
                with suppress(StoreUnavailable):
                    await _uninterrupted(self._using.responses.release(self._reservation))

    async def _steps(self, *, streamed: bool) -> AsyncGenerator[Sequence[Event], None]:
        emitter = self._emitter
        for steps in count(1):
            async with aclosing(self._answered(wait=streamed and steps == 1)) as batches:
                async for deltas in batches:
                    if not self._started:
                        self._start(deltas)
                    for delta in deltas:
                        self._made += emitter.apply(delta)
                    if self._made:
                        yield self._taken()
                    self._check_bounds()
            if not goes_on(emitter.stop, steps=steps, max_steps=self._using.max_steps):
                return
            yield emitter.end_step()
            self._show_what_was_said()

    def _start(self, deltas: Sequence[Delta]) -> None:
        """Make the first events, with what the upstream says of itself in its first words in them."""
        for delta in deltas:
            if isinstance(delta, Envelope):
                self._emitter.apply(delta)
        self._started = True
        self._made += self._emitter.start()

    def _taken(self) -> list[Event]:
        events, self._made = self._made, []
        return events

    async def _answered(self, *, wait: bool) -> AsyncGenerator[Sequence[Delta], None]:
        """One step's deltas, from the first target that answers.

        With `wait`, an empty batch comes first when the upstream keeps silent for too long.
        """
        while True:
            try:
                async with aclosing(deltas_of(self._target, self._turn, self._rendered)) as said:
                    if wait:
                        wait = False
                        async for deltas in _first_or_silence(said, self._using.first_event_wait):
                            yield deltas
                    async for deltas in said:
                        yield deltas
            except APIError as error:
                if self._emitter.spoken or not self._waiting or not may_fail_over(error):
                    raise
                self._choose_next_target()
            else:
                return

    def _choose_next_target(self) -> None:
        """Turn to the next target. Raises `InvalidRequestError` where its format cannot carry the request."""
        self._target = self._waiting.pop(0)
        items, origins = self._context.shown_to(self._target.provider.name)
        self._turn = Turn(self._target.model, self.request, items, origins)
        self._rendered = self._target.transformer.render_request(self._turn, self._target.profile)

    def _show_what_was_said(self) -> None:
        """The next step's turn: what the model was shown, and what it has said since."""
        items, origins = self._context.shown_to(self._target.provider.name)
        output: list[Json] = self._emitter.response["output"]
        self._turn = replace(
            self._turn, items=[*items, *output], origins={**origins, **self._emitter.origins}
        )
        self._rendered = self._target.transformer.render_request(self._turn, self._target.profile)

    def _check_bounds(self) -> None:
        if self._bounds.cancellation.requested():
            raise ServerError("The response was cancelled.")
        if self._bounds.deadline.remaining() <= 0:
            raise ServerError("The response took longer than this server lets one run take.")

    def _check_plain_end(self, *, streamed: bool) -> None:
        """A plain answer that the emitter had to fail is an error status, like any other fault."""
        error = self._emitter.response.get("error")
        if error and not streamed:
            raise ServerError(error["message"], code=error["code"])

    async def _keep(self, closing: list[Event], *, streamed: bool) -> list[Event]:
        """Commit the record, so that whoever hears of the end finds it; only then hand the end out."""
        if self._reservation is None:
            return closing
        maker = {MAKER: self._target.provider.name}
        stored = StoredResponse(
            response=self._emitter.response,
            input=self._context.own,
            origins={id: {**maker, **data} for id, data in self._emitter.origins.items()},
            target=self._target.name,
        )
        try:
            await self._using.responses.commit(self._reservation, stored)
        except (StoreUnavailable, TooLargeToStore):
            fault = ServerError("The response could not be stored.")
            if not streamed:
                raise fault from None
            return self._emitter.fail_instead(closing, fault)
        self._committed = True
        return closing


async def _first_or_silence(
    said: AsyncGenerator[Sequence[Delta], None], patience: float
) -> AsyncGenerator[Sequence[Delta], None]:
    """The first batch; an empty one before it when it takes longer than `patience` seconds."""
    nothing: Sequence[Delta] = ()
    first = asyncio.ensure_future(anext(said, nothing))
    try:
        done, _ = await asyncio.wait({first}, timeout=patience)
        if not done:
            yield nothing
        yield await first
    finally:
        if not first.done():
            first.cancel()
            with suppress(asyncio.CancelledError):
                await first


async def _uninterrupted(work: Coroutine[Any, Any, Any]) -> Any:
    """Let work end although whoever waits for it is cancelled: half a write is worse than a late one."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
