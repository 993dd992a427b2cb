"""The calls of tools that this server makes for a background response, noted before and after they are made.

A row for each: `f` the fence and `own` the owner of the lease under which it was last about to be made, `out`
what came of it, packed, once that is known; `ttl`. Every write checks in the same transaction that the lease
is still held, so that nobody calls anything whose response is another's by now.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.job import LeaseLost, key_of, mine
from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.conversations.leases import insist, twice
from lambda_responses.storage.keyed.conditions import ROW, Absent
from lambda_responses.storage.keyed.port import Check, ConditionFailed, Put
from lambda_responses.storage.scheduling import at_once
from lambda_responses.storage.table import TenantTable
from lambda_responses.wire.tool_outcomes import Outcome

if TYPE_CHECKING:
    from lambda_responses.storage.background.job import Lease
    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import Key, KeyedStore

KEPT = 86_400
"""Seconds for which a note outlives the last moment at which its response may end."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What is known of a call that somebody was about to make before."""

    outcome: Outcome | None
    """None where nobody knows whether it was made."""


class ToolJournals:
    """The journals of all background responses."""

    def __init__(self, store: KeyedStore) -> None:
        self._store = store

    def of(self, lease: Lease) -> LeasedToolJournal:
        """The journal of a response on which one has the lease."""
        return LeasedToolJournal(self._store, lease)

    async def remove(self, tenant: str, response_id: str) -> None:
        """Keep nothing of a response's journal. Raises `StoreUnavailable`."""
        rows = await self._store.query(TenantTable(tenant).tool_calls(response_id))
        await at_once(self._store.delete(row.key) for row in rows)


class LeasedToolJournal:
    """The journal of one response; its methods may raise `LeaseLost` and `StoreUnavailable`."""

    def __init__(self, store: KeyedStore, lease: Lease) -> None:
        self._store = store
        self._lease = lease

    async def intend(self, call_id: str) -> Noted | None:
        """Note that a call is about to be made; it may be once this returns None.

        Otherwise somebody has noted that before, and this is what came of it.
        """
        try:
            await self._write(call_id, self._intent(), (Absent(ROW),))
        except ConditionFailed:
            row = await self._store.get(self._key(call_id))
            if row is None:
                raise LeaseLost from None  # It was deleted, and its response with it.
            if "out" not in row.values and row.values["own"] == self._lease.owner:
                return None  # The answer to our own try was lost.
            return _noted(row.values)
        return None

    async def intend_again(self, call_id: str) -> None:
        """Note that a call of which nothing came is about to be made a second time."""
        await self._write(call_id, self._intent())

    async def conclude(self, call_id: str, outcome: Outcome) -> None:
        """Note what came of it."""
        await self._write(call_id, {**self._intent(), "out": pack([outcome.output, outcome.error])})

    async def _write(self, call_id: str, values: dict[str, Any], when: Condition = ()) -> None:
        still_mine = Check(key_of(self._lease.job), mine(self._lease))
        writes = [still_mine, Put(self._key(call_id), values, when)]
        try:
            await twice(lambda: insist(lambda: self._store.transact(writes)))
        except ConditionFailed as fact:
            if fact.index == 0:
                raise LeaseLost from None
            raise

    def _intent(self) -> dict[str, Any]:
        job = self._lease.job
        return {"f": job.fence, "own": self._lease.owner, "ttl": math.ceil(job.deadline) + KEPT}

    def _key(self, call_id: str) -> Key:
        job = self._lease.job
        return TenantTable(job.tenant).tool_call(job.response_id, call_id)


def _noted(values: Any) -> Noted:
    if "out" not in values:
        return Noted(None)
    output, error = unpack(values["out"])
    return Noted(Outcome(output, error))
