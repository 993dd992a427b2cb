"""What the conversation store promises on every keyed store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.blobs.files import FileBlobs
from lambda_responses.storage.conversations.leases import LEASE
from lambda_responses.storage.conversations.store import ConversationLocked, ConversationNotFound
from lambda_responses.storage.keyed.port import Put, StoreUnavailable, WriteConflict
from lambda_responses.storage.responses import ItemNotFound, TooLargeToStore
from lambda_responses.wire.ids import conversation_key_of
from tests.contracts.stores.kit import Talk, WatchedStore, nothing, texts
from tests.contracts.stores.rooms import Faulty, Room, expect_not_found, is_there, make_room

if TYPE_CHECKING:
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

DAY = 86_400


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def blobs(tmp_path: Path, clock: Clock) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs", now=clock)


@pytest.fixture
def room(watched: WatchedStore, keyed: KeyedStore, clock: Clock, blobs: FileBlobs) -> Room:
    return make_room(watched, keyed, clock, blobs)


async def test_a_conversation_comes_back_as_it_was_made(room: Room, clock: Clock) -> None:
    metadata = {"topic": "Grüße", "": ""}
    items = room.items("one", "two")
    origins = {items[1]["id"]: {"id": "rs_theirs"}}
    made = await room.store.create(room.tenant, metadata, items, origins, entropy=room.talk.entropy)
    assert conversation_key_of(made.id)
    assert (made.created, made.metadata) == (int(clock()), metadata)
    assert await room.store.get(room.tenant, made.id) == made
    context = await room.read(made.id)
    assert (context.items, context.origins) == (items, origins)


async def test_metadata_is_replaced_as_a_whole(room: Room) -> None:
    made = await room.store.create(room.tenant, {"a": "1"}, entropy=room.talk.entropy)
    assert (await room.store.update(room.tenant, made.id, {"b": "2"})).metadata == {"b": "2"}
    assert (await room.store.update(room.tenant, made.id, {})).metadata == {}
    assert (await room.store.get(room.tenant, made.id)).metadata == {}


async def test_items_stand_in_the_order_in_which_they_were_added(room: Room) -> None:
    id = await room.create("one")
    await room.append(id, "two", "three")
    await room.respond(id, "more")
    await room.append(id, "four")
    assert await room.said(id) == ["one", "two", "three", "ask more", "answer more", "four"]
    origins = (await room.read(id)).origins
    assert [origin["id"] for origin in origins.values()] == ["rs_more"]


async def test_requests_and_units(room: Room, watched: WatchedStore) -> None:
    def counted() -> tuple[dict[str, int], int]:
        found = dict(watched.requests), watched.write_units
        watched.reset()
        return found

    id = await room.create()
    assert counted() == ({"put": 1}, 1)
    await room.append(id, "one")
    assert counted() == ({"get": 1, "transact": 1}, 2 * (1 + 1))
    await room.read(id)
    assert counted() == ({"query": 1}, 0)
    hold, place = await room.lock(id)
    assert counted() == ({"query": 1, "update": 1}, 1)
    await room.store.renew(hold)
    assert counted() == ({"update": 1}, 1)
    await room.commit(hold, place, room.talk.noise(250) + " and so on" * 20)
    requests, written = counted()
    assert requests == {"put": 1, "transact": 1}
    assert written <= 2 + 2 * (2 + 1 + 1 + 1)  # the turn; its record, the head and two items, twice
    await room.store.get(room.tenant, id)
    assert counted()[0] == {"get": 1}
    await room.store.remove(room.tenant, id, (await room.read(id)).items[0]["id"])
    assert counted()[0] == {"query": 2, "transact": 1}


NOT_OURS = ("", "conv_", "conv_" + "g" * 48, "conv_" + "0" * 47, "conv_" + "0" * 49, "resp_" + "0" * 48)


@pytest.mark.parametrize("id", NOT_OURS, ids=range(len(NOT_OURS)))
async def test_ids_that_are_not_ours_are_not_found_without_a_request(
    room: Room, watched: WatchedStore, id: str
) -> None:
    await expect_not_found(room, id)
    assert not watched.requests


async def test_another_tenants_conversation_is_not_found_and_not_touched(room: Room) -> None:
    id = await room.create("secret")
    before = await room.rows(id)
    stranger = Room(room.store, Talk(room.talk.store, f"{room.tenant}-2"), room.keyed)
    await expect_not_found(stranger, id)
    assert await room.rows(id) == before


async def test_one_item_is_taken_away(room: Room) -> None:
    id = await room.create("one", "two", "three")
    [_, two, _] = await room.store.ids(room.tenant, id)
    assert (await room.store.remove(room.tenant, id, two)).id == id
    assert await room.said(id) == ["one", "three"]
    with pytest.raises(ItemNotFound):
        await room.store.remove(room.tenant, id, two)
    await room.append(id, "four")
    assert await room.said(id) == ["one", "three", "four"]
    assert len(await room.rows(id)) == 1 + 3


async def test_chosen_items_alone_are_read(room: Room) -> None:
    id = await room.create("one", "two", "three")
    shown = await room.store.chosen(room.tenant, id, lambda ids: [ids[2], ids[0]])
    assert texts(shown.items) == ["three", "one"]


async def test_nobody_else_adds_while_a_response_is_made(room: Room) -> None:
    id = await room.create("one")
    hold, place = await room.lock(id)
    for attempt in (
        room.lock(id),
        room.append(id, "two"),
        room.store.remove(room.tenant, id, (await room.read(id)).items[0]["id"]),
    ):
        with pytest.raises(ConversationLocked):
            await attempt
    assert (await room.store.update(room.tenant, id, {"a": "b"})).metadata == {"a": "b"}
    await room.commit(hold, place, "more")
    await room.append(id, "two")
    assert await room.said(id) == ["one", "ask more", "answer more", "two"]


async def test_what_is_released_adds_nothing_and_lets_others_in(room: Room) -> None:
    id = await room.create("one")
    hold, place = await room.lock(id)
    await room.store.release(hold)
    await room.store.release(hold)
    await room.append(id, "two")
    with pytest.raises(ConversationLocked):
        await room.commit(hold, place, "late")
    assert await room.said(id) == ["one", "two"]


async def test_a_release_after_a_commit_changes_nothing(room: Room) -> None:
    id = await room.create()
    hold, place = await room.lock(id)
    await room.commit(hold, place, "more")
    other, _ = await room.lock(id)
    await room.store.release(hold)
    with pytest.raises(ConversationLocked):
        await room.lock(id)
    await room.store.renew(other)


async def test_a_lease_that_is_not_renewed_lapses(room: Room, clock: Clock) -> None:
    id = await room.create()
    hold, place = await room.lock(id)
    clock.advance(LEASE - 1)
    await room.store.renew(hold)
    clock.advance(LEASE - 1)
    with pytest.raises(ConversationLocked):
        await room.append(id, "too early")
    clock.advance(1)
    await room.append(id, "two")
    with pytest.raises(ConversationLocked):
        await room.store.renew(hold)
    with pytest.raises(ConversationLocked):
        await room.commit(hold, place, "late")
    assert await room.said(id) == ["two"]
    assert await room.respond(id, "next")


async def test_a_late_writer_that_nobody_replaced_may_still_end(room: Room, clock: Clock) -> None:
    id = await room.create()
    hold, place = await room.lock(id)
    clock.advance(10 * LEASE)
    await room.commit(hold, place, "late")
    assert await room.said(id) == ["ask late", "answer late"]


@pytest.mark.parametrize("size", [100, 1_400_000])
async def test_a_writer_whose_lease_was_lost_spoils_nothing(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock, size: int
) -> None:
    """However many transactions either of them takes."""
    room = make_room(watched, keyed, clock, None)
    id = await room.create("one")
    hold, place = await room.lock(id)
    clock.advance(LEASE)
    theirs = room.talk.noise(size)
    other, their_place = await room.lock(id)
    with pytest.raises(ConversationLocked):
        await room.commit(hold, place, room.talk.noise(size))
    await room.commit(other, their_place, theirs)
    with pytest.raises(ConversationLocked):
        await room.commit(hold, place, room.talk.noise(size))
    assert await room.said(id) == ["one", f"ask {theirs}", f"answer {theirs}"]


async def test_a_response_that_was_read_before_something_was_added_is_refused(room: Room) -> None:
    id = await room.create("one")
    context = await room.read(id)
    await room.append(id, "two")
    with pytest.raises(ConversationLocked):
        await room.store.lock(room.tenant, context, "resp_1")
    assert await room.respond(id, "after all")


async def test_what_is_added_at_the_same_time_is_all_there(room: Room) -> None:
    id = await room.create()
    await asyncio.gather(*(room.append(id, f"{n} first", f"{n} second") for n in range(4)))
    said = await room.said(id)
    assert sorted(said) == sorted(f"{n} {which}" for n in range(4) for which in ("first", "second"))
    assert all(said[at].split()[0] == said[at + 1].split()[0] for at in range(0, 8, 2))
    assert all(said[at].endswith("first") for at in range(0, 8, 2))


async def test_of_responses_at_the_same_time_one_is_made(room: Room) -> None:
    for _ in range(5):
        id = await room.create("one")
        outcomes = await asyncio.gather(*(room.respond(id, f"{n}") for n in range(6)), return_exceptions=True)
        made = [outcome for outcome in outcomes if isinstance(outcome, str)]
        assert made
        assert all(isinstance(each, str | ConversationLocked) for each in outcomes)
        assert len(await room.said(id)) == 1 + 2 * len(made)


async def test_a_conflict_of_transactions_is_tried_again(room: Room, watched: WatchedStore) -> None:
    id = await room.create()
    left = [2]

    async def conflict(verb: str, _argument: object) -> None:
        if verb in ("transact", "update") and left[0]:
            left[0] -= 1
            raise WriteConflict("TransactionConflict")

    watched.before = conflict
    await room.append(id, "one")
    left[0] = 1
    await room.respond(id, "more")
    assert await room.said(id) == ["one", "ask more", "answer more"]


async def test_a_long_item_takes_several_rows_and_goes_with_all_of_them(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock
) -> None:
    room = make_room(watched, keyed, clock, None)
    id = await room.create("one")
    long = room.talk.noise(1_500_000)
    await room.append(id, long, *map(str, range(19)))
    assert (await room.said(id))[:3] == ["one", long, "0"]
    assert len(await room.rows(id)) > 1 + 21
    await room.store.remove(room.tenant, id, (await room.store.ids(room.tenant, id))[1])
    assert (await room.said(id))[:2] == ["one", "0"]
    assert len(await room.rows(id)) == 1 + 20


async def test_what_a_longer_append_left_is_not_read_and_does_not_stay_in_the_way(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock
) -> None:
    room = make_room(watched, keyed, clock, None)
    id = await room.create()
    left = [2]

    async def die(verb: str, _argument: object) -> None:
        if verb == "transact":
            left[0] -= 1
            if left[0] <= 0:
                raise StoreUnavailable("gone")

    watched.before = die
    with pytest.raises(StoreUnavailable):
        await room.append(id, room.talk.noise(2_200_000), room.talk.noise(2_200_000))
    watched.before = nothing
    assert await room.said(id) == []
    assert len(await room.rows(id)) > 1
    clock.advance(LEASE)
    await room.append(id, "short")
    assert await room.said(id) == ["short"]
    await room.store.remove(room.tenant, id, (await room.store.ids(room.tenant, id))[0])
    assert await room.said(id) == []
    await room.store.delete(room.tenant, id)
    clock.advance(31 * DAY)
    assert await room.rows(id) == []


async def test_what_is_too_large_is_refused_before_anything_is_written(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock
) -> None:
    room = make_room(watched, keyed, clock, None)
    id = await room.create()
    before = await room.rows(id)
    with pytest.raises(TooLargeToStore):
        await room.append(id, room.talk.noise(5_000_000))
    with pytest.raises(TooLargeToStore):
        await room.append(id, *(room.talk.noise(900_000) for _ in range(6)))
    with pytest.raises(TooLargeToStore):
        await room.create(room.talk.noise(5_000_000))
    assert await room.rows(id) == before


@pytest.mark.parametrize(("size", "often"), [(10, 1), (10, 2), (1_000_000, 2)])
@pytest.mark.parametrize("lost", ["before the write", "after the write"])
async def test_a_fault_at_any_write_leaves_a_whole_conversation(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock, lost: str, often: int, size: int
) -> None:
    """And of a response its record and its items, or neither."""
    room = make_room(watched, keyed, clock, None)
    for failing in range(1, 20):
        id = await room.create("one")
        steps = Faulty(watched, failing, after=lost == "after the write", often=often)
        place: Any = None
        try:
            hold, place = await room.lock(id)
            await room.commit(hold, place, room.talk.noise(size))
        except StoreUnavailable:
            failed = True
        else:
            failed = False
        steps.stop()
        said = await room.said(id)
        assert len(said) in (1, 3)
        if place is not None:
            assert await is_there(room, place.response_id) == (len(said) == 3)
        if not failed:
            assert len(said) == 3
        if not steps.reached:
            break
        clock.advance(LEASE)
        await room.append(id, "and on")
        assert await room.said(id) == [*said, "and on"]
    else:
        pytest.fail("19 writes were not enough")


async def test_a_repeated_commit_is_no_fault(room: Room) -> None:
    """As when a store repeats a write whose answer was lost."""
    id = await room.create()
    hold, place = await room.lock(id)
    for _ in range(2):
        await room.commit(hold, place, "more")
    assert await room.said(id) == ["ask more", "answer more"]


async def test_half_a_transaction_is_read_again(room: Room, watched: WatchedStore) -> None:
    """A query may see the head as it is, and the items as they were."""
    id = await room.create("one")
    await room.append(id, "two")
    query, calls = watched.query, [0]

    async def torn(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        rows = await query(*arguments, **options)
        return rows[:-1] if calls[0] == 1 else rows

    watched.query = torn
    assert await room.said(id) == ["one", "two"]
    assert calls[0] == 2


async def test_a_response_shows_what_its_model_saw(room: Room) -> None:
    id = await room.create("one")
    first = await room.respond(id, "1")
    second = await room.respond(id, "2")
    saw = texts((await room.talk.store.shown(room.tenant, second)).items)
    assert saw == ["one", "ask 1", "answer 1", "ask 2"]
    assert texts((await room.talk.store.shown(room.tenant, first)).items) == ["one", "ask 1"]
    context = await room.talk.after(first)
    assert texts(context.items) == ["one", "ask 1", "answer 1"]
    assert context.status == "completed"


async def test_a_response_of_a_conversation_can_be_continued_outside_of_it(room: Room, clock: Clock) -> None:
    id = await room.create("one")
    first = await room.respond(id, "1")
    await room.respond(id, "2")
    third = await room.talk.say("3", after=first)
    fork = await room.talk.say("fork", after=first)
    assert texts((await room.talk.after(third)).items) == ["one", "ask 1", "answer 1", "ask 3", "answer 3"]
    assert texts((await room.talk.after(fork)).items)[:3] == ["one", "ask 1", "answer 1"]
    clock.advance(25 * DAY)
    last = await room.talk.say("4", after=third)
    await room.store.delete(room.tenant, id)
    clock.advance(29 * DAY)
    assert texts((await room.talk.after(last)).items)[:2] == ["one", "ask 1"]


@pytest.mark.parametrize("aged", [False, True], ids=["on its rows", "on a snapshot"])
@pytest.mark.parametrize("items", [0, 1, 12])
@pytest.mark.parametrize("delete_mode", ["keep", "erase"])
async def test_a_response_that_is_deleted_stays_in_its_conversation_and_not_with_who_continues_it(
    watched: WatchedStore,
    keyed: KeyedStore,
    clock: Clock,
    blobs: FileBlobs,
    delete_mode: str,
    items: int,
    aged: bool,
) -> None:
    """With `keep` it stays with both, however much was said before and after it."""
    room = make_room(watched, keyed, clock, blobs, delete_mode=delete_mode)
    told = [f"told {number}" for number in range(items)]
    id = await room.create(*told)
    first = await room.respond(id, "1")
    await room.append(id, *told)
    clock.advance(20 * DAY if aged else 0)
    second = await room.talk.say("2", after=first)
    third = await room.talk.say("3", after=second)
    await room.append(id, *told)
    await room.talk.store.delete(room.tenant, first)
    await room.append(id, *told)
    turn = ["ask 1", "answer 1"]
    left = turn if delete_mode == "keep" else []
    outside = [*told, *left, "ask 2", "answer 2", "ask 3", "answer 3"]
    assert texts((await room.talk.after(third)).items) == outside
    assert texts((await room.talk.store.shown(room.tenant, third)).items) == outside[:-1]
    said = [*told, *turn, *told, *told, *told]
    assert await room.said(id) == said
    fourth = await room.respond(id, "4")
    assert texts((await room.talk.after(fourth)).items) == [*said, "ask 4", "answer 4"]


@pytest.mark.parametrize("items", [0, 1, 12])
async def test_an_item_that_is_deleted_from_a_conversation_stays_with_the_response_that_said_it(
    room: Room, items: int
) -> None:
    told = [f"told {number}" for number in range(items)]
    id = await room.create("one", *told)
    first = await room.respond(id, "1")
    await room.append(id, *told)
    second = await room.talk.say("2", after=first)
    for index in (items + 1, 0):
        await room.store.remove(room.tenant, id, (await room.store.ids(room.tenant, id))[index])
    assert await room.said(id) == [*told, "answer 1", *told]
    outside = [*told, "ask 1", "answer 1", "ask 2", "answer 2"]
    assert texts((await room.talk.after(second)).items) == outside


@pytest.mark.parametrize("erased", [False, True], ids=["one item", "all of it"])
async def test_of_a_call_that_was_deleted_from_a_conversation_no_chain_is_left_with_the_other_half(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock, blobs: FileBlobs, erased: bool
) -> None:
    """Or nobody could go on from it ever again."""
    room = make_room(watched, keyed, clock, blobs, delete_mode="erase")
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    answer = {"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": "1"}
    id = await room.create()
    await room.store.append(room.tenant, id, [thought, call], {}, writer="w")
    context = await room.read(id)
    place = await room.talk.store.reserve(
        room.tenant, None, epoch=1_800_000_000, entropy=room.talk.entropy, stretch=context.stretch
    )
    stored = room.talk.turn(place, "1")
    await room.talk.store.commit(place, replace(stored, input=[answer]))
    first = place.response_id
    second = await room.talk.say("2", after=first)
    kinds = ["reasoning", "function_call", "function_call_output", "message", "message", "message"]
    assert [item["type"] for item in (await room.talk.after(second)).items] == kinds
    if erased:
        await room.store.delete(room.tenant, id)
    else:
        await room.store.remove(room.tenant, id, "fc_1")
    left = ["message"] * 3 if erased else ["reasoning", *["message"] * 3]
    assert [item["type"] for item in (await room.talk.after(second)).items] == left


async def test_an_item_that_is_deleted_is_missing_from_what_was_shown(room: Room) -> None:
    id = await room.create("one", "two")
    first = await room.respond(id, "1")
    await room.store.remove(room.tenant, id, (await room.store.ids(room.tenant, id))[0])
    assert texts((await room.talk.store.shown(room.tenant, first)).items) == ["two", "ask 1"]


async def test_a_deleted_conversation_is_gone_at_once_and_its_items_for_good_when_no_response_needs_them(
    room: Room, clock: Clock
) -> None:
    id = await room.create("one")
    made = await room.respond(id, "1")
    await room.store.delete(room.tenant, id)
    await expect_not_found(room, id)
    assert texts((await room.talk.store.shown(room.tenant, made)).items) == ["one", "ask 1"]
    clock.advance(30 * DAY)
    assert await room.rows(id) == []


async def test_to_erase_takes_all_at_once(
    watched: WatchedStore, keyed: KeyedStore, clock: Clock, blobs: FileBlobs, tmp_path: Path
) -> None:
    room = make_room(watched, keyed, clock, blobs, delete_mode="erase")
    id = await room.create("one")
    await room.store.append(room.tenant, id, [room.picture("p")], {}, writer="w")
    made = await room.respond(id, "1")
    assert files(tmp_path)
    await room.store.delete(room.tenant, id)
    assert await room.rows(id) == []
    assert files(tmp_path) == []
    assert texts((await room.talk.store.shown(room.tenant, made)).items) == ["ask 1"]


def files(folder: Path) -> list[Path]:
    return [each for each in (folder / "blobs").rglob("*") if each.is_file()]


async def test_a_response_that_is_being_made_cannot_end_in_a_deleted_conversation(room: Room) -> None:
    id = await room.create("one")
    hold, place = await room.lock(id)
    await room.store.delete(room.tenant, id)
    with pytest.raises(ConversationNotFound):
        await room.commit(hold, place, "late")
    await room.store.release(hold)
    await expect_not_found(room, id)
    assert not await is_there(room, place.response_id)


@pytest.mark.parametrize("delete_mode", ["keep", "erase"])
async def test_a_delete_that_is_cut_short_goes_on_where_it_ended(
    watched: WatchedStore,
    keyed: KeyedStore,
    clock: Clock,
    blobs: FileBlobs,
    tmp_path: Path,
    delete_mode: str,
) -> None:
    room = make_room(watched, keyed, clock, blobs, delete_mode=delete_mode)
    for failing in range(1, 12):
        id = await room.create("one", "two")
        await room.store.append(room.tenant, id, [room.picture("p")], {}, writer="w")
        steps = Faulty(watched, failing, after=False)
        try:
            await room.store.delete(room.tenant, id)
        except StoreUnavailable:
            steps.stop()
            if failing > 1:
                with pytest.raises(ConversationNotFound):
                    await room.read(id)
            await room.store.delete(room.tenant, id)
            finished = False
        else:
            steps.stop()
            finished = True
        clock.advance(31 * DAY)
        assert await room.rows(id) == []
        if finished:
            break
    else:
        pytest.fail("11 writes were not enough")


async def test_pictures_lie_beside_the_rows_and_go_with_the_items_that_show_them(
    room: Room, tmp_path: Path
) -> None:
    id = await room.create("one")
    for name in ("p", "q"):
        await room.store.append(room.tenant, id, [room.picture(name)], {}, writer=name)
    assert (await room.read(id)).items[1:] == [room.picture("p"), room.picture("q")]
    assert len(files(tmp_path)) == 2
    await room.store.remove(room.tenant, id, "p")
    assert len(files(tmp_path)) == 1
    assert (await room.read(id)).items[1] == room.picture("q")
    await room.store.remove(room.tenant, id, "q")
    assert files(tmp_path) == []
    assert len(await room.rows(id)) == 2


async def test_pictures_of_a_deleted_conversation_are_kept_for_its_responses_where_they_expire(
    room: Room, tmp_path: Path, blobs: FileBlobs
) -> None:
    id = await room.create("one")
    await room.store.append(room.tenant, id, [room.picture("p")], {}, writer="w")
    made = await room.respond(id, "1")
    await room.store.delete(room.tenant, id)
    assert [each.relative_to(tmp_path / "blobs").parts[0] for each in files(tmp_path)] == ["threads"]
    shown = await room.talk.store.shown(room.tenant, made)
    assert shown.items[1] == room.picture("p")


async def test_a_record_is_put_with_the_items_or_not_at_all(room: Room) -> None:
    """Where the record's row is taken, nothing is added."""
    id = await room.create()
    hold, place = await room.lock(id)
    record = await room.talk.store.prepare(place, room.talk.turn(place, "x"))
    await room.keyed.put(record.key, {"v": 1, "ttl": record.values["ttl"]})
    with pytest.raises(ConversationLocked):
        await room.store.commit(hold, room.items("x"), {}, record=Put(record.key, record.values, record.when))
    assert await room.said(id) == []
