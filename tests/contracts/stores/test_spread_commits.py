"""The end of a background response while its rows come to be seen one by one: nobody is told an untruth."""

from __future__ import annotations

import random
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.background.log_reader import LogReader
from lambda_responses.lifecycle.background.messages import message_about
from lambda_responses.lifecycle.background.work import work
from lambda_responses.lifecycle.ports import Principal, Unbounded
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.deltas import Stopped, Text
from lambda_responses.stream.grammar import TERMINAL
from tests.fakes.spreading import Spreading
from tests.played import Played, PlayedServices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from lambda_responses.storage.keyed.port import Key, KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
BODY: Json = {"model": "m", "input": "hi", "background": True}
ORDERS = list(permutations(range(4)))
"""In which the rows of an end may be seen: the turn, the chunk with the last events, the control row, the
notification."""


class Onlooker:
    """Asks for everything there is of a response, again and again."""

    def __init__(self, services: PlayedServices, me: Principal, response_id: str) -> None:
        self._services, self._me, self._id = services, me, response_id
        self._reader = LogReader(me.tenant, response_id, after=-1, using=services)
        self.told: list[Json] = []
        self.looks = 0

    async def look(self) -> None:
        self.looks += 1
        self._reader.look_again()
        try:
            self.told += await self._reader.read()
        except StoreUnavailable:
            assert not self._reader.over
        assert self._reader.over == (bool(self.told) and self.told[-1]["type"] in TERMINAL)
        try:
            found = await get_response(self._id, principal=self._me, using=self._services)
        except StoreUnavailable:
            return
        assert bool(found["output"]) == (found["status"] == "completed")

    async def context(self) -> None:
        """What one is shown who continues the response: all of it, or nothing yet."""
        try:
            context = await self._services.responses.context(self._me.tenant, self._id)
        except StoreUnavailable:
            return
        assert (len(context.items) == 2) == (context.status == "completed")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that stay apart are not waited for."""
    monkeypatch.setattr("lambda_responses.storage.chains.PAUSES", (0.0, 0.0))


@pytest.fixture
def store(keyed: KeyedStore) -> Spreading:
    return Spreading(keyed)


@pytest.fixture
async def services(store: Spreading, tmp_path: Path, clock: Clock) -> AsyncIterator[PlayedServices]:
    made = PlayedServices(
        tmp_path, Played([[Text("b", "hello"), Stopped("end")]] * len(ORDERS)), now=clock, store=store
    )
    made.entropy = lambda digits: f"{random.getrandbits(4 * digits):0{digits}x}"
    yield made
    made.queue.close()


@pytest.fixture
def me() -> Principal:
    return Principal(f"acme-{random.getrandbits(64):x}")


async def test_the_end_of_a_stream_is_told_once_and_as_it_is(
    services: PlayedServices, store: Spreading, me: Principal
) -> None:
    for order in ORDERS:
        store.order = None
        made = await enqueue_response({**BODY, "stream": True}, principal=me, using=services)
        onlooker = Onlooker(services, me, made["id"])
        store.order, store.meanwhile = in_order(order), onlooker.look
        await work(message_about(me.tenant, made["id"]), using=services, owner="w", deadline=Unbounded())
        assert onlooker.looks >= len(order)
        await onlooker.look()
        ended = await get_response(made["id"], principal=me, using=services)
        assert [event["type"] for event in onlooker.told].count("response.completed") == 1
        assert onlooker.told[-1]["response"] == ended
        assert [event["sequence_number"] for event in onlooker.told] == list(range(len(onlooker.told)))


async def test_what_continues_a_response_is_shown_all_of_it_or_has_to_ask_again(
    services: PlayedServices, store: Spreading, me: Principal
) -> None:
    for order in ORDERS:
        store.order = None
        made = await enqueue_response(BODY, principal=me, using=services)
        onlooker = Onlooker(services, me, made["id"])
        store.order, store.meanwhile = in_order(order), onlooker.context
        await work(message_about(me.tenant, made["id"]), using=services, owner="w", deadline=Unbounded())
        await onlooker.context()


def in_order(order: Sequence[int]) -> Any:
    """The keys of a transaction in that order, as far as there are so many, and then the others."""

    def ordered(keys: Sequence[Key]) -> list[Key]:
        chosen = [keys[place] for place in order if place < len(keys)]
        return [*chosen, *keys[len(order) :]]

    return ordered
