"""Trees of responses, on every store: found whole from anywhere in them, with few requests."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.responses import ResponseNotFound, ResponseStore
from lambda_responses.storage.table import TenantTable
from lambda_responses.storage.threads import PAGE, ThreadStore
from lambda_responses.wire.ids import thread_of
from tests.contracts.stores.kit import Talk, WatchedStore, nothing

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
    return Talk(ResponseStore(store, now=clock), f"acme-{secrets.token_hex(6)}")


@pytest.fixture
def trees(watched: WatchedStore) -> ThreadStore:
    store: Any = watched
    return ThreadStore(store)


async def edges(trees: ThreadStore, talk: Talk, response_id: str) -> list[tuple[str, str | None]]:
    """Each response of the tree with the one before it, in the order in which they are told."""
    lines = trees.lines(talk.tenant, response_id)
    return [(node.response_id, node.previous_id) async for line in lines for node in line]


def parents_come_first(found: list[tuple[str, str | None]]) -> bool:
    seen: set[str | None] = {found[0][1]}
    for response_id, previous in found:
        if previous not in seen:
            return False
        seen.add(response_id)
    return True


async def test_a_tree_is_found_whole_from_every_response_in_it(talk: Talk, trees: ThreadStore) -> None:
    root = await talk.say("root")
    before: dict[str, str | None] = {root: None}
    for turn in range(25):
        previous = talk.random.choice(sorted(before))
        before[await talk.say(f"{turn}", after=previous)] = previous
    await talk.say("a tree of its own")
    for response_id in sorted(before)[::5]:
        found = await edges(trees, talk, response_id)
        assert dict(found) == before
        assert len(found) == len(before)
        assert parents_come_first(found)


async def test_every_fork_of_one_response_is_found(talk: Talk, trees: ThreadStore) -> None:
    root = await talk.say("root")
    forks = [await talk.say(f"{turn}", after=root) for turn in range(6)]
    assert {one for one, previous in await edges(trees, talk, root) if previous == root} == set(forks)


async def test_a_thread_is_read_by_one_request_for_each_page(
    talk: Talk, trees: ThreadStore, watched: WatchedStore
) -> None:
    last = None
    for turn in range(PAGE + 5):
        last = await talk.say(f"{turn}", after=last, instructions=talk.noise(4_000) if turn == PAGE else None)
    assert last is not None
    fork = await talk.say("fork", after=await talk.say("the first to continue", after=last) and last)
    watched.reset()
    assert len(await edges(trees, talk, fork)) == PAGE + 7
    assert set(watched.requests) == {"query"}
    assert watched.requests["query"] == 3  # two pages, and the fork's thread
    watched.reset()
    thread = thread_of(last)
    assert thread is not None
    said = [turn async for _, turn in trees.turns(talk.tenant, thread)]
    assert [turn.input[0]["content"][0]["text"] for turn in said][:-1] == [
        f"ask {n}" for n in range(PAGE + 5)
    ]
    assert watched.requests == {"query": 2}


async def test_a_deleted_turn_that_others_stand_on_is_shown_as_gone(talk: Talk, trees: ThreadStore) -> None:
    root = await talk.say("root")
    middle = await talk.say("middle", after=root)
    left, right = [await talk.say(name, after=middle) for name in ("left", "right")]
    await talk.store.delete(talk.tenant, middle)
    await talk.store.delete(talk.tenant, left)
    nodes = [node async for line in trees.lines(talk.tenant, right) for node in line]
    assert {node.response_id: node.gone for node in nodes} == {root: False, middle: True, right: False}
    with pytest.raises(ResponseNotFound):
        await edges(trees, talk, middle)


async def test_a_deleted_fork_leaves_nothing_that_leads_to_it(
    talk: Talk, trees: ThreadStore, watched: WatchedStore
) -> None:
    root = await talk.say("root")
    _, *forks = [await talk.say(f"{turn}", after=root) for turn in range(4)]
    watched.reset()
    for fork in forks:
        await talk.store.delete(talk.tenant, fork)
    assert len(await edges(trees, talk, root)) == 2
    thread = thread_of(root)
    assert thread is not None
    rows = await watched.query(TenantTable(talk.tenant).branches(thread))
    assert [row.key.sk[0] for row in rows] == ["R", "R"]


async def test_a_fork_that_was_never_kept_is_no_part_of_the_tree(
    talk: Talk, trees: ThreadStore, watched: WatchedStore
) -> None:
    root = await talk.say("root")
    kept = await talk.say("kept", after=root)

    async def no_control_row(verb: str, key: Any) -> None:
        if verb == "put" and key.sk.startswith("R#"):
            raise StoreUnavailable

    for _ in range(3):
        reservation = await talk.reserve(await talk.after(root))
        watched.before = no_control_row
        with pytest.raises(StoreUnavailable):
            await talk.store.commit(reservation, talk.turn(reservation, "lost"))
        watched.before = nothing
        await talk.store.release(reservation)
    assert await edges(trees, talk, root) == [(root, None), (kept, root)]
    fork = await talk.say("fork", after=root)
    assert await edges(trees, talk, kept) == [(root, None), (kept, root), (fork, root)]


async def test_where_a_response_expired_its_tree_falls_apart(
    talk: Talk, trees: ThreadStore, clock: Clock
) -> None:
    root = await talk.say("root")
    clock.advance(20 * DAY)
    left, right = [await talk.say(name, after=root) for name in ("left", "right")]
    after_left = await talk.say("after left", after=left)
    assert len(await edges(trees, talk, right)) == 4
    clock.advance(20 * DAY)
    assert await edges(trees, talk, right) == [(right, root)]
    assert await edges(trees, talk, after_left) == [(left, root), (after_left, left)]


async def test_another_tenant_finds_nothing(talk: Talk, trees: ThreadStore) -> None:
    root = await talk.say("root")
    with pytest.raises(ResponseNotFound):
        await anext(trees.lines(f"{talk.tenant}-2", root))


async def test_a_forking_turn_costs_no_more_write_units_than_any_other(
    talk: Talk, watched: WatchedStore
) -> None:
    """Five at most, at the reference turn; also where it finds out by a race that it is one."""
    root = await talk.say("root")
    context = await talk.after(root)
    for turn in range(6):
        watched.reset()
        reservation = await talk.reserve(context if turn < 2 else await talk.after(root))
        text = f"{turn} " + talk.noise(250) + " and so on" * 20
        await talk.store.commit(reservation, talk.turn(reservation, text, root))
        assert watched.write_units <= 5
        assert watched.requests["put"] + watched.requests["update"] <= 4
