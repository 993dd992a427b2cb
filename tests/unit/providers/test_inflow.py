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


async def parts(*script: object) -> AsyncIterator[bytes]:
    """Hands out bytes, raises faults, and lets everybody else have a turn at each `WAIT`."""
    for step in script:
        if isinstance(step, Exception):
            raise step
        if isinstance(step, bytes):
            yield step
        else:
            await asyncio.sleep(0)


async def test_what_came_together_is_taken_together():
    inflow = Inflow(parts(b"a", b"b", WAIT, WAIT, b"c"))
    assert [await inflow.take(), await inflow.take(), await inflow.take()] == [b"ab", b"c", None]
    assert await inflow.take() is None


async def test_a_fault_is_raised_after_what_came_before_it():
    inflow = Inflow(parts(b"a", OSError("cut")))
    assert await inflow.take() == b"a"
    for _ in range(2):
        with pytest.raises(OSError, match="cut"):
            await inflow.take()


async def test_a_slow_reader_holds_the_sender_back():
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield bytes(1024)

    inflow = Inflow(endless())
    for times in range(1, 4):
        assert len(await inflow.take() or b"") == MOST_HELD
        assert sent == times * MOST_HELD
    await inflow.stop()


async def test_nobody_reads_on_after_a_stop():
    closed = False

    async def silent() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            closed = True

    inflow = Inflow(silent())
    assert await inflow.take() == b"a"
    await inflow.stop()
    assert closed
    assert await inflow.take() is None
    await inflow.stop()


async def test_a_stop_before_the_first_word_leaves_nothing_behind():
    inflow = Inflow(parts(b"a"))
    await inflow.stop()
    assert await inflow.take() is None
