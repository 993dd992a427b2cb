"""Streamed background responses in the hands of whoever was asked for them."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.inline import StreamedInBackground
from lambda_responses.lifecycle.background.messages import message_about
from lambda_responses.lifecycle.background.resume import resumed
from lambda_responses.lifecycle.ports import Unbounded, Unkept
from tests.contracts.stores.kit import Clock
from tests.fakes.events import obey
from tests.played import ME, Played
from tests.queued import ANSWER, BODY, Silence, done, got

if TYPE_CHECKING:
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

FOR_EVER = 10**9


@pytest.fixture
def clock() -> Clock:
    return Clock()


def asked(services: PlayedServices) -> StreamedInBackground:
    return StreamedInBackground(
        {**BODY, "stream": True}, principal=ME, using=services, deadline=Unbounded(), telling=Unkept()
    )


def types(events: Any) -> list[str]:
    return [event["type"] for event in events]


async def lying(services: PlayedServices, clock: Clock) -> list[Json]:
    """All messages, when all delays are over."""
    clock.advance(3_600)
    received = await services.queue.receive(99, visible_after=FOR_EVER)
    return [each.message for each in received]


async def crowded(services: PlayedServices) -> Any:
    """Has the tenant's only slot taken."""
    services.tenant_concurrency = 1
    return await services.slots.take("me", 1, "long")


async def test_without_a_slot_a_stream_begins_all_the_same_and_is_made_by_others(play: Play):
    services = play(Played([ANSWER]))
    slot = await crowded(services)
    run = asked(services)
    async with aclosing(run.events()) as batches:
        heard = [*await anext(batches)]
        assert types(heard) == ["response.created", "response.queued"]
        coming = asyncio.ensure_future(anext(batches))
        await run.left()  # nothing is made here
        assert (await got(services, run.id))["status"] == "queued"
        assert (await done(services, run.id)).outcome == "crowded"
        await services.slots.release(slot)
        assert (await done(services, run.id)).outcome == "ended"
        heard += await coming
        async for events in batches:
            heard += events
    obey(heard)
    assert types(heard)[2:3] + types(heard)[-1:] == ["response.in_progress", "response.completed"]
    assert heard[-1]["response"] == await got(services, run.id)
    whole = [
        event
        async for events in resumed("me", run.id, after=-1, using=services, deadline=Unbounded())
        for event in events
    ]
    assert json.dumps(whole) == json.dumps(heard)


async def test_without_a_slot_one_message_is_sent_and_the_waiting_is_no_attempt(play: Play, clock: Clock):
    services = play(Played([]), now=clock)
    await crowded(services)
    run = asked(services)
    async with aclosing(run.events()) as batches:
        await anext(batches)
        coming = asyncio.ensure_future(anext(batches))
        await asyncio.wait_for(run.left(), 5)
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
    job = await services.jobs.find("me", run.id)
    assert (job.status, job.attempts, job.lease) == ("queued", 0, None)
    assert await lying(services, clock) == [message_about("me", run.id)]


async def test_a_stream_that_is_left_lets_another_go_on_at_once(play: Play, clock: Clock):
    hold = Silence()
    services = play(Played([[hold], ANSWER]), now=clock)
    run = asked(services)
    async with aclosing(run.events()) as batches:
        await anext(batches)
        await hold.begun.wait()
    await asyncio.wait_for(run.left(), 1)
    job = await services.jobs.find("me", run.id)
    assert (job.status, job.attempts, job.lease) == ("queued", 0, None)
    [now] = await services.queue.receive(9, visible_after=FOR_EVER)
    assert now.message == message_about("me", run.id)
    assert (await done(services, run.id)).outcome == "ended"


async def test_it_is_left_when_it_has_ended(play: Play):
    run = asked(play(Played([ANSWER])))
    async with aclosing(run.events()) as batches:
        heard = [event async for events in batches for event in events]
    assert types(heard)[-1] == "response.completed"
    await asyncio.wait_for(run.left(), 1)
