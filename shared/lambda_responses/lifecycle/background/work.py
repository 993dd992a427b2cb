"""Work on a message: take the response that it is about, and make it.

A message only says where to look. What is to be done, if anything, the control row says: so a message may
come twice, late or never.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.cuts import cut_off
from lambda_responses.lifecycle.background.leased import LeasedRun
from lambda_responses.lifecycle.background.messages import read_message
from lambda_responses.lifecycle.background.places import place_for
from lambda_responses.lifecycle.background.verdict import Verdict
from lambda_responses.lifecycle.ports import Unkept
from lambda_responses.storage.background.job import JobEnded, JobHeld, NotInBackground, TooManyAttempts
from lambda_responses.storage.responses import ResponseNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.lifecycle.background.watch import Beat
    from lambda_responses.lifecycle.ports import Deadline, EventSink, Services
    from lambda_responses.storage.background.job import Lease
    from lambda_responses.tools.port import ServerTools
    from lambda_responses.wire.json import Json

AFTER_LEASE = 1.0
"""Seconds after the end of somebody's lease at which a message comes again to see whether it was renewed."""
CROWDED_FOR = 10.0
"""Seconds for which a message waits that found its tenant with as much under way as it may have. By chance up
to three times as long: all that wait would come at once."""
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
    tools: ServerTools | None = None,
) -> Verdict:
    """Do what a message asks for, if anything is left to do.

    Where the verdict says `again`, one like it has to be sent before this one is done with. `owner` says
    whose work it is, `deadline` how long that one may take, all of it for this message. `telling` hears the
    events of the response, and `beats` are done as long as it is being made. `tools` are run here.

    Raises `UnreadableMessage`, and `StoreUnavailable`: the message then has to come again, which counts.
    """
    tenant, response_id = read_message(message)
    owner = f"{owner}/{using.entropy(12)}"  # no two pieces of work have the same
    async with place_for(tenant, using, owner) as place:
        if place is None:
            return Verdict("crowded", again=CROWDED_FOR * (1 + 2 * int(using.entropy(4), 16) / 0xFFFF))
        lease = await _taken(tenant, response_id, using, owner)
        if isinstance(lease, Verdict):
            return lease
        run = LeasedRun(
            lease,
            using,
            deadline=deadline,
            telling=telling or Unkept(),
            whole=True,
            beats=(*place, *beats),
            tools=tools,
        )
        return await run.go_on()


async def _taken(tenant: str, response_id: str, using: Services, owner: str) -> Lease | Verdict:
    try:
        return await using.jobs.take(tenant, response_id, owner=owner)
    except JobHeld as held:
        return Verdict("held", again=max(held.until - using.now(), 0) + AFTER_LEASE)
    except (JobEnded, NotInBackground, ResponseNotFound):
        return Verdict("gone")
    except TooManyAttempts as fact:
        with suppress(JobHeld, ResponseNotFound):
            await cut_off(await using.jobs.fail(tenant, response_id, GIVEN_UP, unless_leased=True), using)
        return Verdict("given_up", key_id=fact.job.key_id, attempts=fact.job.attempts)
