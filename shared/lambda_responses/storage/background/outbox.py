"""The outbox: who has yet to be told that a background response ended.

A row is written in the transaction that ends the response, so that no end goes unannounced and none that did
not happen is announced. It lies in the work index until everybody was told: `wt` is when to try next.

Attributes: `v` version, `type` the event, `at` when it happened (seconds since 1970), `reply` what a queued
request wants with its answer, `to` by target how often it was tried and when it is tried again (absent before
the first try, when targets are looked up), `wk`, `wt`, `ttl`.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.conditions import equals
from lambda_responses.storage.keyed.port import ConditionFailed, Put
from lambda_responses.storage.table import (
    NOTIFICATION_WORK,
    TenantTable,
    notification_in,
    notification_work,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambda_responses.storage.background.job import Job
    from lambda_responses.storage.keyed.port import KeyedStore
    from lambda_responses.wire.json import Json

RECORD_VERSION = 1
TRIED = 72 * 3_600
"""Seconds for which an event is tried to be delivered."""
GRACE = 86_400
"""Seconds that a row stays beyond that at most, should nobody ever look at it."""
LEASE = 60
"""Seconds for which whoever takes an event has it alone, if it is not renewed; longer than tries take."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How often a target was tried in vain, and when it is tried again (seconds since 1970)."""

    tries: int
    next: float


@dataclass(frozen=True, slots=True)
class Notification:
    """An event that somebody has yet to be told of."""

    tenant: str
    response_id: str
    type: str
    """`response.completed` and the like."""
    at: int
    """When it happened."""
    reply: Json | None
    """What a queued request wants with its answer."""
    waiting: Mapping[str, Waiting] | None
    """By target; None before the first try."""
    due: float
    """When it is time to tell it. Whoever takes it moves this on, and everybody else knows by it who did."""


def outbox_row(job: Job, status: str, reply: Json | None, *, now: float) -> Put:
    """What the transaction that ends a response with that status writes besides.

    `status` is completed, failed, incomplete or cancelled; `reply` is what the job was created with.
    """
    values: dict[str, Any] = {
        "v": RECORD_VERSION,
        "type": f"response.{status}",
        "at": math.floor(now),
        "wk": notification_work(job.response_id),
        "wt": math.floor(now),
        "ttl": math.floor(now) + TRIED + GRACE,
    }
    if reply is not None:
        values["reply"] = reply
    return Put(TenantTable(job.tenant).notification(job.response_id), values)


class Outbox:
    """Events in a store. Every method may raise `StoreUnavailable`."""

    def __init__(self, store: KeyedStore, *, now: Callable[[], float], lease_seconds: float = LEASE) -> None:
        self._store = store
        self._now = now
        self.lease_seconds = lease_seconds

    async def due(self, most: int = 100) -> Sequence[tuple[str, str]]:
        """Tenants and responses of up to `most` events that it is time for, the longest waiting first."""
        now = self._now()
        found = await asyncio.gather(*(self._store.due(wk, now, limit=most) for wk in NOTIFICATION_WORK))
        rows = sorted(chain(*found), key=lambda row: row.values["wt"])
        return [notification_in(row.key) for row in rows[:most]]

    async def find(self, tenant: str, response_id: str) -> Notification | None:
        """The event, as it is now; None where there is nothing to be done about it yet, or any more."""
        row = await self._store.get(TenantTable(tenant).notification(response_id))
        if row is None or row.values["wt"] > self._now():
            return None
        values = row.values
        waiting = values.get("to")
        return Notification(
            tenant,
            response_id,
            values["type"],
            values["at"],
            values.get("reply"),
            None if waiting is None else {name: Waiting(*entry) for name, entry in waiting.items()},
            values["wt"],
        )

    async def take(self, notification: Notification) -> Notification | None:
        """The event, for us alone while the lease lasts, which may be renewed by taking it again.

        None where somebody has been faster.
        """
        key = TenantTable(notification.tenant).notification(notification.response_id)
        until = math.floor(self._now()) + self.lease_seconds
        try:
            await self._store.update(key, set={"wt": until}, when=(equals("wt", notification.due),))
        except ConditionFailed:
            return None
        return replace(notification, due=until)

    async def settle(self, notification: Notification, waiting: Mapping[str, Waiting]) -> None:
        """Keep whom it could not be told yet; with nobody left it is gone.

        Somebody who has taken it since it was found, or since our lease ran out, settles it instead.
        """
        key = TenantTable(notification.tenant).notification(notification.response_id)
        when = (equals("wt", notification.due),)
        with suppress(ConditionFailed):
            if not waiting:
                await self._store.delete(key, when)
                return
            values = {
                "to": {name: [entry.tries, entry.next] for name, entry in waiting.items()},
                "wt": min(entry.next for entry in waiting.values()),
            }
            await self._store.update(key, set=values, when=when)
