"""A chain of 400 turns with forks from anywhere in it: what each turn asks of the store, and what it costs.

Units are computed as AWS bills them, from the bytes of rows: 4 KB a read unit for strongly consistent reads,
1 KB a write unit, nothing below one. What a conditional write costs that fails is counted, too.
"""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.responses import ResponseStore
from tests.contracts.stores.kit import Talk, WatchedStore, asked_and_answered, texts, units

if TYPE_CHECKING:
    from lambda_responses.storage.chains import Place
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

TURNS = 400
WRITE_UNITS = 5
"""Of a turn of 1.3 KB, one that forks included. A turn that writes a snapshot writes the context besides."""
STORED_TURN = 1_400
"""Bytes of its row, at most: it is compressed."""


@pytest.mark.parametrize("keyed", ["sqlite", pytest.param("dynamodb", marks=pytest.mark.slow)], indirect=True)
async def test_400_turns_with_forks_stay_within_the_budget(keyed: KeyedStore, clock: Clock) -> None:
    watched: Any = WatchedStore(keyed)
    talk = Talk(ResponseStore(watched, now=clock), f"acme-{secrets.token_hex(6)}")
    chance = random.Random(7)
    said: dict[str, list[str]] = {}
    last: str | None = None
    forks = snapshots = 0
    for turn in range(TURNS):
        text = f"{turn} " + talk.noise(250) + " and so on" * 20
        if chance.random() < 0.1 and said:
            last = chance.choice(list(said))
        watched.reset()
        context = await talk.after(last) if last else None
        if context is not None and last is not None:
            assert texts(context.items) == asked_and_answered(*said[last])
            assert_read(watched, context.chain.place, turns=len(said[last]))
        watched.reset()
        reservation = await talk.reserve(context)
        await talk.store.commit(reservation, talk.turn(reservation, text, last))
        if reservation.flattens:
            snapshots += 1
            assert watched.write_units <= WRITE_UNITS + units(len(said[last or ""]) * STORED_TURN, 1_024)
        else:
            assert watched.write_units <= WRITE_UNITS
            assert sum(watched.requests.values()) <= 4 + (not reservation.claims)
        forks += turn > 0 and not reservation.claims
        made = str(reservation.response_id)
        said[made] = [*said.get(last or "", ()), text]
        last = made
    assert forks > 20
    assert snapshots < forks
    for response_id in chance.sample(list(said), 20):
        assert texts((await talk.after(response_id)).items) == asked_and_answered(*said[response_id])


def assert_read(watched: WatchedStore, place: Place, *, turns: int) -> None:
    """Two requests, and one for each stretch of another thread or snapshot that the chain stands on."""
    others = len(place.segments) + (place.base is not None)
    assert watched.requests == {"get": 1, "query": 1 + others}
    # A thread is read whole, so turns that came after a fork are read along with those before it.
    assert watched.read_units <= 2 + others + units(TURNS * STORED_TURN, 4_096)
    if not others:
        assert watched.read_units <= 2 + units((turns + 40) * STORED_TURN, 4_096)


@pytest.mark.slow
async def test_400_turns_in_a_row_are_read_by_two_requests(keyed: KeyedStore, clock: Clock) -> None:
    watched: Any = WatchedStore(keyed)
    talk = Talk(ResponseStore(watched, now=clock), f"acme-{secrets.token_hex(6)}")
    last: str | None = None
    for turn in range(TURNS):
        watched.reset()
        last = await talk.say(f"{turn} " + talk.noise(250) + " and so on" * 20, after=last)
        assert sum(watched.requests.values()) <= 5
        assert watched.write_units <= WRITE_UNITS
    assert last is not None
    watched.reset()
    context = await talk.after(last)
    assert watched.requests == {"get": 1, "query": 1}
    assert watched.read_units <= 1 + units(TURNS * STORED_TURN, 4_096)
    assert [text.split()[1] for text in texts(context.items)] == [str(n) for n in range(TURNS) for _ in "io"]
