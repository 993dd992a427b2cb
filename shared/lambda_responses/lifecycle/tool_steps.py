"""Steps of a response in which this server runs what its model has called."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.context import is_superseded
from lambda_responses.lifecycle.waiting import heard
from lambda_responses.stream.deltas import BlockEnded, ItemOpened, Stopped
from lambda_responses.tools.runner import unanswered

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.lifecycle.ports import Deadline
    from lambda_responses.stream.emitter import ResponseEmitter
    from lambda_responses.tools.runner import ToolRunner
    from lambda_responses.wire.json import Event, Json


class ToolSteps:
    """The tools of one response, between the upstream's steps."""

    def __init__(
        self, runner: ToolRunner, emitter: ResponseEmitter, *, parallel: bool, deadline: Deadline
    ) -> None:
        self._runner = runner
        self._emitter = emitter
        self._parallel = parallel
        self._deadline = deadline

    def offered_with(self, request: Json) -> Json:
        """The request as upstreams get it: with these tools beside the client's."""
        return {**request, "tools": [*(request.get("tools") or ()), *self._runner.offered]}

    @property
    def calls(self) -> list[Json]:
        """The calls that wait for this server."""
        return [call for call in self._unanswered() if self._runner.runs(call)]

    @property
    def awaited(self) -> bool:
        """Whether the step that ends now leaves any."""
        return any(map(self._runner.runs, (*self._unanswered(), *self._emitter.open_calls)))

    async def take(
        self, calls: Sequence[Json], stop: asyncio.Future[None] | None
    ) -> AsyncGenerator[list[Event], None]:
        """Run them; the events that tell what came of it. It is the client's turn then where it was called
        too, and the model's otherwise.
        """
        emitter = self._emitter
        outcomes = self._runner.outcomes(calls, parallel=self._parallel)
        batches = heard(outcomes, patience=None, deadline=self._deadline, stop=stop)
        async with aclosing(outcomes), aclosing(batches):
            async for items in batches:
                for item in items:
                    block = item["call_id"]
                    yield [*emitter.apply(ItemOpened(block, item)), *emitter.apply(BlockEnded(block, item))]
        emitter.apply(Stopped("tool_calls" if self._unanswered() else "pause"))

    def _unanswered(self) -> list[Json]:
        said, origins = self._emitter.said, self._emitter.origins
        return unanswered([item for item in said if not is_superseded(item, origins)])
