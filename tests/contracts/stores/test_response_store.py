"""What the response store promises on every keyed store."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.keyed.port import ConditionFailed, Key, Range, StoreUnavailable
from lambda_responses.storage.responses import (
    ResponseNotFound,
    ResponseStore,
    StoredResponse,
    TooLargeToStore,
)
from tests.contracts.stores.kit import WRITES, Talk, WatchedStore, asked_and_answered, nothing, texts

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore, Row
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

DAY = 86_400
SECOND_THOUGHTS = 7


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def talk(watched: WatchedStore, clock: Clock) -> Talk:
    store: Any = watched
    return Talk(ResponseStore(store, now=clock, retention_days=30), f"acme-{secrets.token_hex(6)}")


async def rows_of(keyed: KeyedStore, talk: Talk, response_id: str) -> list[Row]:
    """All rows of a response's thread, whatever they are."""
    thread = response_id[13:37]
    return list(await keyed.query(Range(f"{talk.tenant}#T#{thread}", "A", "~")))


async def test_a_response_comes_back_to_the_byte(talk: Talk) -> None:
    reservation = await talk.reserve()
    stored = talk.turn(reservation, "lone \ud800 surrogate, Grüße, \x00", metadata={"z": "1", "a": "2"})
    await talk.store.commit(reservation, stored)
    found = await talk.store.get(talk.tenant, reservation.response_id)
    assert json.dumps(found.response) == json.dumps(stored.response)
    assert found == stored


@pytest.mark.parametrize("output", [[], None, "absent"])
async def test_a_response_without_output_comes_back_as_it_was(talk: Talk, output: Any) -> None:
    reservation = await talk.reserve()
    response = talk.turn(reservation, "x", status="failed").response | {"output": output}
    if output == "absent":
        del response["output"]
    await talk.store.commit(reservation, StoredResponse(response, []))
    found = await talk.store.get(talk.tenant, reservation.response_id)
    assert json.dumps(found.response) == json.dumps(response)
    assert (await talk.after(reservation.response_id)).status == "failed"


async def test_a_context_holds_the_whole_chain_oldest_first(talk: Talk) -> None:
    first = await talk.say("1")
    second = await talk.say("2", after=first)
    third = await talk.say("3", after=second)
    context = await talk.after(third)
    assert texts(context.items) == asked_and_answered("1", "2", "3")
    assert [context.origins[item["id"]]["id"] for item in context.items[1::2]] == ["rs_1", "rs_2", "rs_3"]
    assert context.status == "completed"
    assert texts((await talk.after(second)).items) == asked_and_answered("1", "2")


async def test_input_items_are_what_the_model_saw(talk: Talk) -> None:
    second = await talk.say("2", after=await talk.say("1"))
    assert texts((await talk.store.shown(talk.tenant, second)).items) == ["ask 1", "answer 1", "ask 2"]


async def test_an_item_is_found_by_its_own_id_as_long_as_its_response_is(talk: Talk) -> None:
    first = await talk.say("1")
    second = await talk.say("2", after=first)
    for response_id in (first, second):
        stored = await talk.store.get(talk.tenant, response_id)
        for item in (*stored.input, *stored.response["output"]):
            found = (await talk.store.items(talk.tenant, [item["id"]]))[item["id"]]
            assert found.item == item
            assert found.origin == stored.origins.get(item["id"], {})
            assert await talk.store.items(f"{talk.tenant}-other", [item["id"]]) == {}
    gone = (await talk.store.get(talk.tenant, second)).response["output"][0]["id"]
    await talk.store.delete(talk.tenant, second)
    assert await talk.store.items(talk.tenant, [gone, "msg_1", "", first]) == {}


async def test_items_of_one_thread_are_found_by_reading_it_once(talk: Talk, watched: WatchedStore) -> None:
    last = None
    for index in range(60):
        last = await talk.say(f"{index} {talk.noise(1_000)}", after=last)
    assert last is not None
    context = await talk.after(last)
    ids = [item["id"] for item in context.items]
    watched.reset()
    await talk.after(last)
    of_one_reading = watched.read_units
    watched.reset()
    found = await talk.store.items(talk.tenant, ids * 3)
    assert [found[id].item for id in ids] == context.items
    assert watched.requests == {"query": 2}
    assert watched.read_units <= 2 * of_one_reading
    watched.reset()
    assert list(await talk.store.items(talk.tenant, ids[:1])) == ids[:1]
    assert watched.requests == {"query": 2}
    assert watched.read_units <= of_one_reading


async def test_the_next_turn_stands_in_the_same_thread(talk: Talk) -> None:
    first = await talk.say("1")
    assert (await talk.say("2", after=first))[13:37] == first[13:37]


async def test_nothing_is_found_before_the_commit(talk: Talk) -> None:
    first = await talk.reserve()
    await expect_not_found(talk, first.response_id)
    root = await talk.say("1")
    await expect_not_found(talk, (await talk.reserve(await talk.after(root))).response_id)


async def test_a_first_turn_asks_the_store_twice_and_a_later_one_five_times(
    talk: Talk, watched: WatchedStore
) -> None:
    first = await talk.say("1")
    assert watched.requests == {"put": 2}
    watched.reset()
    await talk.say("2", after=first)
    assert watched.requests == {"get": 1, "query": 1, "update": 1, "put": 2}


async def test_two_hundred_turns_are_read_in_two_requests_and_cost_five_write_units_each(
    talk: Talk, watched: WatchedStore
) -> None:
    last: str | None = None
    for index in range(200):
        watched.reset()
        last = await talk.say(f"{index} " + talk.noise(250) + " and so on" * 20, after=last)
        assert watched.write_units <= 5
    assert last is not None
    watched.reset()
    context = await talk.after(last)
    assert watched.requests == {"get": 1, "query": 1}
    assert len(context.items) == 400
    assert watched.read_units <= 68
    assert [text.split()[1] for text in texts(context.items)] == [str(n) for n in range(200) for _ in "io"]


async def test_a_second_continuation_forks_and_neither_sees_the_other(talk: Talk) -> None:
    root = await talk.say("root")
    left, right, third = [await talk.say(name, after=root) for name in ("left", "right", "third")]
    assert left[13:37] == root[13:37]
    assert len({each[13:37] for each in (left, right, third)}) == 3
    deeper = await talk.say("deeper", after=right)
    assert texts((await talk.after(left)).items) == asked_and_answered("root", "left")
    assert texts((await talk.after(third)).items) == asked_and_answered("root", "third")
    assert texts((await talk.after(deeper)).items) == asked_and_answered("root", "right", "deeper")
    assert texts((await talk.store.shown(talk.tenant, right)).items) == [
        "ask root",
        "answer root",
        "ask right",
    ]


async def test_continuations_at_the_same_time_never_mix(talk: Talk) -> None:
    root = await talk.say("0", after=await talk.say("root"))
    context = await talk.after(root)

    async def whole_turn(name: str) -> str:
        reservation = await talk.reserve(context)
        await talk.store.commit(reservation, talk.turn(reservation, name))
        return reservation.response_id

    names = [f"branch {index}" for index in range(12)]
    ids = await asyncio.gather(*map(whole_turn, names))
    assert [each[13:37] for each in ids].count(root[13:37]) == 1
    for name, response_id in zip(names, ids, strict=True):
        assert texts((await talk.after(response_id)).items) == asked_and_answered("root", "0", name)


async def test_each_segment_of_a_fork_costs_one_more_query(talk: Talk, watched: WatchedStore) -> None:
    last = await talk.say("0")
    for forks in range(1, 9):
        await talk.say("the first to continue", after=last)
        last = await talk.say(f"{forks}", after=last)
        watched.reset()
        context = await talk.after(last)
        assert watched.requests == {"get": 1, "query": 1 + forks}
        assert texts(context.items) == asked_and_answered(*map(str, range(forks + 1)))


async def test_a_chain_of_many_forks_is_flattened_and_stays_whole(talk: Talk, watched: WatchedStore) -> None:
    last = await talk.say("0")
    for forks in range(1, 30):
        await talk.say("the first to continue", after=last)
        last = await talk.say(f"{forks}", after=last)
        watched.reset()
        context = await talk.after(last)
        assert sum(watched.requests.values()) <= 2 + 8 + 1
        assert texts(context.items) == asked_and_answered(*map(str, range(forks + 1)))
        assert len(context.origins) == forks + 1


async def test_a_turn_after_a_snapshot_stands_on_it(talk: Talk, watched: WatchedStore, clock: Clock) -> None:
    first = await talk.say("1")
    clock.advance(10 * DAY)
    last = await talk.say("3", after=await talk.say("2", after=first))
    assert last[13:37] == first[13:37]
    fork = await talk.say("4", after=await talk.say("fork", after=first))
    watched.reset()
    assert texts((await talk.after(last)).items) == asked_and_answered("1", "2", "3")
    assert watched.requests == {"get": 1, "query": 2}
    assert texts((await talk.after(fork)).items) == asked_and_answered("1", "fork", "4")


async def test_a_snapshot_of_nothing_is_one(talk: Talk, clock: Clock) -> None:
    """Of turns that said nothing: they can be continued however old they are."""
    place = await talk.reserve()
    await talk.store.commit(place, replace(talk.turn(place, "", output=[]), input=[], origins={}))
    clock.advance(20 * DAY)
    second = await talk.say("2", after=place.response_id)
    third = await talk.say("3", after=second)
    assert (await talk.after(third)).chain.place.base is not None
    assert texts((await talk.after(third)).items) == asked_and_answered("2", "3")


async def test_whatever_can_be_read_can_be_read_whole(
    talk: Talk, keyed: KeyedStore, watched: WatchedStore, clock: Clock
) -> None:
    last = await talk.say("0")
    rewritten = 0
    for turn in range(1, 40):
        clock.advance(3 * DAY)
        watched.reset()
        last = await talk.say(f"{turn}", after=last)
        rewritten += watched.requests["put"] > 2
    assert rewritten <= 40 * 3 / SECOND_THOUGHTS
    clock.advance(30 * DAY - 1)
    assert texts((await talk.after(last)).items) == asked_and_answered(*map(str, range(40)))
    clock.advance(1)
    await expect_not_found(talk, last)


async def test_every_row_expires(talk: Talk, keyed: KeyedStore, clock: Clock) -> None:
    first = await talk.say("1", instructions=talk.noise(10_000))
    clock.advance(10 * DAY)
    await talk.say("2", after=first)
    rows = await rows_of(keyed, talk, first)
    assert {row.key.sk[0] for row in rows} == {"R", "C", "S"}
    longest = clock() + 37 * DAY
    assert all(clock() < row.values["ttl"] <= longest for row in rows)


async def expect_not_found(talk: Talk, response_id: str) -> None:
    """No operation finds it, and all say so in the same way."""
    for operation in (talk.store.get, talk.store.context, talk.store.shown, talk.store.delete):
        with pytest.raises(ResponseNotFound) as fact:
            await operation(talk.tenant, response_id)
        assert fact.value.args == ()


NOT_OURS = [
    "",
    "resp_",
    "resp_68ab37bc27d081a0b1a7a1a1c7a3d5e60f1a2b3c4d5e6f7a8b",
    "resp_" + "g" * 48,
    "resp_" + "A" * 48,
    "resp_" + "0" * 48 + "#",
    "resp_" + "0" * 48 + "\n",
    "msg_" + "0" * 48,
    "chatcmpl-123",
    "resp_bGl0ZWxsbTpjdXN0b20=",
    "../../etc/passwd",
    "resp_" + "9" * 100_000,
    "\ud800",
]


@pytest.mark.parametrize("response_id", NOT_OURS, ids=range(len(NOT_OURS)))
async def test_ids_that_are_not_ours_are_not_found_without_a_request(
    talk: Talk, watched: WatchedStore, response_id: str
) -> None:
    await expect_not_found(talk, response_id)
    assert not watched.requests


async def test_an_id_of_our_look_that_was_never_given_out_is_not_found(
    talk: Talk, watched: WatchedStore
) -> None:
    with pytest.raises(ResponseNotFound):
        await talk.store.get(talk.tenant, "resp_" + "0" * 48)
    assert watched.requests == {"get": 1}


async def test_another_tenants_response_is_not_found_and_not_touched(talk: Talk) -> None:
    response_id = await talk.say("secret")
    stranger = replace(talk, tenant=f"{talk.tenant}-2")
    await expect_not_found(stranger, response_id)
    with pytest.raises(ResponseNotFound):
        await stranger.reserve(await talk.after(response_id))
    assert texts((await talk.after(response_id)).items) == asked_and_answered("secret")


async def test_an_expired_response_is_not_found(talk: Talk, clock: Clock) -> None:
    response_id = await talk.say("1")
    clock.advance(30 * DAY)
    await expect_not_found(talk, response_id)


async def test_a_released_place_is_taken_by_the_next(talk: Talk) -> None:
    root = await talk.say("root")
    reservation = await talk.reserve(await talk.after(root))
    await talk.store.release(reservation)
    following = await talk.say("next", after=root)
    assert following[13:37] == root[13:37]
    assert texts((await talk.after(following)).items) == asked_and_answered("root", "next")


async def test_only_the_holder_of_a_place_can_give_it_back(talk: Talk) -> None:
    root = await talk.say("root")
    context = await talk.after(root)
    held, fork = await talk.reserve(context), await talk.reserve(context)
    for other in (await talk.reserve(), fork):
        await talk.store.release(other)
    assert (await talk.reserve(await talk.after(root))).response_id[13:37] != root[13:37]
    await talk.store.release(held)
    following = await talk.reserve(await talk.after(root))
    assert following.response_id[13:37] == root[13:37]
    await talk.store.release(held)
    assert (await talk.reserve(await talk.after(root))).response_id[13:37] != root[13:37]


async def test_a_release_after_a_commit_changes_nothing(talk: Talk) -> None:
    root = await talk.say("root")
    reservation = await talk.reserve(await talk.after(root))
    await talk.store.commit(reservation, talk.turn(reservation, "kept"))
    await talk.store.release(reservation)
    assert (await talk.say("fork", after=root))[13:37] != root[13:37]


async def test_what_abandoned_turns_left_is_never_history(talk: Talk, watched: WatchedStore) -> None:
    root = await talk.say("root")

    async def no_control_row(verb: str, key: object) -> None:
        if verb == "put" and isinstance(key, Key) and key.sk.startswith("R#"):
            raise StoreUnavailable

    for _ in range(5):
        reservation = await talk.reserve(await talk.after(root))
        watched.before = no_control_row
        with pytest.raises(StoreUnavailable):
            await talk.store.commit(reservation, talk.turn(reservation, "abandoned"))
        watched.before = nothing
        await talk.store.release(reservation)
    following = await talk.say("next", after=root)
    last = await talk.say("last", after=following)
    assert last[13:37] == root[13:37]
    assert texts((await talk.after(last)).items) == asked_and_answered("root", "next", "last")


async def test_a_commit_cut_at_any_point_leaves_all_or_nothing(
    talk: Talk, watched: WatchedStore, clock: Clock
) -> None:
    root = await talk.say("root")
    clock.advance(10 * DAY)

    async def attempt(writes_allowed: int) -> tuple[str, StoredResponse, bool]:
        written = 0

        async def cut(verb: str, _key: object) -> None:
            nonlocal written
            written += verb in WRITES
            if written > writes_allowed:
                raise StoreUnavailable

        reservation = await talk.reserve(await talk.after(root))
        stored = talk.turn(reservation, talk.noise(600_000), instructions=talk.noise(600_000))
        watched.before = cut
        try:
            await talk.store.commit(reservation, stored)
        except StoreUnavailable:
            return reservation.response_id, stored, False
        finally:
            watched.before = nothing
        return reservation.response_id, stored, True

    for writes in range(20):
        response_id, stored, done = await attempt(writes)
        if done:
            assert await talk.store.get(talk.tenant, response_id) == stored
            assert writes >= 5
            break
        await expect_not_found(talk, response_id)
        assert texts((await talk.after(root)).items) == asked_and_answered("root")
    else:
        pytest.fail("20 writes were not enough")


async def test_a_claim_whose_answer_was_lost_still_holds(talk: Talk, watched: WatchedStore) -> None:
    root = await talk.say("root")
    update = watched.update

    async def repeated(*arguments: Any, **options: Any) -> Any:
        await update(*arguments, **options)
        return await update(*arguments, **options)

    watched.update = repeated
    assert (await talk.say("next", after=root))[13:37] == root[13:37]


async def test_a_repeated_commit_of_the_same_is_no_fault_and_of_another_is(talk: Talk) -> None:
    reservation = await talk.reserve()
    stored = talk.turn(reservation, "1")
    await talk.store.commit(reservation, stored)
    await talk.store.commit(reservation, stored)
    with pytest.raises(ConditionFailed):
        await talk.store.commit(reservation, talk.turn(reservation, "1", status="failed", model="other"))
    assert (await talk.store.get(talk.tenant, reservation.response_id)).response == stored.response


async def test_a_response_committed_between_the_two_reads_is_found_whole(
    talk: Talk, watched: WatchedStore
) -> None:
    root = await talk.say("root")
    reservation = await talk.reserve(await talk.after(root))
    queried = asyncio.Event()

    async def commit_in_between(verb: str, _key: object) -> None:
        if verb == "get":
            await queried.wait()
            watched.before = nothing
            await talk.store.commit(reservation, talk.turn(reservation, "just now"))

    inner_query = watched.query

    async def query(*arguments: Any, **options: Any) -> Any:
        rows = await inner_query(*arguments, **options)
        queried.set()
        return rows

    watched.before = commit_in_between
    watched.query = query
    context = await talk.after(reservation.response_id)
    assert texts(context.items) == asked_and_answered("root", "just now")


async def test_a_deleted_leaf_leaves_no_row(talk: Talk, keyed: KeyedStore) -> None:
    response_id = await talk.say("x" * 10, instructions=talk.noise(500_000), model=talk.noise(500_000))
    await talk.store.delete(talk.tenant, response_id)
    await expect_not_found(talk, response_id)
    assert await rows_of(keyed, talk, response_id) == []


async def test_descendants_of_a_deleted_response_keep_their_context(talk: Talk, keyed: KeyedStore) -> None:
    first = await talk.say("1", instructions=talk.noise(10_000))
    second = await talk.say("2", after=first)
    third = await talk.say("3", after=second)
    for deleted in (second, first):
        await talk.store.delete(talk.tenant, deleted)
        await expect_not_found(talk, deleted)
    assert texts((await talk.after(third)).items) == asked_and_answered("1", "2", "3")
    fourth = await talk.say("4", after=third)
    assert texts((await talk.after(fourth)).items) == asked_and_answered("1", "2", "3", "4")
    assert not [
        row for row in await rows_of(keyed, talk, first) if "env" in row.values and "gone" in row.values
    ]


async def test_what_was_kept_for_descendants_goes_with_the_last_of_them(
    talk: Talk, keyed: KeyedStore
) -> None:
    ids = [await talk.say("0")]
    for turn in range(1, 5):
        ids.append(await talk.say(f"{turn}", after=ids[-1]))
    for response_id in (ids[1], ids[0], ids[3], ids[4]):
        await talk.store.delete(talk.tenant, response_id)
    assert texts((await talk.after(ids[2])).items) == asked_and_answered("0", "1", "2")
    await talk.store.delete(talk.tenant, ids[2])
    assert await rows_of(keyed, talk, ids[0]) == []


async def test_a_fork_keeps_what_it_stands_on(talk: Talk) -> None:
    root = await talk.say("root")
    first, fork = await talk.say("first", after=root), await talk.say("fork", after=root)
    await talk.store.delete(talk.tenant, first)
    await talk.store.delete(talk.tenant, root)
    assert texts((await talk.after(fork)).items) == asked_and_answered("root", "fork")


async def test_a_turn_of_a_deleted_response_that_is_given_up_leaves_no_row(
    talk: Talk, keyed: KeyedStore
) -> None:
    root = await talk.say("root")
    reservation = await talk.reserve(await talk.after(root))
    await talk.store.delete(talk.tenant, root)
    await talk.store.release(reservation)
    assert await rows_of(keyed, talk, root) == []


async def test_a_response_deleted_meanwhile_cannot_be_continued(talk: Talk) -> None:
    leaf, parent, forked = [await talk.say(name) for name in ("leaf", "parent", "forked")]
    before_any_child = await talk.after(parent)
    await talk.say("child", after=parent)
    await talk.say("child", after=forked)
    for response_id in (leaf, parent, forked):
        context = await talk.after(response_id)
        await talk.store.delete(talk.tenant, response_id)
        with pytest.raises(ResponseNotFound):
            await talk.reserve(context)
    with pytest.raises(ResponseNotFound):
        await talk.reserve(before_any_child)


async def test_deletes_at_the_same_time_succeed_once(talk: Talk) -> None:
    response_id = await talk.say("1")
    outcomes = await asyncio.gather(
        *(talk.store.delete(talk.tenant, response_id) for _ in range(6)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", *["ResponseNotFound"] * 5]


async def test_a_continuation_and_a_delete_at_the_same_time_leave_no_broken_chain(talk: Talk) -> None:
    for _ in range(8):
        root = await talk.say("root")
        context = await talk.after(root)

        async def carry_on(context: Any = context) -> str:
            reservation = await talk.reserve(context)
            await talk.store.commit(reservation, talk.turn(reservation, "next"))
            return reservation.response_id

        following, _ = await asyncio.gather(
            carry_on(), talk.store.delete(talk.tenant, root), return_exceptions=True
        )
        await expect_not_found(talk, root)
        if not isinstance(following, BaseException):
            assert texts((await talk.after(following)).items) == asked_and_answered("root", "next")
        else:
            assert isinstance(following, ResponseNotFound)


async def test_large_turns_are_cut_over_rows_and_read_whole(talk: Talk, watched: WatchedStore) -> None:
    first = await talk.say(talk.noise(1_200_000), instructions=talk.noise(700_000))
    text = talk.noise(900_000)
    second = await talk.say(text, after=first)
    assert (await talk.store.get(talk.tenant, first)).response["instructions"]
    context = await talk.after(second)
    assert texts(context.items)[2:] == asked_and_answered(text)
    assert len(texts(context.items)[0]) == 1_200_004


async def test_a_long_envelope_does_not_make_continuing_dear(talk: Talk, watched: WatchedStore) -> None:
    tools = [{"type": "function", "name": talk.noise(12), "description": talk.noise(500)} for _ in range(20)]
    first = await talk.say("1", tools=tools)
    context = await talk.after(first)
    watched.reset()
    await talk.reserve(context)
    assert (watched.requests, watched.write_units) == ({"update": 1}, 1)
    assert (await talk.store.get(talk.tenant, first)).response["tools"] == tools


async def test_what_is_too_large_is_known_before_and_refused_at_the_commit(talk: Talk) -> None:
    root = await talk.say("root")
    reservation = await talk.reserve(await talk.after(root))
    stored = talk.turn(reservation, talk.noise(2_500_000))
    await talk.store.check_storable(stored.input, stored.response)
    with pytest.raises(TooLargeToStore):
        await talk.store.commit(reservation, stored)
    await expect_not_found(talk, reservation.response_id)
    too_large = [{"type": "input_file", "file_data": talk.noise(5_000_000)}]
    with pytest.raises(TooLargeToStore):
        await talk.store.check_storable(too_large, {})
    with pytest.raises(TooLargeToStore):
        await talk.store.check_storable([], {"instructions": talk.noise(5_000_000)})
    well_compressed = [{"type": "input_file", "file_data": "well compressed " * 1_000_000}]
    await talk.store.check_storable(well_compressed, {})
