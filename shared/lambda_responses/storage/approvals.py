"""What became of calls that somebody approved: an approval is good for one, however often it is sent.

A row for each, under the id of the approval's request: `rid` the response that makes the call, `own` who
makes it, `lease` until when that one may still be at it, `out` what came of it, packed, once that is known
(null where that may not be kept); `ttl`, at which the approval itself has expired.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.conversations.leases import insist, twice
from lambda_responses.storage.keyed.conditions import ROW, Absent, equals
from lambda_responses.storage.keyed.port import ConditionFailed
from lambda_responses.storage.table import TenantTable
from lambda_responses.wire.tool_outcomes import Outcome, tool_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import Key, KeyedStore, Values

RECORD_VERSION = 1
SLACK = 15.0
"""Seconds that a call may take besides its own time, until what came of it is written."""
KEPT = 86_400
"""Seconds for which a row outlives the approval."""

UNKEPT = tool_failed("This call was approved and made before. What came of it is not kept.")
"""What is known of a call that was made for a response that is not stored."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's word that one call may be made."""

    tenant: str
    request_id: str
    """`mcpr_…`: what was approved."""
    expires: float
    """Until when it is good, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Used:
    """An approval for which a call was begun before."""

    outcome: Outcome | None
    """None where nobody knows yet."""
    underway: bool = False
    """Whether somebody may still be making the call: then it will be known."""


class Approvals:
    """Which approvals were used. Every method may raise `StoreUnavailable`; tenants come from credentials."""

    def __init__(self, store: KeyedStore, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    async def begin(self, approval: Approval, *, response_id: str, owner: str, seconds: float) -> Used | None:
        """Use an approval for a call that may take so long; the call may be made once this returns None.

        Otherwise it was begun before, and this is what is known of it. `owner` is a word that nobody else
        uses. What the same response has begun is not under way: whoever asks has taken it over.
        """
        values = self._begun(approval, response_id, owner, seconds)
        try:
            await self._write(approval, values, (Absent(ROW),))
        except ConditionFailed as fact:
            if fact.old is None:
                raise
            known = fact.old.values
            if "out" in known or known["rid"] != response_id:
                return self._used(known, response_id)
            if known["own"] == owner:
                return None  # The answer to our own try was lost.
            return await self._taken_over(approval, known["own"], values)
        return None

    async def _taken_over(self, approval: Approval, before: str, values: Values) -> Used:
        """A call that the same response has begun: what its maker has to say of it comes too late now."""
        try:
            await self._write(approval, values, (equals("own", before), Absent("out")))
        except ConditionFailed as fact:
            if fact.old is None:
                raise
            return self._used(fact.old.values, values["rid"])
        return Used(None)

    async def begin_again(self, approval: Approval, *, response_id: str, owner: str, seconds: float) -> None:
        """Make a call of which nobody knows what came a second time."""
        await self._write(approval, self._begun(approval, response_id, owner, seconds), ())

    async def known(self, approval: Approval, *, response_id: str) -> Used | None:
        """What is known of an approval's call; None where it was not used."""
        row = await self._store.get(_key(approval))
        return None if row is None else self._used(row.values, response_id)

    async def conclude(self, approval: Approval, outcome: Outcome, *, owner: str, keep: bool) -> None:
        """Note what came of it; unless it is to be kept, that something did. Another's call is left alone."""
        told = pack([outcome.output, outcome.error]) if keep else None
        when = (equals("own", owner), Absent("out"))
        try:
            await twice(
                lambda: insist(lambda: self._store.update(_key(approval), set={"out": told}, when=when))
            )
        except ConditionFailed:
            return

    async def _write(self, approval: Approval, values: Values, when: Condition) -> None:
        await twice(lambda: insist(lambda: self._store.put(_key(approval), values, when)))

    def _begun(self, approval: Approval, response_id: str, owner: str, seconds: float) -> dict[str, Any]:
        return {
            "v": RECORD_VERSION,
            "rid": response_id,
            "own": owner,
            "lease": math.ceil(self._now() + seconds + SLACK),
            "ttl": math.ceil(approval.expires) + KEPT,
        }

    def _used(self, values: Values, response_id: str) -> Used:
        if "out" not in values:
            alive = values["rid"] != response_id and values["lease"] > self._now()
            return Used(None, underway=alive)
        told = values["out"]
        return Used(UNKEPT if told is None else Outcome(*unpack(told)))


def _key(approval: Approval) -> Key:
    return TenantTable(approval.tenant).approval(approval.request_id)
