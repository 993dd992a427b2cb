"""The step in which this server runs the tools that a model has called.

Each call is noted before it is made, and its outcome after that. Whoever takes over from a dead process tells
by the notes which calls were made; one of which that cannot be told is made again only where that does no
harm. So a call is made once, or else its model is told that nobody knows.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lambda_responses.tools.bounds import ANSWERS
from lambda_responses.wire.tool_outcomes import tool_failed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.tools.calls import PendingCall
    from lambda_responses.tools.port import Caller, ToolJournal
    from lambda_responses.wire.tool_outcomes import Outcome

AT_ONCE = 8
"""So many calls of one step run at a time."""
INTERRUPTED = tool_failed("The call was interrupted; it may have run.")


class ToolRunner:
    """Runs the calls of one response."""

    def __init__(self, caller: Caller, journal: ToolJournal) -> None:
        self._caller = caller
        self._journal = journal

    @asynccontextmanager
    async def running(
        self, calls: Sequence[PendingCall], *, parallel: bool
    ) -> AsyncGenerator[Sequence[asyncio.Future[Outcome]], None]:
        """What comes of the calls, in their order: all have begun, `AT_ONCE` at a time, or one by one unless
        `parallel`. On leaving, none runs any more.
        """
        slots = asyncio.Semaphore(AT_ONCE if parallel else 1)
        running = [asyncio.ensure_future(self._outcome(call, slots)) for call in calls]
        try:
            yield running
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _outcome(self, call: PendingCall, slots: asyncio.Semaphore) -> Outcome:
        if call.unmade is not None:
            return ANSWERS[call.unmade]
        async with slots:
            noted = await self._journal.intend(call.call_id)
            if noted is not None:
                if noted.outcome is not None:
                    return noted.outcome
                if not self._caller.may_run_twice(call):
                    await self._journal.conclude(call.call_id, INTERRUPTED)
                    return INTERRUPTED
                await self._journal.intend_again(call.call_id)
            outcome = await self._caller.call(call)
            await self._journal.conclude(call.call_id, outcome)
            return outcome
