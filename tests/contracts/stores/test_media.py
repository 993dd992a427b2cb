"""What is large lies beside the rows, once; it comes back to the byte, and goes with its last need."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.blobs.lifting import digest_of
from lambda_responses.storage.keyed.port import Key, Range, StoreUnavailable
from lambda_responses.storage.responses import ResponseNotFound, ResponseStore, TooLargeToStore
from lambda_responses.storage.transfers import MovedResponse, Transfers
from tests.contracts.stores.holdings import blobs_among
from tests.contracts.stores.kit import Talk, WatchedStore, nothing, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore, Row
    from lambda_responses.storage.responses import Context, Reservation, StoredResponse
    from tests.contracts.stores.holdings import Holdings
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

DAY = 86_400


class WatchedBlobs:
    """Blobs that count what is asked of them, and let tests step in."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.before: Any = nothing
        self.requests: Counter[str] = Counter()
        self.expiries: list[int | None] = []

    async def put(self, name: str, data: bytes, *, expires: int | None) -> None:
        await self._count("put", name)
        self.expiries.append(expires)
        await self._blobs.put(name, data, expires=expires)

    async def get(self, name: str) -> bytes | None:
        await self._count("get", name)
        return await self._blobs.get(name)

    async def delete(self, names: Any) -> None:
        await self._count("delete", names)
        await self._blobs.delete(names)

    async def clear(self, scope: str) -> None:
        await self._count("clear", scope)
        await self._blobs.clear(scope)

    def close(self) -> None:
        pass

    async def _count(self, verb: str, argument: object) -> None:
        await self.before(verb, argument)
        self.requests[verb] += 1


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def kept(blobs: Blobs) -> WatchedBlobs:
    return WatchedBlobs(blobs)


@pytest.fixture(params=["keep", "erase"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def talk(mode: str, watched: WatchedStore, kept: WatchedBlobs, clock: Clock) -> Talk:
    return made_talk(watched, kept, clock, mode)


@pytest.fixture
def keeping(watched: WatchedStore, kept: WatchedBlobs, clock: Clock) -> Talk:
    return made_talk(watched, kept, clock, "keep")


@pytest.fixture
def erasing(watched: WatchedStore, kept: WatchedBlobs, clock: Clock) -> Talk:
    return made_talk(watched, kept, clock, "erase")


def made_talk(watched: Any, kept: WatchedBlobs, clock: Clock, mode: Any) -> Talk:
    store = ResponseStore(watched, now=clock, retention_days=30, blobs=kept, delete_mode=mode)
    return Talk(store, f"acme-{secrets.token_hex(6)}")


def picture(seed: int, size: int = 20_000) -> bytes:
    return random.Random(seed).randbytes(size)


def url(data: bytes) -> str:
    return f"data:image/png;base64,{b64encode(data).decode()}"


def turn(talk: Talk, reservation: Reservation, text: str, *pictures: bytes) -> StoredResponse:
    stored = talk.turn(reservation, text)
    [asked] = stored.input
    shown = [{"type": "input_image", "detail": "auto", "image_url": url(each)} for each in pictures]
    return replace(stored, input=[{**asked, "content": [*asked["content"], *shown]}])


async def show(talk: Talk, text: str, *pictures: bytes, after: str | None = None) -> str:
    """One whole turn in which pictures are shown."""
    reservation = await talk.reserve(await talk.after(after) if after else None)
    await talk.store.commit(reservation, turn(talk, reservation, text, *pictures))
    return reservation.response_id


def pictures_in(context: Context) -> list[str]:
    return [part["image_url"] for item in context.items for part in item["content"] if "image_url" in part]


def said(context: Context) -> list[str]:
    return texts(
        [{"content": [part for part in item["content"] if "text" in part]} for item in context.items]
    )


async def rows_of(keyed: KeyedStore, talk: Talk, response_id: str) -> Sequence[Row]:
    return await keyed.query(Range(f"{talk.tenant}#T#{response_id[13:37]}", "A", "~"))


async def test_a_picture_is_kept_as_bytes_and_comes_back_as_text(
    talk: Talk, keyed: KeyedStore, blobs: Blobs, holdings: Holdings
) -> None:
    data = picture(1)
    first = await show(talk, "look", data)
    [asked] = (await talk.store.get(talk.tenant, first)).input
    assert asked["content"][1]["image_url"] == url(data)
    assert pictures_in(await talk.after(first)) == [url(data)]
    assert (await talk.store.items(talk.tenant, [asked["id"]]))[asked["id"]].item == asked
    [name] = blobs_among(holdings(talk.tenant))
    assert name.startswith(f"threads/{talk.tenant}/{first[13:37]}/{digest_of(data)}-")
    assert await blobs.get(name) == data
    sizes = [len(value) for row in await rows_of(keyed, talk, first) for value in row.values.values()
             if isinstance(value, bytes)]  # fmt: skip
    assert sum(sizes) < 2_000


async def test_what_a_model_draws_is_kept_as_bytes(talk: Talk, kept: WatchedBlobs) -> None:
    reservation = await talk.reserve()
    drawn = {"id": "ig_1", "type": "image_generation_call", "status": "completed"}
    drawn["result"] = b64encode(picture(1)).decode()
    stored = talk.turn(reservation, "draw")
    stored = replace(
        stored, response={**stored.response, "output": [drawn]}, origins={"ig_1": {"data": drawn["result"]}}
    )
    await talk.store.commit(reservation, stored)
    assert kept.requests == {"put": 1}
    found = await talk.store.get(talk.tenant, reservation.response_id)
    assert json.dumps(found.response) == json.dumps(stored.response)
    assert found == stored


async def test_what_is_brought_back_while_it_is_being_deleted_is_there_whole(
    talk: Talk, keyed: KeyedStore, kept: WatchedBlobs
) -> None:
    response_id = await show(talk, "look", picture(1))
    moved = MovedResponse(
        response_id, None, deleted=False, stored=await talk.store.get(talk.tenant, response_id)
    )
    brought: list[bool] = []

    async def bring_back(verb: str, names: object) -> None:
        if verb == "delete" and names and not brought:
            brought.append(await Transfers(keyed, talk.store).taken_in(talk.tenant, moved))

    kept.before = bring_back
    await talk.store.delete(talk.tenant, response_id)
    assert brought == [True]
    assert await talk.store.get(talk.tenant, response_id) == moved.stored


async def test_an_item_that_was_sent_again_is_found_as_it_was_at_first(talk: Talk) -> None:
    first = await talk.say("one")
    reservation = await talk.reserve(await talk.after(first))
    [item] = (await talk.store.get(talk.tenant, first)).input
    stored = talk.turn(reservation, "two")
    again = {**item, "content": [{"type": "input_text", "text": "altered"}]}
    await talk.store.commit(reservation, replace(stored, input=[again, *stored.input]))
    found = await talk.store.items(talk.tenant, [item["id"], stored.input[0]["id"]])
    assert found[item["id"]].item == item


async def test_a_turn_without_media_asks_for_no_blob(talk: Talk, kept: WatchedBlobs) -> None:
    root = await talk.say("1")
    fork = [await talk.say("2", after=root) for _ in range(3)][-1]
    await talk.store.get(talk.tenant, fork)
    await talk.store.shown(talk.tenant, fork)
    await talk.store.delete(talk.tenant, root)
    await talk.store.delete(talk.tenant, fork)
    assert not kept.requests


async def test_a_picture_that_is_shown_in_every_turn_is_written_and_read_once(
    talk: Talk, kept: WatchedBlobs, watched: WatchedStore, mode: str
) -> None:
    """Turns that are erased at any time share nothing: each has a copy, of which one is read."""
    data = picture(1, 500_000)
    last = await show(talk, "0", data)
    for index in range(1, 50):
        watched.reset()
        last = await show(talk, str(index), data, after=last)
        assert watched.write_units <= 5
    assert kept.requests["put"] == {"keep": 1, "erase": 50}[mode]
    kept.requests.clear()
    watched.reset()
    context = await talk.after(last)
    assert pictures_in(context) == [url(data)] * 50
    assert kept.requests == {"get": 1}
    assert watched.requests == {"get": 1, "query": 1}


async def test_a_picture_outlives_every_turn_that_shows_it(
    talk: Talk, kept: WatchedBlobs, clock: Clock, mode: str
) -> None:
    """On S3 by its age: what the store counts on never exceeds what the lifecycle rule leaves."""
    data = picture(1)
    last = await show(talk, "0", data)
    written_at = [clock()]
    for index in range(1, 30):
        clock.advance(2 * DAY)
        before = kept.requests["put"]
        last = await show(talk, str(index), data, after=last)
        written_at += [clock()] * (kept.requests["put"] - before)
        assert clock() + 37 * DAY <= written_at[-1] + 44 * DAY
    assert len(written_at) <= 1 + 60 / 7 * 2 or mode == "erase"
    clock.advance(30 * DAY - 1)
    assert pictures_in(await talk.after(last)) == [url(data)] * 30


async def test_a_fork_that_shows_the_picture_again_has_its_own(
    talk: Talk, holdings: Holdings, mode: str
) -> None:
    data = picture(1)
    root = await show(talk, "root", data)
    first, fork = [await show(talk, name, data, after=root) for name in ("first", "fork")]
    assert len(blobs_among(holdings(talk.tenant))) == {"keep": 2, "erase": 3}[mode]
    await talk.store.delete(talk.tenant, first)
    assert pictures_in(await talk.after(fork)) == [url(data)] * 2
    await talk.store.delete(talk.tenant, root)
    await talk.store.delete(talk.tenant, fork)
    assert holdings(talk.tenant) == []


async def test_a_long_text_lies_in_one_blob_and_costs_few_units(
    talk: Talk, watched: WatchedStore, kept: WatchedBlobs
) -> None:
    text = talk.noise(1_500_000)
    first = await talk.say(text)
    assert watched.write_units <= 5
    assert kept.requests == {"put": 1}
    second = await talk.say("2", after=first)
    assert texts((await talk.after(second)).items) == [f"ask {text}", f"answer {text}", "ask 2", "answer 2"]


async def test_a_long_envelope_lies_in_a_blob_and_goes_with_the_response(
    talk: Talk, kept: WatchedBlobs, holdings: Holdings
) -> None:
    instructions = talk.noise(1_500_000)
    first = await talk.say("1", instructions=instructions)
    second = await talk.say("2", after=first)
    assert (await talk.store.get(talk.tenant, first)).response["instructions"] == instructions
    assert kept.requests == {"put": 1, "get": 1}
    await talk.store.delete(talk.tenant, first)
    assert blobs_among(holdings(talk.tenant)) == []
    await talk.store.delete(talk.tenant, second)
    assert holdings(talk.tenant) == []


async def test_a_snapshot_has_what_it_needs_in_its_own_thread(
    talk: Talk, clock: Clock, holdings: Holdings, kept: WatchedBlobs
) -> None:
    data, text = picture(1), talk.noise(500_000)
    root = await talk.say(text, after=await show(talk, "0", data))
    await talk.say("the first to continue", after=root)
    clock.advance(20 * DAY)
    fork = await show(talk, "fork", after=root)
    clock.advance(20 * DAY)  # all before the fork has expired
    with pytest.raises(ResponseNotFound):
        await talk.after(root)
    assert pictures_in(await talk.after(fork)) == [url(data)]
    assert said(await talk.after(fork))[2:4] == [f"ask {text}", f"answer {text}"]
    await talk.store.delete(talk.tenant, fork)
    assert not [each for each in blobs_among(holdings(talk.tenant)) if fork[13:37] in each]


async def test_a_missing_blob_is_a_missing_part_of_the_history(
    talk: Talk, blobs: Blobs, holdings: Holdings
) -> None:
    first = await show(talk, "0", picture(1))
    second = await talk.say("1", after=first)
    item_id = (await talk.store.get(talk.tenant, first)).input[0]["id"]
    await blobs.delete(blobs_among(holdings(talk.tenant)))
    for response_id in (first, second):
        for read in (talk.store.context, talk.store.shown):
            with pytest.raises(ResponseNotFound):
                await read(talk.tenant, response_id)
    with pytest.raises(ResponseNotFound):
        await talk.store.get(talk.tenant, first)
    assert await talk.store.items(talk.tenant, [item_id]) == {}
    assert (await talk.store.get(talk.tenant, second)).input
    for response_id in (first, second):
        await talk.store.delete(talk.tenant, response_id)
    assert holdings(talk.tenant) == []


async def test_blobs_come_before_the_rows_that_refer_to_them(
    talk: Talk, watched: WatchedStore, kept: WatchedBlobs
) -> None:
    order: list[str] = []

    async def note(verb: str, argument: Any) -> None:
        order.append(argument.sk[0] if isinstance(argument, Key) else verb)

    watched.before = kept.before = note
    await show(talk, "0", picture(1), picture(2))
    assert order == ["put", "put", "C", "R"]

    async def fail(_verb: str, _argument: object) -> None:
        raise StoreUnavailable

    order.clear()
    kept.before = fail
    with pytest.raises(StoreUnavailable):
        await show(talk, "0", picture(1))
    assert order == []


async def test_without_a_place_for_blobs_what_is_too_large_is_known_before(
    watched: WatchedStore, kept: WatchedBlobs, clock: Clock
) -> None:
    store: Any = watched
    bare, full = [Talk(ResponseStore(store, now=clock, blobs=each), "t") for each in (None, kept)]
    large: list[Any] = [{"type": "input_file", "file_data": bare.noise(5_000_000)}]
    with pytest.raises(TooLargeToStore):
        await bare.store.check_storable(large, {"input": large})
    await full.store.check_storable(large, {"input": large})
    endless = large * 20
    with pytest.raises(TooLargeToStore):
        await full.store.check_storable(endless, {"input": endless})


async def test_what_was_kept_with_blobs_is_not_found_without(
    keeping: Talk, watched: WatchedStore, clock: Clock
) -> None:
    first = await show(keeping, "0", picture(1))
    store: Any = watched
    with pytest.raises(ResponseNotFound):
        await ResponseStore(store, now=clock).context(keeping.tenant, first)


async def tree_of(talk: Talk, clock: Clock, random: random.Random) -> list[str]:
    """A history with everything: forks of forks, snapshots, pictures that come again, long texts."""
    ids = [await show(talk, "root", picture(0))]
    for index in range(14):
        if index in (5, 9):
            clock.advance(5 * DAY)
        after = random.choice(ids[-4:])
        shown = [picture(random.randrange(3)) for _ in range(random.randrange(3))]
        text = talk.noise(400_000) if index % 6 == 0 else str(index)
        ids.append(await show(talk, text, *shown, after=after))
    return ids


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_left_once_all_of_a_history_is_deleted(
    talk: Talk, clock: Clock, holdings: Holdings, seed: int
) -> None:
    chance = random.Random(seed)
    ids = await tree_of(talk, clock, chance)
    assert len({id[13:37] for id in ids}) > 3
    assert blobs_among(holdings(talk.tenant))
    chance.shuffle(ids)
    while ids:
        await talk.store.delete(talk.tenant, ids.pop())
        for left in ids:
            await talk.after(left)
            await talk.store.get(talk.tenant, left)
    assert holdings(talk.tenant) == []


async def test_nothing_is_left_once_all_of_a_history_is_deleted_at_once(
    talk: Talk, clock: Clock, holdings: Holdings
) -> None:
    ids = await tree_of(talk, clock, random.Random(7))
    await asyncio.gather(*(talk.store.delete(talk.tenant, each) for each in ids))
    assert holdings(talk.tenant) == []


async def test_forks_that_come_to_nothing_keep_nothing(talk: Talk, holdings: Holdings) -> None:
    root = await show(talk, "root", picture(1))
    first = await talk.say("first", after=root)
    context = await talk.after(root)
    abandoned = [await talk.reserve(context) for _ in range(3)]
    for response_id in (root, first):
        await talk.store.delete(talk.tenant, response_id)
    assert holdings(talk.tenant)
    for reservation in abandoned:
        await talk.store.release(reservation)
    assert holdings(talk.tenant) == []


async def test_a_fork_that_was_begun_before_a_delete_stands(talk: Talk, holdings: Holdings) -> None:
    root = await show(talk, "root", picture(1))
    children = [await talk.say(f"{index}", after=root) for index in range(3)]
    context = await talk.after(root)
    begun = await talk.reserve(context)
    for response_id in (root, *children):
        await talk.store.delete(talk.tenant, response_id)
    with pytest.raises(ResponseNotFound):
        await talk.reserve(context)
    await talk.store.commit(begun, talk.turn(begun, "late"))
    found = said(await talk.after(begun.response_id))
    await talk.store.delete(talk.tenant, begun.response_id)
    assert found[-2:] == ["ask late", "answer late"]
    assert holdings(talk.tenant) == []


@pytest.mark.parametrize("step", range(7))
async def test_a_fork_and_the_removal_of_what_it_stands_on_never_miss_each_other(
    talk: Talk, watched: WatchedStore, holdings: Holdings, step: int
) -> None:
    """Whoever is the last but one goes at one of the moments between a fork's requests."""
    root = await show(talk, "root", picture(1))
    children = [await talk.say(f"{index}", after=root) for index in range(3)]
    context = await talk.after(root)
    await talk.store.delete(talk.tenant, children[0])
    requests = 0

    async def all_others_go() -> None:
        for response_id in (*children[1:], root):
            await talk.store.delete(talk.tenant, response_id)

    async def step_in(_verb: str, _argument: object) -> None:
        nonlocal requests
        requests += 1
        if requests == step + 1:
            watched.before = nothing
            await all_others_go()

    watched.before = step_in
    try:
        reservation = await talk.reserve(context)
        await talk.store.commit(reservation, talk.turn(reservation, "late"))
    except ResponseNotFound:
        pass
    else:
        if watched.before is not nothing:
            watched.before = nothing
            await all_others_go()
        assert said(await talk.after(reservation.response_id))[-2:] == ["ask late", "answer late"]
        await talk.store.delete(talk.tenant, reservation.response_id)
    assert holdings(talk.tenant) == []


async def test_erasing_takes_a_turn_out_of_the_history_of_others(
    erasing: Talk, keyed: KeyedStore, holdings: Holdings
) -> None:
    talk = erasing
    first = await show(talk, "1", picture(1))
    second = await show(talk, "secret", picture(2), after=first)
    third = await show(talk, "3", picture(3), after=second)
    before = await talk.store.get(talk.tenant, third)
    await talk.store.delete(talk.tenant, second)
    assert said(await talk.after(third)) == ["ask 1", "answer 1", "ask 3", "answer 3"]
    assert pictures_in(await talk.after(third)) == [url(picture(1)), url(picture(3))]
    assert await talk.store.get(talk.tenant, third) == before
    assert said_ids(await talk.store.shown(talk.tenant, third)) == said_ids(await talk.after(third))[:-1]
    [left] = [row for row in await rows_of(keyed, talk, first) if row.key.sk.startswith("C#000001")]
    assert {name for name, value in left.values.items() if isinstance(value, bytes)} == set()
    assert len(blobs_among(holdings(talk.tenant))) == 2
    fourth = await talk.say("4", after=third)
    assert said(await talk.after(fourth))[-4:] == ["ask 3", "answer 3", "ask 4", "answer 4"]
    with pytest.raises(ResponseNotFound):
        await talk.store.delete(talk.tenant, second)
    for response_id in (first, third, fourth):
        await talk.store.delete(talk.tenant, response_id)
    assert holdings(talk.tenant) == []


def said_ids(shown: Any) -> list[str]:
    return [item["id"] for item in shown.items]


async def test_erasing_reaches_the_snapshots_of_all_who_stand_on_it(
    erasing: Talk, clock: Clock, keyed: KeyedStore, holdings: Holdings
) -> None:
    talk = erasing
    data = picture(5)
    root = await talk.say("root")
    secret = await show(talk, "secret", data, after=root)
    heirs = [await talk.say(f"heir {index}", after=secret) for index in range(3)]
    heirs.append(await talk.say("heir of an heir", after=heirs[2]))
    clock.advance(20 * DAY)
    heirs += [await show(talk, f"late {heir[-4:]}", data, after=heir) for heir in [*heirs, secret]]
    before = {heir: said(await talk.after(heir)) for heir in heirs}
    await talk.store.delete(talk.tenant, secret)
    for heir in heirs:
        context = await talk.after(heir)
        assert said(context) == [each for each in before[heir] if "secret" not in each]
        assert pictures_in(context) == [url(data)] * before[heir][-1].count("late")
    for response_id in (root, *heirs):
        await talk.store.delete(talk.tenant, response_id)
    assert holdings(talk.tenant) == []


async def test_erasings_at_the_same_time_take_out_all(
    erasing: Talk, clock: Clock, holdings: Holdings
) -> None:
    talk = erasing
    ids = [await talk.say("0")]
    for index in range(1, 6):
        ids.append(await show(talk, str(index), picture(index), after=ids[-1]))
    clock.advance(20 * DAY)
    last = await talk.say("last", after=ids[-1])
    await asyncio.gather(*(talk.store.delete(talk.tenant, each) for each in ids[1:5]))
    assert said(await talk.after(last)) == [
        "ask 0",
        "answer 0",
        "ask 5",
        "answer 5",
        "ask last",
        "answer last",
    ]
    for response_id in (ids[0], ids[5], last):
        await talk.store.delete(talk.tenant, response_id)
    assert holdings(talk.tenant) == []


async def test_an_erasing_that_was_cut_short_goes_on_when_it_is_asked_for_again(
    erasing: Talk, watched: WatchedStore
) -> None:
    talk = erasing
    first = await talk.say("secret")
    second = await talk.say("2", after=first)

    async def fail_at_the_turn(verb: str, _argument: object) -> None:
        if verb == "put":
            raise StoreUnavailable

    watched.before = fail_at_the_turn
    with pytest.raises(StoreUnavailable):
        await talk.store.delete(talk.tenant, first)
    watched.before = nothing
    with pytest.raises(ResponseNotFound):
        await talk.store.delete(talk.tenant, first)
    assert said(await talk.after(second)) == ["ask 2", "answer 2"]


async def test_calls_and_their_outputs_stay_together_where_a_turn_was_erased(erasing: Talk) -> None:
    talk = erasing

    async def say(after: str | None, input: list[Any], output: list[Any]) -> str:
        reservation = await talk.reserve(await talk.after(after) if after else None)
        own = reservation.response_id[13:]
        stored = talk.turn(reservation, "")
        items = [{"id": f"x_{own}{index:08x}", **item} for index, item in enumerate([*input, *output])]
        given, made = items[: len(input)], items[len(input) :]
        stored = replace(stored, input=given, response={**stored.response, "output": made}, origins={})
        await talk.store.commit(reservation, stored)
        return reservation.response_id

    def call(id: str) -> dict[str, Any]:
        return {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"}

    def answer(id: str) -> dict[str, Any]:
        return {"type": "function_call_output", "call_id": id, "output": "1"}

    thought = {"type": "reasoning", "summary": []}
    hello = {"type": "message", "role": "user", "content": "hello"}
    first = await say(None, [hello], [thought, call("a")])
    second = await say(first, [answer("a")], [call("b")])
    third = await say(second, [answer("b")], [call("c")])
    fourth = await say(third, [answer("c")], [call("d")])
    await talk.store.delete(talk.tenant, second)
    kinds = [(item["type"], item.get("call_id")) for item in (await talk.after(fourth)).items]
    assert kinds == [
        ("message", None),
        ("function_call", "c"),
        ("function_call_output", "c"),
        ("function_call", "d"),
    ]
    shown = (await talk.store.shown(talk.tenant, third)).items
    assert [item["type"] for item in shown] == ["message"]


async def test_a_turn_in_the_making_keeps_the_picture_that_an_erased_turn_had(
    erasing: Talk, watched: WatchedStore, holdings: Holdings
) -> None:
    """At whatever moment of the commit the delete comes."""
    talk = erasing
    data = picture(1)
    for step in range(4):
        first = await show(talk, "first", data)
        reservation = await talk.reserve(await talk.after(first))
        requests = 0

        async def step_in(_verb: str, _argument: object, step: int = step, first: str = first) -> None:
            nonlocal requests
            requests += 1
            if requests == step + 1:
                watched.before = nothing
                await talk.store.delete(talk.tenant, first)

        watched.before = step_in
        await talk.store.commit(reservation, turn(talk, reservation, "second", data))
        watched.before = nothing
        assert pictures_in(await talk.after(reservation.response_id))[-1] == url(data)
        await talk.store.delete(talk.tenant, reservation.response_id)
        if step >= requests:
            await talk.store.delete(talk.tenant, first)
    assert holdings(talk.tenant) == []


async def test_keeping_leaves_the_history_of_others_as_it_was(keeping: Talk, holdings: Holdings) -> None:
    talk = keeping
    first = await show(talk, "1", picture(1))
    second = await talk.say("2", after=first)
    await talk.store.delete(talk.tenant, first)
    assert pictures_in(await talk.after(second)) == [url(picture(1))]
    await talk.store.delete(talk.tenant, second)
    assert holdings(talk.tenant) == []


@pytest.mark.parametrize("verb", ["put", "delete", "get"])
async def test_a_turn_and_the_delete_of_what_it_stands_on_meet_at_no_blob(
    talk: Talk, kept: WatchedBlobs, holdings: Holdings, verb: str
) -> None:
    """One of the two is committed while a request of the other is on its way to the bucket."""
    data = picture(1)
    first = await show(talk, "first", data)
    reservation = await talk.reserve(await talk.after(first))

    async def commit() -> None:
        await talk.store.commit(reservation, turn(talk, reservation, "second", data))

    async def remove() -> None:
        await talk.store.delete(talk.tenant, first)

    one, other = (commit, remove) if verb == "put" else (remove, commit)

    async def step_in(asked: str, _argument: object) -> None:
        if asked == verb:
            kept.before = nothing
            await other()

    kept.before = step_in
    await one()
    if kept.before is step_in:  # it asked nothing of the bucket
        kept.before = nothing
        await other()
    second = reservation.response_id
    assert pictures_in(await talk.after(second))[-1] == url(data)
    assert await talk.store.get(talk.tenant, second)
    third = await talk.say("third", after=second)
    await talk.store.delete(talk.tenant, second)
    await talk.after(third)
    await talk.store.delete(talk.tenant, third)
    assert holdings(talk.tenant) == []


async def test_a_snapshot_that_is_cut_while_it_is_removed_leaves_nothing(
    erasing: Talk, watched: WatchedStore, clock: Clock, holdings: Holdings
) -> None:
    """At whatever request of the one delete the other comes."""
    talk = erasing
    for step in range(30):
        first = await show(talk, talk.noise(300_000), picture(1))
        second = await show(talk, talk.noise(500_000), picture(2), after=first)
        clock.advance(20 * DAY)
        third = await show(talk, "third", picture(1), after=second)
        requests = 0

        async def step_in(_verb: str, _argument: object, step: int = step, third: str = third) -> None:
            nonlocal requests
            requests += 1
            if requests == step + 1:
                watched.before = nothing
                await talk.store.delete(talk.tenant, third)

        watched.before = step_in
        await talk.store.delete(talk.tenant, first)
        watched.before = nothing
        if requests <= step:
            assert pictures_in(await talk.after(third)) == [url(picture(2)), url(picture(1))]
            await talk.store.delete(talk.tenant, third)
        await talk.store.delete(talk.tenant, second)
        assert holdings(talk.tenant) == []
        if requests <= step:
            return
    pytest.fail("the delete has more requests than that")


async def test_a_context_of_pictures_that_is_longer_than_any_turn_goes_on_in_a_snapshot(
    talk: Talk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambda_responses.storage.bundles.MAX_BUNDLE", 100_000)
    last = await show(talk, "0", picture(0, 60_000))
    for index in range(1, 4):
        last = await show(talk, str(index), picture(index, 60_000), after=last)
    clock.advance(10 * DAY)
    last = await talk.say("and on", after=last)
    clock.advance(25 * DAY)  # all before it has expired
    assert pictures_in(await talk.after(last)) == [url(picture(index, 60_000)) for index in range(4)]


async def test_what_is_erased_while_it_is_read_is_read_again(erasing: Talk, kept: WatchedBlobs) -> None:
    talk = erasing
    for read in (talk.store.context, talk.store.shown):
        first = await show(talk, "first", picture(1))
        second = await show(talk, "second", picture(2), after=first)

        async def step_in(_verb: str, name: Any, first: str = first) -> None:
            if digest_of(picture(1)) in name:
                kept.before = nothing
                await talk.store.delete(talk.tenant, first)

        kept.before = step_in
        found: Any = await read(talk.tenant, second)
        assert pictures_in(found) == [url(picture(2))]


async def test_of_what_was_given_up_nothing_is_left(
    talk: Talk, watched: WatchedStore, holdings: Holdings
) -> None:
    first = await show(talk, "first", picture(1))
    for after in (None, first):
        before = holdings(talk.tenant)
        reservation = await talk.reserve(await talk.after(after) if after else None)

        async def fail(verb: str, argument: Any) -> None:
            if verb == "put" and argument.sk.startswith("R#") and argument.sk.count("#") == 1:
                raise StoreUnavailable

        watched.before = fail
        with pytest.raises(StoreUnavailable):
            await talk.store.commit(reservation, turn(talk, reservation, "second", picture(1), picture(2)))
        watched.before = nothing
        await talk.store.release(reservation)
        assert holdings(talk.tenant) == before
    assert pictures_in(await talk.after(first)) == [url(picture(1))]


@pytest.mark.parametrize("forks", [False, True])
@pytest.mark.parametrize("length", [10, 500_000])
async def test_erasing_takes_out_of_a_compaction_what_that_keeps_word_for_word(
    erasing: Talk, clock: Clock, holdings: Holdings, forks: bool, length: int
) -> None:
    talk = erasing
    secret = await talk.say(talk.noise(length))
    [asked] = (await talk.store.get(talk.tenant, secret)).input
    if forks:
        await talk.say("the first to continue", after=secret)
    reservation = await talk.reserve(await talk.after(secret))
    stored = talk.turn(reservation, "2", secret)
    item = {"id": "cmp_1", "type": "compaction", "encrypted_content": "lr1.x"}
    [said] = stored.input
    origin = {"summary": "s", "before": [asked, said], "after": [], "whole": True}
    response = {**stored.response, "output": [item]}
    await talk.store.commit(reservation, replace(stored, response=response, origins={"cmp_1": origin}))
    compacted = reservation.response_id
    clock.advance(20 * DAY)
    third = await talk.say("3", after=compacted)
    await talk.store.delete(talk.tenant, secret)
    for response_id in (compacted, third):
        assert (await talk.after(response_id)).origins["cmp_1"] == {**origin, "before": [said]}
    assert (await talk.store.get(talk.tenant, compacted)).response == response
    fourth = await talk.say("4", after=third)
    await talk.store.delete(talk.tenant, compacted)
    assert "cmp_1" not in (await talk.after(fourth)).origins
    assert blobs_among(holdings(talk.tenant)) == []
