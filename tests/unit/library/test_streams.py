"""Events on their way from one loop to somebody elsewhere."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambda_responses import aresponses, get_responses, responses
from lambda_responses.library.streams import MOST_AHEAD

pytestmark = pytest.mark.anyio

ECHO = "scripted/echo"


def test_events_are_those_of_the_wire_in_their_order():
    events = [*responses("one two three", ECHO, stream=True)]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].response.output_text == "one two three"


def test_an_event_stays_as_it_was_when_it_was_made():
    """The response grows after its first events, which somebody may read late."""
    events = [*responses("one two three", ECHO, stream=True)]
    assert events[0].response.status == "in_progress"
    assert events[0].response.output == []
    added = next(event for event in events if event.type == "response.output_item.added")
    assert added.item.content == []


def test_the_end_of_a_stream_is_what_is_stored():
    *_, last = responses("Hello.", ECHO, stream=True)
    assert json.loads(last.response.model_dump_json()) == get_responses(last.response.id).model_dump()


def test_more_events_than_are_kept_ahead_arrive_all_the_same():
    text = "".join(
        event.delta
        for event in responses(f"[[words:{MOST_AHEAD * 8}]]", ECHO, stream=True)
        if event.type == "response.output_text.delta"
    )
    assert len(text.split()) == MOST_AHEAD * 8


def test_a_stream_goes_on_when_its_reader_has_slept():
    stream = responses(f"[[words:{MOST_AHEAD * 8}]]", ECHO, stream=True)
    next(stream)
    responses("Meanwhile.", ECHO)  # the loop is free although nobody takes events
    *_, last = stream
    assert last.type == "response.completed"


def test_many_threads_ask_at_once():
    def ask(number: int) -> str:
        *_, last = responses(f"number {number}", ECHO, stream=True)
        return last.response.output_text + responses(f"and {number}", ECHO).output_text

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(64)))
    assert answers == [f"number {n}and {n}" for n in range(64)]


def test_two_threads_read_one_stream_and_miss_nothing():
    stream, seen = responses("[[words:500]]", ECHO, stream=True), []
    readers = [threading.Thread(target=lambda: seen.extend(stream)) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert sorted(event.sequence_number for event in seen) == list(range(len(seen)))
    assert any(event.type == "response.completed" for event in seen)


async def test_a_loop_goes_on_while_it_waits_for_events():
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    ticking = asyncio.ensure_future(tick())
    async for _ in await aresponses("one two three [[pause:30]]", ECHO, stream=True):
        pass
    ticking.cancel()
    assert ticks > 5


def test_loops_that_come_and_go_share_the_library():
    async def ask() -> str:
        return (await aresponses("Hello.", ECHO)).output_text

    assert [asyncio.run(ask()) for _ in range(3)] == ["Hello."] * 3
