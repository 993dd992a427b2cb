"""What a streamed background run says, on its way into the log and to whoever listens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.event_writer import EventWriter
from lambda_responses.storage.background.job import Job, Lease, LeaseLost
from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

pytestmark = pytest.mark.anyio

Event = dict[str, Any]
JOB = Job("me", "resp_1", "in_progress", True, 1, None, 1, 0, 2e9, None)
END: Event = {"type": "response.completed", "response": {}, "sequence_number": 99}


def said(number: int, text: str = "so") -> Event:
    return {"type": "response.output_text.delta", "delta": text, "sequence_number": number}


@dataclass
class Log:
    """Keeps chunks when it is let; fails as often as it is told to."""

    chunks: list[list[int]] = field(default_factory=list)
    origins: list[Mapping[str, Any]] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    faults: int = 0
    lost: bool = False

    def __post_init__(self) -> None:
        self.free.set()

    async def append(self, job: Job, events: Sequence[Event], origins: Mapping[str, Any]) -> None:
        assert job is JOB
        self.asked.set()
        await self.free.wait()
        if self.faults:
            self.faults -= 1
            raise StoreUnavailable("gone")
        self.chunks.append([event["sequence_number"] for event in events])
        self.origins.append(origins)

    async def counts(self, job: Job) -> bool:
        assert job is JOB
        return not self.lost


def writer(log: Log, **options: Any) -> EventWriter:
    return EventWriter(log, Lease(JOB, "me"), **options)  # pyright: ignore[reportArgumentType]


async def test_the_first_events_are_logged_at_once_and_the_next_after_a_while() -> None:
    log = Log()
    writing = writer(log, every=3_600)
    heard = writing.told()
    await writing.keep([said(0)])
    assert await anext(heard) == [said(0)]
    for number in (1, 2, 3):
        await writing.keep([said(number)])
    await asyncio.sleep(0)
    assert log.chunks == [[0]]
    await writing.flush()
    assert log.chunks == [[0], [1, 2, 3]]
    assert await anext(heard) == [said(1), said(2), said(3)]
    await writing.aclose()


async def test_what_waits_is_logged_when_its_time_has_come() -> None:
    log = Log()
    writing = writer(log, every=0.01)
    heard = writing.told()
    await writing.keep([said(0)])
    await anext(heard)
    await writing.keep([said(1)])
    await writing.keep([said(2)])
    assert await anext(heard) == [said(1), said(2)]
    await writing.aclose()


async def test_much_is_logged_without_waiting() -> None:
    log = Log()
    writing = writer(log, every=3_600, most=100)
    heard = writing.told()
    await writing.keep([said(0)])
    await anext(heard)
    await writing.keep([said(1, "x" * 200)])
    assert await anext(heard) == [said(1, "x" * 200)]
    await writing.aclose()


async def test_nobody_is_told_before_it_is_in_the_log() -> None:
    log = Log()
    log.free.clear()
    writing = writer(log)
    hearing = asyncio.ensure_future(anext(writing.told()))
    await writing.keep([said(0)])
    await log.asked.wait()
    assert not hearing.done()
    log.free.set()
    assert await hearing == [said(0)]
    await writing.aclose()


async def test_a_run_does_not_wait_for_the_log_until_it_is_far_ahead() -> None:
    log = Log()
    log.free.clear()
    writing = writer(log, most=100)
    for number in range(10):
        await writing.keep([said(number)])
    ahead = asyncio.ensure_future(writing.keep([said(10, "x" * 2_000)]))
    await log.asked.wait()
    await asyncio.sleep(0)
    assert not ahead.done()
    log.free.set()
    await ahead
    assert [number for chunk in log.chunks for number in chunk] == list(range(11))
    await writing.aclose()


async def test_chunks_are_logged_one_after_the_other() -> None:
    log = Log()
    log.free.clear()
    writing = writer(log, every=0)
    await writing.keep([said(0)])
    await log.asked.wait()
    log.asked.clear()
    await writing.keep([said(1)])
    await asyncio.sleep(0)
    assert not log.asked.is_set()
    log.free.set()
    await writing.flush()
    assert log.chunks == [[0], [1]]
    await writing.aclose()


async def test_a_batch_is_never_cut_in_two() -> None:
    log = Log()
    writing = writer(log, every=3_600, most=10)
    await writing.keep([said(0, "x" * 50), said(1, "x" * 50), said(2)])
    await writing.flush()
    assert log.chunks == [[0, 1, 2]]
    await writing.aclose()


async def test_what_is_kept_beside_items_goes_along() -> None:
    log = Log()
    writing = writer(log, every=3_600)
    await writing.keep([said(0)], {"rs_1": {"maker": "m"}})
    await writing.flush()
    await writing.keep([said(1)])
    await writing.flush()
    assert log.origins == [{"rs_1": {"maker": "m"}}, {}]
    await writing.aclose()


async def test_the_end_is_told_and_not_logged_again() -> None:
    log = Log()
    writing = writer(log)
    heard = writing.told()
    await writing.keep([said(0)])
    await writing.flush()
    await writing.keep([END])
    assert [batch async for batch in heard] == [[said(0)], [END]]
    assert log.chunks == [[0]]
    await writing.aclose()


async def test_whoever_listens_hears_the_end_of_a_run_that_was_stopped() -> None:
    log = Log()
    writing = writer(log, every=3_600)
    heard = writing.told()
    await writing.keep([said(0)])
    await writing.flush()
    await writing.keep([said(1)])
    await writing.aclose()
    assert [batch async for batch in heard] == [[said(0)]]
    assert log.chunks == [[0]]


async def test_whoever_has_stopped_listening_is_not_told() -> None:
    writing = writer(Log())
    heard = writing.told()
    await writing.keep([said(0)])
    assert await anext(heard) == [said(0)]
    await heard.aclose()
    await writing.keep([said(1)])
    await writing.flush()
    await writing.aclose()


async def test_whoever_was_taken_over_tells_nothing_more() -> None:
    log = Log()
    writing = writer(log, every=3_600)
    heard = writing.told()
    await writing.keep([said(0)])
    await writing.flush()
    log.lost = True
    await writing.keep([said(1)])
    with pytest.raises(LeaseLost):
        await writing.flush()
    await writing.aclose()
    assert [batch async for batch in heard] == [[said(0)]]


async def test_a_store_that_does_not_answer_for_a_moment_is_asked_again() -> None:
    log = Log(faults=1)
    writing = writer(log)
    await writing.keep([said(0)])
    await writing.flush()
    assert log.chunks == [[0]]
    await writing.aclose()


async def test_nothing_follows_on_what_could_not_be_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambda_responses.lifecycle.background.asking.PAUSES", (0, 0))
    log = Log(faults=3)
    writing = writer(log)
    heard = writing.told()
    await writing.keep([said(0)])
    with pytest.raises(StoreUnavailable):
        await writing.flush()
    with pytest.raises(StoreUnavailable):
        await writing.keep([said(1)])
    await writing.aclose()
    assert [batch async for batch in heard] == []
    assert log.chunks == []
