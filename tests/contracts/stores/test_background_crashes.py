"""A process that makes a background response is killed at every moment, and another one goes on with it.

A moment is one before a call of store, queue or tool has had its effect, or one after, when nobody hears
of it. However it falls, the response ends as it would have ended: with the same answer, announced once and,
where it is streamed, told as one stream over all connections. What was half told stands in it, closed.
"""

from __future__ import annotations

import json
import random
import secrets
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.background.inline import StreamedInBackground
from lambda_responses.lifecycle.background.resume import resumed
from lambda_responses.lifecycle.background.sweep import sweep
from lambda_responses.lifecycle.background.work import work
from lambda_responses.lifecycle.ports import Principal, Unbounded, Unkept
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.storage.keyed.dynamodb import create_table
from lambda_responses.storage.table import TenantTable
from lambda_responses.stream.deltas import Stopped, Text, ToolArguments, ToolCall, Usage
from lambda_responses.tools.runner import INTERRUPTED
from lambda_responses.wire.errors import NotFoundError
from tests.crashing import Mortal
from tests.fakes.dice import DICE, Dice
from tests.fakes.events import obey
from tests.played import PlayedServices

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = [pytest.mark.anyio, pytest.mark.slow_on_dynamodb]

Json = dict[str, Any]

STEPS = ("one two", "three four", "five six")
"""What the model says, step by step."""
BODY: Json = {"model": "m", "input": "count", "background": True}
ROUNDS = 8
"""Of others, after which a response has ended that somebody was killed over."""


@pytest.fixture
def table(dynamodb: Any) -> str:
    """One of this test's own: who sweeps up finds the jobs of all that share one."""
    name = f"responses-{secrets.token_hex(8)}"
    create_table(dynamodb, name)
    return name


class Counting:
    """A model that says what comes next, by what it is shown that it has said; with tools, it rolls first."""

    name = "counting"
    profile = None

    @asynccontextmanager
    async def open(self, rendered: Any) -> AsyncGenerator[Any]:
        turn = rendered.body["turn"]
        said = sum(item.get("role") == "assistant" for item in turn.items)
        rolled = any(item["type"] == "mcp_call" for item in turn.items)
        rolls = bool(turn.request.get("tools")) and not rolled
        last = said == len(STEPS) - 1
        yield _Said(STEPS[said], "tool_calls" if rolls else "end" if last else "pause")


@dataclass
class _Said:
    text: str
    stop: Any
    plain: bool = False

    def redacted(self, text: str) -> str:
        return text

    async def __aiter__(self) -> AsyncIterator[Sequence[Any]]:
        for word in self.text.split():
            yield [Text("b", f"{word} ")]
        yield [Usage({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})]
        if self.stop == "tool_calls":
            yield [ToolCall("c", "call_r", "dice__roll"), ToolArguments("c", "{}")]
        yield [Stopped(self.stop)]


@dataclass
class Site:
    """Where processes of one tenant come and go: what they share, and the time."""

    folder: Path
    keyed: KeyedStore
    clock: Clock
    principal: Principal
    tools: Dice | None = None
    opened: list[PlayedServices] = field(default_factory=list[PlayedServices])
    response_id: str = ""
    """Of the response that was last begun here."""

    def process(self, mortal: Mortal) -> PlayedServices:
        """The services of a new process, whose ids are no other's."""
        model: Any = Counting()
        services = PlayedServices(self.folder, model, store=mortal.sharing(self.keyed), now=self.clock)
        services.queue = mortal.sharing(services.queue)
        if self.tools is not None:
            self.tools.known_to(services)
            services.connecting = lambda secrets: mortal.sharing(self.tools)
        numbers = count(1 + 10_000 * len(self.opened))
        services.entropy = lambda digits: f"{next(numbers):0{digits}x}"[-digits:]
        self.opened.append(services)
        reserve = services.responses.reserve

        async def reserved(*arguments: Any, **options: Any) -> Any:
            reservation = await reserve(*arguments, **options)
            self.response_id = reservation.response_id
            return reservation

        services.responses.reserve = reserved
        return services

    async def recover(self, lives: Sequence[int] = ()) -> PlayedServices:
        """Have others do what is left, who die after so many moments each; at last some that do not."""
        services = self.process(Mortal())
        for moments in [*lives, *[None] * ROUNDS]:
            self.clock.advance(61)
            mortal = Mortal(moments)
            services = self.process(mortal)
            await mortal.do(self._round(services))
        return services

    async def _round(self, services: PlayedServices) -> None:
        await sweep(services, services.queue)
        await self.work_off(services)

    async def work_off(self, services: PlayedServices) -> None:
        """Do what lies on the queue."""
        for received in await services.queue.receive(10, visible_after=30):
            verdict = await work(received.message, using=services, owner="w", deadline=Unbounded())
            if verdict.again is not None:
                await services.queue.send(received.message, group=received.group, delay=verdict.again)
            await services.queue.acknowledge(received.receipt)

    async def outcome(self, services: PlayedServices) -> Json | None:
        """What became of a response, as far as two of them can be alike; None where there is none."""
        with suppress(NotFoundError):
            response = await get_response(self.response_id, principal=self.principal, using=services)
            said = [(gist(item), item.get("status", "completed")) for item in response["output"]]
            return {
                "status": response["status"],
                "said": [each for each in said if each[1] == "completed"],
                "halves": [text for text, status in said if status != "completed"],
                "usage": response["usage"],
                "announced": await self._announced(services),
            }
        return None

    async def _announced(self, services: PlayedServices) -> bool:
        """Whether its end is to be told of."""
        told = TenantTable(self.principal.tenant).notification(self.response_id)
        return await services.store.get(told) is not None

    def close(self) -> None:
        for services in self.opened:
            services.queue.close()


def gist(item: Json) -> str:
    """What an item says, calls or tells of a call."""
    match item:
        case {"type": "mcp_list_tools"}:
            return "tools"
        case {"error": {"content": [{"text": text}]}} | {"output": str(text)} | {"name": text}:
            return text
        case {"content": [part]}:
            return part["text"]
        case _:
            return ""


@dataclass
class Ground:
    """Sites beside one store, each of a tenant of its own."""

    folder: Path
    keyed: KeyedStore
    clock: Clock
    name: str
    sites: list[Site] = field(default_factory=list[Site])

    def site(self, tools: Dice | None = None) -> Site:
        tenant = f"{self.name}.{len(self.sites)}"
        folder = self.folder / tenant
        folder.mkdir()
        self.sites.append(Site(folder, self.keyed, self.clock, Principal(tenant), tools))
        return self.sites[-1]


@pytest.fixture
def ground(keyed: KeyedStore, clock: Clock, tmp_path: Path, pk: str) -> Iterator[Ground]:
    made = Ground(tmp_path, keyed, clock, pk)
    yield made
    for site in made.sites:
        site.close()


class Client:
    """Asks for a response, and hears of it what the process tells that it asked."""

    def __init__(self, site: Site, body: Json) -> None:
        self._site = site
        self._body = body
        self.heard: list[Json] = []

    async def ask(self, services: PlayedServices) -> None:
        """Ask one process, which does all there is to do as long as it lives."""
        if self._body.get("stream"):
            asked = StreamedInBackground(
                self._body,
                principal=self._site.principal,
                using=services,
                deadline=Unbounded(),
                telling=Unkept(),
            )
            async with aclosing(asked.events()) as batches:
                async for events in batches:
                    self.heard += events
        else:
            await enqueue_response(self._body, principal=self._site.principal, using=services)
            await self._site.work_off(services)

    async def hear_rest(self, services: PlayedServices) -> list[Json]:
        """Go on where it was cut off, and read it all once more from the beginning."""
        tenant, id = self._site.principal.tenant, self._site.response_id
        whole: list[Json] = []
        for heard in (self.heard, whole):
            after = heard[-1]["sequence_number"] if heard else -1
            reading = resumed(tenant, id, after=after, using=services, deadline=Unbounded())
            async with aclosing(reading) as batches:
                async for events in batches:
                    heard += events
        return whole


async def killed_after(
    moments: int | None, site: Site, body: Json, lives: Sequence[int] = ()
) -> tuple[Mortal, Json | None]:
    """What becomes of a response whose maker lives for so many moments, and the next ones for theirs."""
    mortal, client = Mortal(moments), Client(site, body)
    await mortal.do(client.ask(site.process(mortal)))
    services = await site.recover(lives) if mortal.dead else site.process(Mortal())
    outcome = await site.outcome(services)
    if outcome is None:
        assert not client.heard, "it was told of, and is gone"
    elif body.get("stream"):
        whole = await client.hear_rest(services)
        assert json.dumps(client.heard) == json.dumps(whole)
        obey(whole)
        stored = await get_response(site.response_id, principal=site.principal, using=services)
        assert whole[-1]["response"] == stored
    for each in site.opened:
        assert each.reported == []
    return mortal, outcome


@pytest.mark.parametrize("streamed", [False, True], ids=["polled", "streamed"])
async def test_whenever_its_maker_dies_it_ends_as_it_would_have(ground: Ground, streamed: bool):
    body = {**BODY, "stream": streamed}
    _, expected = await killed_after(None, ground.site(), body)
    assert expected is not None
    assert [text for text, _ in expected["said"]] == [f"{step} " for step in STEPS]
    assert (expected["status"], expected["halves"], expected["announced"]) == ("completed", [], True)
    halves = 0
    for moments in count():
        mortal, outcome = await killed_after(moments, ground.site(), body)
        if not mortal.dead:
            break
        if outcome is None:  # it died before there was anything: its client asks again
            continue
        halves += len(outcome.pop("halves"))
        assert outcome == {name: value for name, value in expected.items() if name != "halves"}, moments
    assert moments > 40
    assert bool(halves) == streamed


@pytest.mark.parametrize("seed", range(12))
async def test_however_many_die_over_it_it_ends_as_it_would_have(ground: Ground, seed: int):
    chance = random.Random(seed)  # no more deaths than a response is given attempts
    body = {**BODY, "stream": bool(seed % 2)}
    whole, expected = await killed_after(None, ground.site(), body)
    assert expected is not None
    lives = [chance.randrange(whole.moments) for _ in range(chance.randint(1, 3))]
    _, outcome = await killed_after(chance.randrange(whole.moments), ground.site(), body, lives)
    if outcome is not None:
        assert outcome["said"] == expected["said"]
        assert (outcome["status"], outcome["announced"]) == ("completed", True)


@pytest.mark.parametrize("streamed", [False, True], ids=["polled", "streamed"])
async def test_whenever_its_maker_dies_no_tool_is_run_twice(ground: Ground, streamed: bool):
    body = {**BODY, "stream": streamed, "tools": [DICE]}
    _, expected = await killed_after(None, ground.site(Dice()), body)
    assert expected is not None
    assert INTERRUPTED.error is not None
    rolled, lost = ("6 by roll", "completed"), INTERRUPTED.error["content"][0]["text"]
    said = ["tools", "one two ", rolled[0], "three four ", "five six "]
    assert [each for each, _ in expected["said"]] == said
    unknown = 0
    for moments in count():
        dice = Dice()
        mortal, outcome = await killed_after(moments, ground.site(dice), body)
        if not mortal.dead:
            break
        if outcome is None:
            continue
        assert len(dice.ran) <= 1
        was_lost = lost in outcome["halves"]
        unknown += was_lost
        whole = [each for each in expected["said"] if not was_lost or each != rolled]
        assert outcome["said"] == whole, moments
        assert (outcome["status"], outcome["announced"]) == ("completed", True)
    assert unknown
