"""The events of a background response for whoever asks, from wherever they left off, at any time.

https://platform.openai.com/docs/guides/background#streaming-a-background-response
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.asking import patiently
from lambda_responses.lifecycle.background.log_reader import LogReader
from lambda_responses.lifecycle.retrieve import Told
from lambda_responses.storage.background.job import CANCELLED
from lambda_responses.storage.chains import ResponseNotFound
from lambda_responses.stream.replay import events_of
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence

    from lambda_responses.lifecycle.ports import Deadline, Services
    from lambda_responses.storage.background.job import Job
    from lambda_responses.wire.json import Event, Json

SHORTEST, LONGEST = 0.1, 1.0
"""Seconds between two looks at a log that does not grow: the first such pause, and the last."""
GROWTH = 1.5
LOOK_EVERY = 2.0
"""Seconds of silence after which the job is looked at besides: somebody may have ended it."""


def resumed(
    tenant: str, response_id: str, *, after: int, using: Services, deadline: Deadline
) -> AsyncGenerator[Sequence[Event]]:
    """The events of a streamed background response after number `after`, as they come.

    They end with the response, or without its end at the deadline and where it is deleted. May raise
    `StoreUnavailable`.
    """
    return followed(LogReader(tenant, response_id, after=after, using=using), deadline)


async def followed(reader: LogReader, deadline: Deadline) -> AsyncGenerator[Sequence[Event]]:
    """All that there is left to read, as it comes, until the deadline. May raise `StoreUnavailable`, after a
    while.
    """
    pause, silence = SHORTEST, 0.0
    while not reader.over:
        if events := await patiently(reader.read):
            yield events
            pause, silence = SHORTEST, 0.0
            continue
        if reader.over or (left := deadline.remaining()) <= 0:
            return
        await asyncio.sleep(min(pause, left))
        silence += pause
        pause = min(pause * GROWTH, LONGEST)
        if silence >= LOOK_EVERY:
            reader.look_again()
            silence = 0.0


async def resume_response(
    response: Json,
    *,
    starting_after: int | None,
    include: Collection[str],
    tenant: str,
    using: Services,
    deadline: Deadline,
) -> Told:
    """The events of a background response, which is `response` by now, after number `starting_after`.

    Of one that was not asked for as a stream, and of one whose log has expired, they follow from the stored
    object. Raises `InvalidRequestError` where that is not possible, `NotFoundError` where it is gone.
    """
    try:
        job = await using.jobs.find(tenant, response["id"])
    except ResponseNotFound:
        raise response_not_found(response["id"]) from None
    after = -1 if starting_after is None else starting_after
    if not job.streamed:
        if job.running or response["status"] in ("queued", "in_progress"):
            raise _not_streamed()
        return Told(events_of(response)[max(after + 1, 0) :])
    if not job.running and await _has_expired(job, using):
        if starting_after is not None:
            raise _expired()
        return Told(events_of(response))
    reader = LogReader(
        tenant, response["id"], after=after, using=using, include=include, job=None if job.running else job
    )
    events = await reader.read()
    return Told(events, None if reader.over else followed(reader, deadline))


async def _has_expired(job: Job, using: Services) -> bool:
    """Whether events of a response that has ended were logged, and are not there any more."""
    if await using.events.holds(job):
        return False
    is_by_itself = job.status != CANCELLED and job.error is None
    return is_by_itself or bool(job.segments[-1].start)


def _not_streamed() -> InvalidRequestError:
    return InvalidRequestError(
        "This response cannot be streamed while it is being made: it was created without 'stream'. Retrieve "
        "it without 'stream', or wait for its end.",
        param="stream",
    )


def _expired() -> InvalidRequestError:
    return InvalidRequestError(
        "The events of this response are not kept any more. Stream it without 'starting_after', or retrieve "
        "it without 'stream'.",
        param="starting_after",
    )
