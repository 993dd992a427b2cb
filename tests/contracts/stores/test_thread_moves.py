"""Threads on their way from one store to another: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.lifecycle.thread_moves import export_thread, import_thread
from lambda_responses.lifecycle.threads import list_thread
from lambda_responses.storage.keyed.port import Range, StoreUnavailable
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.responses import ResponseNotFound, ResponseStore, TooLargeToStore
from lambda_responses.wire.errors import InvalidRequestError, NotFoundError
from lambda_responses.wire.ids import thread_of
from tests.contracts.stores.kit import Clock, Talk, WatchedStore, asked_and_answered, nothing, texts
from tests.played import PlayedServices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore

pytestmark = pytest.mark.anyio

DAY = 86_400


on_sqlite_at_first = pytest.mark.parametrize(
    "keyed", ["sqlite", pytest.param("dynamodb", marks=pytest.mark.slow)], indirect=True
)
"""The emulator takes a second where the file takes a hundredth of one."""


class Place:
    """A tenant of an installation."""

    def __init__(self, folder: Path, clock: Clock, keyed: KeyedStore, *, tenant: str = "") -> None:
        self._made_of = (folder, clock, keyed)
        self.clock = clock
        self.watched = WatchedStore(keyed)
        store: Any = self.watched
        self.services = PlayedServices(folder, store=store, now=clock)
        self.me = Principal(tenant or f"tenant-{secrets.token_hex(6)}")
        self.talk = Talk(self.services.responses, self.me.tenant)

    def of(self, tenant: str) -> Place:
        """Another tenant's."""
        return Place(*self._made_of, tenant=tenant)

    async def exported(self, response_id: str, **options: Any) -> list[str]:
        lines = export_thread(response_id, principal=self.me, using=self.services, **options)
        return [line async for line in lines]

    async def imported(self, lines: Sequence[str | bytes]) -> tuple[int, int]:
        done = await import_thread(given(lines), principal=self.me, using=self.services)
        return done["imported"], done["present"]

    async def delete(self, response_id: str, *, mode: str) -> None:
        store: Any = self.watched
        settings: Any = {"now": self.clock, "blobs": self.services.blobs, "delete_mode": mode}
        await ResponseStore(store, **settings).delete(self.me.tenant, response_id)

    async def tree(self, response_id: str) -> Any:
        tree = await list_thread(response_id, principal=self.me, using=self.services)
        return without(tree, "expires_at")

    async def said_up_to(self, response_id: str) -> list[str]:
        return texts((await self.talk.after(response_id)).items)


def without(value: Any, name: str) -> Any:
    match value:
        case dict():
            return {key: without(each, name) for key, each in value.items() if key != name}
        case list():
            return [without(each, name) for each in value]
        case _:
            return value


async def given(lines: Sequence[str | bytes]) -> AsyncIterator[str | bytes]:
    for line in lines:
        yield line


@pytest.fixture
def here(keyed: KeyedStore, clock: Clock, tmp_path: Path) -> Place:
    return Place(tmp_path, clock, keyed)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Place]:
    """Another installation, a month later."""
    clock = Clock(1_800_000_000.0 + 31 * DAY)
    store = SQLiteStore(tmp_path / "there.db", now=clock)
    yield Place(tmp_path, clock, store)
    store.close()


async def grown(place: Place, turns: int = 20) -> dict[str, list[str]]:
    """A tree; for each response what was said up to it."""
    talk = place.talk
    root = await talk.say("root")
    said = {root: ["root"]}
    for turn in range(turns):
        previous = talk.random.choice(sorted(said)[-6:])
        said[await talk.say(f"{turn}", after=previous)] = [*said[previous], f"{turn}"]
    return said


async def test_a_thread_arrives_as_it_was(here: Place, there: Place) -> None:
    said = await grown(here)
    some = sorted(said)[7]
    lines = await here.exported(some)
    assert await there.imported(lines) == (len(said), 0)
    for response_id, names in said.items():
        assert await there.said_up_to(response_id) == asked_and_answered(*names)
        left = await here.talk.store.get(here.me.tenant, response_id)
        arrived = await there.talk.store.get(there.me.tenant, response_id)
        assert json.dumps(arrived.response) == json.dumps(left.response)
        assert arrived == left
    assert await there.tree(some) == await here.tree(some)
    assert [without(json.loads(line), "expires_at") for line in await there.exported(some)] == [
        without(json.loads(line), "expires_at") for line in lines
    ]


@on_sqlite_at_first
async def test_a_thread_goes_back_and_to_another_tenant(here: Place, there: Place) -> None:
    said = await grown(here)
    some = sorted(said)[7]
    await there.imported(await here.exported(some))
    other = here.of(f"{here.me.tenant}-2")
    assert await other.imported(await there.exported(some)) == (len(said), 0)
    assert await other.tree(some) == await here.tree(some)
    await other.talk.store.delete(other.me.tenant, some)
    assert await here.said_up_to(some) == asked_and_answered(*said[some])


async def test_to_import_twice_changes_nothing(here: Place, there: Place) -> None:
    said = await grown(here)
    lines = await here.exported(sorted(said)[0])
    await there.imported(lines)
    there.watched.reset()
    assert await there.imported(lines) == (0, len(said))
    assert set(there.watched.requests) <= {"get", "query"}


@on_sqlite_at_first
async def test_an_imported_thread_goes_on_and_forks(here: Place, there: Place) -> None:
    said = await grown(here, 6)
    await there.imported(await here.exported(next(iter(said))))
    for response_id, names in said.items():
        for text in ("next", "fork", "another"):
            follower = await there.talk.say(text, after=response_id)
            assert await there.said_up_to(follower) == asked_and_answered(*names, text)
    tree = await there.tree(next(iter(said)))
    assert json.dumps(tree).count('"id"') == len(said) * 4


async def test_what_arrives_expires_as_if_it_were_new(here: Place, there: Place) -> None:
    root = await here.talk.say("root")
    here.clock.advance(25 * DAY)
    last = await here.talk.say("last", after=root)
    await there.imported(await here.exported(last))
    there.clock.advance(30 * DAY - 1)
    assert await there.said_up_to(last) == asked_and_answered("root", "last")
    there.clock.advance(1)
    with pytest.raises(ResponseNotFound):
        await there.said_up_to(root)


async def test_what_a_thread_stood_on_when_it_had_expired_travels_with_its_first_response(
    here: Place, there: Place
) -> None:
    root = await here.talk.say("root")
    here.clock.advance(20 * DAY)
    middle = await here.talk.say("middle", after=root)
    last = await here.talk.say("last", after=middle)
    fork = await here.talk.say("fork", after=middle)
    here.clock.advance(15 * DAY)
    lines = await here.exported(last)
    assert len(lines) == 3
    await there.imported(lines)
    assert await there.imported(lines) == (0, 3)
    for response_id, name in ((last, "last"), (fork, "fork")):
        assert await there.said_up_to(response_id) == asked_and_answered("root", "middle", name)
    assert (await there.talk.after(last)).origins == (await here.talk.after(last)).origins
    assert await there.imported(await there.exported(fork)) == (0, 3)


@on_sqlite_at_first
async def test_a_deleted_turn_travels_for_those_that_stand_on_it_and_stays_deleted(
    here: Place, there: Place
) -> None:
    said = await grown(here)
    root, *others = said
    gone = [root, others[3], others[8]]
    for response_id in gone:
        await here.talk.store.delete(here.me.tenant, response_id)
    left = [response_id for response_id in said if response_id not in gone]
    found: dict[str, Any] = {}
    for response_id in left:
        found |= {json.loads(line)["id"]: line for line in await here.exported(response_id)}
    await there.imported(list(found.values()))
    assert await there.imported(list(found.values())) == (0, len(found))
    for response_id in left:
        assert await there.said_up_to(response_id) == asked_and_answered(*said[response_id])
    for response_id in gone:
        with pytest.raises(ResponseNotFound):
            await there.talk.store.get(there.me.tenant, response_id)
        with pytest.raises(ResponseNotFound):
            await there.said_up_to(response_id)
    for response_id in left[::-1]:
        await there.talk.store.delete(there.me.tenant, response_id)
    for thread in {thread_of(response_id) for response_id in said}:
        assert not await there.watched.query(Range(f"{there.me.tenant}#T#{thread}", "A", "~"))


async def test_origins_travel_unless_they_are_to_stay(here: Place, there: Place) -> None:
    said = await grown(here, 4)
    last = list(said)[-1]
    assert not any("origins" in json.loads(line) for line in await here.exported(last, origins=False))
    await there.imported(await here.exported(last, origins=False))
    assert (await there.talk.after(last)).origins == {}
    assert await there.said_up_to(last) == asked_and_answered(*said[last])
    assert (await here.talk.after(last)).origins != {}


async def test_large_and_odd_turns_arrive_to_the_byte(here: Place, there: Place) -> None:
    talk = here.talk
    first = await talk.say(talk.noise(900_000), instructions=talk.noise(500_000))
    second = await talk.say("lone \ud800 surrogate, Grüße, \x00\u2028", after=first)
    await there.imported([line.encode() for line in await here.exported(second)])
    for response_id in (first, second):
        left = await talk.store.get(here.me.tenant, response_id)
        assert await there.talk.store.get(there.me.tenant, response_id) == left


@on_sqlite_at_first
async def test_an_import_that_the_store_cuts_short_is_gone_on_with(here: Place, there: Place) -> None:
    said = await grown(here, 8)
    lines = await here.exported(next(iter(said)))
    allowed = 0
    while True:
        left = allowed

        async def cut(_verb: str, _key: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise StoreUnavailable

        there.watched.before = cut
        try:
            await there.imported(lines)
        except StoreUnavailable:
            allowed += 3
        else:
            break
        finally:
            there.watched.before = nothing
        for response_id, names in said.items():
            try:
                found = await there.said_up_to(response_id)
            except ResponseNotFound:
                continue
            assert found == asked_and_answered(*names)
    assert allowed > 15
    for response_id, names in said.items():
        assert await there.said_up_to(response_id) == asked_and_answered(*names)
        follower = await there.talk.say("next", after=response_id)
        assert await there.said_up_to(follower) == asked_and_answered(*names, "next")


async def test_a_turn_whose_place_was_taken_here_is_told_once(here: Place, there: Place) -> None:
    """What came after a deleted turn in its thread forks off where that turn is still known."""
    root = await here.talk.say("root")
    first = await here.talk.say("first", after=root)
    await there.imported(await here.exported(root))
    await here.talk.store.delete(here.me.tenant, first)
    second = await here.talk.say("second", after=root)
    third = await here.talk.say("third", after=second)
    assert await there.imported(await here.exported(root)) == (2, 1)
    lines = await there.exported(root)
    assert sorted(json.loads(line)["id"] for line in lines) == sorted([root, first, second, third])
    told = json.dumps(await there.tree(root))
    assert [told.count(f'"id": "{id}"') for id in (root, first, second, third)] == [1, 1, 1, 1]


@pytest.mark.parametrize("expired", [False, True], ids=["there", "expired"])
async def test_a_response_whose_history_was_erased_arrives_as_it_was(
    here: Place, there: Place, expired: bool
) -> None:
    """Without the half of a call whose other half was erased, and though nothing is left before it."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    answer = {"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": "1"}
    place = await here.talk.reserve()
    await here.talk.store.commit(place, here.talk.turn(place, "root", output=[call]))
    here.clock.advance(4 * DAY)
    after = await here.talk.reserve(await here.talk.after(place.response_id))
    turn = here.talk.turn(after, "first", place.response_id)
    await here.talk.store.commit(after, replace(turn, input=[answer, *turn.input]))
    last = await here.talk.say("last", after=after.response_id)
    await here.delete(place.response_id, mode="erase")
    here.clock.advance(28 * DAY if expired else 0)
    assert await here.said_up_to(last) == asked_and_answered("first", "last")
    lines = await here.exported(last)
    assert await there.imported(lines) == (2 if expired else 3, 0)
    assert await there.said_up_to(last) == asked_and_answered("first", "last")
    follower = await there.talk.say("next", after=last)
    assert await there.said_up_to(follower) == asked_and_answered("first", "last", "next")


@pytest.mark.parametrize("mode", ["keep", "erase"])
async def test_what_was_deleted_there_meanwhile_stays_here(here: Place, there: Place, mode: str) -> None:
    root = await here.talk.say("root")
    last = await here.talk.say("last", after=root)
    await there.imported(await here.exported(root))
    await here.delete(root, mode=mode)
    lines = await here.exported(last)
    assert [json.loads(line)["deleted"] for line in lines] == [True, False]
    assert await there.imported(lines) == (0, 2)
    assert await there.said_up_to(last) == asked_and_answered("root", "last")
    assert (await there.talk.store.get(there.me.tenant, root)).response["id"] == root


@pytest.mark.parametrize("fork", [False, True], ids=["goes on", "forks"])
async def test_what_is_too_large_to_be_imported_holds_no_place(
    here: Place, there: Place, fork: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = await here.talk.say("root")
    if fork:
        await here.talk.say("first", after=root)
    last = await here.talk.say("last", after=root)
    by_id = {json.loads(line)["id"]: line for line in await here.exported(root)}
    await there.imported([by_id[root]])

    async def too_large(*_: object) -> Any:
        raise TooLargeToStore

    with monkeypatch.context() as patched:
        patched.setattr(there.services.responses, "prepare", too_large)
        with pytest.raises(InvalidRequestError, match="too large"):
            await there.imported([by_id[last]])
    await there.talk.store.delete(there.me.tenant, root)
    assert not await there.watched.query(Range(f"{there.me.tenant}#T#{thread_of(root)}", "A", "~"))


async def test_another_response_of_the_same_id_is_not_overwritten(here: Place, there: Place) -> None:
    root = await here.talk.say("root")
    [line] = await here.exported(root)
    await there.imported([line])
    changed = json.loads(line)
    changed["response"]["metadata"] = {"changed": "yes"}
    with pytest.raises(InvalidRequestError, match=r"Line 1 .* another response of its id is stored"):
        await there.imported([json.dumps(changed)])
    assert (await there.talk.store.get(there.me.tenant, root)).response["metadata"] == {}


async def test_a_line_whose_forerunner_is_missing_is_refused_by_its_number(here: Place, there: Place) -> None:
    last = await here.talk.say("2", after=await here.talk.say("1"))
    first, second = await here.exported(last)
    with pytest.raises(InvalidRequestError, match=r"Line 1 .* neither in an earlier line nor stored"):
        await there.imported([second])
    with pytest.raises(InvalidRequestError, match=r"Line 3 .* not JSON"):
        await there.imported([first, "", second[:-1]])
    assert await there.imported([first, second, "\n"]) == (1, 1)


BAD: dict[str, Any] = {
    "not JSON": "{",
    "not an object": "[]",
    "its version is not 1": {"version": 2},
    "id: field required": {"id": ...},
    "id is not the id of a response": {"id": "resp_1"},
    "previous_id is not the id of a response": {"previous_id": "msg_" + "0" * 48},
    "response.id is not its id": {"id": "resp_" + "0" * 48},
    "response.status: input should be": {"response": {"status": "queued"}},
    "response.object is not": {"response": {"object": "chat.completion"}},
    "input: input should be": {"input": {}},
    "input.0.type: field required": {"input": [{"id": "msg_1"}]},
    "secret: extra inputs are not permitted": {"secret": "x"},
    "deleted: input should be": {"deleted": "no"},
}


@pytest.mark.parametrize("reason", BAD)
async def test_a_bad_line_is_told_by_its_number_and_reason(there: Place, reason: str) -> None:
    [line] = await there.exported(await there.talk.say("root"))
    change, entry = BAD[reason], json.loads(line)
    if isinstance(change, str):
        bad = change
    else:
        for name, value in change.items():
            if value is ...:
                del entry[name]
            elif isinstance(value, dict) and isinstance(entry.get(name), dict):
                entry[name] |= value
            else:
                entry[name] = value
        bad = json.dumps(entry)
    with pytest.raises(InvalidRequestError) as fault:
        await there.imported(["", bad])
    assert f"Line 2 cannot be imported: {'' if isinstance(change, dict) else 'it is '}" in fault.value.message
    assert reason in fault.value.message.lower().replace("json", "JSON") or reason in fault.value.message
    assert await there.imported([line]) == (0, 1)


async def test_a_thread_that_is_not_there_is_not_exported(here: Place) -> None:
    root = await here.talk.say("root")
    stranger = Principal(f"{here.me.tenant}-2")
    for response_id in (root, "resp_" + "0" * 48, "", "resp_1"):
        lines = export_thread(response_id, principal=stranger, using=here.services)
        with pytest.raises(NotFoundError):
            await anext(lines)
        with pytest.raises(NotFoundError):
            await list_thread(response_id, principal=stranger, using=here.services)


@on_sqlite_at_first
async def test_an_export_holds_a_few_responses_at_a_time(here: Place) -> None:
    """Four requests for each response at most, and none ahead of what is taken."""
    last: str | None = None
    for turn in range(40):
        last = await here.talk.say(f"{turn}", after=last)
    assert last is not None
    here.watched.reset()
    lines = export_thread(last, principal=here.me, using=here.services)
    await anext(lines)
    assert sum(here.watched.requests.values()) <= 8 * 4
    assert len([line async for line in lines]) == 39
    assert sum(here.watched.requests.values()) <= 40 * 4
