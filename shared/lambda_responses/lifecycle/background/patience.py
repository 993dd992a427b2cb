"""How long a worker stays with one response: until its own time is up, or its provider wants it to wait.

What can be waited for in a few seconds is waited for. Anything longer would be paid for and hold up others:
then the response goes back to the queue, to be taken up where it was when there is time, or when it is time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.waiting import Interrupted
from lambda_responses.providers.retries import seconds_to_wait
from lambda_responses.wire.errors import InsufficientQuotaError, OverloadedError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from lambda_responses.lifecycle.ports import Cancellation, Deadline
    from lambda_responses.storage.background.job import Job
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.ids import Entropy

    Now: TypeAlias = Callable[[], float]

MOST_IN_PLACE = 15.0
"""Seconds that a worker waits for one step's provider before it lets others have its time."""
FIRST_PAUSE, SHORTEST_PAUSE = 1.0, 0.05
"""Seconds before the second try where a provider does not say, and at least; twice as long before each one
after it, also where it says the same each time."""
FIRST_DELAY, LONGEST_DELAY = 15.0, 900.0
"""Seconds for which a response is put back at least, twice as long each time, and at most."""
SPREAD = 0.25
"""So much longer it may be, by chance: what was put back at one time should not come back at one time."""
LONGEST_MARGIN, MARGIN_SHARE = 60.0, 0.1
"""Of its time, a worker begins no step in the last tenth, nor in the last minute, whichever is less."""

TOO_LATE = "The response took longer than this server lets a background response take."
TOO_LONG = "One step of the response took longer than this server lets one run of a function take."


class PutBack(Interrupted):
    """The response goes back to the queue, to be taken up again in `delay` seconds."""

    def __init__(self, delay: float, *, throttled: bool = False) -> None:
        super().__init__(f"put back for {delay} seconds")
        self.delay = delay
        self.throttled = throttled
        """Whether a provider wanted that."""


class TimeLeft:
    """The `Deadline` of a run that ends with whoever makes it, and with what the response may take in all."""

    def __init__(self, worker: Deadline, job: Job, now: Now) -> None:
        self._worker = worker
        self._job = job
        self._now = now

    def remaining(self) -> float:
        """Seconds until the first of the two."""
        return min(self._worker.remaining(), self._job.deadline - self._now())

    @property
    def has_response_time(self) -> bool:
        """Whether the response may go on, be it with another worker."""
        return self._job.deadline > self._now()


class WorkersPatience:
    """The `Endurance` of a run that another one may go on from."""

    def __init__(
        self, left: TimeLeft, job: Job, *, whole: bool, stop: Cancellation, now: Now, entropy: Entropy
    ) -> None:
        """`whole`: the worker has just begun, so that a step which takes longer than its time always will."""
        self._left = left
        self._job = job
        self._whole = whole
        self._stop = stop
        self._now = now
        self._entropy = entropy
        self._time = left.remaining()
        self._step_began_with = self._time
        self._longest_step = 0.0
        self._waited = 0.0

    async def before_step(self, taken: int) -> None:
        """See `Endurance`. Leaves where a step that takes as long as the longest would be cut off."""
        left = self._left.remaining()
        if taken == 0 or left == float("inf"):
            return
        self._longest_step = max(self._longest_step, self._step_began_with - left)
        self._step_began_with, self._waited = left, 0.0
        margin = min(LONGEST_MARGIN, self._time * MARGIN_SHARE)
        if left < self._longest_step + margin and self._left.has_response_time:
            raise PutBack(0)

    async def spared(self, fault: APIError, tries: int) -> bool:
        """See `Endurance`. Only for a provider that has no room; one that wants money is not waited for."""
        if isinstance(fault, InsufficientQuotaError) or not isinstance(
            fault, RateLimitError | OverloadedError
        ):
            return False
        wanted = seconds_to_wait(fault.headers, self._now())
        first = FIRST_PAUSE if wanted is None else max(wanted, SHORTEST_PAUSE)
        pause = self._spread(first * 2 ** min(tries - 1, 10))
        if self._waited + pause <= MOST_IN_PLACE and pause < self._left.remaining():
            self._waited += pause
            await self._rest(pause)
            return True
        if not self._left.has_response_time:
            return False
        delay = self._spread(max(wanted or 0, FIRST_DELAY * 2 ** min(self._job.throttled, 10)))
        # No longer than there is time: who is told so late is not to be told later yet.
        raise PutBack(min(delay, LONGEST_DELAY, self._job.deadline - self._now()), throttled=True)

    def out_of_time(self, taken: int) -> str | None:
        """See `Endurance`. Leaves where another worker, who has more time, may do better."""
        if not self._left.has_response_time:
            return TOO_LATE
        if taken == 0 and self._whole:
            return TOO_LONG
        raise PutBack(0)

    async def _rest(self, seconds: float) -> None:
        """Raises `Interrupted` where somebody wants the run to stop meanwhile."""
        try:
            await asyncio.wait_for(self._stop.requested(), timeout=seconds)
        except TimeoutError:
            return
        raise Interrupted

    def _spread(self, seconds: float) -> float:
        return seconds * (1 + SPREAD * int(self._entropy(4), 16) / 0xFFFF)
