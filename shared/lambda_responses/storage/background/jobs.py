"""Background responses, on any keyed store: who may make one, and what of it is there meanwhile.

A job is the control row of its response, see `job` for its states. Whoever takes it has a lease, which runs
out unless it is renewed, and a fence, which is what counts: every write of a worker asks for it, so that one
who lost the job, however late it wakes up, changes nothing. What a run has said by then lies in the rows of
the turn (`revisions`), and a run of another worker goes on from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.ends import OVER, TRIES, Ends
from lambda_responses.storage.background.event_log import EventLog
from lambda_responses.storage.background.job import (
    CANCELLED,
    FAILED,
    IN_PROGRESS,
    MOST_ATTEMPTS,
    QUEUED,
    Job,
    JobEnded,
    JobHeld,
    Lease,
    LeaseLost,
    NotCancellable,
    NotInBackground,
    TooManyAttempts,
    control_of,
    has_it,
    is_good,
    job_in,
    key_of,
    lease_of,
    mine,
    next_fence,
    nobody_has_it,
)
from lambda_responses.storage.background.new_jobs import NewJob, NewJobs
from lambda_responses.storage.background.payloads import request_in
from lambda_responses.storage.background.saves import Saves
from lambda_responses.storage.chains import ResponseNotFound, is_deleted
from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.conversations.leases import insist
from lambda_responses.storage.keyed.conditions import OneOf, equals
from lambda_responses.storage.keyed.port import ConditionFailed, Update
from lambda_responses.storage.records import RUNNING
from lambda_responses.storage.scheduling import at_once
from lambda_responses.storage.table import TenantTable, job_work, job_works

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.conversations.store import ConversationStore
    from lambda_responses.storage.keyed.port import Key, KeyedStore, Row
    from lambda_responses.storage.responses import Reservation, ResponseStore, StoredResponse
    from lambda_responses.wire.json import Event, Json

__all__ = [
    "Job",
    "JobEnded",
    "JobHeld",
    "JobStore",
    "Lease",
    "LeaseLost",
    "NewJob",
    "NotCancellable",
    "NotInBackground",
    "ResponseNotFound",
    "Restart",
    "TooManyAttempts",
]


@dataclass(frozen=True, slots=True)
class Restart:
    """All that a run needs to begin, or to go on from where the last save left it."""

    request: Json
    """As it was checked; its input are the items of the turn, with their ids."""
    provider: str | None
    """Which the client asked for by name."""
    key_id: str | None
    rights: Json | None
    """What the caller may do with servers of tools."""
    response: Json
    """The stored object, with the output so far."""
    input: Sequence[Json]
    origins: Mapping[str, Json]
    """By id of the turn's own items, input and output, what their makers want back."""
    history: Sequence[Json]
    """All that was said before the turn."""
    history_origins: Mapping[str, Json]
    progress: Json | None
    """What was last saved with the output; None before the first save."""
    pending: Sequence[Json]
    """The calls of tools that are made next."""


class JobStore:
    """Keeps jobs. Every method may raise `StoreUnavailable`; those that name a response `ResponseNotFound`,
    and `NotInBackground` for one of the foreground; those that take a lease `LeaseLost`.
    """

    def __init__(
        self,
        store: KeyedStore,
        responses: ResponseStore,
        conversations: ConversationStore,
        *,
        now: Callable[[], float],
        lease_seconds: float = 60.0,
    ) -> None:
        self._store = store
        self._responses = responses
        self._conversations = conversations
        self._now = now
        self._events = EventLog(store, now=now)
        self._saves = Saves(store, responses, conversations)
        self._ends = Ends(store, responses, now=now, lease_seconds=lease_seconds)
        self._new_jobs = NewJobs(store, responses, now=now, lease_seconds=lease_seconds)
        self.lease_seconds = lease_seconds
        self._message_wait = lease_seconds
        """How long a queued job may wait for its message before another is sent: as long as for a worker."""

    async def create(
        self, reservation: Reservation, stored: StoredResponse, new: NewJob, *, seal: Sealer
    ) -> Job:
        """Have a response made at the place that was reserved for it. It can be read once this returns.

        `stored` has the object (status `queued`, or `in_progress` where the job has an owner), the input's
        items with ids and their origins. Raises `TooLargeToStore`, and `ConversationLocked` where the
        conversation that it is to be made in was lost meanwhile.
        """
        return await self._new_jobs.lay_up(reservation, stored, new, seal)

    async def find(self, tenant: str, response_id: str) -> Job:
        """The job as it is now."""
        return job_in(await self._control(tenant, response_id))

    async def free(self, tenant: str, response_id: str) -> Job:
        """A job that nobody works at. Raises `JobHeld`, `JobEnded` (also where its time is up)."""
        job, now = await self.find(tenant, response_id), self._now()
        if not job.running or now >= job.deadline:
            raise JobEnded(job)
        if job.lease is not None and is_good(job.lease, now, self.lease_seconds):
            raise JobHeld(job.lease)
        return job

    async def take(self, tenant: str, response_id: str, *, owner: str) -> Lease:
        """Have a job that is `free`. `owner` is a word that no other take uses, whoever's it is.

        Raises like that, and `TooManyAttempts`.
        """
        for _ in range(TRIES):
            job = await self.free(tenant, response_id)
            taken = {"st": IN_PROGRESS, "att": job.attempts + 1, **next_fence(job), **self._leased(owner)}
            free = (nobody_has_it(self._now(), self.lease_seconds), OneOf("st", RUNNING))
            if job.attempts >= MOST_ATTEMPTS:
                raise TooManyAttempts(job)
            row = await self._changed(job, Update(key_of(job), set=taken, when=free))
            if row is not None and row.values.get("owner") == owner:
                return Lease(job_in(row), owner)
        raise JobHeld(self._now() + self.lease_seconds)

    async def renew(self, lease: Lease) -> None:
        """Go on having it."""
        await self._held(lease, Update(key_of(lease.job), set=self._leased(lease.owner)))

    async def look(self, lease: Lease) -> None:
        """Nothing, where it is still this worker's."""
        row = await self._control(lease.job.tenant, lease.job.response_id)
        if row is None or not has_it(lease, row):
            raise LeaseLost

    async def save(self, lease: Lease, stored: StoredResponse, progress: Json) -> None:
        """Keep all that was said so far, so that the next one goes on from here. Raises `TooLargeToStore`."""
        lying = await self._saves.lying(lease)
        got_on = {"st": IN_PROGRESS, "ck": pack(progress), "att": 0}
        await self._saves.write(lease, lying, stored, values=got_on)

    async def commit(self, lease: Lease, stored: StoredResponse, *, ending: Sequence[Event] = ()) -> None:
        """Keep the response as it ended, which its status says, and tell of it; with what ends the log where
        there is one. Raises `TooLargeToStore`, and where it was made in a conversation `ConversationNotFound`
        and `ConversationLocked`.
        """
        job, status = lease.job, stored.response["status"]
        lying = await self._saves.lying(lease)
        also = self._ends.beside(job, status, lying.secrets)
        expires = self._ends.expiry(job, lying.control)
        ended: dict[str, Any] = {"st": status, "ttl": expires}
        if job.streamed and ending:
            also.append(await self._events.prepare(job, ending))
            ended["last"] = ending[-1]["sequence_number"]
        lying = replace(lying, expires=expires)
        await self._saves.write(lease, lying, stored, values=ended, remove=OVER, also=also)
        await self._ends.tidy(job, lying.control)

    async def release(
        self, lease: Lease, *, throttled: bool = False, attempt: bool = False, delay: float = 0
    ) -> None:
        """Put it back, to be taken after `delay` seconds; `throttled` where a provider wanted that.

        Whoever does so is not what the job kills, so it was no attempt, unless told otherwise.
        """
        job = lease.job
        wt = self._now() + delay + self._message_wait
        back: dict[str, Any] = {"st": QUEUED, "wk": job_work(job.response_id), "wt": wt}
        if throttled:
            back["thr"] = job.throttled + 1
        if not attempt:
            control = await self._control(job.tenant, job.response_id)
            # Where something was saved since it was taken, there is none to be taken back.
            back["att"] = min(job.attempts - 1, 0 if control is None else control.values.get("att", 0))
        await self._held(lease, Update(key_of(job), set=back, remove=("owner", "lease")))

    async def give_up(self, lease: Lease, error: Json) -> Job:
        """The job, failed with that `code` and `message` by whoever works at it."""
        return await self._ends.give_up(lease, {"st": FAILED, "err": error})

    async def cancel(self, tenant: str, response_id: str) -> Job:
        """The job, cancelled for good. Raises `NotCancellable` where it has ended otherwise."""
        job = await self._ends.end(tenant, response_id, {"st": CANCELLED})
        if job.status != CANCELLED:
            raise NotCancellable(job)
        return job

    async def fail(self, tenant: str, response_id: str, error: Json, *, unless_leased: bool) -> Job:
        """The job, failed with that `code` and `message` by somebody who has no run of it; or as it ended.

        Raises `JobHeld` where somebody works at it and is to be left alone.
        """
        failed = {"st": FAILED, "err": error}
        return await self._ends.end(tenant, response_id, failed, unless_leased=unless_leased)

    async def overdue(self, report: Callable[[Exception], None]) -> Sequence[Job]:
        """The jobs that somebody has to look after: those that nobody works at, or for whom time is up, and
        those that ended with their log not yet cut.

        What is wrong with one of them is reported, and keeps nobody from the others.
        """
        now = self._now()
        due = await at_once(self._store.due(wk, now) for wk in job_works())
        found = await at_once(self._found(row.key, report) for rows in due for row in rows)
        return [job for job in found if job is not None]

    async def _found(self, key: Key, report: Callable[[Exception], None]) -> Job | None:
        """The job of a row that the work index names, unless it is none, or not overdue, any more."""
        try:
            row = await self._store.get(key)
            if row is None or is_deleted(row) or row.values.get("wt", math.inf) > self._now():
                return None
            return job_in(row)
        except Exception as fault:
            report(fault)
            return None

    async def postpone(self, job: Job, until: float) -> None:
        """Have nobody look after it before then, unless it has changed meanwhile."""
        await self._changed(job, Update(key_of(job), set={"wt": until}, when=(equals("st", job.status),)))

    async def settle(self, job: Job) -> None:
        """Have nobody look after a job that has ended, and whose log is cut."""
        settled = Update(key_of(job), remove=("wk", "wt"), when=(equals("st", job.status),))
        await self._changed(job, settled)

    async def forget(self, tenant: str, response_id: str) -> None:
        """Keep nothing of what a response was asked for that has ended or is gone."""
        await self._ends.forget(tenant, response_id)

    async def restart(self, lease: Lease, seal: Sealer) -> Restart:
        """What its run begins with, or goes on from."""
        job = lease.job
        table = TenantTable(job.tenant)
        control = await self._control(job.tenant, job.response_id)
        before, stored = await self._responses.taken_up(job.tenant, job.response_id)
        rows = await self._store.query(table.whole_job(job.response_id))
        if control is None or not rows:
            raise LeaseLost
        return Restart(
            request=request_in(rows, stored.input, seal),
            provider=control.values.get("prov"),
            key_id=job.key_id,
            rights=_rights_in(control),
            response=stored.response,
            input=stored.input,
            origins=stored.origins,
            history=before.items,
            history_origins=before.origins,
            progress=job.progress,
            pending=stored.pending,
        )

    async def _control(self, tenant: str, response_id: str) -> Row | None:
        return await self._store.get(control_of(tenant, response_id))

    async def _changed(self, job: Job, update: Update) -> Row | None:
        """The control row after an update that is good for this fence only, or as it was found."""
        when = (equals("fence", job.fence), *update.when)
        try:
            return await insist(
                lambda: self._store.update(update.key, set=update.set, remove=update.remove, when=when)
            )
        except ConditionFailed as fact:
            return fact.old

    async def _held(self, lease: Lease, update: Update) -> None:
        """Change the control row of a job that one has."""
        changed = partial(
            self._store.update, update.key, set=update.set, remove=update.remove, when=mine(lease)
        )
        try:
            await insist(changed)
        except ConditionFailed:
            raise LeaseLost from None

    def _leased(self, owner: str) -> dict[str, Any]:
        return lease_of(owner, self._now(), self.lease_seconds)


def _rights_in(control: Row) -> Json | None:
    packed = control.values.get("mcp")
    return None if packed is None else unpack(packed)
