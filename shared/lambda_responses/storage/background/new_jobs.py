"""Lays up a background response for whoever makes it: what is there of it, what is asked for, and its job."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.holds import handed_over
from lambda_responses.storage.background.job import (
    IN_PROGRESS,
    PLAIN,
    QUEUED,
    STREAMED,
    job_in,
    lease_of,
)
from lambda_responses.storage.background.payloads import payload_of
from lambda_responses.storage.background.revisions import check_room
from lambda_responses.storage.background.segments import cut_of
from lambda_responses.storage.codec import pack
from lambda_responses.storage.conversations.additions import settled
from lambda_responses.storage.conversations.leases import ConversationLocked, insist
from lambda_responses.storage.keyed.conditions import ROW, Absent
from lambda_responses.storage.keyed.port import ConditionFailed, Put, Row, StoreFact, StoreUnavailable
from lambda_responses.storage.scheduling import at_once, off_the_loop, weight_of
from lambda_responses.storage.table import TenantTable, job_work
from lambda_responses.wire.tool_secrets import public_item

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.background.job import Job
    from lambda_responses.storage.conversations.leases import Hold
    from lambda_responses.storage.keyed.port import KeyedStore
    from lambda_responses.storage.responses import Reservation, ResponseStore, StoredResponse
    from lambda_responses.wire.json import Json

SLACK = 3_600
"""Seconds beyond its deadline that what a job needs stays if nobody ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What is to be made, and how."""

    request: Json
    """As it was checked."""
    provider: str | None = None
    """Which the client asked for by name."""
    key_id: str | None = None
    streamed: bool = False
    """Whether its events are to be logged."""
    deadline: float
    """In seconds since 1970."""
    rights: Json | None = None
    """What the caller may do with servers of tools, where any are asked for."""
    owner: str | None = None
    """Who makes it at once: it is born in these hands, `Lease(job, owner)`."""
    reply: Json | None = None
    """What a queued request wants with its answer."""
    kept: bool = True
    """Whether it is to be stored, and not only to be fetched within minutes."""
    hold: Hold | None = None
    """On the conversation that it is made in, which then stays locked until the job ends."""

    @property
    def values(self) -> dict[str, Any]:
        """The attributes of its control row that say so."""
        optional = {
            "key": self.key_id,
            "prov": self.provider,
            "mcp": None if self.rights is None else pack(self.rights),
            "rep": None if self.reply is None else pack(self.reply),
            "eph": None if self.kept else True,
            "held": None if self.hold is None else True,
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return {"bg": STREAMED if self.streamed else PLAIN, "dl": self.deadline, **given}


class NewJobs:
    """Every method may raise `StoreUnavailable`."""

    def __init__(
        self,
        store: KeyedStore,
        responses: ResponseStore,
        *,
        now: Callable[[], float],
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._responses = responses
        self._now = now
        self._lease_seconds = lease_seconds

    async def lay_up(
        self, reservation: Reservation, stored: StoredResponse, new: NewJob, seal: Sealer
    ) -> Job:
        """The job, which is there once this returns.

        Raises `TooLargeToStore`, and `ConversationLocked` where its conversation was lost meanwhile.
        """
        lasts_until = math.ceil(new.deadline) + SLACK
        if not new.kept:
            reservation = replace(reservation, expires=lasts_until)
        table, response_id = TenantTable(reservation.tenant), reservation.response_id
        asked = (table, response_id, new.request, stored.input, seal)
        payload = await off_the_loop(weight_of(new.request), payload_of, *asked, expires=lasts_until)
        public = replace(stored, input=[public_item(item) for item in stored.input])
        record = await self._responses.laid_out(reservation, public, lasting=new.kept)
        check_room(record)
        key, values = record.control
        values |= {**new.values, **self._born(response_id, new)}
        if payload.secrets:
            values["sec"] = payload.secrets
        puts = [*payload.puts, *(Put(*each) for each in record.others)]
        try:
            await at_once(self._store.put(put.key, put.values) for put in puts)
            await self._begin(Put(key, values, (Absent(ROW),)), new.hold)
        except StoreUnavailable:
            raise  # It may be there all the same, and needs what it is asked for; else that expires.
        except StoreFact:
            with suppress(StoreFact):
                await at_once(self._store.delete(put.key) for put in payload.puts)
            raise
        return job_in(Row(key, values))

    def _born(self, response_id: str, new: NewJob) -> dict[str, Any]:
        """The attributes of a job that nobody has had, or of one that somebody has from the start."""
        now, seconds = self._now(), self._lease_seconds
        queued: dict[str, Any] = {"st": QUEUED, "fence": 0, "att": 0, "thr": 0}
        queued |= {"wk": job_work(response_id), "wt": now + seconds}
        if new.owner is None:
            return queued
        taken = {"st": IN_PROGRESS, "fence": 1, "att": 1, **lease_of(new.owner, now, seconds)}
        return {**queued, **taken, **({cut_of(1): 0} if new.streamed else {})}

    async def _begin(self, control: Put, hold: Hold | None) -> None:
        """Write the row by which the job is there, and lock its conversation until it has to have ended."""

        async def is_there() -> bool:
            row = await self._store.get(control.key)
            return row is not None and row.values.get("dl") == control.values["dl"]

        async def write() -> None:
            if hold is None:
                await self._store.put(control.key, control.values, control.when)
            else:
                await self._store.transact([control, handed_over(hold, control.values["dl"])])

        try:
            await settled(lambda: insist(write), is_there)
        except ConditionFailed as fact:
            if fact.index:
                raise ConversationLocked from None
            raise
