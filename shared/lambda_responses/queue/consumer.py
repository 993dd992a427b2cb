"""What takes messages off a queue where AWS does not hand them to functions, and looks at the clock."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from lambda_responses.queue.port import QueueUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from lambda_responses.queue.port import PolledQueue, Received

    Work = Callable[[Received], Awaitable[float | None]]
    """What is done with a message: seconds after which it has to come again, or None when that is all.

    What raises brings it back as well, and that counts. When it has been handed out too often is for this to
    say, which is told the count.
    """
    Round = Callable[[], Awaitable[object]]
    Report = Callable[[BaseException], None]

POLL_SECONDS = 0.1
"""How often a consumer looks for messages that nobody tells it of: those delayed, or sent elsewhere."""
KEPT_SECONDS = 4.0
"""How long others wait for the message of a worker that was killed: as long as for its lease."""
MOST_DOUBLED = 6
"""So often the time doubles until a message comes again that comes to nothing: to four minutes."""
BEATS = 3
"""How often in that time a worker says that it is still there."""
ROUND_SECONDS = 1.0
"""How often what nobody works at is looked for."""


def wait_after(count: int) -> float:
    """Seconds until a message comes again that has come to nothing so often."""
    return KEPT_SECONDS * 2 ** min(count - 1, MOST_DOUBLED)


class Consumer:
    """Takes messages off a queue, so many at once, and makes its rounds."""

    def __init__(
        self,
        queue: PolledQueue,
        work: Work,
        *,
        concurrency: int,
        report: Report,
        wait: Callable[[int], float] = wait_after,
        rounds: tuple[Round, ...] = (),
    ) -> None:
        """`wait` says after how many seconds a message comes again, by how often it has come to nothing."""
        self._queue = queue
        self._work = work
        self._concurrency = concurrency
        self._report = report
        self._wait = wait
        self._rounds = rounds
        self._at_work: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for messages now."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; what is not done then lies on the queue again."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self.wake())
        rounds = [asyncio.create_task(self._again_and_again(each)) for each in self._rounds]
        try:
            while not stopping.done():
                self._woken.clear()
                await self._take()
                full = len(self._at_work) >= self._concurrency
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if full else POLL_SECONDS):
                        await self._woken.wait()
        finally:
            await _cancelled(stopping, *rounds, *self._at_work)

    async def _take(self) -> None:
        """Begin to work on as much as there is, and as there are hands for."""
        free = self._concurrency - len(self._at_work)
        try:
            received = await self._queue.receive(free, visible_after=KEPT_SECONDS)
        except QueueUnavailable as fault:
            self._report(fault)
            return
        for each in received:
            task = asyncio.create_task(self._do(each))
            self._at_work.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        self.wake()

    async def _do(self, received: Received) -> None:
        try:
            async with self._kept(received.receipt):
                again = await self._work(received)
            if again is None:
                await self._queue.acknowledge(received.receipt)
            else:
                await self._queue.put_back(received.receipt, again)
        except asyncio.CancelledError:
            with suppress(QueueUnavailable):
                await self._queue.put_back(received.receipt, 0)
            raise
        except Exception as fault:
            self._report(fault)
            with suppress(QueueUnavailable):  # then it comes again when it is no longer kept
                await self._queue.extend(received.receipt, self._wait(received.count))

    @asynccontextmanager
    async def _kept(self, receipt: str) -> AsyncGenerator[None]:
        """Keeps a message from others for as long as it is worked on."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(KEPT_SECONDS / BEATS)
                with suppress(QueueUnavailable):  # there is another beat before the time is up
                    await self._queue.extend(receipt, KEPT_SECONDS)

        beating = asyncio.create_task(keep())
        try:
            yield
        finally:
            await _cancelled(beating)

    async def _again_and_again(self, go_round: Round) -> None:
        while True:
            try:
                await go_round()
            except Exception as fault:
                self._report(fault)
            await asyncio.sleep(ROUND_SECONDS)


async def _cancelled(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
