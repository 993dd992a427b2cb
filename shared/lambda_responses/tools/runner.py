"""The step in which this server runs the tools that a model has called.

Each call is noted before it is made, and its outcome after that. Whoever takes over from a dead process tells
by the notes which calls were made; one of which that cannot be told is made again only where that does no
harm. So a call is made once, or else its model is told that nobody knows.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lambda_responses.storage.background.tool_journal import Outcome
from lambda_responses.stream.output import CALLS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.tools.port import ServerTools, ToolJournal
    from lambda_responses.wire.json import Json

AT_ONCE = 8
"""So many calls of one step run at a time."""
LONGEST_OUTPUT = 262_144
"""Bytes of an outcome that are kept and shown to the model."""
CUT = "\n[The rest was left out: {bytes} bytes in all.]"
INTERRUPTED = Outcome("The call was interrupted; it may have run.", failed=True)


class ToolRunner:
    """Runs the calls of one response."""

    def __init__(self, tools: ServerTools, journal: ToolJournal) -> None:
        self._tools = tools
        self._journal = journal

    @property
    def offered(self) -> Sequence[Json]:
        """See `ServerTools`."""
        return self._tools.offered

    def runs(self, call: Json) -> bool:
        """See `ServerTools`."""
        return self._tools.runs(call)

    async def outcomes(
        self, calls: Sequence[Json], *, parallel: bool
    ) -> AsyncGenerator[Sequence[Json], None]:
        """The items that tell what came of the calls, in their order, each as soon as it can be told."""
        slots = asyncio.Semaphore(AT_ONCE if parallel else 1)
        running = [asyncio.ensure_future(self._outcome(call, slots)) for call in calls]
        try:
            for call, coming in zip(calls, running, strict=True):
                yield (self._tools.render_outcome(call, await coming),)
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _outcome(self, call: Json, slots: asyncio.Semaphore) -> Outcome:
        call_id: str = call["call_id"]
        async with slots:
            noted = await self._journal.intend(call_id)
            if noted is not None:
                if noted.outcome is not None:
                    return noted.outcome
                if not self._tools.may_run_twice(call):
                    await self._journal.conclude(call_id, INTERRUPTED)
                    return INTERRUPTED
                await self._journal.intend_again(call_id)
            outcome = _bounded(await self._tools.run(call))
            await self._journal.conclude(call_id, outcome)
            return outcome


def unanswered(output: Sequence[Json]) -> list[Json]:
    """The calls of which no item tells what came of them."""
    answered = {item.get("call_id") for item in output if item["type"] not in CALLS}
    return [call for call in output if call["type"] in CALLS and call["call_id"] not in answered]


def _bounded(outcome: Outcome) -> Outcome:
    told = outcome.output.encode(errors="replace")
    if len(told) <= LONGEST_OUTPUT:
        return outcome
    kept = told[:LONGEST_OUTPUT].decode(errors="ignore")
    return Outcome(kept + CUT.format(bytes=len(told)), outcome.failed)
