"""What each door asks of table and bucket, found by running it through all that makes it ask differently."""

from __future__ import annotations

import asyncio
import base64
import random
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from lambda_responses.endpoints.application import whole_application
from lambda_responses.runtime.principals.keys import KeyHolders
from lambda_responses.storage.api_keys import ApiKeys
from lambda_responses.storage.background.event_log import EventLog
from lambda_responses.storage.background.jobs import JobStore
from lambda_responses.storage.background.outbox import Outbox
from lambda_responses.storage.background.slots import Slots
from lambda_responses.storage.blobs.files import FileBlobs
from lambda_responses.storage.conversations.store import ConversationStore
from lambda_responses.storage.keyed.port import MAX_TRANSACTION, Check, Delete, Put, Update
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.request_claims import RequestClaims
from lambda_responses.storage.responses import ResponseStore
from lambda_responses.storage.table import KEY_RING
from lambda_responses.storage.webhook_endpoints import WebhookEndpoints
from lambda_responses.stream.deltas import Failed, Stopped, Text
from lambda_responses.wire.errors import OverloadedError
from tests.contracts.stores.kit import Clock, WatchedStore
from tests.played import ME, Played, PlayedRuntime
from tests.template.declared import AUTHORIZER, BY_DOOR, DOORS
from tests.template.unasked import Background

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from pathlib import Path

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import Key
    from tests.played import Play

SEALS = "include[]=reasoning.encrypted_content"
LARGE = 600_000
"""Characters of noise that no row holds."""
ANSWER = [Text(0, "Hello"), Stopped("end")]
WRITES = {Put: "put", Update: "update", Delete: "delete", Check: "check"}
"""What a transaction is made of."""


class Asked(NamedTuple):
    """One verb of the store, and the partition that it was for; or one of the bucket, and no partition."""

    verb: str
    partition: str


def picture() -> str:
    """A picture that is too large for a row, and another one each time."""
    data = base64.b64encode(random.Random(secrets.token_bytes(8)).randbytes(9_000)).decode()
    return f"data:image/png;base64,{data}"


def shown(url: str) -> list[Any]:
    """An input with a picture in it."""
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": url}]
    return [{"role": "user", "content": parts}]


def noise(size: int) -> str:
    """Text that does not shrink much."""
    return base64.b64encode(random.Random(4).randbytes(size)).decode()[:size]


async def asked_of_the_stores(play: Play, folder: Path) -> dict[str, set[Asked]]:
    """What each door asks for itself, by door; on a URL of its own it also asks who calls."""
    asked: dict[str, set[Asked]] = defaultdict(set)
    for mode in ("keep", "erase"):
        for door, found in (await _asked_by_operations(play, folder / mode, mode)).items():
            asked[door] |= found
    for door in (AUTHORIZER, *(door for door in BY_DOOR if "FunctionUrlConfig" in BY_DOOR[door])):
        asked[door] |= await _asked_about_a_caller(play)
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


async def _asked_by_operations(play: Play, folder: Path, mode: Any) -> dict[str, set[Asked]]:
    """What operations ask for where deleting is done in that mode."""
    played, clock = Played([]), Clock()
    services = play(played, now=clock, store=SQLiteStore(folder / "responses.db", now=clock))
    unwatched = services.store
    store: Any = WatchedStore(unwatched)
    app: Any = whole_application(PlayedRuntime(services))
    blobs = FileBlobs(folder, now=services.now)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost/v1") as http:
        watched = Operations(http, store, played, unwatched.delete)
        services.store = store
        options: Any = {"now": services.now, "blobs": WatchedBlobs(blobs, watched.note)}
        services.responses = ResponseStore(store, **options, delete_mode=mode)
        services.conversations = ConversationStore(store, **options)
        services.claims = RequestClaims(store, now=services.now)
        services.jobs = JobStore(
            store, services.responses, services.conversations, now=services.now, lease_seconds=4.0
        )
        services.slots = Slots(store, now=services.now, lease_seconds=4.0)
        services.events = EventLog(store, now=services.now)
        services.outbox = Outbox(store, now=services.now)
        services.webhook_endpoints = WebhookEndpoints(store, now=services.now)
        await _chain(watched, services.responses)
        await _outlive(watched, clock)
        await _converse(watched)
        await watched.ask("list_models", "GET", "/models")
        await watched.ask("list_models", "GET", "/models/m")
        await Background(watched, services, clock).all(shown(picture()), noise(LARGE))
    services.store = unwatched
    blobs.close()
    return watched.asked


async def _chain(watched: Operations, responses: ResponseStore) -> None:
    """Responses, forks of them, and what can be asked of them."""
    first = await watched.create(input=shown(picture()))
    second = await watched.create(previous_response_id=first, input=noise(LARGE))
    fork = await watched.create(previous_response_id=first)
    ids = (first, second, fork)
    for id in ids:
        await watched.ask_without_keys("get_response", "GET", f"/responses/{id}?{SEALS}")
        await watched.ask_without_keys("list_input_items", "GET", f"/responses/{id}/input_items?{SEALS}")
        await watched.ask("cancel_response", "POST", f"/responses/{id}/cancel", status=400)  # it has ended
        continued = {"model": "m", "input": "And?", "previous_response_id": id}
        await watched.ask_without_keys("count_input_tokens", "POST", "/responses/input_tokens", continued)
        watched.plays(ANSWER)
        short = await watched.ask_without_keys("compact_response", "POST", "/responses/compact", continued)
        await watched.create(input=short["output"])
        sealed = {"model": "m", "input": short["output"]}
        await watched.ask_without_keys("count_input_tokens", "POST", "/responses/input_tokens", sealed)
    fails = [Deletion(responses, second), Failed(OverloadedError("No room."))]
    await watched.create(fails, previous_response_id=second, status=503)
    again = {"headers": {"Idempotency-Key": "once"}}
    assert await watched.create(**again) == await watched.create(**again)
    await watched.create(headers={"x-stainless-retry-count": "1"})
    for id in (first, fork):
        await watched.ask("delete_response", "DELETE", f"/responses/{id}")


async def _outlive(watched: Operations, clock: Clock) -> None:
    """A response that copies its history, which will be gone before it is; then part of that is deleted."""
    first = await watched.create(input=noise(LARGE))
    second = await watched.create(previous_response_id=first, input=noise(LARGE))
    clock.advance(20 * 24 * 3600)
    await watched.create(previous_response_id=second)
    await watched.ask("delete_response", "DELETE", f"/responses/{first}")


async def _converse(watched: Operations) -> None:
    """A conversation, a response in it, and all that is asked of both."""
    made = await watched.ask("conversations", "POST", "/conversations", {"items": shown(picture())})
    place = f"/conversations/{made['id']}"
    many = [*shown(picture()), *({"role": "user", "content": "x"} for _ in range(MAX_TRANSACTION))]
    said = await watched.create(conversation=made["id"], input=many)
    for path in (f"/responses/{said}", f"/responses/{said}/input_items"):
        await watched.ask("get_response" if path.endswith(said) else "list_input_items", "GET", path)
    asked = {"model": "m", "input": "And?", "conversation": made["id"]}
    await watched.ask("count_input_tokens", "POST", "/responses/input_tokens", asked)
    await watched.ask("conversations", "GET", place)
    await watched.ask("conversations", "POST", place, {"metadata": {"a": "b"}})
    more_than_a_transaction = [{"role": "user", "content": noise(235_000)} for _ in range(18)]
    many = {"items": [*shown(picture()), {"role": "user", "content": noise(LARGE)}, *more_than_a_transaction]}
    added = await watched.ask_without_keys("conversations", "POST", f"{place}/items?{SEALS}", many)
    await watched.ask_without_keys("conversations", "GET", f"{place}/items?{SEALS}")
    item = f"{place}/items/{added['data'][0]['id']}"
    await watched.ask_without_keys("conversations", "GET", f"{item}?{SEALS}")
    await watched.ask("conversations", "DELETE", item)
    await watched.ask("delete_response", "DELETE", f"/responses/{said}")
    await watched.ask("conversations", "DELETE", place)


class Deletion(asyncio.Event):
    """Whoever waits for it has another response deleted, by somebody else."""

    def __init__(self, responses: ResponseStore, response_id: str) -> None:
        super().__init__()
        self._responses, self._response_id = responses, response_id

    async def wait(self) -> Any:
        await self._responses.delete(ME.tenant, self._response_id)


class WatchedBlobs:
    """Blobs, of which somebody is told what is asked of them."""

    def __init__(self, blobs: Blobs, note: Callable[[str, str], None]) -> None:
        self._blobs, self._note = blobs, note

    async def put(self, name: str, data: bytes, *, expires: int | None) -> None:
        self._note("put blob", "")
        await self._blobs.put(name, data, expires=expires)

    async def get(self, name: str) -> bytes | None:
        self._note("get blob", "")
        return await self._blobs.get(name)

    async def delete(self, names: Collection[str]) -> None:
        if names:
            self._note("delete blob", "")
        await self._blobs.delete(names)

    async def clear(self, scope: str) -> None:
        self._note("clear blobs", "")
        await self._blobs.clear(scope)


class Watched:
    """Notes what is asked of the stores, under the name of whoever asks at the time."""

    def __init__(self, store: WatchedStore) -> None:
        self.now_asks = ""
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """What happens before the next response is there."""
        self.asked: dict[str, set[Asked]] = defaultdict(set)
        store.before = self._before

    def note(self, verb: str, partition: str) -> None:
        self.asked[self.now_asks].add(Asked(verb, partition))

    async def _before(self, verb: str, place: Any) -> None:
        if verb == "due":
            self.note(verb, place)
            return
        writes = [(WRITES[type(each)], each.key) for each in place] if verb == "transact" else [(verb, place)]
        if self.meanwhile is not None and any(is_control(key) for what, key in writes if what == "put"):
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        for what, key in writes:
            self.note(what, key.pk)


def is_control(key: Key) -> bool:
    """Whether a response is there once that row is."""
    return key.sk.startswith("R#") and key.sk.count("#") == 1


class Operations(Watched):
    """Asks for operations."""

    def __init__(self, http: httpx.AsyncClient, store: WatchedStore, played: Played, forget: Any) -> None:
        super().__init__(store)
        self._http, self._played, self._forget = http, played, forget
        self.asked |= {door: set[Asked]() for door in DOORS}

    def plays(self, *steps: Any) -> None:
        """What the model does next."""
        self._played.steps[:] = steps

    async def ask(
        self, operation: str, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any
    ) -> Any:
        self.now_asks = operation
        answer = await self.request(method, path, json=body, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._http.request(method, path, **more)

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.request("POST", path, json=body)

    async def ask_without_keys(self, operation: str, method: str, path: str, body: Any = None) -> Any:
        """Ask as before anything was sealed."""
        await self._forget(KEY_RING)
        return await self.ask(operation, method, path, body)

    async def create(self, step: Any = ANSWER, *, headers: Any = None, status: int = 200, **more: Any) -> str:
        """The id of a new response; none where the model fails."""
        self.plays(step)
        body = {"model": "m", "input": "hi", **more}
        asked = {"headers": headers, "status": status}
        return (await self.ask("create_response", "POST", "/responses", body, **asked)).get("id", "")
