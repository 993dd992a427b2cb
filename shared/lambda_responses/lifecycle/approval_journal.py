"""A journal in which an approved call is made once, whichever responses and processes it is approved in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypedDict

from lambda_responses.lifecycle.approvals import refusal
from lambda_responses.storage.approvals import Approval
from lambda_responses.storage.background.tool_journal import Noted
from lambda_responses.storage.keyed.port import StoreFact
from lambda_responses.wire.tool_outcomes import tool_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.approvals import Used
    from lambda_responses.tools.calls import PendingCall
    from lambda_responses.tools.port import ToolJournal
    from lambda_responses.tools.servers.server import ListedTool, Server
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.tool_outcomes import Outcome

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two looks at what another response's call has come to."""

UNDERWAY = tool_failed("Another response was making the approved call when the time of this one was over.")
"""What is told of a call that this response did not make, and that nobody could wait for any longer."""


class _Making(TypedDict):
    """Who makes a call, and how long it may take."""

    response_id: str
    owner: str
    seconds: float


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
        tool: Callable[[str, str], tuple[Server, ListedTool] | None],
        response: Json,
        tenant: str,
        seconds_left: Callable[[], float],
        using: Services,
    ) -> None:
        """`tool` finds a tool by its server's label and its name, as it is now; `seconds_left` says for how
        long others' calls are waited for. Of a response that is not stored, nothing is kept but that the
        calls were made.
        """
        self._approved = {call.call_id: call for call in calls if call.approval_request_id is not None}
        self._journal = journal
        self._tool = tool
        self._response_id: str = response["id"]
        self._keeps = response.get("store") is not False
        self._tenant = tenant
        self._seconds_left = seconds_left
        self._using = using
        self._owner = using.entropy(16)

    async def intend(self, call_id: str) -> Noted | None:
        """See `ToolJournal`. Raises `StoreUnavailable`: nobody knows then whether the call may be made."""
        noted = await self._journal.intend(call_id)
        call = self._approved.get(call_id)
        if call is None or (noted is not None and noted.outcome is not None):
            return noted
        found = self._tool(call.server_label, call.name)
        refused = await refusal(call, found and found[1], tenant=self._tenant, using=self._using)
        if refused is None:
            used = await self._using.approvals.begin(self._approval(call), **self._making(call))
        else:
            used = await self._using.approvals.known(self._approval(call), response_id=self._response_id)
            if used is None:  # and remains so: there may be such a tool again
                await self._journal.conclude(call_id, refused)
                return Noted(refused)
        return None if used is None else Noted(await self._outcome(call, used))

    async def intend_again(self, call_id: str) -> None:
        """See `ToolJournal`."""
        await self._journal.intend_again(call_id)
        if (call := self._approved.get(call_id)) is not None:
            await self._using.approvals.begin_again(self._approval(call), **self._making(call))

    async def conclude(self, call_id: str, outcome: Outcome) -> None:
        """See `ToolJournal`. Where the approval's row cannot be written, nobody will know what came of it."""
        if (call := self._approved.get(call_id)) is not None:
            approval, owner = self._approval(call), self._owner
            try:
                await self._using.approvals.conclude(approval, outcome, owner=owner, keep=self._keeps)
            except StoreFact as fact:  # the call was made, and is told here all the same
                self._using.report(fact)
        await self._journal.conclude(call_id, outcome)

    async def _outcome(self, call: PendingCall, used: Used) -> Outcome | None:
        """What came of a call that was begun before, if that is ever known, or is while there is time."""
        pause = SHORTEST_PAUSE
        while used.underway:
            if (left := self._seconds_left()) <= 0:
                await self._journal.conclude(call.call_id, UNDERWAY)
                return UNDERWAY
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)
            known = await self._using.approvals.known(self._approval(call), response_id=self._response_id)
            if known is None:
                return None
            used = known
        return used.outcome

    def _approval(self, call: PendingCall) -> Approval:
        # What was asked by now is forgotten by the time at which a response that is stored now expires.
        return Approval(self._tenant, call.approval_request_id or "", self._using.responses.expiry())

    def _making(self, call: PendingCall) -> _Making:
        found = self._tool(call.server_label, call.name)
        seconds = 0.0 if found is None else found[0].call_seconds
        return {"response_id": self._response_id, "owner": self._owner, "seconds": seconds}
