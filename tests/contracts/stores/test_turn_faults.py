"""A turn, with a fault at each of its store calls: what is told is stored, and what is stored is whole.

Every kind of turn is made once to see which calls it makes; then once more for each of its calls and each
fault that may befall it there. The events that are told are judged, and what any reader finds afterwards.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.conversations import create_conversation, list_items
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.delete import delete_response
from lambda_responses.lifecycle.once import ClaimLost, once
from lambda_responses.lifecycle.ports import Principal, Unbounded
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.storage.keyed.port import Key, StoreUnavailable
from lambda_responses.stream.deltas import Stopped, Text
from lambda_responses.wire.errors import APIError, InvalidRequestError, NotFoundError
from lambda_responses.wire.queries import read_list_query
from tests.contracts.stores.kit import texts
from tests.kit import check
from tests.played import Played, PlayedServices

if TYPE_CHECKING:
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore, Write
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
Act = Callable[[], Awaitable[Any]]

DAY = 86_400
LEASE = 120
"""Seconds after which whatever a run held has lapsed."""
PICTURE = "data:image/png;base64," + b64encode(Random(5).randbytes(20_000)).decode()
HELLO: list[Any] = [Text(0, "Hel"), Text(0, "lo"), Stopped("end")]


class Endless(list[Any]):
    """The same answer for ever."""

    def pop(self, _place: Any = 0) -> list[Any]:
        return list(HELLO)


@dataclass
class Trap:
    """Counts calls, and does something at one of them."""

    spring: Callable[[Act], Awaitable[Any]] | None = None
    at: int | None = None
    to_the_end: bool = False
    calls: list[str] = field(default_factory=list[str])
    ids: set[str] = field(default_factory=set[str])
    """Of all responses whose control row was to be written."""

    async def passed(self, name: str, act: Act) -> Any:
        number = len(self.calls)
        self.calls.append(name)
        due = self.at is not None and (number == self.at or (self.to_the_end and number > self.at))
        return await (self.spring(act) if due and self.spring else act())


class Trapped:
    """A store, or blobs, each of whose calls goes through the trap."""

    def __init__(self, inner: Any, name: str) -> None:
        self.inner, self._name = inner, name
        self.trap = Trap()

    def __getattr__(self, verb: str) -> Any:
        act = getattr(self.inner, verb)

        async def call(*arguments: Any, **options: Any) -> Any:
            self._note(verb, arguments)
            return await self.trap.passed(f"{self._name}.{verb}", lambda: act(*arguments, **options))

        return call

    def _note(self, verb: str, arguments: Any) -> None:
        writes: list[Write] = arguments[0] if verb == "transact" else []
        keys = [write.key for write in writes] if writes else [arguments[0]] if verb == "put" else []
        for key in keys:
            if isinstance(key, Key) and key.sk.startswith("R#") and key.sk.count("#") == 1:
                self.trap.ids.add(key.sk[2:])


class Scene:
    """One tenant, one request, and what came of it."""

    def __init__(self, stage: Stage, kind: str) -> None:
        self.stage, self.kind = stage, kind
        self.me = Principal(f"tenant-{secrets.token_hex(6)}")
        self.body: Json = {"model": "m", "input": "more"}
        self.said: list[str] = []
        self.key = None
        self.told: Json | None = None
        self.events: list[Json] = []
        self.fault: BaseException | None = None
        self.responses: dict[str, list[str]] = {}
        """What is there, and what was said up to it."""
        self.rivals: list[str] = []

    async def prepared(self) -> Scene:
        """What is there before the request."""
        match self.kind:
            case "first":
                pass
            case "idempotent":
                self.key = "once"
            case "blob":
                self.body["input"] = with_picture("more")
            case "conversation":
                start = {"items": [{"type": "message", "role": "user", "content": "root"}]}
                made = await create_conversation(start, principal=self.me, using=self.stage.services)
                self.body["conversation"] = made["id"]
                self.said = ["root"]
            case _:
                await self._after_a_root()
        return self

    async def _after_a_root(self) -> None:
        said = with_picture("root") if self.kind == "picture before" else "root"
        root = await self._made({"model": "m", "input": said})
        self.body["previous_response_id"] = root
        self.said = self.responses[root] = ["root", "Hello"]
        if self.kind in ("fork", "third"):
            for _ in range(1 if self.kind == "fork" else 2):
                other = await self._made({**self.body, "input": "other"})
                self.responses[other] = [*self.said, "other", "Hello"]
        if self.kind == "snapshot":
            self.stage.clock.advance(20 * DAY)

    async def _made(self, body: Json) -> str:
        run = await create_response(dict(body), principal=self.me, using=self.stage.services)
        return (await run.response())["id"]

    async def play(self, *, streamed: bool) -> None:
        """Send the request and take what is told, whatever that is."""
        try:
            await self._ask(streamed=streamed)
        except (APIError, StoreUnavailable, ClaimLost, asyncio.CancelledError) as fault:
            self.fault = fault
            current = asyncio.current_task()
            while current is not None and current.cancelling():
                current.uncancel()

    async def rival(self) -> None:
        """Somebody else sends the same request, between two calls of ours, and finds no faults."""
        other = Scene(self.stage, self.kind)
        other.me, other.body, other.key = self.me, self.body, self.key
        with suppress(APIError):
            await other._ask(streamed=False, using=self.stage.elsewhere)
        if other.told is not None:
            self.rivals.append(other.told["id"])

    async def delete(self) -> None:
        """Somebody else deletes what the request continues."""
        if (previous := self.body.get("previous_response_id")) in self.responses:
            await delete_response(previous, principal=self.me, using=self.stage.elsewhere)
            del self.responses[previous]

    async def _ask(self, *, streamed: bool, using: PlayedServices | None = None) -> None:
        using = using or self.stage.services
        body = json.loads(json.dumps({**self.body, "stream": streamed}))
        claim = once(b"", body, key=self.key, tries=None, principal=self.me, using=using, attach=False)
        found = await claim.answer(Unbounded())
        if found is not None:
            self.told = found.response
            return
        run = await create_response(body, principal=self.me, using=using, bounds=RunBounds(claim=claim))
        if not streamed:
            self.told = await run.response()
            return
        async for batch in run.events():
            self.events += [json.loads(json.dumps(event)) for event in batch]
            if self.events[-1]["type"].endswith((".completed", ".failed")):
                self.told = self.events[-1]["response"]
        check(self.events)

    async def judge(self) -> None:
        """What readers find, and whether it is what was told."""
        using, whole = self.stage.services, [*self.said, "more", "Hello"]
        self.responses |= dict.fromkeys(self.rivals, whole)
        if self.told is not None and self.told["status"] == "completed":
            found = await get_response(self.told["id"], principal=self.me, using=using)
            assert found == self.told
            self.responses[self.told["id"]] = whole
        for response_id in self.stage.trap.ids:
            with suppress(NotFoundError):
                found = await get_response(response_id, principal=self.me, using=using)
                assert found["status"] == "completed"
                if self.told is not None and self.told["id"] == response_id:
                    assert found == self.told, "a second answer under one id"
                self.responses.setdefault(response_id, whole)
        if self.key is not None:
            assert len({*self.rivals, *([self.told["id"]] if self.told else [])}) <= 1
        seen = {response_id: await self._context(response_id) for response_id in self.responses}
        if "conversation" not in self.body:
            assert seen == self.responses
            return
        turns = ["more", "Hello"]
        grown = [[*self.said, *turns * (number + 1)] for number in range(len(seen))]
        assert sorted(seen.values(), key=len) == grown
        query = read_list_query([("limit", "100"), ("order", "asc")])
        page = await list_items(self.body["conversation"], query, principal=self.me, using=using)
        assert texts(page["data"]) == [*self.said, *turns * len(seen)]

    async def _context(self, response_id: str) -> list[str]:
        found = await self.stage.services.responses.context(self.me.tenant, response_id)
        return said_in(found.items)

    async def again(self) -> None:
        """The same request once more, without faults, when everything that was held has lapsed."""
        self.stage.clock.advance(LEASE)
        told = self.told
        if "conversation" in self.body:
            self.said = [*self.said, *["more", "Hello"] * len(self.responses)]
        self.fault = self.told = None
        previous = self.body.get("previous_response_id")
        if previous is not None and previous not in self.responses:
            with pytest.raises(InvalidRequestError, match="not found"):
                await self._ask(streamed=False)
            return
        await self._ask(streamed=False)
        answer: Any = self.told
        assert answer["status"] == "completed"
        if told is not None and told["status"] == "completed":
            assert (answer["id"] == told["id"]) == (self.key is not None)
        if self.key is not None and self.rivals:
            assert [answer["id"]] == self.rivals
        assert await self._context(answer["id"]) == [*self.said, "more", "Hello"]


class Stage:
    """Services on a trapped store, with trapped blobs."""

    def __init__(self, folder: Path, keyed: KeyedStore, clock: Clock) -> None:
        self.clock = clock
        self.folder = folder
        self.store: Any = Trapped(keyed, "store")
        self.services = PlayedServices(folder, Played(Endless()), store=self.store, now=clock)
        self.elsewhere = PlayedServices(folder, Played(Endless()), store=keyed, now=clock)
        for services in (self.services, self.elsewhere):
            services.entropy = lambda digits: secrets.token_hex(digits)[:digits]
        self.task: asyncio.Task[None] | None = None
        self.on_stage: Scene | None = None
        self.blobs = Trapped(self.services.blobs, "blobs")
        for service in (self.services.responses, self.services.conversations):
            service._blobs = self.blobs  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]

    @property
    def trap(self) -> Trap:
        return self.store.trap

    def set(self, trap: Trap) -> None:
        self.store.trap = self.blobs.trap = trap

    async def scene(self, kind: str, trap: Trap, *, streamed: bool) -> Scene:
        """A whole turn with that trap on the way, and the trap taken away at its end."""
        self.set(Trap())
        self.on_stage = scene = await Scene(self, kind).prepared()
        self.set(trap)
        self.task = asyncio.create_task(scene.play(streamed=streamed))
        await self.task
        trap.at = None
        return scene

    async def cancelled_before(self, act: Act) -> Any:
        """Whoever waits for the turn gives up as the call begins."""
        if self.task is not None:
            self.task.cancel()
        return await act()

    async def cancelled_after(self, act: Act) -> Any:
        """Whoever waits for the turn gives up as the call ends."""
        result = await act()
        if self.task is not None:
            self.task.cancel()
        return result

    async def rivalled(self, act: Act) -> Any:
        """Somebody else does the same before the call, whose conditions may hold no more."""
        if self.on_stage is not None:
            await self.on_stage.rival()
        return await act()

    async def deleted(self, act: Act) -> Any:
        """Somebody else deletes what is continued before the call."""
        if self.on_stage is not None:
            await self.on_stage.delete()
        return await act()


def with_picture(text: str) -> list[Json]:
    """What a user says, and shows."""
    picture = {"type": "input_image", "image_url": PICTURE, "detail": "auto"}
    return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}, picture]}]


def said_in(items: Any) -> list[str]:
    return [part["text"] for item in items for part in item["content"] if "text" in part]


async def unavailable(_act: Act) -> Any:
    """Throttled, or not there at all."""
    raise StoreUnavailable


async def lost_reply(act: Act) -> Any:
    """It happened, and nobody heard of it."""
    await act()
    raise StoreUnavailable


FAULTS: dict[str, Callable[[Stage], Callable[[Act], Awaitable[Any]]]] = {
    "unavailable": lambda stage: unavailable,
    "lost reply": lambda stage: lost_reply,
    "gone from here on": lambda stage: unavailable,
    "cancelled before": lambda stage: stage.cancelled_before,
    "cancelled after": lambda stage: stage.cancelled_after,
    "a rival before": lambda stage: stage.rivalled,
    "deleted before": lambda stage: stage.deleted,
}
KINDS = ["first", "next", "fork", "third", "snapshot", "conversation", "idempotent", "blob", "picture before"]


@pytest.fixture
def stage(keyed: KeyedStore, clock: Clock, tmp_path: Path) -> Stage:
    return Stage(tmp_path, keyed, clock)


async def calls_of(stage: Stage, kind: str, *, streamed: bool) -> list[str]:
    """What a turn of that kind asks of its store when all goes well."""
    trap = Trap()
    scene = await stage.scene(kind, trap, streamed=streamed)
    assert scene.fault is None
    assert scene.told is not None
    assert scene.told["status"] == "completed"
    calls = list(trap.calls)
    await scene.judge()
    await scene.again()
    return calls


@pytest.mark.parametrize("keyed", ["sqlite", pytest.param("dynamodb", marks=pytest.mark.slow)], indirect=True)
@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_at_any_store_call_leaves_all_of_a_turn_or_nothing(
    stage: Stage, kind: str, streamed: bool
) -> None:
    calls = await calls_of(stage, kind, streamed=streamed)
    assert ("blobs.put" in calls, "blobs.get" in calls) == (kind == "blob", kind == "picture before")
    for at in range(len(calls)):
        for name, fault in FAULTS.items():
            trap = Trap(fault(stage), at, to_the_end=name == "gone from here on")
            scene = await stage.scene(kind, trap, streamed=streamed)
            try:
                await scene.judge()
                await scene.again()
            except BaseException as error:
                error.add_note(f"{name} at call {at + 1} of {calls}")
                raise
