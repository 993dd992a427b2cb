"""A consumer's loop: how much it takes, what becomes of messages, and that it outlives its faults."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.queue import consumer as consumers
from lambda_responses.queue.consumer import Consumer, wait_after
from lambda_responses.queue.local import SQLiteQueue
from lambda_responses.queue.port import QueueUnavailable
from tests.hosted.hosting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from lambda_responses.queue.port import Received

pytestmark = pytest.mark.anyio


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SQLiteQueue]:
    opened = SQLiteQueue(tmp_path / "queue")
    yield opened
    opened.close()


class Desk:
    """Where a worker's messages come to: who is at work, what each is told, and what went wrong."""

    def __init__(self, answers: dict[str, Any] | None = None, hold: asyncio.Event | None = None) -> None:
        self.answers = answers or {}
        self.hold = hold
        self.seen: list[str] = []
        self.at_once = self.most_at_once = 0
        self.faults: list[BaseException] = []
        self.changed = asyncio.Event()

    async def work(self, received: Received) -> float | None:
        message = received.message
        assert isinstance(message, dict)
        self.seen.append(message["name"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.changed.set()
        try:
            if self.hold is not None:
                await self.hold.wait()
            answer = self.answers.get(message["name"])
            if isinstance(answer, list):
                answer = answer.pop(0) if answer else None
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.at_once -= 1
            self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def report(self, fault: BaseException) -> None:
        self.faults.append(fault)
        self.changed.set()


@asynccontextmanager
async def working(
    queue: Any, desk: Desk, *, concurrency: int = 5, rounds: tuple[Callable[[], Awaitable[object]], ...] = ()
) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    consumer = Consumer(queue, desk.work, concurrency=concurrency, report=desk.report, rounds=rounds)
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def send(queue: SQLiteQueue, *names: str) -> None:
    for name in names:
        await queue.send({"name": name}, group="acme")


async def left(queue: SQLiteQueue) -> list[Received]:
    return list(await queue.receive(100, visible_after=60))


def rows(queue: SQLiteQueue) -> list[float]:
    """When each message is due that lies on the queue, or is being worked on."""
    with closing(sqlite3.connect(queue._path)) as connection:  # pyright: ignore[reportPrivateUsage]
        return [due for (due,) in connection.execute("SELECT due FROM messages")]


async def emptied(queue: SQLiteQueue) -> None:
    """Returns when nothing lies on the queue, due or not."""
    assert await eventually(lambda: not rows(queue))


async def test_what_is_done_is_off_the_queue(queue: SQLiteQueue):
    desk = Desk()
    await send(queue, "a", "b")
    async with working(queue, desk):
        await emptied(queue)
    assert sorted(desk.seen) == ["a", "b"]


async def test_no_more_is_taken_than_there_are_hands_for(queue: SQLiteQueue):
    desk = Desk(hold=asyncio.Event())
    assert desk.hold is not None
    await send(queue, *map(str, range(7)))
    async with working(queue, desk, concurrency=3):
        await desk.until(lambda: len(desk.seen) == 3)
        assert len(await left(queue)) == 4
        desk.hold.set()
    assert desk.most_at_once == 3


async def test_what_has_to_come_again_comes_as_if_it_had_not_come_before(queue: SQLiteQueue):
    desk = Desk({"a": [0.05, 0.05]})
    counts: list[int] = []

    class Counting(SQLiteQueue):
        async def receive(self, most: int, *, visible_after: float) -> Sequence[Received]:
            received = await super().receive(most, visible_after=visible_after)
            counts.extend(each.count for each in received)
            return received

    counting = Counting(queue._path)  # pyright: ignore[reportPrivateUsage]
    await send(queue, "a")
    async with working(counting, desk):
        await desk.until(lambda: len(desk.seen) == 3)
        await emptied(queue)
    counting.close()
    assert counts == [1, 1, 1]


async def test_what_fails_comes_again_and_is_counted(queue: SQLiteQueue, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumers, "KEPT_SECONDS", 0.1)
    desk = Desk({"a": [ValueError("once")]})
    await send(queue, "a", "b")
    async with working(queue, desk):
        await emptied(queue)
    assert sorted(desk.seen) == ["a", "a", "b"]
    assert [str(fault) for fault in desk.faults] == ["once"]


def test_what_comes_to_nothing_waits_longer_each_time_and_not_for_ever():
    assert [wait_after(count) for count in (1, 2, 3, 7, 8, 1_000)] == [4, 8, 16, 256, 256, 256]


async def test_a_message_is_kept_for_as_long_as_it_is_worked_on(
    queue: SQLiteQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(consumers, "KEPT_SECONDS", 0.3)
    desk = Desk(hold=asyncio.Event())
    assert desk.hold is not None
    await send(queue, "a")
    async with working(queue, desk):
        await desk.until(lambda: desk.at_once == 1)
        (first,) = rows(queue)
        assert await eventually(lambda: rows(queue)[0] > first + 0.3)
        desk.hold.set()
        await emptied(queue)
    assert desk.seen == ["a"]


async def test_what_a_stopped_consumer_was_at_is_free_at_once_and_not_counted(queue: SQLiteQueue):
    desk = Desk(hold=asyncio.Event())
    await send(queue, "a")
    async with working(queue, desk):
        await desk.until(lambda: desk.at_once == 1)
    assert desk.at_once == 0
    assert [(each.message, each.count) for each in await left(queue)] == [({"name": "a"}, 1)]


async def test_a_queue_that_does_not_answer_is_asked_again(queue: SQLiteQueue):
    class Faulty(SQLiteQueue):
        refusals = 3

        async def receive(self, most: int, *, visible_after: float) -> Sequence[Received]:
            if self.refusals:
                self.refusals -= 1
                raise QueueUnavailable("locked")
            return await super().receive(most, visible_after=visible_after)

    faulty = Faulty(queue._path)  # pyright: ignore[reportPrivateUsage]
    desk = Desk()
    await send(queue, "a")
    async with working(faulty, desk):
        await emptied(queue)
    faulty.close()
    assert len(desk.faults) == 3


async def test_rounds_are_made_again_and_again_whatever_comes_of_one(
    queue: SQLiteQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(consumers, "ROUND_SECONDS", 0.01)
    desk = Desk()
    made: list[int] = []

    async def go_round() -> None:
        made.append(1)
        desk.changed.set()
        if len(made) == 1:
            raise ValueError("the first")

    async with working(queue, desk, rounds=(go_round,)):
        await desk.until(lambda: len(made) == 3)
    assert [str(fault) for fault in desk.faults] == ["the first"]


async def test_a_consumer_that_is_told_of_a_message_takes_it_at_once(
    queue: SQLiteQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(consumers, "POLL_SECONDS", 3_600)
    desk, stop = Desk(), asyncio.Event()
    consumer = Consumer(queue, desk.work, concurrency=1, report=desk.report)
    queue.on_send = consumer.wake
    running = asyncio.create_task(consumer.run(stop))
    for name in ("a", "b"):
        await send(queue, name)
        await emptied(queue)
    stop.set()
    await running
    assert desk.seen == ["a", "b"]
