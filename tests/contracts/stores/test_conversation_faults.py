"""What becomes of a conversation where an answer is lost, a store fails or somebody deletes it meanwhile."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.conversations.leases import LEASE
from lambda_responses.storage.conversations.store import ConversationNotFound
from lambda_responses.storage.keyed.port import StoreUnavailable
from tests.contracts.stores.holdings import blobs_among
from tests.contracts.stores.kit import WatchedStore, nothing
from tests.contracts.stores.rooms import Faulty, Room, expect_not_found, is_there, make_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.holdings import Holdings
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def room(watched: WatchedStore, keyed: KeyedStore, clock: Clock, blobs: Blobs) -> Room:
    return make_room(watched, keyed, clock, blobs)


@pytest.fixture
def eraser(watched: WatchedStore, keyed: KeyedStore, clock: Clock, blobs: Blobs) -> Room:
    return make_room(watched, keyed, clock, blobs, delete_mode="erase")


def losing(watched: WatchedStore, is_meant: Callable[[Any], bool] = lambda _: True) -> list[Any]:
    """Have the answer to the first transaction lost that is meant; gives those whose answer was."""
    transact, lost = watched.transact, list[Any]()

    async def losing_once(writes: Any) -> None:
        await transact(writes)
        if not lost and is_meant(writes):
            lost.append(writes)
            raise StoreUnavailable("who knows")

    watched.transact = losing_once
    return lost


@pytest.mark.parametrize("count", [1, 23, 24, 60])
async def test_a_turn_whose_answer_was_lost_is_kept_once_however_long_it_is(
    room: Room, watched: WatchedStore, count: int
) -> None:
    id = await room.create("one")
    hold, place = await room.lock(id)
    items = room.items(*map(str, range(count)))
    record = await room.talk.store.prepare(place, room.talk.turn(place, "x"))
    lost = losing(watched, lambda writes: any(write.key == record.key for write in writes))
    await room.store.commit(hold, items, {}, record=record)
    assert lost
    assert await room.said(id) == ["one", *map(str, range(count))]
    assert await is_there(room, place.response_id)


@pytest.mark.parametrize("count", [1, 20, 24, 60])
async def test_items_whose_answer_was_lost_are_added_once(
    room: Room, watched: WatchedStore, count: int
) -> None:
    id = await room.create("one")
    lost = losing(watched, lambda writes: writes[0].key.sk == "H" and not hasattr(writes[0], "values"))
    await room.append(id, *map(str, range(count)))
    assert lost
    assert await room.said(id) == ["one", *map(str, range(count))]
    await room.append(id, "and on")


async def test_items_whose_answer_was_lost_are_added_once_where_others_went_on(
    room: Room, watched: WatchedStore
) -> None:
    """Their own place tells them from what was added after them, and a lease does not hide them."""
    id = await room.create()
    transact, calls = watched.transact, [0]

    async def overtaken(writes: Any) -> None:
        await transact(writes)
        calls[0] += 1
        if calls[0] == 1:
            await room.append(id, "theirs")
            await room.lock(id)
            raise StoreUnavailable("who knows")

    watched.transact = overtaken
    await room.append(id, "ours")
    assert await room.said(id) == ["ours", "theirs"]


async def test_items_that_others_were_before_are_added_after_them(room: Room, watched: WatchedStore) -> None:
    id = await room.create()
    transact, calls = watched.transact, [0]

    async def overtaken(writes: Any) -> None:
        calls[0] += 1
        if calls[0] == 1:
            await room.append(id, "theirs")
            raise StoreUnavailable("not now")
        await transact(writes)

    watched.transact = overtaken
    await room.append(id, "ours")
    assert await room.said(id) == ["theirs", "ours"]


async def test_items_are_added_though_nobody_hears_that_the_lease_is_over(
    room: Room, watched: WatchedStore
) -> None:
    """Else whoever added them would do so again."""
    id = await room.create()
    update, calls = watched.update, [0]

    async def silent(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] > 1:
            raise StoreUnavailable("not now")
        return await update(*arguments, **options)

    watched.update = silent
    await room.store.append(room.tenant, id, [room.picture("p")], {}, writer="w")
    assert await room.store.ids(room.tenant, id) == ["p"]


async def test_a_conversation_whose_answer_was_lost_is_made(room: Room, watched: WatchedStore) -> None:
    lost = losing(watched)
    id = await room.create("one")
    assert lost
    assert await room.said(id) == ["one"]


@pytest.mark.parametrize("lost", ["before the write", "after the write"])
async def test_a_conversation_that_could_not_be_made_leaves_nothing(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock, blobs: Blobs, holdings: Holdings, lost: str
) -> None:
    """Nobody knows its id, so nobody could delete it."""
    room = make_room(watched, keyed, clock, blobs)
    for failing in range(1, 9):
        steps = Faulty(watched, failing, after=lost == "after the write", often=2)
        items = [*room.items(*map(str, range(60))), pictured(room, "a"), pictured(room, "b")]
        try:
            await room.store.create(room.tenant, {}, items, entropy=room.talk.entropy)
        except StoreUnavailable:
            steps.stop()
            assert holdings(room.tenant) == []
        else:
            break
    else:
        pytest.fail("8 writes were not enough")
    assert failing > 2


def pictured(room: Room, id: str) -> Json:
    """An item with a picture of its own."""
    item = room.picture(id)
    item["content"][0]["image_url"] = "data:image/png;base64," + room.talk.noise(40_000)
    return item


@pytest.mark.parametrize("mode", ["keep", "erase"])
async def test_a_picture_that_comes_too_late_for_its_conversation_does_not_stay(
    watched: WatchedStore,
    keyed: KeyedStore,
    clock: Clock,
    blobs: Blobs,
    holdings: Holdings,
    mode: str,
) -> None:
    """Deleted before it is written, or between that and its commit."""
    room = make_room(watched, keyed, clock, blobs, delete_mode=mode)
    for deleting in ("before", "between"):
        id = await room.create("one")
        hold, place = await room.lock(id)
        record = await room.talk.store.prepare(place, room.talk.turn(place, "x"))

        async def delete(verb: str, _argument: object, id: str = id) -> None:
            if verb == "transact":
                watched.before = nothing
                await room.store.delete(room.tenant, id)

        if deleting == "before":
            await room.store.delete(room.tenant, id)
        else:
            watched.before = delete
        with pytest.raises(ConversationNotFound):
            await room.store.commit(hold, [pictured(room, "p")], {}, record=record)
        await room.store.release(hold)
        assert blobs_among(holdings(room.tenant)) == []


async def test_a_late_writer_takes_nothing_from_a_delete_that_is_under_way(
    room: Room, watched: WatchedStore, holdings: Holdings
) -> None:
    """What the deleted conversation showed is still to be moved to where it expires."""
    id = await room.create("one")
    shown = pictured(room, "p")
    await room.store.append(room.tenant, id, [shown], {}, writer="w")
    made = await room.respond(id, "1")
    hold, place = await room.lock(id)
    record = await room.talk.store.prepare(place, room.talk.turn(place, "x"))
    left = [1]

    async def late(verb: str, _argument: object) -> None:
        if verb == "query" and left:
            left.clear()
            with pytest.raises(ConversationNotFound):
                await room.store.commit(hold, [{**shown, "id": "q"}], {}, record=record)

    watched.before = late
    await room.store.delete(room.tenant, id)
    assert not left
    assert (await room.talk.store.shown(room.tenant, made)).items[1] == shown
    assert not any(name.startswith("conversations/") for name in holdings(room.tenant))


@pytest.mark.parametrize("mode", ["keep", "erase"])
async def test_what_failed_writers_left_goes_with_the_conversation(
    watched: WatchedStore,
    keyed: KeyedStore,
    clock: Clock,
    blobs: Blobs,
    holdings: Holdings,
    mode: str,
) -> None:
    room = make_room(watched, keyed, clock, blobs, delete_mode=mode)
    id = await room.create("one")

    async def refuse(verb: str, _argument: object) -> None:
        if verb == "transact":
            raise StoreUnavailable("not now")

    watched.before = refuse
    with pytest.raises(StoreUnavailable):
        await room.store.append(room.tenant, id, [pictured(room, "p")], {}, writer="w")
    watched.before = nothing
    assert len(blobs_among(holdings(room.tenant))) == 1
    await room.store.delete(room.tenant, id)
    assert blobs_among(holdings(room.tenant)) == []


async def test_a_picture_that_goes_while_it_is_read_takes_nothing_else_along(
    room: Room, watched: WatchedStore
) -> None:
    """Its item is gone by then, and the conversation is not."""
    id = await room.create("one")
    for read in (
        lambda: room.store.context(room.tenant, id),
        lambda: room.store.chosen(room.tenant, id, lambda ids: [each for each in ids if each != "p"]),
        lambda: room.store.chosen(room.tenant, id, lambda ids: ids),
    ):
        await room.store.append(room.tenant, id, [pictured(room, "p")], {}, writer=secrets.token_hex(4))
        query, left = watched.query, [1]

        async def outdated(*arguments: Any, query: Any = query, left: Any = left, **options: Any) -> Any:
            rows = await query(*arguments, **options)
            if left:
                left.clear()
                await room.store.remove(room.tenant, id, "p")
            return rows

        watched.query = outdated
        assert len((await read()).items) == 1
        watched.query = query


async def test_a_picture_that_somebody_else_shows_meanwhile_stays(room: Room, watched: WatchedStore) -> None:
    """However long whoever removes it stands still before it is gone."""
    id = await room.create("one")
    shown = pictured(room, "p")
    await room.store.append(room.tenant, id, [shown], {}, writer="w")
    transact, left = watched.transact, [1]

    async def overtaken(writes: Any) -> None:
        await transact(writes)
        if left:
            left.clear()
            await room.store.append(room.tenant, id, [{**shown, "id": "q"}], {}, writer="v")

    watched.transact = overtaken
    await room.store.remove(room.tenant, id, "p")
    assert (await room.read(id)).items[1:] == [{**shown, "id": "q"}]


async def test_a_picture_that_is_gone_with_its_conversation_is_not_found(
    room: Room, watched: WatchedStore
) -> None:
    id = await room.create("one")
    await room.store.append(room.tenant, id, [pictured(room, "p")], {}, writer="w")
    query, left = watched.query, [1]

    async def outdated(*arguments: Any, **options: Any) -> Any:
        rows = await query(*arguments, **options)
        if left:
            left.clear()
            await room.store.delete(room.tenant, id)
        return rows

    watched.query = outdated
    with pytest.raises(ConversationNotFound):
        await room.read(id)
    await expect_not_found(room, id)


async def test_what_is_taken_with_a_turn_is_taken_into_its_conversation(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock, blobs: Blobs
) -> None:
    """A model was paid by then. Items are longer one by one than together, and short ones stay in rows."""
    noise = make_room(watched, keyed, clock, blobs).talk.noise
    alike = noise(25_000)
    for place_of_blobs, texts_of in ((blobs, [noise(300_000) for _ in range(16)]), (None, [alike] * 200)):
        room = make_room(watched, keyed, clock, place_of_blobs)
        items = room.items(*texts_of)
        await room.talk.store.check_storable(items, {"input": items})
        id = await room.create()
        hold, place = await room.lock(id)
        stored = room.talk.turn(place, "x")
        stored.input[:] = items  # pyright: ignore[reportIndexIssue]
        record = await room.talk.store.prepare(place, stored)
        await room.store.commit(hold, items, {}, record=record)
        assert await room.said(id) == texts_of
        clock.advance(LEASE)
