"""Every store remembers what servers of tools have listed, for each tenant on its own."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.codec import pack
from lambda_responses.storage.table import TenantTable
from lambda_responses.storage.tool_lists import STALE, KeptList, ToolLists
from tests.contracts.stores.kit import WatchedStore

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

SERVER = "0123456789abcdef" * 2
ROLL = ["roll", "Rolls dice. \ud83c\udfb2", {"type": "object"}, {"readOnlyHint": True}, None]


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def lists(watched: WatchedStore, clock: Clock) -> ToolLists:
    return ToolLists(watched, now=clock)


async def test_a_list_is_known_until_it_is_stale_and_older(lists: ToolLists, pk: str, clock: Clock) -> None:
    assert await lists.get(pk, SERVER) is None
    await lists.keep(pk, SERVER, KeptList([ROLL], clock() + 300))
    assert await lists.get(pk, SERVER) == KeptList([ROLL], clock() + 300)
    clock.advance(301)
    assert await lists.get(pk, SERVER) == KeptList([ROLL], clock() - 1)
    clock.advance(STALE)
    assert await lists.get(pk, SERVER) is None


async def test_a_list_takes_the_place_of_the_one_before(lists: ToolLists, pk: str, clock: Clock) -> None:
    await lists.keep(pk, SERVER, KeptList([ROLL, ROLL], clock() + 300))
    await lists.keep(pk, SERVER, KeptList([], clock() + 600.5))
    assert await lists.get(pk, SERVER) == KeptList([], clock() + 601)


async def test_a_list_is_its_tenants_and_its_servers_alone(lists: ToolLists, pk: str, clock: Clock) -> None:
    await lists.keep(pk, SERVER, KeptList([ROLL], clock() + 300))
    assert await lists.get(f"{pk}-other", SERVER) is None
    assert await lists.get(pk, SERVER[::-1]) is None


async def test_a_list_is_one_request_to_read_and_one_to_keep(
    lists: ToolLists, watched: WatchedStore, pk: str, clock: Clock
) -> None:
    await lists.keep(pk, SERVER, KeptList([ROLL], clock() + 300))
    await lists.get(pk, SERVER)
    assert watched.requests == {"put": 1, "get": 1}


async def test_a_list_that_no_row_holds_leaves_the_one_before(
    lists: ToolLists, pk: str, clock: Clock
) -> None:
    await lists.keep(pk, SERVER, KeptList([ROLL], clock() + 300))
    noise = random.Random(7).randbytes(400_000).hex()  # which is deflated to half of it
    await lists.keep(pk, SERVER, KeptList([["long", noise, {}, {}, None]], clock() + 900))
    assert await lists.get(pk, SERVER) == KeptList([ROLL], clock() + 300)


@pytest.mark.parametrize("damage", [{"v": 3}, {"tools": b"\x02later"}, {"tools": pack([])[:-3]}])
async def test_a_row_that_cannot_be_read_is_no_list(
    lists: ToolLists, keyed: KeyedStore, pk: str, clock: Clock, damage: dict[str, Any]
) -> None:
    await lists.keep(pk, SERVER, KeptList([ROLL], clock() + 300))
    await keyed.update(TenantTable(pk).tool_list(SERVER), set=damage)
    assert await lists.get(pk, SERVER) is None
