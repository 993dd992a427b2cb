"""Who makes background responses beside a database file: what functions, a queue and a clock do on AWS."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from lambda_responses.lifecycle.background.messages import UnreadableMessage
from lambda_responses.lifecycle.background.sweep import bury, sweep
from lambda_responses.lifecycle.background.work import work
from lambda_responses.lifecycle.notifications import deliver_as_due
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.queue.consumer import Consumer

if TYPE_CHECKING:
    from lambda_responses.lifecycle.background.verdict import Verdict
    from lambda_responses.lifecycle.ports import Deadline, Services
    from lambda_responses.queue.port import PolledQueue, Received

    class Doing(Protocol):
        """What is done with a message."""

        async def __call__(self, message: Any, *, owner: str, deadline: Deadline) -> Verdict:
            """See `work`."""
            ...


MOST_DELIVERIES = 8
"""So often a message is worked on, as on AWS, where the queue counts; then its response is failed."""


class TimeLimit:
    """A `Deadline` that many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds until then."""
        return self._end - time.monotonic()


def background_consumer(
    using: Services, queue: PolledQueue, *, concurrency: int, seconds: int, doing: Doing | None = None
) -> Consumer:
    """Makes so many responses at once, each for so many `seconds` at a time; 0 is for no limit.

    `doing` is `work`, unless somebody wants to be told of what comes of it.
    """
    owner, doing = f"worker-{os.getpid()}", doing or partial(work, using=using)

    async def take(received: Received) -> float | None:
        deadline = TimeLimit(seconds) if seconds else Unbounded()
        try:
            if received.count > MOST_DELIVERIES:
                return await bury(received.message, using=using)
            verdict = await doing(received.message, owner=owner, deadline=deadline)
        except UnreadableMessage as fault:  # nor would it be the next time
            using.report(fault)
            return None
        return verdict.again

    rounds = (partial(sweep, using, queue), partial(deliver_as_due, using=using))
    return Consumer(queue, take, concurrency=concurrency, report=using.report, rounds=rounds)
