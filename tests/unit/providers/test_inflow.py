"""What comes is read as it comes, and taken as much at a time as there is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from lambda_responses.providers.inflow import MOST_HELD, Inflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

WAIT = object()


class Script:
    """A body that hands out bytes, raises faults, and lets everybody else have a turn at each `WAIT`."""

    def __init__(self, *steps: object, give_back: asyncio.Event | None = None) -> None:
        self.is_closed = False
        self.given_back = False
        self.sent = 0
        self._steps = steps
        self._give_back = give_back

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes):
                self.sent += len(step)
                yield step
            elif isinstance(step, asyncio.Event):
                await step.wait()
            else:
                await asyncio.sleep(0)
        self.is_closed = True
        if self._give_back is not None:
            await self._give_back.wait()
        self.given_back = True


async def test_what_came_together_is_taken_together():
    inflow = Inflow(Script(b"a", b"b", WAIT, WAIT, b"c"))
    assert [await inflow.take(), await inflow.take(), await inflow.take()] == [b"ab", b"c", None]
    assert await inflow.take() is None


async def test_a_fault_is_raised_after_what_came_before_it():
    inflow = Inflow(Script(b"a", OSError("cut")))
    assert await inflow.take() == b"a"
    for _ in range(2):
        with pytest.raises(OSError, match="cut"):
            await inflow.take()


async def test_a_slow_reader_holds_the_sender_back():
    body = Script(*[bytes(1024)] * 1024)
    inflow = Inflow(body)
    for times in range(1, 4):
        assert len(await inflow.take() or b"") == MOST_HELD
        assert body.sent == times * MOST_HELD
    await inflow.stop()
    assert not body.given_back


async def test_nobody_reads_on_after_a_stop():
    body = Script(b"a", asyncio.Event(), b"b")
    inflow = Inflow(body)
    assert await inflow.take() == b"a"
    for _ in range(2):
        await inflow.stop()
        assert await inflow.take() is None
    assert body.sent == 1


async def test_a_stop_before_the_first_word_leaves_nothing_behind():
    inflow = Inflow(Script(b"a"))
    await inflow.stop()
    assert await inflow.take() is None


async def test_a_stop_waits_for_a_connection_that_is_being_given_back():
    give_back = asyncio.Event()
    body = Script(b"a", give_back=give_back)
    inflow = Inflow(body)
    assert await inflow.take() == b"a"
    assert body.is_closed
    asyncio.get_running_loop().call_soon(give_back.set)
    await inflow.stop()
    assert body.given_back
