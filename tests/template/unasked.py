"""What background responses have each door ask of table, buckets and queues, unasked ones included."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lambda_responses.endpoints.deliver_notifications import deliver_new, deliver_overdue
from lambda_responses.endpoints.run_background_response import run_background_response
from lambda_responses.endpoints.run_queued_request import run_queued_request
from lambda_responses.endpoints.sweep_background_responses import (
    bury_background_response,
    sweep_background_responses,
)
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.runtime.queue_door import Delivery, FailedMessage
from lambda_responses.storage.blobs.objects import ObjectGone
from lambda_responses.storage.keyed.port import MAX_TRANSACTION, ConditionFailed
from lambda_responses.stream.deltas import Failed, Stopped, Text
from lambda_responses.wire.errors import InvalidRequestError
from tests.fakes.mailbox import Mailbox
from tests.played import ME, PlayedRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.contracts.stores.kit import Clock
    from tests.played import PlayedServices
    from tests.template.operations import Operations

Json = dict[str, Any]

WORKER, SWEEPER = "run_background_response", "sweep_background_responses"
QUEUER, TELLER = "run_queued_request", "deliver_notifications"
ANSWER: list[Any] = [Text(0, "Hello"), Stopped("end")]
DEAD = 100.0
"""Seconds after which whoever held a lease has lost it."""


class Watching:
    """Whatever stands there, of which somebody is told what is asked of it."""

    def __init__(self, what: Any, place: str, note: Callable[[str, str], None]) -> None:
        self._what, self._place, self._note = what, place, note

    def __getattr__(self, verb: str) -> Any:
        asked = getattr(self._what, verb)
        if not asyncio.iscoroutinefunction(asked):
            return asked

        async def noted(*arguments: Any, **options: Any) -> Any:
            self._note(f"{verb} {self._place}", "")
            return await asked(*arguments, **options)

        return noted


class Lines:
    """Objects that queued requests name."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def has(self, address: Any) -> bool:
        return True

    def is_body(self, address: Any) -> bool:
        return address.key.startswith("bodies/")

    async def read(self, address: Any, start: int, size: int) -> bytes:
        if address.key == "gone":
            raise ObjectGone
        return self._text[start : start + size]

    def close(self) -> None:
        """Nothing is open."""


class Background:
    """Background responses, step by step, each under the name of the door that does it."""

    def __init__(self, watched: Operations, services: PlayedServices, clock: Clock) -> None:
        self._watched = watched
        self._services = services
        self._clock = clock
        self._queue: Any = services.queue
        services.queue = Watching(self._queue, "background", watched.note)  # type: ignore[misc]
        services.dead_letters = Watching(services.dead_letters, "dead letters", watched.note)  # type: ignore
        services.results = Watching(services.results, "results", watched.note)  # type: ignore[misc]
        services.event_bus = Watching(Bus(), "bus", watched.note)
        self._mailbox = services.outbound = Mailbox()
        text = "\n".join(json.dumps({"custom_id": f"line {n}", "body": _body(n)}) for n in range(3))
        services.dropped = Watching(Lines(text.encode()), "requests", watched.note)

    async def all(self, picture: Any, noise: str) -> None:
        """Everything that makes a door ask differently."""
        await self._endpoints()
        for more in ({}, {"input": picture}, {"input": noise}, {"store": False}):
            await self._made(**more)
        self._services.tenant_concurrency = 1
        await self._made()
        await self._crowded()
        await self._streamed()
        await self._failed()
        await self._continued(noise)
        for cancelled in (True, False):
            for more in ({}, {"input": picture}, {"input": noise}):
                await self._stopped(cancelled=cancelled, **more)
        await self._lost(input=picture)
        await self._lost(input=noise)
        await self._dropped(picture, noise)
        await self._silenced()

    async def work(self, *, answers: Sequence[Any] = (ANSWER,)) -> None:
        """Take what lies in the queue, and tell whoever wants to know what became of it."""
        self._clock.advance(DEAD)
        for received in await self._queue.receive(10, visible_after=1):
            self._watched.plays(*answers)
            self._watched.now_asks = WORKER
            await run_background_response(_delivery(received.message, received.receipt), self._runtime)
            await self._queue.acknowledge(received.receipt)
        await self._tell()

    @property
    def _runtime(self) -> Any:
        return PlayedRuntime(self._services, request_tenant=ME.tenant)

    async def _tell(self) -> None:
        self._watched.now_asks = TELLER
        await deliver_overdue(self._runtime)
        await deliver_new([], self._runtime)

    async def _sweep(self) -> None:
        self._clock.advance(DEAD)
        self._watched.now_asks = SWEEPER
        await sweep_background_responses(self._runtime)

    async def _queued(self, **more: Any) -> str:
        return await self._watched.create(background=True, **more)

    async def _made(self, **more: Any) -> None:
        made = await self._queued(**more)
        await self._ask("get_response", "GET", made)
        await self.work()
        await self._ask("get_response", "GET", made)
        await self._ask("cancel_response", "POST", made, "/cancel", status=400)
        await self._ask("delete_response", "DELETE", made)

    async def _crowded(self) -> None:
        """Where all places of a tenant are taken."""
        made = await self._queued()
        self._watched.now_asks = "somebody else"
        slot = await self._services.slots.take(ME.tenant, 1, "somebody else")
        assert slot is not None
        self._watched.now_asks = WORKER
        message = {"v": 1, "tenant": ME.tenant, "response_id": made}
        await run_background_response(_delivery(message, "0"), self._runtime)
        self._watched.now_asks = "somebody else"
        await self._services.slots.release(slot)
        await self.work()

    async def _streamed(self) -> None:
        """From its own request, and by a worker after whoever streamed it has died half way."""
        made = await self._stream(ANSWER)
        await self._ask("get_response", "GET", made, "?stream=true&starting_after=1")
        await self._ask("delete_response", "DELETE", made)
        made = await self._stream([Text(0, "Hel"), asyncio.Event()])
        await self.work()
        await self._ask("get_response", "GET", made, "?stream=true&starting_after=1")
        await self._ask("delete_response", "DELETE", made)

    async def _stream(self, step: Any) -> str:
        """The id of a response whose stream was read for a moment."""
        self._watched.plays(step)
        self._watched.now_asks = "create_response"
        body = {"model": "m", "input": "hi", "background": True, "stream": True}
        before = await self._ids()
        asked = asyncio.ensure_future(self._watched.post("/responses", body))
        await asyncio.wait([asked], timeout=0.5)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        (made,) = await self._ids() - before
        return made

    async def _ids(self) -> set[str]:
        """Of all responses that a message is about, whenever it is due."""
        self._clock.advance(DEAD)
        return {each.message["response_id"] for each in await self._queue.receive(100, visible_after=1)}

    async def _failed(self) -> None:
        made = await self._queued()
        await self.work(answers=[[Failed(InvalidRequestError("Not with me."))]])
        await self._ask("delete_response", "DELETE", made)

    async def _continued(self, noise: str) -> None:
        """A chain, and a conversation: with a long item, and with more of them than one transaction takes."""
        conversation = await self._watched.ask("conversations", "POST", "/conversations", {})
        many = [{"role": "user", "content": "x"}] * MAX_TRANSACTION
        for said in (noise, many):
            first = await self._queued(conversation=conversation["id"], input=said)
            await self.work()
            assert (await self._services.jobs.find(ME.tenant, first)).status == "completed"
            await self._ask("delete_response", "DELETE", first)
        first = await self._watched.create()
        second = await self._queued(previous_response_id=first)
        await self.work()
        for each in (first, second):
            await self._ask("delete_response", "DELETE", each)

    async def _stopped(self, *, cancelled: bool, **more: Any) -> None:
        """While it is queued, and while it streams."""
        for streams in (False, True):
            made = await (
                self._stream([Text(0, "Hel"), asyncio.Event()]) if streams else self._queued(**more)
            )
            if cancelled:
                await self._ask("cancel_response", "POST", made, "/cancel")
                await self._ask("cancel_response", "POST", made, "/cancel")
                await self._ask("get_response", "GET", made)
                await self._sweep()
                await self._tell()
            await self._ask("delete_response", "DELETE", made)
            await self.work()

    async def _lost(self, **more: Any) -> None:
        """Messages that are gone, one that killed whoever had it, and responses whose time is up."""
        made = [await self._queued(**more), await self._queued(**more)]
        dead = {"v": 1, "tenant": ME.tenant, "response_id": made[0]}
        await self._sweep()
        self._watched.now_asks = SWEEPER
        await bury_background_response(_delivery(dead, "0"), self._runtime)
        self._clock.advance(self._services.background_seconds)
        await self._sweep()
        await self._tell()

    async def _dropped(self, picture: Any, noise: str) -> None:
        """Requests that nobody waits for: sound ones, bad ones, and what is none."""
        conversation = await self._watched.ask("conversations", "POST", "/conversations", {})
        first = await self._watched.create(input=noise)
        bodies: list[Any] = [
            {"custom_id": "in a conversation", "body": {**_body(0), "conversation": conversation["id"]}},
            {"custom_id": "in the same", "body": {**_body(0), "conversation": conversation["id"]}},
            {"custom_id": "after another", "body": {**_body(0), "previous_response_id": first}},
            {"custom_id": "with a picture", "body": {**_body(0), "input": picture}},
            {"custom_id": "long", "body": {**_body(0), "input": noise}},
            {"custom_id": "a", "body": _body(0)},
            {"custom_id": "a", "body": _body(0)},
            {"custom_id": "b", "body": {"model": "m", "input": 5}},
            {"custom_id": "c", "body_ref": "s3://requests/bodies/1"},
            {"custom_id": "in vain", "body": {**_body(0), "input": noise}},
            {"Records": [_created("lines")]},
            {"Records": [_created("gone")]},
            "nothing",
        ]

        async def somebody_was_first() -> None:
            raise ConditionFailed(None)

        for number, body in enumerate(bodies):
            self._watched.now_asks = QUEUER
            if "in vain" in str(body):
                self._watched.meanwhile = somebody_was_first
            with suppress(FailedMessage, ConditionFailed):
                await run_queued_request(_delivery(body, str(number)), self._runtime)
        await self.work()

    async def _endpoints(self) -> None:
        url, types = "https://example.com/told", ["response.completed", "response.cancelled"]
        told = {"name": "all", "url": url, "event_types": types}
        door, place = "webhook_endpoints", "/webhook_endpoints"
        made = await self._watched.ask(door, "POST", place, told)
        other = await self._watched.ask(door, "POST", place, told)
        own = f"{place}/{made['id']}"
        for method, path, body in (
            ("GET", place, None),
            ("GET", own, None),
            ("POST", own, {"name": "other"}),
            ("POST", f"{own}/rotate_secret", {}),
            ("POST", f"{own}/test", {"event_type": types[0]}),
            ("DELETE", f"{place}/{other['id']}", None),
            ("GET", "/webhook_event_types", None),
        ):
            await self._watched.ask(door, method, path, body)

    async def _silenced(self) -> None:
        """An endpoint that asks to hear no more."""
        self._mailbox.always = 410
        await self._made()

    async def _ask(self, door: str, method: str, id: str, more: str = "", *, status: int = 200) -> None:
        self._watched.now_asks = door
        answer = await self._watched.request(method, f"/responses/{id}{more}")
        assert answer.status_code in (status, 404), answer.text


class Bus:
    """Takes events."""

    async def publish(self, type: str, detail: Json, *, at: int) -> None:
        """Keep nothing."""


def _body(number: int) -> Json:
    return {"model": "m", "input": f"hi {number}"}


def _created(key: str) -> Json:
    place = {"bucket": {"name": "requests"}, "object": {"key": key, "eTag": "0"}}
    return {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": place}


def _delivery(message: Any, receipt: str) -> Delivery:
    return Delivery(json.dumps(message), receipt, 1, Unbounded(), f"message {receipt}")
