"""The targets of a run, tried in order: what each of them is asked, and what the first that answers says."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.context import is_superseded, unsealed
from lambda_responses.lifecycle.media import carried
from lambda_responses.lifecycle.seals import MAKER
from lambda_responses.lifecycle.upstream import deltas_of, is_outage, may_fail_over
from lambda_responses.lifecycle.waiting import heard
from lambda_responses.lifecycle.weights import TokenWeights
from lambda_responses.outbound.faults import OutboundFault, TooLarge
from lambda_responses.transformers.base import NotOffered, Turn
from lambda_responses.wire.compaction import stands_for_all
from lambda_responses.wire.errors import APIError, InvalidRequestError
from lambda_responses.wire.includes import SEEN_TO, apart

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.ports import Deadline, Services
    from lambda_responses.outbound.client import Fetched
    from lambda_responses.providers.base import Target
    from lambda_responses.stream.deltas import Delta
    from lambda_responses.stream.emitter import ResponseEmitter
    from lambda_responses.tools.gate import Gate
    from lambda_responses.tools.offer import Asked
    from lambda_responses.transformers.base import Rendered
    from lambda_responses.wire.json import Json

_PLACE = re.compile(r"input\[(\d+)\]")
_TOOL = re.compile(r"tools\[(\d+)\]")


class Targets:
    """Those that a model name stands for. `current` answers, or is the next to be asked."""

    def __init__(
        self,
        targets: Sequence[Target],
        request: Json,
        context: ModelContext,
        using: Services,
        weights: TokenWeights | None = None,
        *,
        current: str | None = None,
    ) -> None:
        """`current` names the one that has answered before, if one has: then those before it had failed."""
        begun = next((at for at, target in enumerate(targets) if target.name == current), 0)
        self._in_order = targets[begun:]
        self.current, *self._waiting = self._in_order
        self._weights = weights or TokenWeights()
        self._request = request
        self._tool_places: Sequence[int | None] | None = None
        """By tool of that, its place in the client's request; None where they are the same."""
        self._context = context
        self._using = using
        self._files: dict[str, Fetched] = {}
        """What was fetched for this run, by address."""
        self._lacking: dict[str, OutboundFault] = {}
        self._shown: Sequence[Json] | None = None
        """The context as the current target is shown it; None until it is known."""
        self._places: Sequence[int | None] = ()
        """By item of that, its place in the request."""
        self._introduced = 0
        """How many of the response's items no model has said."""
        self._said = 0
        """How many of the response's items are in that, because a compaction stands for what was before."""
        self._shortened = 0
        self._lost: tuple[str, ...] = ()
        self._origins: Mapping[str, Json] = {}
        self._rendered: Rendered | None = None

    @property
    def dropped(self) -> Sequence[str]:
        """What the current target's format has no place for, once it is known."""
        if self._rendered is None:
            return ()
        return list(dict.fromkeys([*self._lost, *map(self._as_asked, self._rendered.dropped)]))

    def ask(self, asked: Asked, *, introduced: int = 0) -> None:
        """Ask for this in the next step. So many items were told before a model has said anything."""
        self._request, self._tool_places = asked.request, asked.places
        self._introduced = introduced

    def parted(self, item: Json) -> tuple[Json, Json]:
        """An item without what was not asked for; a native upstream has seen to that, and seals have."""
        if self.current.native:
            return item, {}
        return apart(item, {*(self._request.get("include") or ()), *SEEN_TO})

    async def answer(
        self,
        emitter: ResponseEmitter,
        *,
        gate: Gate | None = None,
        patience: float | None,
        deadline: Deadline,
        stop: asyncio.Future[None] | None,
    ) -> AsyncGenerator[Sequence[Delta], None]:
        """One step's deltas, from the first target that answers.

        The `gate` keeps back what is not to be told, and of a target that failed nothing.
        With `patience`, an empty batch comes first when nothing is heard for longer than that. Where a
        format cannot carry the request, or a target fails before its first word, the next one is asked; the
        fault of the first that failed is raised when there is none. With `truncation: auto` a context that is
        too long is shortened first.
        """
        fault: APIError | None = None
        begun, superseded = emitter.items_begun, self._speaks_from(emitter)
        while True:
            said = self._answer(emitter)
            try:
                async with (
                    aclosing(said),
                    aclosing(heard(said, patience=patience, deadline=deadline, stop=stop)) as batches,
                ):
                    async for deltas in batches:
                        patience = None
                        yield deltas if gate is None else gate.passed(deltas)
            except APIError as error:
                if gate is not None:
                    gate.forget()
                if emitter.items_begun == begun and await self._shorten(error):
                    emitter.forget_upstream()
                    continue
                unasked = self._rendered is None
                fault = fault or error if unasked else error
                self._note(None if unasked else error)
                spoken = emitter.items_begun > superseded
                if spoken or not self._waiting or not (unasked or may_fail_over(error)):
                    raise fault from fault.__cause__
                emitter.forget_upstream()
                self._turn_to_next()
            else:
                self._using.router.note(self.current, None)
                return

    def start_over(self, emitter: ResponseEmitter) -> None:
        """Ask all of them once more in the next answer, unless the one that spoke has to go on."""
        if emitter.items_begun <= self._speaks_from(emitter):
            self.current, *self._waiting = self._in_order
            self._shown = self._rendered = None

    async def _answer(self, emitter: ResponseEmitter) -> AsyncGenerator[Sequence[Delta], None]:
        turn, rendered = await self._render(emitter)
        async with aclosing(deltas_of(self.current, turn, rendered, self._using.report)) as said:
            async for deltas in said:
                yield deltas

    async def _render(self, emitter: ResponseEmitter) -> tuple[Turn, Rendered]:
        """What the current target is shown, with what the response has said in earlier steps."""
        target = self.current
        output = emitter.said
        said = self._begins_at(emitter)
        if self._shown is None or said != self._said:
            await self._look_at_context(target, output[:said], emitter.origins)
            self._said = said
        origins, maker = emitter.origins, target.maker
        made = {id: origin for id, origin in origins.items() if origin.get(MAKER, maker) == maker}
        more = (unsealed(item) for item in output[said:] if not is_superseded(item, origins))
        turn = Turn(target.model, self._request, [*(self._shown or ()), *more], {**self._origins, **made})
        try:
            self._rendered = target.transformer.render_request(turn, target.profile)
        except InvalidRequestError as error:
            error.param = error.param and self._as_asked(error.param)
            raise
        return turn, self._rendered

    async def _look_at_context(self, target: Target, said: Sequence[Json], made: Mapping[str, Json]) -> None:
        context = self._context.shown_to(target.maker, said, made)
        self._origins, self._places, self._shortened = context.origins, context.places, 0
        outbound = self._using.outbound
        past = next((at for at, place in enumerate(context.places) if place is not None), len(context.places))
        try:
            shown = await carried(
                context.items,
                traits=target.traits,
                fetch=self._fetch,
                policy=outbound.policy,
                history=past,
            )
        except InvalidRequestError as error:
            error.param = error.param and self._as_asked(error.param, past)
            raise
        self._shown, self._lost = shown.items, shown.dropped

    def _begins_at(self, emitter: ResponseEmitter) -> int:
        """How many of the response's own items a compaction among them stands for, itself included."""
        output = emitter.said
        return next(
            (at + 1 for at in reversed(range(len(output))) if stands_for_all(output[at], emitter.origins)), 0
        )

    def _speaks_from(self, emitter: ResponseEmitter) -> int:
        """How many of its items were there before the target spoke that goes on."""
        return max(self._begins_at(emitter), self._introduced)

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

    async def _shorten(self, fault: APIError) -> bool:
        """Whether the context was too long and is shorter now."""
        if self._request.get("truncation") != "auto" or not self._shown:
            return False
        from lambda_responses.lifecycle.shortening import MOST_TRIES, is_too_long, shortened

        if not is_too_long(fault) or self._shortened >= MOST_TRIES:
            return False
        weights = await self._weights.of(self._shown)
        kept = shortened(self._shown, self._places, fault, weights=weights, halve=self._shortened > 0)
        if kept is None:
            return False
        self._shortened += 1
        self._shown = [self._shown[index] for index in kept]
        self._places = [self._places[index] for index in kept]
        return True

    def _note(self, fault: APIError | None) -> None:
        if fault is None or isinstance(fault, NotOffered) or not may_fail_over(fault):
            return
        self._using.upstream_failed(self.current.name, fault)
        if is_outage(fault):
            self._using.router.note(self.current, fault)

    def _as_asked(self, path: str, past: int = 0) -> str:
        """A place in the context, as the client knows it: in its own request, or before that.

        `past` items at the beginning are not counted in `path`.
        """
        if tool := _TOOL.match(path):
            return self._tool_as_asked(int(tool[1]), path[tool.end() :])
        place = _PLACE.match(path)
        if place is None:
            return path
        index = past + int(place[1])
        own = self._places[index] if index < len(self._places) else None
        return "previous_response_id" if own is None else f"input[{own}]{path[place.end() :]}"

    def _tool_as_asked(self, index: int, rest: str) -> str:
        place = index if self._tool_places is None else self._tool_places[index]
        return "tools" if place is None else f"tools[{place}]{rest}"
