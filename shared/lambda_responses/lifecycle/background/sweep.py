"""Closes every hole that a crash can leave: what nobody works at is queued again, what is too late fails.

Messages may be lost and workers may die. The work index of the store names every response that nobody has
touched for too long, so that nobody has to remember any of them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.cuts import cut_off
from lambda_responses.lifecycle.background.messages import message_about, read_message
from lambda_responses.lifecycle.background.patience import TOO_LATE
from lambda_responses.storage.background.job import JobHeld, NotInBackground
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.ids import asked_at

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.queue.port import Queue
    from lambda_responses.storage.background.job import Job
    from lambda_responses.wire.json import Json

OVERDUE: Json = {"code": "server_error", "message": TOO_LATE}
SOONEST, LATEST = 60.0, 3_600.0
"""Seconds until a response that was queued again is looked at again: as long as it has waited already, within
these bounds. Most of those that wait have lost nothing, and would each get a message a minute."""


@dataclass(slots=True)
class Swept:
    """What one round came to."""

    queued: int = 0
    failed: int = 0
    closed: int = 0
    """Event logs of responses that had ended without their last events."""


async def sweep(using: Services, queue: Queue) -> Swept:
    """Look once at all responses that are overdue. One that cannot be helped now is looked at next time."""
    swept = Swept()
    for job in await using.jobs.overdue(using.report):
        try:
            await _help(job, using, queue, swept)
        except ResponseNotFound:
            continue  # deleted meanwhile
        except Exception as fault:  # whatever is wrong with one of them, the others are to be helped
            using.report(fault)
    return swept


async def _help(job: Job, using: Services, queue: Queue, swept: Swept) -> None:
    if not job.running:
        await cut_off(job, using)
        swept.closed += 1
    elif job.deadline <= using.now():
        failed = await using.jobs.fail(job.tenant, job.response_id, OVERDUE, unless_leased=False)
        await cut_off(failed, using)
        swept.failed += 1
    else:
        # Sent first: a message too many does no harm.
        await queue.send(message_about(job.tenant, job.response_id), group=job.tenant)
        await using.jobs.postpone(job, _next_look(job, using.now()))
        swept.queued += 1


def _next_look(job: Job, now: float) -> float:
    waited = now - (job.lease or asked_at(job.response_id))
    return min(now + min(max(waited, SOONEST), LATEST), job.deadline)


async def bury(message: object, *, using: Services) -> None:
    """Fail the response that a message was about which no worker could finish with, time and again.

    Not while somebody is at work on it: a message may have died of something that has passed since. Raises
    `UnreadableMessage`.
    """
    tenant, response_id = read_message(message)
    with suppress(JobHeld, NotInBackground, ResponseNotFound):
        job = await using.jobs.find(tenant, response_id)
        message = f"The generation failed after {max(job.attempts, 1)} attempts."
        error: Json = {"code": "server_error", "message": message}
        await cut_off(await using.jobs.fail(tenant, response_id, error, unless_leased=True), using)
