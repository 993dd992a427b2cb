"""Work on a message: take the response that it is about, and make it.

A message only says where to look. What is to be done, if anything, the control row says: so a message may
come twice, late or never.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from lambda_responses.lifecycle.background.cuts import cut_off
from lambda_responses.lifecycle.background.leased import LeasedRun
from lambda_responses.lifecycle.background.messages import read_message
from lambda_responses.lifecycle.background.slots import slot_for, until_one_is_free
from lambda_responses.lifecycle.background.verdict import Verdict
from lambda_responses.lifecycle.ports import Unkept
from lambda_responses.storage.background.job import JobEnded, JobHeld, NotInBackground, TooManyAttempts
from lambda_responses.storage.responses import ResponseNotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from lambda_responses.lifecycle.background.watch import Beat
    from lambda_responses.lifecycle.ports import Deadline, EventSink, Services
    from lambda_responses.wire.json import Json

T = TypeVar("T")

AFTER_LEASE = 1.0
"""Seconds after the end of somebody's lease at which a message comes again to see whether it was renewed."""
GIVEN_UP: Json = {
    "code": "server_error",
    "message": "The response could not be made: every attempt at it broke off.",
}


async def work(
    message: object,
    *,
    using: Services,
    owner: str,
    deadline: Deadline,
    telling: EventSink | None = None,
    beats: Sequence[Beat] = (),
) -> Verdict:
    """Do what a message asks for, if anything is left to do.

    Where the verdict says `again`, one like it has to be sent before this one is done with. `owner` says
    whose work it is, `deadline` how long that one may take, all of it for this message. `telling` hears the
    events of the response, and `beats` are done as long as it is being made.

    Raises `UnreadableMessage`, and `StoreUnavailable`: the message then has to come again, which counts.
    """
    tenant, response_id = read_message(message)
    owner = f"{owner}/{using.entropy(12)}"  # no two pieces of work have the same
    async with slot_for(tenant, using, owner) as slot:
        if slot is None:
            return await _crowded(tenant, response_id, using)
        taking = using.jobs.take(tenant, response_id, owner=owner)
        lease = await _unless_idle(taking, tenant, response_id, using)
        if isinstance(lease, Verdict):
            return lease
        run = LeasedRun(
            lease,
            using,
            deadline=deadline,
            telling=telling or Unkept(),
            whole=True,
            beats=(*slot, *beats),
        )
        return await run.go_on()


async def _crowded(tenant: str, response_id: str, using: Services) -> Verdict:
    """Of a message whose response gets no slot now: it waits for one, if there is anything left to do.

    As long as it is on its way, nobody has to look after the response. A second message about one that waits
    would wait just as long.
    """
    job = await _unless_idle(using.jobs.free(tenant, response_id), tenant, response_id, using)
    if isinstance(job, Verdict):
        return job
    again = until_one_is_free(tenant, using)
    await using.jobs.postpone(job, using.now() + again + using.jobs.lease_seconds)
    return Verdict("crowded", again=again)


async def _unless_idle(asking: Awaitable[T], tenant: str, response_id: str, using: Services) -> T | Verdict:
    """What is asked of the store, or why there is nothing to be done about the response now."""
    try:
        return await asking
    except JobHeld as held:
        # No longer than leases last: a clock that was set back would have one end who knows when.
        left = min(max(held.until - using.now(), 0), using.jobs.lease_seconds)
        return Verdict("held", again=left + AFTER_LEASE)
    except ResponseNotFound:
        return await _deleted(tenant, response_id, using)
    except (JobEnded, NotInBackground):
        return Verdict("gone")
    except TooManyAttempts as fact:
        with suppress(JobHeld, ResponseNotFound):
            await cut_off(await using.jobs.fail(tenant, response_id, GIVEN_UP, unless_leased=True), using)
        return Verdict("given_up", key_id=fact.job.key_id, attempts=fact.job.attempts)


async def _deleted(tenant: str, response_id: str, using: Services) -> Verdict:
    """Of a message whose response is not there: nothing stays of what somebody has logged who was making it,
    and died before it could notice.
    """
    await using.events.remove(tenant, response_id)
    return Verdict("gone")
