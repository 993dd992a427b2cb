"""A key opens what it was made for until it expires or is revoked, and the store never holds it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage import api_keys, table
from lambda_responses.storage.api_keys import ApiKeys, KeyNotFound
from lambda_responses.storage.keyed.port import Range
from lambda_responses.storage.table import API_KEYS, api_key
from lambda_responses.wire.api_keys import render_key
from lambda_responses.wire.scopes import MODELS_READ, RESPONSES_READ, SCOPES
from tests.contracts.stores.kit import WatchedStore

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

MINUTE = 60


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch, pk: str) -> Range:
    """Where the list of this test lies: on a shared table, each test is an installation."""
    own = Range(f"#A{pk}", API_KEYS.low, API_KEYS.high)
    monkeypatch.setattr(table, "API_KEYS", own)
    monkeypatch.setattr(api_keys, "API_KEYS", own)
    return own


@pytest.fixture
def keys(keyed: KeyedStore, clock: Clock) -> ApiKeys:
    return ApiKeys(keyed, now=clock, entropy=secrets.token_bytes)


async def test_whoever_has_the_key_is_its_holder(keys: ApiKeys, clock: Clock):
    made, text = await keys.create("acme", name="Ci", scopes=[RESPONSES_READ])
    assert await keys.find(text) == made
    assert re.fullmatch(r"key_[0-9a-f]{16}", made.key_id)
    assert (made.tenant, made.name, made.scopes) == ("acme", "Ci", {RESPONSES_READ})
    assert (made.created, made.expires, made.revoked) == (int(clock()), None, None)
    assert text.endswith(made.tail)


async def test_every_key_is_another(keys: ApiKeys):
    made = [await keys.create("acme") for _ in range(3)]
    assert len({text for _, text in made}) == len({key.key_id for key, _ in made}) == 3
    assert [await keys.find(text) for _, text in made] == [key for key, _ in made]


async def test_a_key_that_was_never_made_has_no_holder(keys: ApiKeys):
    await keys.create("acme")
    assert await keys.find(render_key(secrets.token_bytes(32))) is None


async def test_what_is_no_key_is_refused_without_a_read(keyed: KeyedStore, clock: Clock):
    watched: Any = WatchedStore(keyed)
    keys = ApiKeys(watched, now=clock, entropy=secrets.token_bytes)
    _, text = await keys.create("acme")
    watched.reset()
    for wrong in ("", "sk-lr-", text[:-1], f"{text[:-1]}!", text.lower(), "sk-proj-abc", "Bearer"):
        assert await keys.find(wrong) is None
    assert watched.requests == {}


async def test_a_look_up_is_one_read(keyed: KeyedStore, clock: Clock):
    watched: Any = WatchedStore(keyed)
    keys = ApiKeys(watched, now=clock, entropy=secrets.token_bytes)
    _, text = await keys.create("acme")
    watched.reset()
    assert await keys.find(text)
    assert (watched.requests, watched.read_units) == ({"get": 1}, 1)


async def test_a_key_that_names_no_scopes_may_do_what_is_added_later(
    keys: ApiKeys, monkeypatch: pytest.MonkeyPatch
):
    _, free = await keys.create("acme")
    _, bound = await keys.create("acme", scopes=SCOPES)
    monkeypatch.setattr(api_keys, "SCOPES", SCOPES | {"api.later.write"})
    assert [key.scopes for text in (free, bound) if (key := await keys.find(text))] == [
        SCOPES | {"api.later.write"},
        SCOPES,
    ]


async def test_a_key_ends_when_it_expires_and_stays_in_the_list(keys: ApiKeys, clock: Clock):
    made, text = await keys.create("acme", expires=int(clock()) + MINUTE)
    clock.advance(MINUTE - 1)
    assert await keys.find(text) == made
    clock.advance(1)
    assert await keys.find(text) is None
    assert await keys.list() == [made]


async def test_a_revoked_key_opens_nothing_and_the_list_says_since_when(keys: ApiKeys, clock: Clock):
    made, text = await keys.create("acme")
    other, others = await keys.create("acme")
    clock.advance(MINUTE)
    revoked = await keys.revoke(made.key_id)
    assert revoked == replace(made, revoked=int(clock()))
    assert await keys.find(text) is None
    assert await keys.find(others) == other
    assert {key.key_id: key.revoked for key in await keys.list()} == {
        made.key_id: int(clock()),
        other.key_id: None,
    }


async def test_revoking_again_changes_nothing(keys: ApiKeys, clock: Clock):
    made, _ = await keys.create("acme")
    once = await keys.revoke(made.key_id)
    clock.advance(MINUTE)
    assert await keys.revoke(made.key_id) == once


async def test_an_expired_key_can_be_revoked(keys: ApiKeys, clock: Clock):
    made, _ = await keys.create("acme", expires=int(clock()) + 1)
    clock.advance(MINUTE)
    assert (await keys.revoke(made.key_id)).revoked == int(clock())


async def test_all_who_revoke_at_once_agree(keyed: KeyedStore, clock: Clock):
    keys = ApiKeys(keyed, now=clock, entropy=secrets.token_bytes)
    made, _ = await keys.create("acme")
    revoked = await asyncio.gather(*(keys.revoke(made.key_id) for _ in range(4)))
    assert len(set(revoked)) == 1


async def test_whoever_revokes_second_learns_what_the_first_did(keyed: KeyedStore, clock: Clock):
    """Both have seen the key as it was before either writes."""
    keys = ApiKeys(keyed, now=clock, entropy=secrets.token_bytes)
    made, _ = await keys.create("acme")
    watched: Any = WatchedStore(keyed)

    async def be_overtaken(verb: str, _argument: object) -> None:
        if verb == "transact":
            first.append(await keys.revoke(made.key_id))
            clock.advance(MINUTE)

    first = []
    watched.before = be_overtaken
    late = await ApiKeys(watched, now=clock, entropy=secrets.token_bytes).revoke(made.key_id)
    assert first == [late]


@pytest.mark.parametrize("key_id", ["", "key_", "key_0123456789abcdef", "key_\n", "#", "é" * 2_000, "KEY#"])
async def test_an_id_that_no_key_has_cannot_be_revoked(keys: ApiKeys, key_id: str):
    with pytest.raises(KeyNotFound):
        await keys.revoke(key_id)


async def test_the_list_is_in_the_order_of_making(keys: ApiKeys, clock: Clock):
    assert await keys.is_empty()
    made = []
    for _ in range(5):
        clock.advance(MINUTE)
        made.append((await keys.create("acme"))[0])
    assert await keys.list() == made
    assert not await keys.is_empty()


async def test_where_all_keys_are_revoked_there_were_some(keys: ApiKeys):
    made, _ = await keys.create("acme")
    await keys.revoke(made.key_id)
    assert not await keys.is_empty()


async def test_the_store_holds_the_hash_of_a_key_and_not_the_key(
    keyed: KeyedStore, keys: ApiKeys, listed: Range
):
    made, text = await keys.create("acme", name="Ci", expires=2_000_000_000)
    mark = hashlib.sha256(text.encode()).hexdigest()
    row = await keyed.get(api_key(mark))
    [entry] = await keyed.query(listed)
    assert row is not None
    assert row.key.pk == f"#K#{mark}"
    assert row.values["ttl"] == 2_000_000_000
    assert "ttl" not in entry.values
    for kept in (row, entry):
        assert text not in repr(kept)
        assert text[: -len(made.tail)][-8:] not in repr(kept)
    assert text not in repr(made)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tenant": ""}, "tenant"),
        ({"tenant": "#A"}, "tenant"),
        ({"tenant": "#K"}, "tenant"),
        ({"tenant": "a#b"}, "tenant"),
        ({"name": "a" * 101}, "name"),
        ({"name": "a\x1b[2J"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["api.responses.read", "api.admin"]}, "scopes"),
        ({"expires": 1_800_000_000}, "expires"),
        ({"expires": -1}, "expires"),
    ],
)
async def test_what_cannot_be_is_one_sentence_and_no_key(keys: ApiKeys, wrong: dict[str, Any], said: str):
    asked: dict[str, Any] = {"tenant": "acme", "scopes": [MODELS_READ], **wrong}
    with pytest.raises(ValueError, match=said):
        await keys.create(asked.pop("tenant"), **asked)
    assert await keys.is_empty()
