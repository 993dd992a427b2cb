"""Compacting a context: by the upstream's own endpoint where it has one, otherwise by any model's summary."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.lifecycle.context import ModelContext
from lambda_responses.lifecycle.seals import MAKER
from lambda_responses.lifecycle.shortening import is_too_long
from lambda_responses.lifecycle.summaries import FIRST_ROOM, LEAST_ROOM, summary_request
from lambda_responses.lifecycle.targets import Targets
from lambda_responses.lifecycle.upstream import may_fail_over
from lambda_responses.stream.deltas import BlockEnded, ItemEvent, ItemOpened, Opaque, Stopped, Usage
from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.transformers.base import Compacts, NotOffered
from lambda_responses.wire.compaction import (
    COMPACTION,
    is_compaction,
    said_again,
    summarized,
    told_otherwise,
    unanswered,
)
from lambda_responses.wire.errors import APIError, ServerError
from lambda_responses.wire.ids import ItemIds, new_response_id

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from lambda_responses.lifecycle.ports import Deadline, Services
    from lambda_responses.providers.base import Target
    from lambda_responses.stream.deltas import Delta, StopReason
    from lambda_responses.wire.json import Json

_BLOCK = "compaction"
_CUT = "[The summary ends here: it became too long for its writer.]"


class Compaction:
    """One item that stands for a context.

    `origin` is what it stands for and `usage` what that took, as soon as `summarize` or `compact` is through;
    `target` is who does it, as far as is known. Both yield when somebody begins to answer, or nobody has for
    `patience` seconds, and raise `APIError` for whatever goes wrong. Nothing of an item is told before all of
    it is there.
    """

    def __init__(
        self,
        candidates: Sequence[Target],
        request: Json,
        context: ModelContext,
        using: Services,
        *,
        deadline: Deadline,
        stop: asyncio.Future[None] | None = None,
        patience: float | None = None,
    ) -> None:
        self.origin: Json = {}
        self.usage: Json | None = None
        self.target = candidates[0]
        self._candidates = candidates
        self._request = request
        self._context = context
        self._using = using
        self._deadline = deadline
        self._stop = stop
        self._patience = patience

    async def compact(self) -> AsyncGenerator[None, None]:
        """Beside the users' messages, which stay with the client: as the upstream does it, if it does."""
        natives = [
            replace(target, transformer=cast("Compacts[Any]", target.transformer).compaction)
            for target in self._candidates
            if target.traits.compacts and isinstance(target.transformer, Compacts)
        ]
        if natives and self._candidates[0].traits.compacts:
            answer = self._blank()
            try:
                async with aclosing(self._asked(natives, self._request, self._context, answer)) as moments:
                    async for _ in moments:
                        yield
            except APIError as fault:
                elsewhere = len(self._candidates) > 1 and may_fail_over(fault)
                if not (elsewhere or isinstance(fault, NotOffered)):
                    raise
            else:
                self.origin = self._blob_in(answer)
                return
        async with aclosing(self._summarized((), {}, whole=False)) as moments:
            async for _ in moments:
                yield

    def summarize(self, said: Sequence[Json], made: Mapping[str, Json]) -> AsyncGenerator[None, None]:
        """For all of the context, and for what the response has `said` by now: in words, for any model."""
        return self._summarized(said, made, whole=True)

    def deltas(self, stop: StopReason) -> list[Delta]:
        """The item, as an upstream step that ends so would have said it."""
        compacting = {"type": "response.compaction.compacting", "item_id": "", "output_index": 0}
        return [
            ItemOpened(_BLOCK, {"type": COMPACTION, "encrypted_content": ""}),
            ItemEvent(_BLOCK, compacting),
            Opaque(_BLOCK, self.origin),
            BlockEnded(_BLOCK),
            *(() if self.usage is None else (Usage(self.usage),)),
            Stopped(stop),
        ]

    async def _summarized(
        self, said: Sequence[Json], made: Mapping[str, Json], *, whole: bool
    ) -> AsyncGenerator[None, None]:
        items = self._context.shown_to(None, said, made).items
        room = FIRST_ROOM
        while True:
            request, answer = summary_request(self._request, items, room=room), self._blank()
            context = ModelContext(history=request["input"], own=(), origins={})
            try:
                async with aclosing(self._asked(self._candidates, request, context, answer)) as moments:
                    async for _ in moments:
                        yield
            except APIError as fault:
                room = min(room, _length(request)) // 2
                if not is_too_long(fault) or room < LEAST_ROOM:
                    raise
            else:
                break
        current, origins = self._context.current(said, made), {**self._context.origins, **made}
        origin = summarized(
            said_again(current, origins),
            _summary_in(answer),
            whole=whole,
            waiting=unanswered(current, origins),
        )
        self.origin = {**origin, MAKER: self.target.maker}

    async def _asked(
        self, ways: Sequence[Target], request: Json, context: ModelContext, answer: ResponseEmitter
    ) -> AsyncGenerator[None, None]:
        """Ask, and keep in `answer` what is said, where nobody else hears of it."""
        targets = Targets(ways, request, context, self._using)
        heard = targets.answer(answer, patience=self._patience, deadline=self._deadline, stop=self._stop)
        async with aclosing(heard) as batches:
            async for deltas in batches:
                for delta in deltas:
                    answer.apply(delta)
                self._patience, self.target = None, targets.current
                yield
        answer.finish(at=int(self._using.now()))
        self.usage = answer.response["usage"]

    def _blank(self) -> ResponseEmitter:
        response_id = new_response_id(epoch=0, thread=None, entropy=self._using.entropy)
        response: Json = {"id": response_id, "status": "in_progress", "output": [], "usage": None}
        return ResponseEmitter(response, ItemIds(response_id, self._using.entropy))

    def _blob_in(self, answer: ResponseEmitter) -> Json:
        """What the upstream's own item is, and what it stands for where another one goes on."""
        item = next((item for item in answer.response["output"] if is_compaction(item)), None)
        if item is None or item["id"] not in answer.origins:
            raise ServerError("The conversation could not be compacted: the model's provider gave no item.")
        others = [each for each in self._context.shown_to(None).items if each.get("role") != "user"]
        told = told_otherwise(others, whole=False)
        return {**answer.origins[item["id"]], **told, MAKER: self.target.maker}


def _length(request: Json) -> int:
    return len(request["input"][0]["content"][0]["text"])


def _summary_in(answer: ResponseEmitter) -> str:
    """What was said, all of it. Raises `ServerError` for an answer that is none, or was withheld.

    One that was cut for its length is better than none: the users' messages stay beside it anyway.
    """
    details: Json = answer.response.get("incomplete_details") or {}
    reason = details.get("reason")
    whole = answer.response["status"] == "completed"
    if not whole and reason != "max_output_tokens":
        raise _not_compacted("the model's summary was cut off")
    said = [part for item in answer.response["output"] for part in item.get("content") or ()]
    summary = "".join(part["text"] for part in said if part.get("type") == "output_text").strip()
    if not summary:
        raise _not_compacted("the model gave no summary")
    return summary if reason is None else f"{summary}\n\n{_CUT}"


def _not_compacted(why: str) -> ServerError:
    """500, which is paid for already; another try would most likely come to the same."""
    message = f"The conversation could not be compacted: {why}."
    return ServerError(message, headers={"x-should-retry": "false"})
