"""Every store remembers which calls were made, and lets nobody make one who has lost the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lambda_responses.storage.background.job import LeaseLost
from lambda_responses.storage.background.tool_journal import Noted, ToolJournals
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire.tool_outcomes import Outcome, tool_failed
from tests.contracts.stores.desk import LEASE, LIFETIME, desk_over
from tests.contracts.stores.kit import WatchedStore
from tests.contracts.stores.rooms import Faulty

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.desk import Desk
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

SIX = Outcome("six")


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def desk(watched: WatchedStore, clock: Clock) -> Desk:
    return desk_over(watched, clock)


@pytest.fixture
def journals(watched: WatchedStore) -> ToolJournals:
    return ToolJournals(watched)


async def test_a_call_is_begun_once(desk: Desk, journals: ToolJournals, clock: Clock) -> None:
    job = await desk.queue()
    first = journals.of(await desk.take(job))
    assert await first.intend("call_1") is None
    clock.advance(LEASE + 1)
    second = journals.of(await desk.take(job))
    assert await second.intend("call_1") == Noted(None)
    assert await second.intend("call_2") is None
    await second.intend_again("call_1")
    await second.conclude("call_1", SIX)
    clock.advance(LEASE + 1)
    third = journals.of(await desk.take(job))
    assert await third.intend("call_1") == Noted(SIX)
    assert await third.intend("call_2") == Noted(None)


async def test_who_has_lost_the_lease_notes_nothing(desk: Desk, journals: ToolJournals, clock: Clock) -> None:
    job = await desk.queue()
    late = journals.of(await desk.take(job))
    await late.intend("call_1")
    clock.advance(LEASE + 1)
    mine = journals.of(await desk.take(job))
    for write in (
        late.intend("call_1"),
        late.intend("call_2"),
        late.intend_again("call_1"),
        late.conclude("call_1", SIX),
    ):
        with pytest.raises(LeaseLost):
            await write
    assert await mine.intend("call_1") == Noted(None)
    assert await mine.intend("call_2") is None


async def test_a_cancelled_response_calls_nothing_any_more(desk: Desk, journals: ToolJournals) -> None:
    job = await desk.queue()
    journal = journals.of(await desk.take(job))
    await desk.jobs.cancel(job.tenant, job.response_id)
    with pytest.raises(LeaseLost):
        await journal.intend("call_1")
    assert await desk.rows(job, "X") == []


@pytest.mark.parametrize("often", [1, 2])
@pytest.mark.parametrize("after", [False, True])
async def test_a_lost_answer_does_not_make_a_call_somebody_elses(
    desk: Desk, watched: WatchedStore, journals: ToolJournals, often: int, after: bool
) -> None:
    journal = journals.of(await desk.take(await desk.queue()))
    faults = Faulty(watched, 1, after=after, often=often)
    try:
        noted = await journal.intend("call_1")
    except StoreUnavailable:
        assert often == 2
    else:
        assert noted is None
    finally:
        faults.stop()


async def test_a_journal_goes_with_its_response_and_by_itself(
    desk: Desk, journals: ToolJournals, clock: Clock
) -> None:
    job = await desk.queue()
    journal = journals.of(await desk.take(job))
    await journal.intend("call_1")
    failed = tool_failed("x" * 262_144)
    await journal.conclude("call_é", failed)
    assert await journal.intend("call_é") == Noted(failed)
    assert len(await desk.rows(job, "X")) == 2
    await journals.remove(job.tenant, job.response_id)
    assert await desk.rows(job, "X") == []
    await journal.intend("call_1")
    clock.advance(LIFETIME + 86_402)
    assert await desk.rows(job, "X") == []
