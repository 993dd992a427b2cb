"""What becomes of jobs on a laptop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints.request_consumer import GIVEN_UP, MOST_DELIVERIES, request_consumer
from lambda_responses.endpoints.run_queued_request import FIRST_WAIT, run_queued_request, wait_after
from lambda_responses.lifecycle import queued_requests
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.lifecycle.queued_requests import MOST_TRIES
from lambda_responses.runtime.queue_door import Delivery, FailedMessage
from lambda_responses.wire.job_messages import NAME
from lambda_responses.wire.json import to_bytes
from tests.played import Played, PlayedRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.played import Play

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runtime(play: Play, clock: Clock) -> PlayedRuntime:
    return PlayedRuntime(play(Played([]), now=clock))


@pytest.fixture
async def working(runtime: PlayedRuntime) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(request_consumer(runtime).run(stop))  # pyright: ignore[reportArgumentType]
    yield
    stop.set()
    await running


def job(custom_id: str, **body: Any) -> str:
    return to_bytes({"custom_id": custom_id, "body": {"model": "m", "input": "hi", **body}}).decode()


async def found(look: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
    """What is there, once there is something."""
    async with asyncio.timeout(10):
        while not (there := await look()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return there


async def lying(queue: Any) -> list[Any]:
    return list(await queue.receive(10, visible_after=0.5))


@pytest.mark.usefixtures("working")
async def test_a_job_is_taken_and_queued(runtime: PlayedRuntime):
    services = runtime.services
    await services.requests.send(job("a"), group="default", attributes={NAME: "file#1"})
    await found(lambda: lying(services.queue))
    assert await lying(services.requests) == []


@pytest.mark.usefixtures("working")
async def test_a_job_that_has_to_wait_comes_again_and_is_answered_in_the_end(
    runtime: PlayedRuntime, clock: Clock
):
    services = runtime.services
    conversation = await services.conversations.create("default", {}, entropy=services.entropy)
    for name in "ab":
        text = job(name, conversation=conversation.id)
        await services.requests.send(text, group="default", attributes={NAME: name})

    async def answers() -> list[Any]:
        clock.seconds += FIRST_WAIT  # and the other one keeps its conversation
        return await lying(services.results._queue)  # pyright: ignore[reportPrivateUsage]

    [answer] = await found(answers)
    assert answer.message["error"]["code"] == "conversation_locked"
    assert len(await lying(services.queue)) == 1


@pytest.mark.usefixtures("working")
async def test_a_job_that_comes_to_nothing_time_and_again_goes_to_the_dead_letters(
    runtime: PlayedRuntime, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    services = runtime.services
    taken: list[str] = []

    async def fails(*_: Any, name: str, **__: Any) -> Any:
        taken.append(name)
        raise ValueError("never")

    monkeypatch.setattr(queued_requests, "run_queued_request", fails)
    await services.requests.send(job("a"), group="default")

    async def letters() -> list[Any]:
        clock.seconds += 1_000
        return await lying(services.dead_letters)

    [letter] = await found(letters)
    assert (letter.message, letter.attributes) == (job("a"), {"reason": GIVEN_UP})
    assert len(taken) == len(services.reported) == MOST_DELIVERIES
    assert len(set(taken)) == 1  # by which a job that was queued before is known again
    assert await lying(services.requests) == []


async def test_what_could_not_be_queued_is_kept_back_by_the_queue_for_a_while_alone(
    runtime: PlayedRuntime, clock: Clock
):
    services = runtime.services
    conversation = await services.conversations.create("default", {}, entropy=services.entropy)
    await services.requests.send(job("b", conversation=conversation.id), group="default")

    async def deliver(text: str, receipt: str, count: int) -> None:
        delivery = Delivery(text, receipt, count, Unbounded(), "message-1")
        await run_queued_request(delivery, runtime)  # pyright: ignore[reportArgumentType]

    await deliver(job("a", conversation=conversation.id), "another", 1)
    [received] = await services.requests.receive(1, visible_after=900)
    with pytest.raises(FailedMessage):
        await deliver(str(received.message), received.receipt, 2)
    clock.seconds += wait_after(2) - 1
    assert await lying(services.requests) == []
    clock.seconds += 1
    assert len(await lying(services.requests)) == 1


def test_the_time_until_a_message_comes_again_grows_and_has_an_end():
    waits = [wait_after(tries) for tries in range(1, 20)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (15, 960)
    assert sum(waits[: MOST_TRIES - 1]) == 105
