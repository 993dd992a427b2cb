"""The targets of a run, tried in order: what each of them is asked, and what the first that answers says."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.context import unsealed
from lambda_responses.lifecycle.media import carried
from lambda_responses.lifecycle.upstream import deltas_of, is_outage, may_fail_over
from lambda_responses.lifecycle.waiting import heard
from lambda_responses.outbound.faults import OutboundFault, TooLarge
from lambda_responses.transformers.base import Turn
from lambda_responses.wire.errors import APIError, InvalidRequestError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.ports import Deadline, Services
    from lambda_responses.outbound.client import Fetched
    from lambda_responses.providers.base import Target
    from lambda_responses.stream.deltas import Delta
    from lambda_responses.stream.emitter import ResponseEmitter
    from lambda_responses.transformers.base import Rendered
    from lambda_responses.wire.json import Json

_PLACE = re.compile(r"input\[(\d+)\]")


class Targets:
    """Those that a model name stands for. `current` answers, or is the next to be asked."""

    def __init__(self, targets: Sequence[Target], request: Json, context: ModelContext, using: Services):
        self.current, *self._waiting = targets
        self._request = request
        self._context = context
        self._using = using
        self._files: dict[str, Fetched] = {}
        """What was fetched for this run, by address."""
        self._lacking: dict[str, OutboundFault] = {}
        self._shown: Sequence[Json] | None = None
        """The context as the current target is shown it; None until it is known."""
        self._lost: tuple[str, ...] = ()
        self._origins: Mapping[str, Json] = {}
        self._rendered: Rendered | None = None

    @property
    def dropped(self) -> Sequence[str]:
        """What the current target's format has no place for, once it is known."""
        if self._rendered is None:
            return ()
        return list(dict.fromkeys([*self._lost, *map(self._as_asked, self._rendered.dropped)]))

    async def answer(
        self,
        emitter: ResponseEmitter,
        *,
        patience: float | None,
        deadline: Deadline,
        stop: asyncio.Future[None] | None,
    ) -> AsyncGenerator[Sequence[Delta], None]:
        """One step's deltas, from the first target that answers.

        With `patience`, an empty batch comes first when nothing is heard for longer than that. Where a
        format cannot carry the request, or a target fails before its first word, the next one is asked; the
        fault of the first that failed is raised when there is none.
        """
        fault: APIError | None = None
        while True:
            said = self._said(emitter)
            try:
                async with (
                    aclosing(said),
                    aclosing(heard(said, patience=patience, deadline=deadline, stop=stop)) as batches,
                ):
                    async for deltas in batches:
                        patience = None
                        yield deltas
            except APIError as error:
                unasked = self._rendered is None
                fault = fault or error if unasked else error
                self._note(None if unasked else error)
                if emitter.spoken or not self._waiting or not (unasked or may_fail_over(error)):
                    raise fault from fault.__cause__
                emitter.forget_upstream()
                self._turn_to_next()
            else:
                self._using.router.note(self.current, None)
                return

    async def _said(self, emitter: ResponseEmitter) -> AsyncGenerator[Sequence[Delta], None]:
        turn, rendered = await self._render(emitter)
        async with aclosing(deltas_of(self.current, turn, rendered, self._using.report)) as said:
            async for deltas in said:
                yield deltas

    async def _render(self, emitter: ResponseEmitter) -> tuple[Turn, Rendered]:
        """What the current target is shown, with what the response has said in earlier steps."""
        target = self.current
        if self._shown is None:
            await self._look_at_context(target)
        output: list[Json] = emitter.response["output"]
        items = [*(self._shown or ()), *map(unsealed, output)]
        turn = Turn(target.model, self._request, items, {**self._origins, **emitter.origins})
        try:
            self._rendered = target.transformer.render_request(turn, target.profile)
        except InvalidRequestError as error:
            error.param = error.param and self._as_asked(error.param)
            raise
        return turn, self._rendered

    async def _look_at_context(self, target: Target) -> None:
        items, self._origins = self._context.shown_to(target.maker)
        outbound = self._using.outbound
        shown = await carried(
            items,
            traits=target.traits,
            fetch=self._fetch,
            policy=outbound.policy,
            history=len(self._context.history),
        )
        self._shown, self._lost = shown.items, shown.dropped

    async def _fetch(self, url: str, *, largest: int | None = None) -> Fetched:
        """A file, asked for once for all targets, whatever came of it."""
        if url in self._lacking:
            raise self._lacking[url]
        if url not in self._files:
            try:
                self._files[url] = await self._using.outbound.fetch(url, largest=largest)
            except TooLarge:  # for the room that was left
                raise
            except OutboundFault as fault:
                self._lacking[url] = fault
                raise
        return self._files[url]

    def _turn_to_next(self) -> None:
        self.current = self._waiting.pop(0)
        self._shown = self._rendered = None

    def _note(self, fault: APIError | None) -> None:
        if fault is None or not may_fail_over(fault):
            return
        self._using.upstream_failed(self.current.name, fault)
        if is_outage(fault):
            self._using.router.note(self.current, fault)

    def _as_asked(self, path: str) -> str:
        """A place in the context, as the client knows it: in its own request, or before that."""
        place = _PLACE.match(path)
        if place is None:
            return path
        index = int(place[1]) - len(self._context.history)
        return f"input[{index}]{path[place.end() :]}" if index >= 0 else "previous_response_id"
