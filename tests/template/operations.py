"""What each door asks of a store, found out by running it through all that makes it ask differently."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from lambda_responses.endpoints.application import OPERATIONS, whole_application
from lambda_responses.runtime.principals.keys import KeyHolders
from lambda_responses.storage.api_keys import ApiKeys
from lambda_responses.storage.responses import ResponseStore
from lambda_responses.storage.table import KEY_RING
from lambda_responses.stream.deltas import Failed, Stopped, Text
from lambda_responses.wire.errors import OverloadedError
from tests.contracts.stores.kit import WatchedStore
from tests.played import ME, Played, PlayedRuntime
from tests.template.declared import AUTHORIZER, BY_DOOR

if TYPE_CHECKING:
    from tests.played import Play

SEALS = "include[]=reasoning.encrypted_content"

ANSWER = [Text(0, "Hello"), Stopped("end")]


class Asked(NamedTuple):
    """One verb of the store, and the partition that it was for."""

    verb: str
    partition: str


async def asked_of_the_store(play: Play) -> dict[str, set[Asked]]:
    """What each door asks for itself, by door; on a URL of its own it also asks who calls."""
    asked = await _asked_by_operations(play)
    for door in (AUTHORIZER, *(door for door in BY_DOOR if "FunctionUrlConfig" in BY_DOOR[door])):
        asked.setdefault(door, set()).update(await _asked_about_a_caller(play))
    return asked


async def _asked_about_a_caller(play: Play) -> set[Asked]:
    unwatched = play(Played([])).store
    _, text = await ApiKeys(unwatched, now=lambda: 0.0, entropy=secrets.token_bytes).create("default")
    store: Any = WatchedStore(unwatched)
    watched = Watched(store)
    watched.now_asks = "who calls"
    holders = KeyHolders(ApiKeys(store, now=lambda: 0.0, entropy=secrets.token_bytes), now=lambda: 0.0)
    assert (await holders.holder(text)).tenant == "default"
    return watched.asked["who calls"]


async def _asked_by_operations(play: Play) -> dict[str, set[Asked]]:
    played = Played([ANSWER, ANSWER, ANSWER])
    services = play(played)
    predecessor = Deletion(services.responses)
    played.steps.append([predecessor, Failed(OverloadedError("No room."))])
    unwatched = services.store
    store: Any = WatchedStore(unwatched)
    services.store, services.responses = store, ResponseStore(store, now=services.now)
    app: Any = whole_application(PlayedRuntime(services))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost/v1") as http:
        watched = Operations(http, store)
        first = await watched.create()
        second = await watched.create(previous_response_id=first)
        fork = await watched.create(previous_response_id=first)
        for id in (first, second, fork):
            await unwatched.delete(KEY_RING)  # as before anything was sealed
            await watched.ask("get_response", "GET", f"/responses/{id}?{SEALS}")
            await unwatched.delete(KEY_RING)
            await watched.ask("list_input_items", "GET", f"/responses/{id}/input_items?{SEALS}")
            await watched.ask("cancel_response", "POST", f"/responses/{id}/cancel")
        predecessor.response_id = second
        assert await watched.create(previous_response_id=second) == ""
        await watched.ask("delete_response", "DELETE", f"/responses/{first}")
        await watched.ask("delete_response", "DELETE", f"/responses/{fork}")
        await watched.ask("list_models", "GET", "/models")
        await watched.ask("list_models", "GET", "/models/m")
        await watched.ask("compact_response", "POST", "/responses/compact", {"model": "m"})
        await watched.ask("count_input_tokens", "POST", "/responses/input_tokens", {"model": "m"})
        await watched.ask("conversations", "POST", "/conversations", {})
    services.store = unwatched
    return watched.asked


class Deletion(asyncio.Event):
    """Whoever waits for it has another response deleted; unwatched."""

    def __init__(self, responses: ResponseStore) -> None:
        super().__init__()
        self.response_id = ""
        self._responses = responses

    async def wait(self) -> Any:
        await self._responses.delete(ME.tenant, self.response_id)


class Watched:
    """Notes what is asked of a store, under the name of whoever asks at the time."""

    def __init__(self, store: WatchedStore) -> None:
        self.now_asks = ""
        self.asked: dict[str, set[Asked]] = defaultdict(set)
        store.before = self._note

    async def _note(self, verb: str, place: Any) -> None:
        self.asked[self.now_asks].add(Asked(verb, place.pk))


class Operations(Watched):
    """Asks for operations."""

    def __init__(self, http: httpx.AsyncClient, store: WatchedStore) -> None:
        super().__init__(store)
        self._http = http
        self.asked |= {each.name: set[Asked]() for each in OPERATIONS if each.name != "health"}

    async def ask(self, operation: str, method: str, path: str, body: Any = None) -> Any:
        self.now_asks = operation
        answer = await self._http.request(method, path, json=body)
        return answer.json()

    async def create(self, **more: Any) -> str:
        """The id of a new response; none where the model fails."""
        body = {"model": "m", "input": "hi", **more}
        return (await self.ask("create_response", "POST", "/responses", body)).get("id", "")
