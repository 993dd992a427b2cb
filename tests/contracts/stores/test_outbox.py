"""What the outbox promises on every keyed store: each end is one worker's at a time, until all were told."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest

from lambda_responses.storage.background.job import Job
from lambda_responses.storage.background.outbox import (
    GRACE,
    LEASE,
    TRIED,
    Notification,
    Outbox,
    Waiting,
    outbox_row,
)
from lambda_responses.storage.table import NOTIFICATION_WORK, TenantTable

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

REPLY = {"custom_id": "mine", "numbers": [1, 2.5, None, True]}


@pytest.fixture
def tenant() -> str:
    return f"acme-{secrets.token_hex(6)}"


@pytest.fixture
def outbox(keyed: KeyedStore, clock: Clock) -> Outbox:
    return Outbox(keyed, now=clock)


def job_of(tenant: str, response_id: str | None = None) -> Job:
    response_id = response_id or f"resp_{secrets.token_hex(24)}"
    return Job(tenant, response_id, "in_progress", False, 1, None, 0, 0, 2e9, None)


async def ended(keyed: KeyedStore, clock: Clock, tenant: str, status: str = "completed") -> Job:
    job = job_of(tenant)
    await keyed.transact([outbox_row(job, status, REPLY, now=clock())])
    return job


async def taken_by(outbox: Outbox, job: Job) -> Notification | None:
    found = await outbox.find(job.tenant, job.response_id)
    return found and await outbox.take(found)


async def due_of(outbox: Outbox, tenant: str) -> set[str]:
    """The shared table holds other tests' ends as well."""
    return {response_id for owner, response_id in await outbox.due(1_000) if owner == tenant}


async def test_an_end_lies_there_until_it_was_told(
    outbox: Outbox, keyed: KeyedStore, clock: Clock, tenant: str
) -> None:
    job = await ended(keyed, clock, tenant, "failed")
    assert await due_of(outbox, tenant) == {job.response_id}
    taken = await taken_by(outbox, job)
    assert taken is not None
    assert (taken.type, taken.at, taken.reply) == ("response.failed", int(clock()), REPLY)
    assert taken.waiting is None
    await outbox.settle(taken, {})
    assert await due_of(outbox, tenant) == set()
    clock.advance(LEASE + 1)
    assert await taken_by(outbox, job) is None


async def test_an_end_is_one_workers_at_a_time(
    outbox: Outbox, keyed: KeyedStore, clock: Clock, tenant: str
) -> None:
    job = await ended(keyed, clock, tenant)
    taken = await asyncio.gather(*(taken_by(outbox, job) for _ in range(5)))
    assert len([each for each in taken if each is not None]) == 1
    assert await due_of(outbox, tenant) == set()
    clock.advance(LEASE - 1)
    assert await taken_by(outbox, job) is None


async def test_what_a_dead_worker_had_taken_comes_again(
    outbox: Outbox, keyed: KeyedStore, clock: Clock, tenant: str
) -> None:
    job = await ended(keyed, clock, tenant)
    lost = await taken_by(outbox, job)
    clock.advance(LEASE)
    assert await due_of(outbox, tenant) == {job.response_id}
    again = await taken_by(outbox, job)
    assert lost is not None
    assert again is not None
    await outbox.settle(lost, {})  # a zombie, which is not asked any more
    await outbox.settle(again, {"whe_1": Waiting(1, clock() + 5)})
    clock.advance(5)
    taken = await taken_by(outbox, job)
    assert taken is not None
    assert taken.waiting == {"whe_1": Waiting(1, clock())}


async def test_it_comes_again_at_the_earliest_of_its_times(
    outbox: Outbox, keyed: KeyedStore, clock: Clock, tenant: str
) -> None:
    job = await ended(keyed, clock, tenant)
    taken = await taken_by(outbox, job)
    assert taken is not None
    waiting = {"a": Waiting(2, clock() + 300.25), "b": Waiting(1, clock() + 5.5)}
    await outbox.settle(taken, waiting)
    clock.advance(5.25)
    assert await due_of(outbox, tenant) == set()
    assert await taken_by(outbox, job) is None
    clock.advance(0.25)
    assert await due_of(outbox, tenant) == {job.response_id}
    again = await taken_by(outbox, job)
    assert again is not None
    assert again.waiting == waiting


async def test_the_longest_waiting_come_first(
    outbox: Outbox, keyed: KeyedStore, clock: Clock, tenant: str
) -> None:
    clock.seconds = 1_000_000.0  # long before all other tests' ends
    order: list[str] = []
    for _ in range(6):
        order.append((await ended(keyed, clock, tenant)).response_id)
        clock.advance(1)
    assert [response_id for _, response_id in await outbox.due(4)] == order[:4]


async def test_an_end_that_nobody_looks_at_goes_by_itself(
    outbox: Outbox, keyed: KeyedStore, clock: Clock, tenant: str
) -> None:
    job = await ended(keyed, clock, tenant)
    clock.advance(TRIED + GRACE + 1)
    assert await taken_by(outbox, job) is None
    assert await keyed.get(TenantTable(tenant).notification(job.response_id)) is None


async def test_ends_spread_over_the_work_index(clock: Clock, tenant: str) -> None:
    places = {
        outbox_row(job_of(tenant, f"resp_{'0' * 47}{digit:x}"), "completed", None, now=clock()).values["wk"]
        for digit in range(16)
    }
    assert places == set(NOTIFICATION_WORK)
