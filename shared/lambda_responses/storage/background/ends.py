"""Ends jobs without a run of them, and clears away what a job needs no longer."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.holds import hold_in, written_and_freed
from lambda_responses.storage.background.job import (
    UNKEPT,
    JobHeld,
    LeaseLost,
    control_of,
    has_it,
    is_good,
    job_in,
    key_of,
    mine,
    next_fence,
    nobody_has_it,
)
from lambda_responses.storage.background.outbox import outbox_row
from lambda_responses.storage.background.payloads import secret_deletes
from lambda_responses.storage.chains import placed_row
from lambda_responses.storage.keyed.conditions import OneOf, equals
from lambda_responses.storage.keyed.port import ConditionFailed, Row, StoreFact, Update, WriteConflict
from lambda_responses.storage.records import RUNNING, keys_of
from lambda_responses.storage.scheduling import at_once
from lambda_responses.storage.table import TenantTable, job_work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_responses.storage.background.job import Job, Lease
    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import KeyedStore, Write
    from lambda_responses.storage.responses import ResponseStore

OVER = ("owner", "lease", "wk", "wt", "sec", "held")
"""What a control row has no longer once its job has ended."""
TRIES = 5
"""So often a change is tried that another one of the same job gets in the way of."""


class Ends:
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

    async def end(
        self, tenant: str, response_id: str, values: Mapping[str, Any], *, unless_leased: bool = False
    ) -> Job:
        """The job as it has ended, with these values unless it had before.

        Raises `JobHeld` where somebody works at it and is to be left alone; and like `job_in`.
        """
        key = control_of(tenant, response_id)
        for _ in range(TRIES):
            control = await self._store.get(key)
            job = job_in(control)
            if control is None or not job.running:
                return job
            now = self._now()
            if unless_leased and job.lease is not None and is_good(job.lease, now, self._lease_seconds):
                raise JobHeld(job.lease)
            when = (equals("fence", job.fence), OneOf("st", RUNNING))
            leased = (nobody_has_it(now, self._lease_seconds),) if unless_leased else ()
            with suppress(ConditionFailed):  # Somebody has just taken or ended it.
                return await self._ended(job, control, values, when=(*when, *leased))
        raise WriteConflict("a job changed hands again and again")

    async def give_up(self, lease: Lease, values: Mapping[str, Any]) -> Job:
        """The job, ended with these values by whoever works at it. Raises `LeaseLost`."""
        control = await self._store.get(key_of(lease.job))
        if control is None or not has_it(lease, control):
            raise LeaseLost
        try:
            return await self._ended(job_in(control), control, values, when=mine(lease))
        except ConditionFailed:
            raise LeaseLost from None

    async def _ended(self, job: Job, control: Row, values: Mapping[str, Any], *, when: Condition) -> Job:
        """The job, once it has ended with these values. Raises `ConditionFailed`."""
        update = self._ending(job, {**values, "ttl": self.expiry(job, control)}, when=when)
        writes = [update, *self.beside(job, values["st"], control.values.get("sec", 0))]
        await written_and_freed(self._store, writes, hold_in(control), partial(self._is_there, update))
        await self.tidy(job, control)
        return job_in(Row(update.key, update.applied_to(control.values)))

    def beside(self, job: Job, status: str, secrets: int) -> list[Write]:
        """What every end writes in the same breath: who has to be told, and no secrets any more."""
        table = TenantTable(job.tenant)
        told = outbox_row(job, status, job.reply, now=self._now())
        return [told, *secret_deletes(table, job.response_id, secrets)]

    def expiry(self, job: Job, control: Row) -> int:
        """When a response expires that ends now: it was to be there until its deadline, and for some time."""
        kept = self._responses.expiry() if job.kept else math.ceil(self._now()) + UNKEPT
        return min(kept, control.values["ttl"])

    async def tidy(self, job: Job, control: Row) -> None:
        """Let go of what a job has no use for once it has ended; `control` was its row until then.

        What is left of it expires by itself.
        """
        with suppress(StoreFact):
            await self.forget(job.tenant, job.response_id)
        if not job.kept:
            with suppress(StoreFact):
                await self._let_go(job, control)

    async def forget(self, tenant: str, response_id: str) -> None:
        """Keep nothing of what a response was asked for."""
        rows = await self._store.query(TenantTable(tenant).whole_job(response_id))
        await at_once(self._store.delete(row.key) for row in rows)

    async def _is_there(self, update: Update) -> bool:
        """Whether an ending was written, be it only that one's own answer was lost."""
        row = await self._store.get(update.key)
        return row is not None and all(row.values.get(name) == update.set[name] for name in ("fence", "st"))

    def _ending(self, job: Job, values: Mapping[str, Any], *, when: Condition) -> Update:
        ended, remove = {**values, **next_fence(job)}, [*OVER]
        if job.streamed and job.fence:  # Somebody has to make the cut, if no reader does.
            ended |= {"wk": job_work(job.response_id), "wt": self._now()}
            remove = [name for name in OVER if name not in ended]
        return Update(key_of(job), set=ended, remove=remove, when=when)

    async def _let_go(self, job: Job, control: Row) -> None:
        """Have the rows of an unkept response expire with it, and keep what it stands on no more for it."""
        place, (turn, pages, _) = placed_row(control), control.values["n"]
        expires = {"ttl": self.expiry(job, control)}
        keys = keys_of(TenantTable(job.tenant), place, (turn, pages, 0))
        await at_once(self._store.update(key, set=expires) for key in keys)
        if "prev" in control.values:
            await self._responses.let_go(job.tenant, place, control.values["prev"])
