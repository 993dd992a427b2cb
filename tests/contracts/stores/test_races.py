"""Two clients of one store continue a response at the same instant, in every order of their requests."""

from __future__ import annotations

import asyncio
import random
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.keyed.dynamodb import DynamoDBStore
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.responses import ResponseStore
from tests.contracts.stores.conftest import TABLE
from tests.contracts.stores.kit import Talk, WatchedStore, asked_and_answered, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

LONGEST = 12


@pytest.fixture(params=["sqlite", "dynamodb"])
def both(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[list[Talk]]:
    """Two clients, each with a store of its own over the same rows."""
    if request.param == "sqlite":
        stores: list[KeyedStore] = [SQLiteStore(tmp_path / "responses.db", now=clock) for _ in range(2)]
    else:
        client = request.getfixturevalue("dynamodb")
        stores = [DynamoDBStore(TABLE, client=client, now=clock) for _ in range(2)]
    tenant = f"acme-{secrets.token_hex(6)}"
    yield [
        Talk(ResponseStore(shuffled(store, seed), now=clock), tenant, random.Random(seed))
        for seed, store in enumerate(stores)
    ]
    for store in stores:
        store.close()


def shuffled(store: KeyedStore, seed: int) -> Any:
    """The same store, each of whose requests lets others go first, or does not."""
    watched, chance = WatchedStore(store), random.Random(seed)

    async def step_aside(_verb: str, _argument: object) -> None:
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)

    watched.before = step_aside
    return watched


async def raced(both: list[Talk], races: int) -> None:
    last, said = "", [""]
    for race in range(races):
        if race % LONGEST == 0:
            last, said = await both[0].say(f"root {race}"), [f"root {race}"]
        names = [f"{race} left", f"{race} right"]
        ids = await asyncio.gather(
            *(talk.say(name, after=last) for talk, name in zip(both, names, strict=True))
        )
        threads = [response_id[13:37] for response_id in ids]
        assert threads.count(last[13:37]) == 1
        assert len(set(threads)) == 2
        for talk, response_id, name in zip(both[::-1], ids, names, strict=True):
            assert texts((await talk.after(response_id)).items) == asked_and_answered(*said, name)
        on = race % 3 == 0
        last, said = ids[on], [*said, names[on]]


async def test_two_clients_at_the_same_instant_make_two_clean_forks(both: list[Talk]) -> None:
    await raced(both, 24)


@pytest.mark.slow
async def test_two_clients_at_the_same_instant_make_two_clean_forks_200_times(both: list[Talk]) -> None:
    await raced(both, 200)
