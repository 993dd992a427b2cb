"""What becomes of messages about background responses on a laptop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background import consumer as consumers
from lambda_responses.lifecycle.background.consumer import MOST_DELIVERIES, background_consumer
from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.storage.background.slots import Slots, Turns
from tests.played import ME, Played
from tests.queued import ANSWER, got, queued

if TYPE_CHECKING:
    from tests.played import Play

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_response_whose_message_comes_to_nothing_time_and_again_is_failed(
    play: Play, monkeypatch: pytest.MonkeyPatch
):
    clock, stop, tries = Clock(), asyncio.Event(), 0
    services = play(Played([]), now=clock)
    body = {"model": "m", "input": "hi", "background": True}
    made = await enqueue_response(body, principal=ME, using=services)

    async def nobody_sweeps(*_: Any) -> None:
        """Which would send other messages."""

    async def fails(message: Any, **_: Any) -> Any:
        nonlocal tries
        tries += 1
        raise ValueError("never")

    monkeypatch.setattr(consumers, "sweep", nobody_sweeps)
    consumer = background_consumer(services, services.queue, concurrency=1, seconds=0, doing=fails)
    running = asyncio.create_task(consumer.run(stop))
    async with asyncio.timeout(20):
        while (job := await services.jobs.find(ME.tenant, made["id"])).running:
            clock.seconds += 10
            await asyncio.sleep(0.01)
    stop.set()
    await running
    assert (job.status, tries) == ("failed", MOST_DELIVERIES)


async def test_a_slot_does_not_stay_free_while_others_wait_for_one(play: Play):
    services = play(Played([ANSWER] * 8), now=time.time)
    services.tenant_concurrency = 1
    services.slots = Slots(services.store, now=time.time, lease_seconds=4.0, turns=Turns(time.time))
    waiting = {await queued(services) for _ in range(8)}
    stop = asyncio.Event()
    running = asyncio.create_task(
        background_consumer(services, services.queue, concurrency=8, seconds=0).run(stop)
    )
    try:
        async with asyncio.timeout(8):  # Of ten seconds, for which one waited for another's.
            while waiting:
                waiting = {id for id in waiting if (await got(services, id))["status"] != "completed"}
                await asyncio.sleep(0.01)  # Between two looks, as a client has them.
    finally:
        stop.set()
        await running
