"""A journal in which an approved call is made once, whichever responses and processes it is approved in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lambda_responses.storage.approvals import Approval
from lambda_responses.storage.background.tool_journal import Noted
from lambda_responses.storage.keyed.port import StoreFact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.approvals import Used
    from lambda_responses.tools.calls import PendingCall
    from lambda_responses.tools.port import ToolJournal
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.tool_outcomes import Outcome

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two looks at what another response's call has come to."""


class ApprovalJournal:
    """A response's journal, for calls of which some were approved: `ToolJournal`.

    An approved call is begun only where its approval was not used yet. What was begun for another response,
    by an answer that was sent twice or in two branches of a conversation, is waited for, and told again.
    """

    def __init__(
        self,
        journal: ToolJournal,
        calls: Iterable[PendingCall],
        *,
        response: Json,
        tenant: str,
        using: Services,
        seconds: Callable[[PendingCall], float],
    ) -> None:
        """`seconds` is what a call may take at most. Of a response that is not stored, nothing is kept."""
        expires = using.responses.expiry()  # what was asked by now is forgotten by then
        self._approved = {
            call.call_id: (Approval(tenant, call.approval_request_id, expires), seconds(call))
            for call in calls
            if call.approval_request_id is not None
        }
        self._journal = journal
        self._response_id: str = response["id"]
        self._keeps = response.get("store") is not False
        self._using = using
        self._owner = using.entropy(16)

    async def intend(self, call_id: str) -> Noted | None:
        """See `ToolJournal`. Raises `StoreUnavailable`: nobody knows then whether the call may be made."""
        noted = await self._journal.intend(call_id)
        if call_id not in self._approved or (noted is not None and noted.outcome is not None):
            return noted
        approval, seconds = self._approved[call_id]
        used = await self._using.approvals.begin(
            approval, response_id=self._response_id, owner=self._owner, seconds=seconds
        )
        return None if used is None else Noted(await self._outcome(approval, used))

    async def intend_again(self, call_id: str) -> None:
        """See `ToolJournal`."""
        await self._journal.intend_again(call_id)
        if call_id in self._approved:
            approval, seconds = self._approved[call_id]
            await self._using.approvals.begin_again(
                approval, response_id=self._response_id, owner=self._owner, seconds=seconds
            )

    async def conclude(self, call_id: str, outcome: Outcome) -> None:
        """See `ToolJournal`. Where the approval's row cannot be written, nobody will know what came of it."""
        if call_id in self._approved:
            approval, _ = self._approved[call_id]
            try:
                await self._using.approvals.conclude(approval, outcome, owner=self._owner, keep=self._keeps)
            except StoreFact as fact:  # the call was made, and is told here all the same
                self._using.report(fact)
        await self._journal.conclude(call_id, outcome)

    async def _outcome(self, approval: Approval, used: Used) -> Outcome | None:
        """What came of a call that was begun before, if that is ever known."""
        pause = SHORTEST_PAUSE
        while used.underway:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            known = await self._using.approvals.known(approval, response_id=self._response_id)
            if known is None:
                return None
            used = known
        return used.outcome
