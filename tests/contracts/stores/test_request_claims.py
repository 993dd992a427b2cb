"""A request has one answer for as long as its claim stands, whatever the store does to the writes of it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.keyed.port import ConditionFailed, StoreUnavailable
from lambda_responses.storage.request_claims import (
    KEPT,
    LEASE,
    NEWEST,
    KeptAnswer,
    Request,
    RequestClaim,
    RequestClaims,
)
from lambda_responses.storage.responses import ResponseStore
from lambda_responses.storage.table import TenantTable
from tests.contracts.stores.kit import Talk, WatchedStore

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

LARGE = 900_000
"""Bytes that take several rows."""


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def claims(watched: Any, clock: Clock) -> RequestClaims:
    return RequestClaims(watched, now=clock)


@pytest.fixture
def asked(pk: str) -> Request:
    return Request(pk, "name", "body")


def noise(size: int) -> str:
    """Text that does not compress much."""
    return b64encode(random.Random(5).randbytes(size)).decode()


def response_id(number: int) -> str:
    return f"resp_{number:048x}"


def mark(asked: Request, number: int, tries: int = 0) -> RequestClaim:
    return RequestClaim(asked, response_id(number), tries, only=False)


class AnswerLost:
    """The store does what it is asked, and its answer does not come back."""

    def __init__(self, store: Any, *verbs: str) -> None:
        self._store, self._verbs = store, verbs

    def __getattr__(self, verb: str) -> Any:
        async def request(*arguments: Any, **options: Any) -> Any:
            result = await getattr(self._store, verb)(*arguments, **options)
            if verb in self._verbs:
                raise StoreUnavailable("lost")
            return result

        return request


class AnsweredTwice(AnswerLost):
    """A client of the store that repeats each write, because the first answer was lost."""

    def __getattr__(self, verb: str) -> Any:
        async def request(*arguments: Any, **options: Any) -> Any:
            if verb in self._verbs:
                await getattr(self._store, verb)(*arguments, **options)
            return await getattr(self._store, verb)(*arguments, **options)

        return request


async def test_one_of_many_has_the_only_claim(claims: RequestClaims, asked: Request):
    rivals = [RequestClaim(asked, response_id(number)) for number in range(8)]
    held = await asyncio.gather(*map(claims.hold, rivals), return_exceptions=True)
    (winner,) = [rival for rival, fault in zip(rivals, held, strict=True) if fault is None]
    assert all(fault is None or isinstance(fault, ConditionFailed) for fault in held)
    found, kept = await claims.only(asked)
    assert found is not None
    assert (found.response_id, found.request.body, kept) == (winner.response_id, "body", None)


async def test_a_claim_costs_one_write_unit_and_a_turn_with_it_six(
    watched: Any, claims: RequestClaims, asked: Request, clock: Clock
):
    talk = Talk(ResponseStore(watched, now=clock), asked.tenant)
    last = await talk.say("first")
    for number in range(20):
        watched.reset()
        await claims.hold(mark(asked, number))
        assert watched.write_units == 1
        last = await talk.say(f"{number} " + talk.noise(250) + " and so on" * 20, after=last)
        assert watched.write_units <= 6


async def test_it_is_alive_as_long_as_it_is_renewed(claims: RequestClaims, asked: Request, clock: Clock):
    claim = RequestClaim(asked, response_id(1))
    await claims.hold(claim)
    for _ in range(10):
        clock.advance(LEASE - 1)
        found, _ = await claims.only(asked)
        assert found is not None
        assert claims.is_alive(found)
        await claims.renew(claim)
    clock.advance(LEASE + 1)
    found, _ = await claims.only(asked)
    assert found is not None
    assert not claims.is_alive(found)
    clock.advance(KEPT)
    assert await claims.only(asked) == (None, None)


async def test_a_claim_whose_run_died_is_taken_over_by_one(claims: RequestClaims, asked: Request):
    await claims.hold(RequestClaim(asked, response_id(1)))
    dead, _ = await claims.only(asked)
    heirs = [RequestClaim(asked, response_id(number)) for number in (2, 3, 4)]
    held = await asyncio.gather(
        *(claims.hold(heir, instead_of=dead) for heir in heirs), return_exceptions=True
    )
    assert [fault is None for fault in held].count(True) == 1
    with pytest.raises(ConditionFailed):
        await claims.renew(RequestClaim(asked, response_id(1)))
    await claims.release(RequestClaim(asked, response_id(1)))
    found, _ = await claims.only(asked)
    assert found is not None
    assert found.response_id != response_id(1)


async def test_one_that_was_renewed_meanwhile_is_not_taken_over(
    claims: RequestClaims, asked: Request, clock: Clock
):
    await claims.hold(RequestClaim(asked, response_id(1)))
    seen, _ = await claims.only(asked)
    clock.advance(1)
    await claims.renew(RequestClaim(asked, response_id(1)))
    with pytest.raises(ConditionFailed):
        await claims.hold(RequestClaim(asked, response_id(2)), instead_of=seen)


async def test_what_was_given_back_can_be_had_again(claims: RequestClaims, asked: Request):
    first, second = RequestClaim(asked, response_id(1)), RequestClaim(asked, response_id(2))
    await claims.hold(first)
    assert await claims.current(second) is None
    await claims.release(first)
    await claims.release(first)
    assert await claims.current(first) is None
    await claims.hold(second)


async def test_each_repetition_takes_a_mark_of_its_own(claims: RequestClaims, asked: Request):
    for number in range(4):
        await claims.hold(mark(asked, number))
    taken = await asyncio.gather(*(claims.take(asked, tries=1, taker=f"t{n}") for n in range(4)))
    assert {each and each.response_id for each in taken} == {response_id(number) for number in range(4)}
    assert await claims.take(asked, tries=1, taker="late") is None
    again = await claims.take(asked, tries=2, taker="again")
    assert again is not None
    assert again.tries == 2


async def test_a_repetition_takes_what_earlier_ones_took_and_else_the_newest(
    claims: RequestClaims, asked: Request
):
    for number in range(3):
        await claims.hold(mark(asked, number))
    first = await claims.take(asked, tries=1, taker="a")
    assert first is not None
    assert first.response_id == response_id(2)
    second = await claims.take(asked, tries=2, taker="b")
    assert second is not None
    assert second.response_id == response_id(2)


async def test_no_repetition_takes_a_mark_that_is_dead_or_another_requests(
    claims: RequestClaims, asked: Request, clock: Clock
):
    await claims.hold(mark(asked, 1))
    for other in (replace(asked, name="other"), replace(asked, tenant=f"{asked.tenant}-other")):
        assert await claims.take(other, tries=1, taker="x") is None
    clock.advance(LEASE + 1)
    assert await claims.take(asked, tries=1, taker="x") is None


async def test_a_look_for_a_mark_is_bounded_however_many_there_are(
    watched: Any, claims: RequestClaims, asked: Request
):
    for number in range(3 * NEWEST):
        await claims.hold(mark(asked, number))
    watched.reset()
    taken = await claims.take(asked, tries=1, taker="x")
    assert taken is not None
    assert taken.response_id == response_id(3 * NEWEST - 1)
    assert watched.requests == {"query": 1, "update": 1}
    assert watched.read_units <= 2


@pytest.mark.parametrize("size", [10, LARGE])
async def test_an_answer_is_kept_beside_its_claim(claims: RequestClaims, asked: Request, size: int):
    claim = RequestClaim(asked, response_id(1))
    answer = KeptAnswer({"id": claim.response_id, "text": noise(size)}, "some/model")
    await claims.hold(claim)
    await claims.keep(claim, answer)
    found, kept = await claims.only(asked)
    assert found is not None
    assert kept == answer


async def test_half_an_answer_and_another_responses_are_none(
    claims: RequestClaims, asked: Request, keyed: KeyedStore
):
    first, second = RequestClaim(asked, response_id(1)), RequestClaim(asked, response_id(2))
    text = noise(LARGE)
    await claims.keep(first, KeptAnswer({"text": text}, "m"))
    assert await claims.only(asked) == (None, None)
    await claims.hold(second)
    assert (await claims.only(asked))[1] is None
    await claims.keep(second, KeptAnswer({"text": "short"}, "m"))
    assert (await claims.only(asked))[1] == KeptAnswer({"text": "short"}, "m")
    await claims.keep(second, KeptAnswer({"text": text}, "m"))
    await keyed.delete(TenantTable(asked.tenant).claim(asked.name, part=2))
    assert (await claims.only(asked))[1] is None


async def test_writes_that_the_client_repeats_meet_themselves(watched: Any, asked: Request, clock: Clock):
    claims = RequestClaims(AnsweredTwice(watched, "put", "update", "delete"), now=clock)  # type: ignore[arg-type]
    claim = RequestClaim(asked, response_id(1))
    await claims.hold(claim)
    await claims.renew(claim)
    await claims.release(claim)
    await claims.hold(mark(asked, 2))
    taken = await claims.take(asked, tries=1, taker="me")
    assert taken is not None
    assert taken.response_id == response_id(2)


async def test_a_claim_whose_answer_was_lost_can_be_given_back(watched: Any, asked: Request, clock: Clock):
    claims = RequestClaims(AnswerLost(watched, "put"), now=clock)  # type: ignore[arg-type]
    claim = RequestClaim(asked, response_id(1))
    with pytest.raises(StoreUnavailable):
        await claims.hold(claim)
    assert (await claims.only(asked))[0] is not None
    await claims.release(claim)
    assert await claims.only(asked) == (None, None)


@pytest.mark.parametrize("stood_upon", [False, True], ids=["alone", "continued"])
async def test_a_deleted_response_gives_its_claim_back_and_no_other(
    watched: Any, claims: RequestClaims, asked: Request, clock: Clock, stood_upon: bool
):
    store = ResponseStore(watched, now=clock)
    talk = Talk(store, asked.tenant)
    for taken_over in (False, True):
        reservation = await talk.reserve()
        stored = replace(talk.turn(reservation, "first"), request=asked.name)
        await claims.hold(RequestClaim(asked, reservation.response_id))
        await store.commit(reservation, stored)
        if stood_upon:
            await talk.say("second", after=reservation.response_id)
        if taken_over:
            await claims.release(RequestClaim(asked, reservation.response_id))
            await claims.hold(RequestClaim(asked, response_id(2)))
        await store.delete(asked.tenant, reservation.response_id)
        found, _ = await claims.only(asked)
        assert (found and found.response_id) == (response_id(2) if taken_over else None)


async def test_what_was_asked_under_a_name_costs_its_claim_and_nothing_else(
    watched: Any, asked: Request, clock: Clock
):
    store = ResponseStore(watched, now=clock)
    talk, named = Talk(store, asked.tenant), hashlib.sha256(b"name").hexdigest()
    for request in (None, named):
        reservation = await talk.reserve()
        watched.reset()
        await store.commit(reservation, replace(talk.turn(reservation, "x"), request=request))
        assert (watched.requests, watched.write_units) == ({"put": 2}, 2)
