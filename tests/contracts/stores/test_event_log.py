"""What the log of events promises on every keyed store: what was told once is never told otherwise."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.background.event_log import KEPT, UNKEPT, EventLog, told_in_full
from lambda_responses.storage.background.job import Job, LeaseLost, control_of, job_in
from lambda_responses.storage.background.segments import Segment, cut_of
from lambda_responses.storage.keyed.port import ConditionFailed, Delete, Put, StoreUnavailable
from lambda_responses.storage.parcels import ROW_BYTES
from lambda_responses.storage.table import TenantTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.background.event_log import Chunk
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

Event = dict[str, Any]


@pytest.fixture
def log(keyed: KeyedStore, clock: Clock) -> EventLog:
    return EventLog(keyed, now=clock)


def spoken(first: int, last: int, text: str = "so") -> list[Event]:
    """Events with these numbers."""
    return [
        {"type": "response.output_text.delta", "delta": text, "logprobs": [], "sequence_number": number}
        for number in range(first, last + 1)
    ]


def numbers(chunks: Sequence[Chunk]) -> list[int]:
    return [event["sequence_number"] for chunk in chunks for event in chunk.events]


class Held:
    """The control row of a response, as it passes from hand to hand."""

    def __init__(self, keyed: KeyedStore, clock: Clock) -> None:
        self.keyed = keyed
        self.tenant = f"acme-{secrets.token_hex(6)}"
        self.id = f"resp_{secrets.token_hex(24)}"
        self.deadline = clock() + 3_600

    @property
    def key(self) -> Any:
        return control_of(self.tenant, self.id)

    async def begun(self) -> Job:
        control = {"st": "in_progress", "bg": 2, "fence": 1, "att": 1, "thr": 0, "dl": self.deadline}
        await self.keyed.put(self.key, {**control, cut_of(1): 0})
        return await self.found()

    async def found(self) -> Job:
        return job_in(await self.keyed.get(self.key))

    async def taken(self, **values: Any) -> Job:
        """By the next one: the log is sealed, and not cut yet."""
        return job_in(await self.keyed.update(self.key, add={"fence": 1}, set={"att": 1, **values}))


@pytest.fixture
def held(keyed: KeyedStore, clock: Clock) -> Held:
    return Held(keyed, clock)


async def test_what_was_logged_is_read_back_from_any_event_on(log: EventLog, held: Held) -> None:
    job = await held.begun()
    for first, last in ((0, 2), (3, 3), (4, 9)):
        await log.append(job, spoken(first, last))
    assert numbers(await log.told(job)) == list(range(10))
    for after in range(-1, 10):
        chunks = await log.read(job.tenant, job.response_id, fence=1, first=after + 1)
        assert [number for number in numbers(chunks) if number > after] == list(range(after + 1, 10))
        assert not chunks or chunks[0].events[0]["sequence_number"] <= after + 1
    assert await log.told(job, after=9) == []


async def test_nothing_is_changed_by_being_logged(log: EventLog, held: Held) -> None:
    job = await held.begun()
    event = {
        "type": "response.output_item.done",
        "z": 1,
        "a": [None, True, 1.0, 2, "\ud83d", "é 😀"],
        "sequence_number": 0,
    }
    origins = {"rs_1": {"maker": "m", "signature": "s"}}
    await log.append(job, [event], origins)
    (chunk,) = await log.told(job)
    assert repr(chunk.events) == repr([event])
    assert chunk.origins == origins


async def test_an_end_refers_to_the_response_and_is_told_in_full(log: EventLog, held: Held) -> None:
    job = await held.begun()
    response = {"id": job.response_id, "status": "completed", "output": ["x" * 1_000]}
    end: Event = {"type": "response.completed", "response": response, "sequence_number": 1}
    await log.append(job, [*spoken(0, 0), end])
    (chunk,) = await log.told(job)
    first, last = chunk.events
    assert "response" not in last
    assert list(told_in_full(last, response).items()) == list(end.items())
    assert told_in_full(first, response) is first


async def test_a_chunk_of_many_rows_is_there_once_its_first_row_is(
    log: EventLog, held: Held, keyed: KeyedStore
) -> None:
    job = await held.begun()
    await log.append(job, spoken(0, 0))
    long = spoken(1, 2, secrets.token_hex(ROW_BYTES))
    first = await log.prepare(job, long)
    rows = await keyed.query(TenantTable(job.tenant).all_event_chunks(job.response_id))
    assert len(rows) > 2
    assert numbers(await log.told(job)) == [0]
    await keyed.transact([first])
    assert numbers(await log.told(job)) == [0, 1, 2]
    assert (await log.told(job))[-1].events == long
    await log.append(job, spoken(3, 3))
    assert numbers(await log.told(job)) == [0, 1, 2, 3]


async def test_more_than_a_page_is_read_page_by_page(log: EventLog, held: Held) -> None:
    job = await held.begun()
    for number in range(0, 250, 2):
        await log.append(job, spoken(number, number + 1))
    one_page = await log.read(job.tenant, job.response_id, fence=1, first=0)
    assert len(one_page) == 100
    assert numbers(await log.told(job)) == list(range(250))


async def test_a_chunk_that_was_logged_though_nobody_was_told_so_is_logged_once(
    log: EventLog, held: Held
) -> None:
    job = await held.begun()
    await log.append(job, spoken(0, 1))
    await log.append(job, spoken(0, 1))
    assert numbers(await log.told(job)) == [0, 1]
    with pytest.raises(ConditionFailed):
        await log.append(job, spoken(0, 1, "otherwise"))


async def test_events_are_kept_for_a_day_after_the_last_possible_end(
    log: EventLog, held: Held, clock: Clock
) -> None:
    job = await held.begun()
    await log.append(job, spoken(0, 0))
    clock.seconds = held.deadline + KEPT - 1
    assert await log.holds(job)
    clock.seconds += 2
    assert not await log.holds(job)
    assert await log.told(job) == []


async def test_of_a_response_that_is_not_to_be_kept_events_are_gone_within_minutes(
    log: EventLog, held: Held, clock: Clock
) -> None:
    job = replace(await held.begun(), kept=False)
    await log.append(job, spoken(0, 0))
    clock.seconds = held.deadline + UNKEPT + 1
    assert not await log.holds(job)


async def test_whoever_takes_over_goes_on_where_the_log_stops(log: EventLog, held: Held) -> None:
    first = await held.begun()
    await log.append(first, spoken(0, 4))
    second = await log.seal(await held.taken())
    assert second.segments == (Segment(1, 0), Segment(2, 5))
    await log.append(second, spoken(5, 6))
    third = await log.seal(await held.taken())
    assert third.segments == (Segment(1, 0), Segment(2, 5), Segment(3, 7))
    assert numbers(await log.told(third)) == list(range(7))
    assert numbers(await log.told(third, after=2)) == list(range(7))  # chunks are read whole


async def test_what_one_logs_who_has_lost_the_response_is_never_told(log: EventLog, held: Held) -> None:
    first = await held.begun()
    await log.append(first, spoken(0, 1))
    second = await log.seal(await held.taken())
    await log.append(first, spoken(2, 3, "late"))
    assert numbers(await log.told(second)) == [0, 1]
    await log.append(second, spoken(2, 2, "mine"))
    assert [event["delta"] for chunk in await log.told(second) for event in chunk.events] == [
        "so",
        "so",
        "mine",
    ]


async def test_what_was_logged_before_the_cut_was_made_counts(log: EventLog, held: Held) -> None:
    first = await held.begun()
    second = await held.taken()
    await log.append(first, spoken(0, 1))
    second = await log.seal(second)
    assert second.segments[-1] == Segment(2, 2)
    assert numbers(await log.told(second)) == [0, 1]


async def test_the_first_to_make_a_cut_decides(log: EventLog, held: Held) -> None:
    first = await held.begun()
    await log.append(first, spoken(0, 1))
    ended = await held.taken(st="cancelled")
    assert (await log.seal(ended)).segments[-1] == Segment(2, 2)
    await log.append(first, spoken(2, 3, "late"))
    again = await log.seal(ended)  # by somebody who has not seen the cut
    assert again.segments == (await held.found()).segments == (Segment(1, 0), Segment(2, 2))


async def test_many_may_make_the_same_cut_at_once(log: EventLog, held: Held) -> None:
    first = await held.begun()
    await log.append(first, spoken(0, 1))
    ended = await held.taken(st="cancelled")
    cuts = await asyncio.gather(*(log.seal(ended) for _ in range(8)))
    assert {job.segments for job in cuts} == {(Segment(1, 0), Segment(2, 2))}


async def test_nobody_makes_a_cut_who_has_lost_the_response(log: EventLog, held: Held) -> None:
    await held.begun()
    second = await held.taken()
    third = await held.taken()
    with pytest.raises(LeaseLost):
        await log.seal(second)
    assert (await log.seal(third)).segments == (Segment(3, 0),)
    with pytest.raises(LeaseLost):
        await log.seal(second)
    await held.keyed.transact([Delete(held.key)])
    with pytest.raises(LeaseLost):
        await log.seal(uncut(third))


def uncut(job: Job) -> Job:
    """The job as it was before its cut."""
    return replace(job, segments=(*job.segments[:-1], Segment(job.fence, None)))


async def test_rows_of_a_chunk_that_never_came_to_be_do_not_move_the_cut(
    log: EventLog, held: Held, keyed: KeyedStore
) -> None:
    first = await held.begun()
    await log.append(first, spoken(0, 1))
    rows = log.chunk_rows(first, spoken(2, 2, secrets.token_hex(2 * ROW_BYTES)))
    assert len(rows) > 2
    for row in rows[1:]:
        await keyed.put(row.key, row.values)
    second = await log.seal(await held.taken())
    assert second.segments[-1] == Segment(2, 2)
    await keyed.transact([Put(rows[0].key, rows[0].values)])
    assert numbers(await log.told(second)) == [0, 1]


async def test_a_cut_is_found_behind_any_number_of_rows_that_never_came_to_be(
    log: EventLog, held: Held, keyed: KeyedStore
) -> None:
    first = await held.begun()
    await log.append(first, spoken(0, 1))
    table = TenantTable(first.tenant)
    for number in range(2, 170):
        await keyed.put(table.event_chunk(first.response_id, 1, number, 1), {"d": b"torn"})
    second = await log.seal(await held.taken())
    assert second.segments[-1] == Segment(2, 2)


async def test_those_who_logged_nothing_leave_no_cut_however_many_they_are(log: EventLog, held: Held) -> None:
    job = await held.begun()
    await log.append(job, spoken(0, 1))
    for _ in range(12):
        job = await log.seal(await held.taken())
    assert job.segments == (Segment(1, 0), Segment(13, 2))
    await log.append(job, spoken(2, 2))
    for _ in range(3):
        job = await log.seal(await held.taken())
    assert job.segments == (await held.found()).segments == (Segment(1, 0), Segment(13, 2), Segment(16, 3))
    assert numbers(await log.told(job)) == [0, 1, 2]


async def test_a_log_that_nobody_has_written_to_is_cut_at_its_beginning(log: EventLog, held: Held) -> None:
    await held.begun()
    ended = await log.seal(await held.taken(st="failed"))
    assert ended.segments == (Segment(2, 0),)
    assert await log.told(ended) == []
    assert await log.seal(ended) is ended


async def test_a_long_log_is_removed_page_by_page(log: EventLog, held: Held) -> None:
    job = await held.begun()
    for number in range(230):
        await log.append(job, spoken(number, number))
    await log.remove(job.tenant, job.response_id)
    assert not await log.holds(job)


async def test_only_of_a_deleted_response_its_maker_removes_the_log(log: EventLog, held: Held) -> None:
    job = await held.begun()
    await log.append(job, spoken(0, 0))
    await log.remove_deleted(job)
    assert await log.holds(job)
    await held.keyed.update(held.key, set={"gone": True})
    await log.remove_deleted(job)
    assert not await log.holds(job)
    await log.append(job, spoken(1, 1))
    await held.keyed.transact([Delete(held.key)])
    await log.remove_deleted(job)
    assert not await log.holds(job)


async def test_logs_of_tenants_and_responses_are_apart(log: EventLog, held: Held) -> None:
    job = await held.begun()
    await log.append(job, spoken(0, 0))
    others = [replace(job, tenant=f"{job.tenant}-not"), replace(job, response_id=f"resp_{'0' * 48}")]
    for other in others:
        assert await log.told(other) == []
        assert not await log.holds(other)


async def test_a_store_that_fails_says_so(log: EventLog, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await held.begun()

    async def fails(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(held.keyed, "put", fails)
    with pytest.raises(StoreUnavailable):
        await log.append(job, spoken(0, 0))


async def test_whether_what_was_logged_counts_is_known_at_once(log: EventLog, held: Held) -> None:
    first = await held.begun()
    assert await log.counts(first)
    second = await held.taken()
    assert not await log.counts(first)
    assert await log.counts(second)
    await held.keyed.transact([Delete(held.key)])
    assert not await log.counts(second)
