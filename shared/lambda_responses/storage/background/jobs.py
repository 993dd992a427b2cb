"""Background responses, on any keyed store: who may make one, and what of it is there meanwhile.

A job is the control row of its response, see `job` for its states. Whoever takes it has a lease, which runs
out unless it is renewed, and a fence, which is what counts: every write of a worker asks for it, so that one
who lost the job, however late it wakes up, changes nothing. What a run has said by then lies in the rows of
the turn (`revisions`), and a run of another worker goes on from there.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.event_log import EventLog
from lambda_responses.storage.background.job import (
    CANCELLED,
    FAILED,
    IN_PROGRESS,
    MOST_ATTEMPTS,
    PLAIN,
    QUEUED,
    RUNNING,
    STREAMED,
    Job,
    JobEnded,
    JobHeld,
    Lease,
    LeaseLost,
    NotCancellable,
    NotInBackground,
    TooManyAttempts,
    control_of,
    job_in,
    next_fence,
)
from lambda_responses.storage.background.outbox import outbox_row
from lambda_responses.storage.background.payloads import payload_of, request_in, secret_deletes
from lambda_responses.storage.background.revisions import changes, revised, written
from lambda_responses.storage.background.segments import cut_of
from lambda_responses.storage.chains import GENERATION, ResponseNotFound, placed_row
from lambda_responses.storage.codec import pack
from lambda_responses.storage.conversations.additions import settled
from lambda_responses.storage.conversations.leases import ConversationLocked, insist, lasting, twice
from lambda_responses.storage.keyed.conditions import Absent, AnyOf, Compare, OneOf, equals
from lambda_responses.storage.keyed.port import ConditionFailed, Put, Row, StoreFact, Update, WriteConflict
from lambda_responses.storage.scheduling import at_once
from lambda_responses.storage.table import TenantTable, job_work, job_works
from lambda_responses.wire.tool_secrets import public_item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.background.revisions import Written
    from lambda_responses.storage.conversations.store import ConversationStore, Hold
    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import Key, KeyedStore, Write
    from lambda_responses.storage.responses import Reservation, ResponseStore, StoredResponse
    from lambda_responses.wire.json import Event, Json

__all__ = [
    "Job",
    "JobEnded",
    "JobHeld",
    "JobStore",
    "Lease",
    "LeaseLost",
    "NotCancellable",
    "NotInBackground",
    "ResponseNotFound",
    "Restart",
    "TooManyAttempts",
]

_HELD = ("owner", "lease", "wk", "wt", "sec", "held")
"""What a job has no longer once it has ended."""
MARGIN = 12
"""The part of a lease that passes after it before anybody is sent to take the job over."""
UNKEPT = 600
"""Seconds that a response that is not to be stored can be fetched after its end."""
SLACK = 3_600
"""Seconds beyond its deadline that such a response stays if nobody ends it."""
MESSAGE_WAIT = 60
"""Seconds that a queued job may wait for its message before another is sent."""
TRIES = 5
"""So often a change is tried that another one of the same job gets in the way of."""
ADDED = frozenset({"completed", "incomplete"})
"""How a response may end so that its conversation goes on from it."""


@dataclass(frozen=True, slots=True)
class Restart:
    """All that a run needs to begin, or to go on from where the last save left it."""

    request: Json
    """As it was checked; its input are the items of the turn, with their ids."""
    provider: str | None
    """Which the client asked for by name."""
    key_id: str | None
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
        self.lease_seconds = lease_seconds

    async def create(
        self,
        reservation: Reservation,
        stored: StoredResponse,
        *,
        request: Json,
        provider: str | None,
        key_id: str | None,
        seal: Sealer,
        streamed: bool,
        deadline: float,
        owner: str | None = None,
        reply: Json | None = None,
        kept: bool = True,
        hold: Hold | None = None,
    ) -> Job:
        """Have a response made at the place that was reserved for it. It can be read once this returns.

        `stored` has the object (status `queued`, or `in_progress` with an `owner`), the input's items with
        ids and their origins; `request` is the checked request. With an `owner` the job is born in its hands:
        `Lease(job, owner)`. `hold` is that of the conversation in which it is made, which then stays locked
        until the job ends. Raises `TooLargeToStore`.
        """
        if not kept:
            reservation = replace(reservation, expires=math.ceil(deadline) + SLACK)
        table, id = TenantTable(reservation.tenant), reservation.response_id
        payload = payload_of(table, id, request, stored.input, seal, expires=math.ceil(deadline) + SLACK)
        public = replace(stored, input=[public_item(item) for item in stored.input])
        last = await self._responses.prepare(reservation, public, lasting=kept)
        await at_once(self._store.put(put.key, put.values) for put in payload.puts)
        values: dict[str, Any] = {
            **last.values,
            "bg": STREAMED if streamed else PLAIN,
            "st": QUEUED,
            "fence": 0,
            "att": 0,
            "thr": 0,
            "dl": deadline,
            "wk": job_work(id),
            "wt": self._now() + MESSAGE_WAIT,
        }
        if owner is not None:
            values |= {"st": IN_PROGRESS, "fence": 1, "att": 1, **self._leased(owner)}
            values |= {cut_of(1): 0} if streamed else {}
        optional = {
            "key": key_id,
            "prov": provider,
            "rep": None if reply is None else pack(reply),
            "sec": payload.secrets or None,
            "eph": None if kept else True,
            "held": None if hold is None else True,
        }
        values |= {name: value for name, value in optional.items() if value is not None}
        await self._begin(replace(last, values=values), hold, deadline)
        return job_in(Row(last.key, values))

    async def find(self, tenant: str, response_id: str) -> Job:
        """The job as it is now."""
        return job_in(await self._control(tenant, response_id))

    async def take(self, tenant: str, response_id: str, *, owner: str) -> Lease:
        """Have a job that nobody works at. `owner` is a word that no other take uses, whoever's it is.

        Raises `JobHeld`, `JobEnded` (also where its time is up), `TooManyAttempts`.
        """
        for _ in range(TRIES):
            job = await self.find(tenant, response_id)
            taken = {"st": IN_PROGRESS, "att": job.attempts + 1, **next_fence(job), **self._leased(owner)}
            now = self._now()
            if not job.running or now >= job.deadline:
                raise JobEnded(job)
            if job.lease is not None and job.lease > now:
                raise JobHeld(job.lease)
            if job.attempts >= MOST_ATTEMPTS:
                raise TooManyAttempts(job)
            row = await self._changed(job, Update(_key(job), set=taken, when=(self._nobody_has_it(),)))
            if row is not None and row.values.get("owner") == owner:
                return Lease(job_in(row), owner)
        raise JobHeld(self._now() + self.lease_seconds)

    async def renew(self, lease: Lease) -> None:
        """Go on having it."""
        await self._held(lease, Update(_key(lease.job), set=self._leased(lease.owner)))

    async def look(self, lease: Lease) -> None:
        """Nothing, where it is still this worker's."""
        row = await self._control(lease.job.tenant, lease.job.response_id)
        if row is None or row.values.get("fence") != lease.job.fence or row.values["st"] != IN_PROGRESS:
            raise LeaseLost

    async def save(self, lease: Lease, stored: StoredResponse, progress: Json) -> None:
        """Keep all that was said so far, so that the next one goes on from here. Raises `TooLargeToStore`."""
        lying = await self._lying(lease)
        await self._write(lease, lying, stored, set={"st": IN_PROGRESS, "ck": pack(progress), "att": 0})

    async def commit(self, lease: Lease, stored: StoredResponse, *, ending: Sequence[Event] = ()) -> None:
        """Keep the response as it ended, which its status says, and tell of it; with what ends the log where
        there is one. Raises `TooLargeToStore`, and where it was made in a conversation `ConversationNotFound`
        and `ConversationLocked`.
        """
        job, status = lease.job, stored.response["status"]
        lying = await self._lying(lease)
        also: list[Write] = [self._told(job, status), *self._unsealed(job, lying.secrets)]
        if job.streamed and ending:
            also.append(await self._events.prepare(job, ending))
        ended: dict[str, Any] = {"st": status}
        if not job.kept:
            lying = replace(lying, expires=self._soon())
            ended["ttl"] = lying.expires
        adds = lying.hold if status in ADDED else None
        await self._write(lease, lying, stored, set=ended, remove=_HELD, also=also, adds=adds)
        await self._tidied(job, lying)

    async def release(self, lease: Lease, *, throttled: bool, delay: float = 0) -> None:
        """Put it back, to be taken after `delay` seconds. Being `throttled` by a provider is no attempt."""
        job = lease.job
        wt = self._now() + delay + MESSAGE_WAIT
        set: dict[str, Any] = {"st": QUEUED, "wk": job_work(job.response_id), "wt": wt}
        if throttled:
            set |= {"thr": job.throttled + 1, "att": job.attempts - 1}
        await self._held(lease, Update(_key(job), set=set, remove=("owner", "lease")))

    async def cancel(self, tenant: str, response_id: str) -> Job:
        """The job, cancelled for good. Raises `NotCancellable` where it has ended otherwise."""
        job = await self._ended(tenant, response_id, {"st": CANCELLED})
        if job.status != CANCELLED:
            raise NotCancellable(job)
        return job

    async def fail(self, tenant: str, response_id: str, error: Json, *, unless_leased: bool) -> Job:
        """The job, failed with that `code` and `message` by somebody who has no run of it; or as it ended.

        Raises `JobHeld` where somebody works at it and is to be left alone.
        """
        return await self._ended(
            tenant, response_id, {"st": FAILED, "err": error}, unless_leased=unless_leased
        )

    async def overdue(self) -> Sequence[Job]:
        """The jobs that somebody has to look after: those that nobody works at, or for whom time is up, and
        those that ended with their log not yet cut.
        """
        now = self._now()
        due = await at_once(self._store.due(wk, now) for wk in job_works())
        rows = await at_once(self._store.get(row.key) for rows in due for row in rows)
        return [job_in(row) for row in rows if row is not None and row.values.get("wt", math.inf) <= now]

    async def postpone(self, job: Job, until: float) -> None:
        """Have nobody look after it before then, unless it has changed meanwhile."""
        await self._changed(job, Update(_key(job), set={"wt": until}, when=(equals("st", job.status),)))

    async def settle(self, job: Job) -> None:
        """Have nobody look after a job that has ended, and whose log is cut."""
        settled = Update(_key(job), remove=("wk", "wt"), when=(equals("st", job.status),))
        await self._changed(job, settled)

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
            response=stored.response,
            input=stored.input,
            origins=stored.origins,
            history=before.items,
            history_origins=before.origins,
            progress=job.progress,
        )

    async def _control(self, tenant: str, response_id: str) -> Row | None:
        return await self._store.get(control_of(tenant, response_id))

    async def _begin(self, control: Put, hold: Hold | None, deadline: float) -> None:
        writes: list[Write] = [control]
        if hold is not None:
            writes.append(lasting(hold, deadline))

        async def is_there() -> bool:
            row = await self._store.get(control.key)
            return row is not None and row.values.get("fence") == control.values["fence"]

        try:
            await settled(lambda: insist(lambda: self._store.transact(writes)), is_there)
        except ConditionFailed as fact:
            if fact.index:
                raise ConversationLocked from None
            raise

    async def _changed(self, job: Job, update: Update) -> Row | None:
        """The control row after an update that is good for this fence and status only, or as it was found."""
        when = (equals("fence", job.fence), *update.when)
        try:
            return await insist(
                lambda: self._store.update(update.key, set=update.set, remove=update.remove, when=when)
            )
        except ConditionFailed as fact:
            return fact.old

    async def _held(self, lease: Lease, update: Update) -> None:
        """Change the control row of a job that one has."""
        when = _mine(lease)
        try:
            await insist(
                lambda: self._store.update(update.key, set=update.set, remove=update.remove, when=when)
            )
        except ConditionFailed:
            raise LeaseLost from None

    async def _lying(self, lease: Lease) -> Written:
        """The rows of the response, which nobody but the lease's holder changes."""
        if not lease.written:
            job = lease.job
            table = TenantTable(job.tenant)
            control = await self._control(job.tenant, job.response_id)
            if control is None or control.values.get("fence") != job.fence:
                raise LeaseLost
            place = placed_row(control)
            turn, envelope = await at_once(
                map(
                    self._store.query,
                    (
                        table.turn_parts(place.thread, place.depth, place.own),
                        table.envelopes(place.thread, job.response_id),
                    ),
                )
            )
            if not turn:
                raise LeaseLost
            lease.written.append(written(control, turn, envelope))
        return lease.written[0]

    async def _write(
        self,
        lease: Lease,
        lying: Written,
        stored: StoredResponse,
        *,
        set: Mapping[str, Any],
        remove: Sequence[str] = (),
        also: Sequence[Write] = (),
        adds: Hold | None = None,
    ) -> None:
        """Replace the rows of the response, under the fence, and add its items to the conversation."""
        job = lease.job
        public = replace(stored, input=[public_item(item) for item in stored.input])
        reservation = lying.reservation(job.fence)
        record = await self._responses.laid_out(reservation, public, revision=lying.next, lasting=job.kept)
        after, rows = revised(lying, record)
        changed, gone = changes(record)
        control = Update(_key(job), set={**changed, **set}, remove=[*gone, *remove], when=_mine(lease))
        writes: list[Write] = [control, *rows, *also]

        async def is_done() -> bool:
            row = await self._store.get(control.key)
            return row is not None and all(
                row.values.get(name) == value
                for name, value in {"fence": job.fence, GENERATION: after.number, "st": set["st"]}.items()
            )

        try:
            if adds is None:
                await settled(lambda: insist(lambda: self._store.transact(writes)), is_done)
            else:
                items = [*public.input, *public.response["output"]]
                await self._conversations.commit_with(
                    adds, items, public.origins, record=writes, is_done=is_done
                )
        except StoreFact as fact:
            # What is not certain to be unneeded expires.
            if isinstance(fact, ConditionFailed):
                await self._dropped(job, record.blobs.keys() - lying.named.names)
                raise LeaseLost from None
            raise
        lease.written[:] = [after]
        await self._dropped(job, filter(lying.is_own, lying.named.names - after.named.names))

    async def _ended(
        self, tenant: str, response_id: str, values: Mapping[str, Any], *, unless_leased: bool = False
    ) -> Job:
        """End a job that has not ended, without a run of it."""
        for _ in range(TRIES):
            control = await self._control(tenant, response_id)
            job = job_in(control)
            assert control is not None
            now = self._now()
            if not job.running:
                return job
            if unless_leased and job.lease is not None and job.lease > now:
                raise JobHeld(job.lease)
            lying = written(control, [], [])
            set, remove = {**values, **next_fence(job)}, [*_HELD]
            if job.streamed and job.fence:  # somebody has to make the cut, if no reader does
                set |= {"wk": job_work(response_id), "wt": now}
                remove = [name for name in remove if name not in set]
            if not job.kept:
                set["ttl"] = self._soon()
            when = (equals("fence", job.fence), OneOf("st", RUNNING))
            if unless_leased:
                when = (*when, self._nobody_has_it())
            update = Update(_key(job), set=set, remove=remove, when=when)
            writes = [update, self._told(job, set["st"]), *self._unsealed(job, lying.secrets)]
            try:
                await twice(lambda writes=writes: insist(lambda: self._store.transact(writes)))
            except ConditionFailed:
                continue  # Somebody has just taken or ended it, or the answer to our own first try was lost.
            await self._tidied(job, lying)
            return job_in(Row(control.key, update.applied_to(control.values)))
        raise WriteConflict("a job changed hands again and again")

    async def _tidied(self, job: Job, lying: Written) -> None:
        """Let go of what a job has no use for once it has ended. What is left expires."""
        with suppress(StoreFact):
            if lying.hold is not None:
                await self._conversations.release(lying.hold)
        with suppress(StoreFact):
            rows = await self._store.query(TenantTable(job.tenant).whole_job(job.response_id))
            await at_once(self._store.delete(row.key) for row in rows)
        if not job.kept:
            with suppress(StoreFact):
                soon = {"ttl": self._soon()}
                await at_once(self._store.update(key, set=soon) for key in lying.keys)

    async def _dropped(self, job: Job, names: Iterable[str]) -> None:
        with suppress(StoreFact):  # They expire.
            await self._responses.drop(job.tenant, job.response_id, list(names))

    def _told(self, job: Job, status: str) -> Put:
        return outbox_row(job, status, job.reply, now=self._now())

    def _unsealed(self, job: Job, rows: int) -> Sequence[Write]:
        return secret_deletes(TenantTable(job.tenant), job.response_id, rows)

    def _leased(self, owner: str) -> dict[str, Any]:
        """The attributes of a lease that begins now. Nobody looks after the job until a while after it."""
        until = self._now() + self.lease_seconds
        return {"owner": owner, "lease": until, "wt": until + self.lease_seconds / MARGIN}

    def _nobody_has_it(self) -> AnyOf:
        return AnyOf((Absent("lease"), Compare("lease", "<=", self._now())))

    def _soon(self) -> int:
        return math.ceil(self._now()) + UNKEPT


def _key(job: Job) -> Key:
    return control_of(job.tenant, job.response_id)


def _mine(lease: Lease) -> Condition:
    return (equals("fence", lease.job.fence), equals("st", IN_PROGRESS))
