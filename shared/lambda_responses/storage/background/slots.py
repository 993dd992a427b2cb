"""A tenant's slots for background responses that are made at one time.

A slot is a row that lives for as long as it is renewed: a worker that dies leaves nothing to count down.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.conditions import ROW, Absent, AnyOf, Compare, equals
from lambda_responses.storage.keyed.port import ConditionFailed, Range
from lambda_responses.storage.table import TenantTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.storage.keyed.port import Key, KeyedStore

LEASE = 60
"""Seconds that a slot is held without being renewed."""
APART = 0.02
"""Seconds between two turns of one tenant's."""
SOONEST, LATEST = 0.25, 30.0
"""Seconds until a turn, at least and at most."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One that somebody has."""

    tenant: str
    number: int
    owner: str


class Turns:
    """When each of those looks again who found no slot: one soon after the other, however many there are.

    So a slot that becomes free is found at once, and a thousand that wait ask no more often than ten.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last: dict[str, float] = {}

    def next(self, tenant: str) -> float:
        """Seconds until the next turn of the tenant's that nobody has yet."""
        now = self._now()
        turn = max(now + SOONEST, self._last.get(tenant, now) + APART)
        self._last[tenant] = turn = min(turn, now + LATEST)
        return turn - now


class Slots:
    """Gives slots away. Every method may raise `StoreUnavailable`."""

    def __init__(
        self,
        store: KeyedStore,
        *,
        now: Callable[[], float],
        lease_seconds: float = LEASE,
        turns: Turns | None = None,
    ) -> None:
        """`turns` are those in which this process looks again; None where many processes do."""
        self._store = store
        self._now = now
        self._lease = lease_seconds
        self.turns = turns

    async def take(self, tenant: str, most: int, owner: str) -> Slot | None:
        """One of `most` slots, which are 1 to 1,000; None where all are taken.

        `owner` is a word that nobody else uses. Two requests as long as somebody is quick enough to have
        one that was free a moment ago.
        """
        table = TenantTable(tenant)
        every_slot = Range(table.job_slot(0).pk, table.job_slot(0).sk, table.job_slot(most - 1).sk)
        rows = await self._store.query(every_slot)
        taken = {row.key for row in rows if row.values["lease"] > self._now()}
        free = (AnyOf((Absent(ROW), Compare("lease", "<=", self._now()), equals("owner", owner))),)
        for number in range(most):
            key = table.job_slot(number)
            if key in taken:
                continue
            with suppress(ConditionFailed):
                await self._store.put(key, self._values(owner), free)
                return Slot(tenant, number, owner)
        return None

    async def renew(self, slot: Slot) -> bool:
        """Go on having it; False where it lapsed and is somebody else's."""
        values = self._values(slot.owner)
        try:
            await self._store.update(_key(slot), set=values, when=(equals("owner", slot.owner),))
        except ConditionFailed:
            return False
        return True

    async def release(self, slot: Slot) -> None:
        """Let another have it."""
        with suppress(ConditionFailed):  # It lapsed.
            await self._store.delete(_key(slot), (equals("owner", slot.owner),))

    def _values(self, owner: str) -> dict[str, Any]:
        until = self._now() + self._lease
        return {"owner": owner, "lease": until, "ttl": int(until) + 1}


def _key(slot: Slot) -> Key:
    return TenantTable(slot.tenant).job_slot(slot.number)
