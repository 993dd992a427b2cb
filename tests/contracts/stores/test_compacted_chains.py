"""A chain goes on from the turn that compacted it, whatever became of what was before, on every store."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.responses import ResponseNotFound, ResponseStore
from tests.contracts.stores.kit import Talk, WatchedStore, asked_and_answered, texts

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

DAY = 86_400


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def talk(watched: WatchedStore, clock: Clock) -> Talk:
    store: Any = watched
    return Talk(ResponseStore(store, now=clock, retention_days=30), f"acme-{secrets.token_hex(6)}")


async def compact(talk: Talk, text: str, after: str, *, whole: bool = True) -> str:
    """A turn whose output begins with what stands for all before it."""
    reservation = await talk.reserve(await talk.after(after))
    stored = talk.turn(reservation, text, after)
    item = {"id": f"cmp_{text}", "type": "compaction", "encrypted_content": "lr1.x", "content": []}
    response = {**stored.response, "output": [item, *stored.response["output"]]}
    origins = {**stored.origins, item["id"]: {"summary": "s", "whole": whole}}
    await talk.store.commit(reservation, replace(stored, response=response, origins=origins))
    return reservation.response_id


async def test_a_turn_after_a_compaction_stands_on_that_alone(talk: Talk) -> None:
    first = await talk.say("1")
    second = await compact(talk, "2", first)
    third = await talk.say("3", after=second)
    fourth = await talk.say("4", after=third)
    assert texts((await talk.after(fourth)).items) == asked_and_answered("2", "3", "4")
    shown = await talk.store.shown(talk.tenant, second)
    assert texts(shown.items) == [*asked_and_answered("1"), "ask 2"]


async def test_one_that_stands_beside_what_was_said_changes_nothing(talk: Talk) -> None:
    second = await compact(talk, "2", await talk.say("1"), whole=False)
    third = await talk.say("3", after=second)
    assert texts((await talk.after(third)).items) == asked_and_answered("1", "2", "3")


async def test_forks_of_a_compaction_stand_on_it_alone(talk: Talk, watched: WatchedStore) -> None:
    last = await talk.say("0")
    for text in ("1", "2"):
        last = await talk.say(text, after=last)
    compacted = await compact(talk, "c", last)
    forks = [await talk.say(text, after=compacted) for text in ("left", "right", "third")]
    ends = [await talk.say("end", after=fork) for fork in forks]
    for text, end in zip(("left", "right", "third"), ends, strict=True):
        watched.reset()
        assert texts((await talk.after(end)).items) == asked_and_answered("c", text, "end")
        assert sum(watched.requests.values()) <= 3


async def test_what_was_compacted_may_be_deleted(talk: Talk) -> None:
    first = await talk.say("1")
    second = await compact(talk, "2", first)
    third = await talk.say("3", after=second)
    await talk.store.delete(talk.tenant, first)
    with pytest.raises(ResponseNotFound):
        await talk.after(first)
    fourth = await talk.say("4", after=third)
    await talk.store.delete(talk.tenant, third)
    assert texts((await talk.after(fourth)).items) == asked_and_answered("2", "3", "4")


async def test_what_was_before_a_compaction_that_was_erased_can_be_erased_too(
    watched: WatchedStore, clock: Clock
) -> None:
    """Though a snapshot of the compaction stands in between, and holds nothing by then."""
    store: Any = watched
    erasing = ResponseStore(store, now=clock, retention_days=30, delete_mode="erase")
    talk = Talk(erasing, f"acme-{secrets.token_hex(6)}")
    first = await talk.say("1")
    second = await compact(talk, "2", first)
    clock.seconds += 20 * DAY
    third = await talk.say("3", after=second)
    fourth = await talk.say("4", after=third)
    for response_id in (second, first):
        await talk.store.delete(talk.tenant, response_id)
        assert texts((await talk.after(fourth)).items) == asked_and_answered("3", "4")


async def test_an_old_chain_needs_no_snapshot_of_what_was_compacted(talk: Talk, clock: Clock) -> None:
    first = await talk.say("1")
    clock.seconds += 20 * DAY
    second = await compact(talk, "2", first)
    clock.seconds += 20 * DAY
    third = await talk.say("3", after=second)
    clock.seconds += 20 * DAY
    fourth = await talk.say("4", after=third)
    assert texts((await talk.after(fourth)).items) == asked_and_answered("2", "3", "4")
    with pytest.raises(ResponseNotFound):
        await talk.after(first)
