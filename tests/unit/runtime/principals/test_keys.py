"""How long a process believes what the store said of a key."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.runtime.principals import keys as principals_keys
from lambda_responses.runtime.principals.keys import REFUSED_SECONDS, VALID_SECONDS, KeyHolders
from lambda_responses.runtime.principals.recent import Recent
from lambda_responses.storage.api_keys import ApiKey
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire.api_keys import render_key
from lambda_responses.wire.errors import AuthenticationError
from lambda_responses.wire.scopes import MODELS_READ
from lambda_responses.wire.unauthenticated import key_refused

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

START = 1_800_000_000


@dataclass
class Kept:
    """Keys by their text, as a store has them; counts how often it is asked."""

    keys: dict[str, ApiKey] = field(default_factory=dict[str, ApiKey])
    asked: Counter[str] = field(default_factory=Counter[str])
    fault: Exception | None = None

    async def find(self, text: str) -> ApiKey | None:
        self.asked[text] += 1
        if self.fault is not None:
            raise self.fault
        return self.keys.get(text)

    def make(self, expires: int | None = None) -> str:
        text = render_key(secrets.token_bytes(32))
        self.keys[text] = ApiKey(
            f"key_{len(self.keys)}", "acme", "", frozenset({MODELS_READ}), text[-4:], START, expires
        )
        return text


@dataclass
class Hour:
    """A clock that moves when told to, and the holders that go by it."""

    kept: Kept = field(default_factory=Kept)
    seconds: float = START

    def __post_init__(self) -> None:
        store: Any = self.kept
        self.holders = KeyHolders(store, now=lambda: self.seconds)

    async def opens(self, text: str) -> bool:
        try:
            await self.holders.holder(text)
        except AuthenticationError as refused:
            return refused.body() != key_refused().body()
        return True


@pytest.fixture
def hour() -> Hour:
    return Hour()


async def test_a_holder_is_who_the_key_says(hour: Hour):
    text = hour.kept.make()
    assert await hour.holders.holder(text) == Principal(
        "acme", key_id="key_0", scopes=frozenset({MODELS_READ})
    )


async def test_a_key_is_looked_up_once_in_thirty_seconds(hour: Hour):
    text = hour.kept.make()
    assert await hour.opens(text)
    hour.seconds += VALID_SECONDS - 0.001
    assert await hour.opens(text)
    assert hour.kept.asked[text] == 1
    hour.seconds += 0.001
    assert await hour.opens(text)
    assert hour.kept.asked[text] == 2


async def test_a_revoked_key_opens_nothing_after_thirty_seconds(hour: Hour):
    text = hour.kept.make()
    assert await hour.opens(text)
    del hour.kept.keys[text]
    hour.seconds += VALID_SECONDS - 0.001
    assert await hour.opens(text)
    hour.seconds += 0.001
    assert not await hour.opens(text)


async def test_use_does_not_make_a_revoked_key_last(hour: Hour):
    text = hour.kept.make()
    assert await hour.opens(text)
    del hour.kept.keys[text]
    opened = 0
    for _ in range(60):
        hour.seconds += 1
        opened += await hour.opens(text)
    assert opened == VALID_SECONDS - 1


async def test_a_key_ends_on_time_whatever_is_remembered(hour: Hour):
    text = hour.kept.make(expires=START + 10)
    assert await hour.opens(text)
    hour.seconds = START + 9.999
    assert await hour.opens(text)
    hour.seconds = START + 10
    assert not await hour.opens(text)
    assert hour.kept.asked[text] == 1


async def test_a_wrong_key_is_looked_up_once_in_five_seconds(hour: Hour):
    wrong = render_key(bytes(32))
    for _ in range(100):
        assert not await hour.opens(wrong)
    assert hour.kept.asked[wrong] == 1
    hour.seconds += REFUSED_SECONDS
    assert not await hour.opens(wrong)
    assert hour.kept.asked[wrong] == 2


async def test_a_new_key_opens_at_once(hour: Hour):
    assert not await hour.opens(render_key(bytes(32)))
    assert await hour.opens(hour.kept.make())


async def test_what_is_no_key_is_never_looked_up(hour: Hour):
    for wrong in ("", "none", "sk-lr-" + "A" * 48, "sk-proj-" + "a" * 40, "é" * 54, "a.b.c"):
        assert not await hour.opens(wrong)
    assert not hour.kept.asked


async def test_a_flood_of_wrong_keys_pushes_no_right_one_out(hour: Hour, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(principals_keys, "MOST", 8)
    hour = Hour()
    text = hour.kept.make()
    assert await hour.opens(text)
    for _ in range(50):
        assert not await hour.opens(render_key(secrets.token_bytes(32)))
    assert await hour.opens(text)
    assert hour.kept.asked[text] == 1


async def test_a_store_that_is_down_refuses_nobody_for_good(hour: Hour):
    text = hour.kept.make()
    hour.kept.fault = StoreUnavailable("ConnectTimeoutError")
    with pytest.raises(StoreUnavailable):
        await hour.holders.holder(text)
    hour.kept.fault = None
    assert await hour.opens(text)


async def test_a_store_that_is_down_does_not_matter_to_those_that_were_just_let_in(hour: Hour):
    text = hour.kept.make()
    assert await hour.opens(text)
    hour.kept.fault = StoreUnavailable("ConnectTimeoutError")
    assert await hour.opens(text)


@given(st.text(max_size=80) | st.from_regex(r"sk-lr-[A-Za-z0-9_-]{46,50}", fullmatch=True))
async def test_any_text_is_refused_or_found(text: str):
    assert not await Hour().opens(text)


async def test_no_key_is_kept_in_memory(hour: Hour):
    text = hour.kept.make()
    await hour.opens(text)
    assert text not in repr(vars(hour.holders)["_valid"].__dict__)


def recent(clock: Callable[[], float], most: int = 3) -> Recent[str]:
    return Recent(seconds=10, most=most, now=clock)


def test_the_oldest_gives_way():
    kept = recent(lambda: 0.0)
    for name in "abacd":
        kept.keep(name, name.upper())
    assert [kept.get(name) for name in "abcde"] == ["A", None, "C", "D", None]


def test_what_was_kept_before_the_clock_was_set_back_is_forgotten():
    now = 100.0
    kept = recent(lambda: now)
    kept.keep("a", "A")
    now = 99.0
    assert kept.get("a") is None
