"""The queue in a file: what it hands out, to whom, in which order, and what a killed process leaves."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.queue.local import SQLiteQueue
from lambda_responses.queue.port import QueueUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Open = Callable[..., SQLiteQueue]

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Iterator[Open]:
    queues: list[SQLiteQueue] = []

    def opened_now(**options: Any) -> SQLiteQueue:
        queues.append(SQLiteQueue(tmp_path / "responses.db.queue", now=clock, **options))
        return queues[-1]

    yield opened_now
    for queue in queues:
        queue.close()


async def send(queue: SQLiteQueue, *names: str, group: str = "acme") -> None:
    for name in names:
        await queue.send({"name": name}, group=group)


async def handed(queue: SQLiteQueue, most: int = 100, visible_after: float = 30) -> list[str]:
    return [each.message["name"] for each in await queue.receive(most, visible_after=visible_after)]


async def test_what_was_sent_is_handed_out_oldest_first(opened: Open, clock: Clock):
    queue = opened()
    for name in ("a", "b", "c"):
        await send(queue, name)
        clock.time += 1
    assert await handed(queue, most=2) == ["a", "b"]
    assert await handed(queue) == ["c"]
    assert await handed(queue) == []


async def test_a_message_comes_as_it_was_sent(opened: Open):
    queue = opened()
    message = {"v": 1, "text": "ü\x00\ud800", "deep": [{"n": 1.5}, None]}
    await queue.send(message, group="acme", attributes={"reason": "none"})
    (received,) = await queue.receive(1, visible_after=30)
    assert received.message == message
    assert (received.group, received.count, received.attributes) == ("acme", 1, {"reason": "none"})


async def test_a_delayed_message_waits(opened: Open, clock: Clock):
    queue = opened()
    await queue.send({"name": "later"}, group="acme", delay=5)
    clock.time += 4.9
    assert await handed(queue) == []
    clock.time += 0.1
    assert await handed(queue) == ["later"]


async def test_what_nobody_acknowledges_is_handed_out_again_and_counted(opened: Open, clock: Clock):
    queue = opened()
    await send(queue, "a")
    (first,) = await queue.receive(1, visible_after=4)
    clock.time += 3.9
    assert await handed(queue) == []
    clock.time += 0.1
    (second,) = await queue.receive(1, visible_after=4)
    assert (first.count, second.count) == (1, 2)
    assert first.receipt != second.receipt


async def test_a_message_has_an_id_of_its_own_for_good(opened: Open, clock: Clock):
    queue = opened()
    ids: list[str] = []
    for _ in range(2):  # the second takes the first's place in the file
        await send(queue, "a")
        (received,) = await queue.receive(1, visible_after=4)
        clock.time += 4
        (again,) = await queue.receive(1, visible_after=4)
        assert received.id == again.id
        ids.append(again.id)
        await queue.acknowledge(again.receipt)
    assert ids[0] != ids[1]


async def test_what_is_put_back_comes_as_if_for_the_first_time(opened: Open, clock: Clock):
    queue = opened()
    await queue.send("a", group="acme", attributes={"beside": "it"})
    (first,) = await queue.receive(1, visible_after=4)
    await queue.put_back(first.receipt, 9)
    await queue.acknowledge(first.receipt)  # which no longer counts
    clock.time += 8.9
    assert await queue.receive(1, visible_after=4) == []
    clock.time += 0.1
    (second,) = await queue.receive(1, visible_after=4)
    assert (second.id, second.count, second.attributes) == (first.id, 1, {"beside": "it"})


async def test_what_is_acknowledged_is_gone(opened: Open, clock: Clock):
    queue = opened()
    await send(queue, "a", "b")
    first, _ = await queue.receive(2, visible_after=4)
    await queue.acknowledge(first.receipt)
    clock.time += 4
    assert await handed(queue) == ["b"]


async def test_a_message_that_is_worked_on_is_kept_from_others(opened: Open, clock: Clock):
    queue = opened()
    await send(queue, "a")
    (received,) = await queue.receive(1, visible_after=4)
    clock.time += 3
    await queue.extend(received.receipt, 4)
    clock.time += 3.9
    assert await handed(queue) == []
    clock.time += 0.1
    assert await handed(queue) == ["a"]


async def test_a_receipt_ends_with_the_next_handing_out(opened: Open, clock: Clock):
    queue = opened()
    await send(queue, "a")
    (stalled,) = await queue.receive(1, visible_after=4)
    clock.time += 4
    (mine,) = await queue.receive(1, visible_after=4)
    await queue.acknowledge(stalled.receipt)
    await queue.extend(stalled.receipt, 1_000)
    clock.time += 4
    (again,) = await queue.receive(1, visible_after=4)
    assert again.count == mine.count + 1 == 3


async def test_a_group_with_many_messages_does_not_keep_others_waiting(opened: Open, clock: Clock):
    queue = opened()
    await send(queue, *(f"loud {n}" for n in range(50)), group="loud")
    clock.time += 1
    await send(queue, "quiet 0", "quiet 1", group="quiet")
    await send(queue, "calm 0", group="calm")
    assert sorted(await handed(queue, most=3)) == ["calm 0", "loud 0", "quiet 0"]
    assert sorted(await handed(queue, most=2)) == ["loud 1", "quiet 1"]


async def test_what_ended_in_flight_no_longer_counts_against_its_group(opened: Open, clock: Clock):
    queue = opened()
    await send(queue, "a0", "a1", "a2", group="a")
    clock.time += 1
    await send(queue, "b0", "b1", "b2", group="b")
    first, second = await queue.receive(2, visible_after=60)
    assert [first.group, second.group] == ["a", "b"]
    await queue.acknowledge(second.receipt)
    assert await handed(queue, most=1) == ["b1"]


async def test_a_delayed_message_is_not_in_flight(opened: Open, clock: Clock):
    queue = opened()
    await send(queue, "a0", group="a")
    for n in range(5):
        await queue.send({"name": f"later {n}"}, group="a", delay=100)
    clock.time += 1
    await send(queue, "b0", group="b")
    assert await handed(queue, most=1) == ["a0"]


async def test_queues_of_other_names_share_the_file_and_nothing_else(opened: Open):
    background, requests = opened(), opened(name="requests")
    await send(background, "response")
    await send(requests, "request")
    assert await handed(requests) == ["request"]
    assert await handed(background) == ["response"]


async def test_no_message_is_handed_to_two_who_ask_at_once(opened: Open):
    queues = [opened() for _ in range(4)]
    await send(queues[0], *map(str, range(60)))
    asked = await asyncio.gather(*(handed(queue, most=5) for queue in queues for _ in range(5)))
    got = [name for names in asked for name in names]
    assert sorted(got, key=int) == [*map(str, range(60))]


SENDER = """
import asyncio, sys, itertools
from lambda_responses.queue.local import SQLiteQueue

async def main():
    queue = SQLiteQueue(sys.argv[1])
    for number in itertools.count():
        await queue.send({"name": number}, group="acme")
        print(number, flush=True)

asyncio.run(main())
"""


def taken_before_a_kill(file: Path) -> set[int]:
    """What a process has put in when it is killed while it goes on."""
    command = [sys.executable, "-c", SENDER, str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        taken = [int(process.stdout.readline()) for _ in range(20)]
        process.kill()
        return {*taken, *map(int, process.stdout)}


async def test_kill_9_loses_no_message_that_was_taken(tmp_path: Path):
    file = tmp_path / "responses.db.queue"
    taken = taken_before_a_kill(file)
    queue = SQLiteQueue(file)
    found = {each.message["name"] for each in await queue.receive(100_000, visible_after=30)}
    queue.close()
    assert taken <= found


async def test_a_file_that_cannot_be_used_is_told_without_its_path(tmp_path: Path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(QueueUnavailable) as caught:
        SQLiteQueue(tmp_path / "taken")
    assert str(tmp_path) not in str(caught.value)


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path):
    import sqlite3
    from contextlib import closing

    file = tmp_path / "queue"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(QueueUnavailable, match="schema 9"):
        SQLiteQueue(file)


def test_the_file_is_for_its_user_alone(tmp_path: Path):
    queue = SQLiteQueue(tmp_path / "queue")
    modes = {path.name: os.stat(path).st_mode & 0o777 for path in tmp_path.iterdir()}
    queue.close()
    assert set(modes.values()) == {0o600}


async def test_of_what_is_sent_without_delay_somebody_is_told(opened: Open):
    queue = opened()
    told: list[int] = []
    queue.on_send = lambda: told.append(1)
    await queue.send({}, group="acme", delay=5)
    assert told == []
    await queue.send({}, group="acme")
    assert told == [1]
