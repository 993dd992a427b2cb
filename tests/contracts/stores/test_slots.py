"""A tenant's slots: never more than there are, and none lost with whoever had it."""

from __future__ import annotations

import asyncio
import secrets
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from lambda_responses.storage.background.slots import APART, LATEST, SOONEST, Slots, Turns

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
def slots(keyed: KeyedStore, clock: Clock) -> Slots:
    return Slots(keyed, now=clock, lease_seconds=60)


@pytest.fixture
def tenant() -> str:
    return f"slots-{secrets.token_hex(6)}"


async def test_there_are_as_many_places_as_there_are(slots: Slots, tenant: str) -> None:
    taken = await asyncio.gather(*(slots.take(tenant, 3, f"worker {n}") for n in range(8)))
    had = [slot for slot in taken if slot is not None]
    assert sorted(slot.number for slot in had) == [0, 1, 2]
    assert await slots.take(tenant, 3, "another") is None


async def test_a_place_that_is_given_back_can_be_had(slots: Slots, tenant: str) -> None:
    slot = await slots.take(tenant, 1, "one")
    assert slot is not None
    await slots.release(slot)
    again = await slots.take(tenant, 1, "two")
    assert again is not None
    await slots.release(slot)  # which is another's by now
    assert await slots.take(tenant, 1, "three") is None


async def test_a_place_is_held_as_long_as_it_is_renewed(slots: Slots, tenant: str, clock: Clock) -> None:
    slot = await slots.take(tenant, 1, "one")
    assert slot is not None
    for _ in range(5):
        clock.advance(59)
        assert await slots.renew(slot)
        assert await slots.take(tenant, 1, "two") is None
    clock.advance(60)
    assert await slots.take(tenant, 1, "two") is not None
    assert not await slots.renew(slot)


async def test_tenants_have_places_of_their_own(slots: Slots, tenant: str) -> None:
    assert await slots.take(tenant, 1, "one") is not None
    assert await slots.take(f"{tenant}-2", 1, "one") is not None


async def test_fewer_places_are_given_where_there_are_fewer(slots: Slots, tenant: str) -> None:
    for number in range(5):
        assert await slots.take(tenant, 5, f"worker {number}") is not None
    assert await slots.take(tenant, 2, "another") is None


def test_those_that_wait_look_again_soon_and_one_after_the_other(clock: Clock) -> None:
    turns = Turns(clock)
    waits = [turns.next("acme") for _ in range(5_000)]
    assert waits[0] == pytest.approx(SOONEST)
    assert waits == sorted(waits)
    assert all(later - earlier <= APART + 1e-6 for earlier, later in pairwise(waits))
    assert (waits[500], waits[-1]) == (pytest.approx(SOONEST + 500 * APART), LATEST)
    assert turns.next("another") == pytest.approx(SOONEST)
    clock.advance(LATEST)
    assert turns.next("acme") == pytest.approx(SOONEST)
    clock.advance(-86_400)  # A clock that was set back keeps nobody waiting until it has caught up.
    assert turns.next("acme") <= LATEST
