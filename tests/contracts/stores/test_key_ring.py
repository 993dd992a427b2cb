"""An installation has one key ring, whoever asks first and however many ask at once."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest

from lambda_responses.sealing.keys import parse_key_ring
from lambda_responses.storage import key_rings
from lambda_responses.storage.key_rings import UnusableKeyRing, key_ring
from lambda_responses.storage.keyed.port import Key
from lambda_responses.storage.table import KEY_RING
from tests.contracts.stores.kit import WatchedStore

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, pk: str) -> Key:
    """Where the ring of this test lies: on a shared table, each test is an installation."""
    place = Key(f"#{pk}", KEY_RING.sk)
    monkeypatch.setattr(key_rings, "KEY_RING", place)
    return place


async def test_the_first_to_ask_makes_the_ring_and_all_others_find_it(keyed: KeyedStore) -> None:
    made = await key_ring(keyed, secrets.token_bytes)
    found = await key_ring(keyed, secrets.token_bytes)
    assert found.as_text() == made.as_text()
    assert len(made.first.secret) == 32


async def test_a_ring_that_is_there_costs_one_read(keyed: KeyedStore) -> None:
    await key_ring(keyed, secrets.token_bytes)
    watched = WatchedStore(keyed)
    await key_ring(watched, secrets.token_bytes)  # pyright: ignore[reportArgumentType]
    assert watched.requests == {"get": 1}


async def test_all_who_ask_at_once_get_the_same_ring(keyed: KeyedStore) -> None:
    rings = await asyncio.gather(*(key_ring(keyed, secrets.token_bytes) for _ in range(8)))
    assert len({ring.as_text() for ring in rings}) == 1


async def test_whoever_comes_second_takes_the_ring_of_the_first(keyed: KeyedStore) -> None:
    """Each has seen that there is none before either writes."""
    watched = WatchedStore(keyed)

    async def be_overtaken(verb: str, _argument: object) -> None:
        if verb == "put":
            rings.append(await key_ring(keyed, secrets.token_bytes))

    rings = []
    watched.before = be_overtaken
    late = await key_ring(watched, secrets.token_bytes)  # pyright: ignore[reportArgumentType]
    assert [ring.as_text() for ring in rings] == [late.as_text()]
    assert watched.requests == {"get": 1, "put": 1}


async def test_a_ring_never_expires(keyed: KeyedStore, clock: Clock, place: Key) -> None:
    made = await key_ring(keyed, secrets.token_bytes)
    row = await keyed.get(place)
    assert row is not None
    assert "ttl" not in row.values
    clock.advance(100 * 365 * 86_400)
    assert (await key_ring(keyed, secrets.token_bytes)).as_text() == made.as_text()


async def test_what_lies_in_the_store_is_the_setting_that_takes_its_place(
    keyed: KeyedStore, place: Key
) -> None:
    made = await key_ring(keyed, secrets.token_bytes)
    row = await keyed.get(place)
    assert row is not None
    assert parse_key_ring(row.values["ring"]).as_text() == made.as_text()


@pytest.mark.parametrize("values", [{"ring": "None,2027:c2VjcmV0"}, {"ring": ""}, {}], ids=str)
async def test_a_ring_that_an_operator_broke_is_told_by_its_row_and_serves_once_it_is_mended(
    keyed: KeyedStore, place: Key, values: dict[str, str]
) -> None:
    made = await key_ring(keyed, secrets.token_bytes)
    await keyed.put(place, {"v": 1, **values})
    with pytest.raises(UnusableKeyRing, match=f"in the row {place.pk} / {place.sk} cannot be used") as told:
        await key_ring(keyed, secrets.token_bytes)
    assert "c2VjcmV0" not in str(told.value)
    await keyed.put(place, {"v": 1, "ring": made.as_text()})
    assert (await key_ring(keyed, secrets.token_bytes)).as_text() == made.as_text()
