"""One reader of one log, while the response changes hands under its eyes: fixed interleavings, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.log_reader import LogReader
from lambda_responses.lifecycle.background.resume import followed, resumed
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.storage.background.job import Lease, control_of
from lambda_responses.storage.background.new_jobs import NewJob
from lambda_responses.storage.keyed.port import Delete, StoreUnavailable
from lambda_responses.storage.responses import StoredResponse
from lambda_responses.wire.responses import new_response
from tests.contracts.stores.kit import Clock
from tests.played import ME, PlayedServices

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lambda_responses.storage.background.job import Job
    from tests.played import Play

pytestmark = pytest.mark.anyio

Event = dict[str, Any]
REQUEST: dict[str, Any] = {"model": "m", "input": [], "background": True, "stream": True}


def spoken(first: int, last: int, text: str = "so") -> list[Event]:
    """Pieces of the first item's arguments, with these numbers; number 0 begins it."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""}
    added = {"type": "response.output_item.added", "output_index": 0, "item": call}
    piece = {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0}
    return [
        {**(piece if number else added), **({"delta": text} if number else {}), "sequence_number": number}
        for number in range(first, last + 1)
    ]


@dataclass
class Interrupting:
    """A store that lets something happen right before its next request of one kind."""

    store: Any
    pending: dict[str, Callable[[], Awaitable[Any]]] = field(default_factory=dict)

    def __getattr__(self, verb: str) -> Any:
        request = getattr(self.store, verb)
        if verb not in self.pending:
            return request

        async def interrupted(*arguments: Any, **options: Any) -> Any:
            if happen := self.pending.pop(verb, None):
                await happen()
            return await request(*arguments, **options)

        return interrupted


class Scene:
    """A response that is being made, and that others may take over."""

    def __init__(self, play: Play) -> None:
        self.clock = Clock()
        self.making: PlayedServices = play(now=self.clock)
        self.store = Interrupting(self.making.store)
        self.reading: PlayedServices = play(now=self.clock, store=self.store)
        self.log, self.jobs = self.making.events, self.making.jobs

    async def begun(self) -> Job:
        reservation = await self.making.responses.reserve(
            ME.tenant, None, epoch=int(self.clock()), entropy=self.making.entropy
        )
        response = new_response(
            REQUEST, response_id=reservation.response_id, created_at=0, model="m", previous_response_id=None
        )
        return await self.jobs.create(
            reservation,
            StoredResponse({**response, "status": "in_progress"}, []),
            NewJob(request=REQUEST, streamed=True, deadline=self.clock() + 3_600, owner="first"),
            seal=await self.making.sealer(ME.tenant),
        )

    async def taken_over(self, job: Job) -> Job:
        """The job in the hands of the next one, who has sealed the log and not made the cut."""
        self.clock.advance(60)
        return (await self.jobs.take(ME.tenant, job.response_id, owner=f"after {job.fence}")).job

    def reader(self, job: Job, after: int = -1) -> LogReader:
        return LogReader(ME.tenant, job.response_id, after=after, using=self.reading)


@pytest.fixture
def scene(play: Play) -> Scene:
    return Scene(play)


async def test_what_is_logged_late_by_one_who_was_taken_over_is_not_told(scene: Scene) -> None:
    first = await scene.begun()
    await scene.log.append(first, spoken(0, 1))
    reader = scene.reader(first)
    assert await reader.read() == spoken(0, 1)
    second = await scene.log.seal(await scene.taken_over(first))
    await scene.log.append(first, spoken(2, 3, "late"))
    assert not await reader.read()  # it still reads the first one's log, and the job says that is over
    await scene.log.append(second, spoken(2, 2, "mine"))
    assert await reader.read() == spoken(2, 2, "mine")


async def test_a_take_over_between_events_and_job_tells_which_events_count(scene: Scene) -> None:
    """The reader has what is logged after the cut in its hands. It asks for the job, and lets it go."""
    first = await scene.begun()
    await scene.log.append(first, spoken(0, 1))
    reader = scene.reader(first)
    assert await reader.read() == spoken(0, 1)
    second = await scene.log.seal(await scene.taken_over(first))
    await scene.log.append(first, spoken(2, 3, "late"))

    async def answered() -> None:
        await scene.log.append(second, spoken(2, 2, "mine"))

    scene.store.pending["get"] = answered
    assert not await reader.read()
    assert await reader.read() == spoken(2, 2, "mine")


async def test_a_job_that_is_read_before_the_events_would_let_a_late_one_through(scene: Scene) -> None:
    """The order of the two reads counts: between them, the response is taken over, and a zombie logs."""
    first = await scene.begun()
    await scene.log.append(first, spoken(0, 1))
    reader = scene.reader(first)
    assert await reader.read() == spoken(0, 1)

    async def taken_over_and_written_to() -> None:
        await scene.log.seal(await scene.taken_over(first))
        await scene.log.append(first, spoken(2, 3, "late"))

    scene.store.pending["query"] = taken_over_and_written_to
    assert not await reader.read()
    reader.look_again()
    assert not await reader.read()


async def test_of_what_was_read_at_once_that_counts_which_lies_before_the_cut(scene: Scene) -> None:
    first = await scene.begun()
    await scene.log.append(first, spoken(0, 1))

    async def taken_over_and_written_to() -> None:
        await scene.log.seal(await scene.taken_over(first))
        await scene.log.append(first, spoken(2, 3, "late"))

    scene.store.pending["query"] = taken_over_and_written_to
    assert await scene.reader(first).read() == spoken(0, 1)


async def test_nothing_is_told_while_a_cut_is_being_made(scene: Scene) -> None:
    """Those who made the log so far may still add to it: what counts of that is not decided."""
    first = await scene.begun()
    await scene.log.append(first, spoken(0, 1))
    second = await scene.taken_over(first)
    reader = scene.reader(first)
    assert not await reader.read()
    await scene.log.append(first, spoken(2, 3, "in time"))
    assert not await reader.read()
    await scene.log.seal(second)
    assert await reader.read() == [*spoken(0, 1), *spoken(2, 3, "in time")]


async def test_an_open_cut_keeps_back_what_was_read_before_it_was_seen(scene: Scene) -> None:
    first = await scene.begun()
    await scene.log.append(first, spoken(0, 1))
    reader = scene.reader(first)
    taken: list[Job] = []

    async def taken_over() -> None:
        taken.append(await scene.taken_over(first))

    assert await reader.read() == spoken(0, 1)
    await scene.log.append(first, spoken(2, 3))
    scene.store.pending["get"] = taken_over
    assert not await reader.read()
    await scene.log.seal(taken[0])
    assert await reader.read() == spoken(2, 3)


async def test_every_hand_is_read_up_to_its_cut(scene: Scene) -> None:
    job = await scene.begun()
    reader = scene.reader(job)
    expected: list[Event] = []
    for hand in range(5):
        said = spoken(3 * hand, 3 * hand + 2, f"hand {hand}")
        await scene.log.append(job, said)
        await scene.log.append(job, spoken(3 * hand + 3, 3 * hand + 3, "lost")) if hand == 4 else None
        expected += said
        job = await scene.log.seal(await scene.taken_over(job)) if hand < 4 else job
    told: list[Event] = []
    while events := await reader.read():
        told += events
    assert told == [*expected, *spoken(15, 15, "lost")]
    for after in range(-1, 15):
        again: list[Event] = []
        later = scene.reader(job, after)
        while events := await later.read():
            again += events
        assert again == told[after + 1 :]


async def test_one_who_never_made_a_cut_leaves_no_trace(scene: Scene) -> None:
    first = await scene.begun()
    await scene.log.append(first, spoken(0, 1))
    second = await scene.taken_over(first)
    await scene.log.append(second, spoken(2, 2, "too early"))  # which no worker does before its cut
    third = await scene.log.seal(await scene.taken_over(second))
    await scene.log.append(third, spoken(2, 2, "mine"))
    reader = scene.reader(first)
    assert await reader.read() == spoken(0, 1)
    assert await reader.read() == spoken(2, 2, "mine")


async def test_how_a_cancelled_response_ends_is_told_once_its_log_is_cut(scene: Scene) -> None:
    first = await scene.begun()
    await scene.log.append(first, spoken(0, 1))
    cancelled = await scene.jobs.cancel(ME.tenant, first.response_id)
    assert cancelled.open_cut
    reader = scene.reader(first)
    assert not await reader.read()
    assert not await reader.read()
    await scene.log.seal(cancelled)
    assert await reader.read() == spoken(0, 1)
    await scene.log.append(first, spoken(2, 3, "late"))
    ending = await reader.read()
    assert [event["type"] for event in ending][-2:] == ["response.output_item.done", "response.failed"]
    assert ending[0]["sequence_number"] == 2
    assert reader.over
    assert await scene.reader(first, after=1).read() == ending
    assert await scene.reader(first, after=2).read() == ending[1:]


async def test_an_end_that_the_worker_made_is_told_by_nobody_else(scene: Scene) -> None:
    job = await scene.begun()
    await scene.log.append(job, spoken(0, 1))
    found = await scene.making.responses.get(ME.tenant, job.response_id)
    ended = {**found.response, "status": "completed", "completed_at": 1}
    done = {"type": "response.output_item.done", "output_index": 0, "item": {}, "sequence_number": 2}
    end = {"type": "response.completed", "response": ended, "sequence_number": 3}
    await scene.jobs.commit(Lease(job, "first"), StoredResponse(ended, []), ending=[done, end])
    reader = scene.reader(job)
    assert await reader.read() == [*spoken(0, 1), done, end]
    assert reader.over
    for after in (3, 4):
        late = scene.reader(job, after)
        assert await late.read() == ()
        assert late.over


async def test_a_response_that_is_gone_has_nothing_to_tell(scene: Scene) -> None:
    job = await scene.begun()
    await scene.log.append(job, spoken(0, 1))
    reader = scene.reader(job)
    assert await reader.read() == spoken(0, 1)
    await scene.making.store.transact([Delete(control_of(ME.tenant, job.response_id))])
    reader.look_again()
    assert await reader.read() == ()
    assert reader.over


class Left:
    """A deadline that comes after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def remaining(self) -> float:
        self.looks -= 1
        return 10.0 if self.looks >= 0 else 0.0


async def test_a_stream_stops_at_the_deadline_without_an_end(scene: Scene) -> None:
    job = await scene.begun()
    await scene.log.append(job, spoken(0, 1))
    stream = resumed(ME.tenant, job.response_id, after=-1, using=scene.reading, deadline=Left(1))
    assert [batch async for batch in stream] == [spoken(0, 1)]


async def test_silence_costs_one_request_and_now_and_then_two(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("lambda_responses.lifecycle.background.resume.asyncio.sleep", sleep)
    job = await scene.begun()
    counted = Counting(scene.making.store)
    scene.store.store = counted
    stream = followed(scene.reader(job), Left(40))
    assert [batch async for batch in stream] == []
    assert slept == sorted(slept)
    assert (slept[0], slept[-1]) == (0.1, 1.0)
    assert counted.requests["query"] == 41
    assert counted.requests["get"] <= 1 + sum(slept) / 2


@dataclass
class Counting:
    """A store that counts what it is asked."""

    store: Any
    requests: dict[str, int] = field(default_factory=lambda: {"get": 0, "query": 0})

    def __getattr__(self, verb: str) -> Any:
        self.requests[verb] = self.requests.get(verb, 0) + 1
        return getattr(self.store, verb)


@pytest.mark.parametrize("faults", [1, 3, 4])
async def test_a_stream_goes_on_past_a_moment_without_the_store_and_never_ends_as_if_it_were_whole(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, faults: int
) -> None:
    monkeypatch.setattr("lambda_responses.lifecycle.background.asking.PAUSES", (0, 0, 0))
    job = await scene.begun()
    await scene.log.append(job, spoken(0, 1))
    left = [StoreUnavailable("gone")] * faults

    async def fails() -> None:
        if left:
            scene.store.pending["query"] = fails
            raise left.pop()

    scene.store.pending["query"] = fails
    stream = resumed(ME.tenant, job.response_id, after=-1, using=scene.reading, deadline=Unbounded())
    if faults < 4:
        assert await anext(stream) == spoken(0, 1)
        return
    with pytest.raises(StoreUnavailable):
        await anext(stream)
