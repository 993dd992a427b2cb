"""A request that is sent again, at the ASGI interface: who is answered with what, and whose run goes on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints.application import whole_application
from lambda_responses.lifecycle import once
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.request_claims import LEASE
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.stream.deltas import Stopped, Text
from lambda_responses.wire.errors import OverloadedError
from tests.contracts.stores.kit import Clock, WatchedStore
from tests.fakes.events import obey
from tests.played import ME, Played, PlayedRuntime, PlayedServices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lambda_responses.lifecycle.ports import Principal

pytestmark = pytest.mark.anyio

HELLO: list[Any] = [Text(0, "Hello"), Stopped("end")]
OVERLOADED: list[Any] = [OverloadedError("Too many.")]
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
FIRST, AGAIN = {"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "1"}
NAMED = {"idempotency-key": "mine"}


class Answer:
    """One answer as it comes in, to a client that may leave."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.gone = asyncio.Event()
        self._something = asyncio.Condition()

    async def take(self, message: dict[str, Any]) -> None:
        if self.gone.is_set():
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        self.body += message.get("body", b"")
        async with self._something:
            self._something.notify_all()

    async def has(self, piece: bytes) -> None:
        async with self._something:
            await asyncio.wait_for(self._something.wait_for(lambda: piece in self.body), 20)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def events(self) -> list[dict[str, Any]]:
        frames = self.body.decode().split("\n\n")
        return [json.loads(frame.partition("data: ")[2]) for frame in frames if "data: " in frame]

    @property
    def response(self) -> dict[str, Any]:
        """The final object, however it was told."""
        if not self.headers["content-type"].startswith("text/event-stream"):
            return self.json
        obey(self.events)
        return self.events[-1]["response"]

    @property
    def replayed(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"


class Door:
    """An application whose one model plays these answers in turn."""

    def __init__(self, folder: Path, *answers: list[Any], **settings: Any) -> None:
        self.played = Played(list(answers))
        self.clock = Clock()
        self.services = PlayedServices(folder, self.played, first_event_wait=0.01, now=self.clock)
        self.watched: Any = WatchedStore(self.services.store)
        self.services.claims._store = self.watched  # pyright: ignore[reportPrivateUsage]
        self.runtime = PlayedRuntime(self.services, **settings)
        self.app: Any = whole_application(self.runtime)

    def asking(self, headers: dict[str, str], **body: Any) -> tuple[Answer, asyncio.Future[None]]:
        """An answer on its way, and the exchange that it comes by."""
        answer = Answer()
        sent = json.dumps({"model": "m", "input": "hi", **body}).encode()
        unread = [{"type": "http.request", "body": sent, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if unread:
                return unread.pop()
            await answer.gone.wait()
            return {"type": "http.disconnect"}

        named = {"host": "localhost", **headers}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/responses",
            "raw_path": b"/v1/responses",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
        }

        async def send(message: dict[str, Any]) -> None:
            await answer.take(message)

        return answer, asyncio.ensure_future(self.app(scope, receive, send))

    async def ask(self, headers: dict[str, str], **body: Any) -> Answer:
        answer, exchange = self.asking(headers, **body)
        await asyncio.wait_for(exchange, 20)
        return answer

    async def begun(self) -> None:
        """Return when the model has been asked, and has not answered."""
        for _ in range(5_000):
            if self.played.open_answers:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("nobody asked the model")

    @property
    def paid(self) -> int:
        return len(self.played.turns)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Any]:
    opened: list[Door] = []

    def door(*answers: list[Any], **settings: Any) -> Door:
        opened.append(Door(tmp_path, *answers, **settings))
        return opened[-1]

    yield door
    for each in opened:
        each.services.close()


async def stored(door: Door, response_id: str) -> dict[str, Any]:
    return (await door.services.responses.get("me", response_id)).response


@MODES
@pytest.mark.parametrize("headers", [NAMED, NAMED | FIRST, NAMED | AGAIN], ids=["any", "first", "again"])
async def test_a_named_request_is_answered_again_with_its_first_answer(
    doors: Any, stream: bool, headers: dict[str, str]
):
    door = doors(HELLO)
    first = await door.ask(NAMED, stream=stream)
    again = await door.ask(headers, stream=stream)
    assert (first.replayed, again.replayed, door.paid) == (False, True, 1)
    assert again.headers["x-responses-target"] == first.headers["x-responses-target"]
    assert again.response == first.response == await stored(door, first.response["id"])
    if not stream:
        assert again.body == first.body


async def test_how_it_is_told_makes_no_other_request_of_it(doors: Any):
    door = doors(HELLO)
    first = await door.ask(NAMED, stream=True, stream_options={"include_obfuscation": False})
    again = await door.ask(NAMED, stream=False)
    assert again.json == first.response
    padded = await door.ask(NAMED, stream=True)
    assert b"obfuscation" in padded.body
    assert b"obfuscation" not in first.body
    assert door.paid == 1


async def test_the_order_of_keys_makes_no_other_request_of_it(doors: Any):
    door = doors(HELLO)
    first = await door.ask(NAMED, metadata={"a": "1", "b": "2"}, temperature=1)
    again = await door.ask(NAMED, temperature=1, metadata={"b": "2", "a": "1"})
    assert again.body == first.body
    assert door.paid == 1


async def test_another_body_under_the_same_name_is_refused(doors: Any):
    door = doors(HELLO)
    await door.ask(NAMED)
    for other in ({"input": "ho"}, {"temperature": 1}, {"store": False}):
        refused = await door.ask(NAMED, **other)
        assert (refused.status, refused.json["error"]["code"]) == (400, "idempotency_key_reused")
    assert door.paid == 1


@pytest.mark.parametrize("length", [0, 256])
async def test_a_name_is_of_1_to_255_characters(doors: Any, length: int):
    door = doors(HELLO)
    refused = await door.ask({"idempotency-key": "k" * length})
    assert (refused.status, refused.json["error"]["code"]) == (400, "invalid_idempotency_key")
    assert (await door.ask({"idempotency-key": "k" * 255})).status == 200


async def test_a_name_is_its_tenants_own(doors: Any):
    door = doors(HELLO, HELLO)
    await door.ask(NAMED)

    async def you(scope: Any) -> Principal:
        return replace(ME, tenant="you")

    door.runtime.principal_of = you
    assert not (await door.ask(NAMED)).replayed
    assert door.paid == 2


@MODES
async def test_while_it_is_answered_others_are_told_to_ask_later_and_sdks_wait(doors: Any, stream: bool):
    go_on = asyncio.Event()
    door = doors([go_on, *HELLO])
    first, exchange = door.asking(NAMED, stream=stream)
    await door.begun()
    for headers in (NAMED, NAMED | FIRST):
        refused = await door.ask(headers, stream=stream)
        assert (refused.status, refused.json["error"]["code"]) == (409, "idempotency_conflict")
        assert refused.headers["retry-after"] == "1"
    again, attached = door.asking(NAMED | AGAIN, stream=stream)
    await asyncio.sleep(0.1)
    assert not again.status
    go_on.set()
    await asyncio.gather(exchange, attached)
    assert again.replayed
    assert again.response == first.response
    assert door.paid == 1


@MODES
async def test_what_was_refused_is_asked_anew_under_the_same_name(doors: Any, stream: bool):
    door = doors(OVERLOADED, HELLO)
    assert (await door.ask(NAMED, stream=stream)).status == 503
    again = await door.ask(NAMED, stream=stream)
    assert (again.status, again.replayed, door.paid) == (200, False, 2)


async def test_a_stream_that_failed_after_its_beginning_has_failed_for_good(doors: Any):
    door = doors([Text(0, "Hel"), *OVERLOADED], HELLO)
    first = await door.ask(NAMED, stream=True)
    again = await door.ask(NAMED, stream=True)
    assert (first.response["status"], again.response, door.paid) == ("failed", first.response, 1)


@MODES
async def test_what_is_not_stored_is_kept_for_its_name_alone(doors: Any, stream: bool):
    door = doors(HELLO)
    first = await door.ask(NAMED, store=False, stream=stream)
    again = await door.ask(NAMED, store=False, stream=stream)
    assert again.replayed
    assert again.response == first.response
    assert door.paid == 1
    with pytest.raises(ResponseNotFound):
        await stored(door, first.response["id"])


@MODES
async def test_equal_requests_at_the_same_instant_are_answered_by_one_run(doors: Any, stream: bool):
    door = doors(HELLO)
    answers = await asyncio.gather(*(door.ask(NAMED | AGAIN, stream=stream) for _ in range(6)))
    assert len({answer.response["id"] for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert door.paid == 1


async def test_without_the_store_there_is_no_promise_and_so_no_answer(doors: Any):
    door = doors(HELLO, HELLO)

    async def down(verb: str, _: object) -> None:
        raise StoreUnavailable(verb)

    door.watched.before = down
    assert (await door.ask(NAMED)).status == 503
    assert door.paid == 0
    assert (await door.ask(FIRST)).status == 200
    assert (await door.ask(AGAIN)).status == 200
    assert door.paid == 2


async def test_a_claim_that_may_have_been_written_is_given_back(doors: Any):
    door = doors(HELLO)
    lost = False

    async def lose(verb: str, _: object) -> None:
        nonlocal lost
        if verb == "put" and not lost:
            lost = True
            raise StoreUnavailable(verb)

    door.watched.before = lose
    assert (await door.ask(NAMED)).status == 503
    assert (await door.ask(NAMED)).status == 200


@MODES
async def test_a_counted_try_is_answered_with_the_one_before(doors: Any, stream: bool):
    door = doors(HELLO)
    first = await door.ask(FIRST, stream=stream)
    again = await door.ask(AGAIN, stream=stream)
    assert (again.replayed, again.response, door.paid) == (True, first.response, 1)


@MODES
async def test_a_counted_try_waits_for_the_one_before(doors: Any, stream: bool):
    go_on = asyncio.Event()
    door = doors([go_on, *HELLO])
    first, exchange = door.asking(FIRST, stream=stream)
    await door.begun()
    first.gone.set()
    again, attached = door.asking(AGAIN, stream=stream)
    await asyncio.sleep(0.1)
    go_on.set()
    await asyncio.gather(exchange, attached)
    assert again.replayed
    assert again.response == await stored(door, again.response["id"])
    assert door.paid == 1


async def test_first_tries_and_other_bodies_are_nobodys_repetition(doors: Any):
    door = doors(*[HELLO] * 6)
    await door.ask(FIRST)
    await door.ask(FIRST)
    await door.ask(AGAIN, input="ho")
    await door.ask(AGAIN, store=False)
    await door.ask({})
    await door.ask({"x-stainless-retry-count": "one"})
    assert door.paid == 6


async def test_a_try_that_comes_too_late_is_answered_anew(doors: Any):
    door = doors(HELLO, HELLO)
    await door.ask(FIRST)
    door.clock.advance(LEASE + 1)
    assert not (await door.ask(AGAIN)).replayed
    assert door.paid == 2


@pytest.mark.parametrize("named", [{}, NAMED], ids=["counted", "named"])
async def test_a_try_after_a_crash_is_answered_anew_when_the_lease_has_run_out(
    doors: Any, named: dict[str, str]
):
    door = doors([asyncio.Event()], HELLO)
    _, exchange = door.asking(named | FIRST)
    await door.begun()
    release = door.services.claims.release
    door.services.claims.release = lambda claim: asyncio.sleep(0)  # a process that died gives nothing back
    exchange.cancel()
    await asyncio.gather(exchange, return_exceptions=True)
    door.services.claims.release = release
    again, attached = door.asking(named | AGAIN)
    await asyncio.sleep(0.2)
    assert door.paid == 1
    door.clock.advance(LEASE + 1)
    await attached
    assert (again.status, again.replayed, door.paid) == (200, False, 2)


async def test_a_lease_lives_as_long_as_its_run(doors: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(once, "BEAT", 0.01)
    go_on = asyncio.Event()
    door = doors([go_on, *HELLO])
    first, exchange = door.asking(NAMED)
    await door.begun()
    for _ in range(5):
        door.clock.advance(LEASE - 1)
        await asyncio.sleep(0.05)
    assert (await door.ask(NAMED)).status == 409
    go_on.set()
    await exchange
    assert first.status == 200


@pytest.mark.parametrize("headers", [FIRST, NAMED], ids=["counted", "named"])
async def test_a_plain_answer_is_made_to_its_end_though_its_client_went(doors: Any, headers: dict[str, str]):
    go_on = asyncio.Event()
    door = doors([go_on, *HELLO])
    first, exchange = door.asking(headers)
    await door.begun()
    first.gone.set()
    await asyncio.sleep(0.05)
    go_on.set()
    await exchange
    again = await door.ask(headers | AGAIN)
    assert (again.replayed, door.paid) == (True, 1)


async def test_a_stream_whose_client_went_before_its_beginning_is_made_to_its_end(doors: Any):
    go_on = asyncio.Event()
    door = doors([go_on, *HELLO])
    door.services.first_event_wait = 5.0
    first, exchange = door.asking(FIRST, stream=True)
    await door.begun()
    first.gone.set()
    await asyncio.sleep(1.0)
    go_on.set()
    await exchange
    assert (await door.ask(AGAIN, stream=True)).replayed
    assert door.paid == 1


async def test_a_stream_that_was_begun_and_left_stops_the_model_unless_it_is_asked_for_again(doors: Any):
    door = doors([Text(0, "Hel"), asyncio.Event()])
    first, exchange = door.asking(FIRST, stream=True)
    await first.has(b"Hel")
    first.gone.set()
    await asyncio.wait_for(exchange, 1.0)
    assert door.played.open_answers == 0
    go_on = asyncio.Event()
    door.played.steps = [[Text(0, "Hel"), go_on, *HELLO]]
    first, exchange = door.asking(FIRST, stream=True)
    await first.has(b"Hel")
    first.gone.set()
    again, attached = door.asking(AGAIN, stream=True)
    await asyncio.sleep(1.0)
    assert door.played.open_answers == 1
    go_on.set()
    await asyncio.gather(exchange, attached)
    assert again.replayed
    assert door.paid == 2


async def test_a_named_stream_is_made_to_its_end_whenever_its_client_goes(doors: Any):
    go_on = asyncio.Event()
    door = doors([Text(0, "Hel"), go_on, *HELLO])
    first, exchange = door.asking(NAMED, stream=True)
    await first.has(b"Hel")
    first.gone.set()
    await asyncio.sleep(1.0)
    go_on.set()
    await exchange
    again = await door.ask(NAMED, stream=True)
    assert (again.replayed, again.response["status"], door.paid) == (True, "completed", 1)


async def test_a_setting_makes_sdks_clients_like_any_other(doors: Any):
    door = doors([asyncio.Event()], HELLO, HELLO, attach_retries=False)
    first, exchange = door.asking(FIRST)
    await door.begun()
    first.gone.set()
    await asyncio.wait_for(exchange, 1.0)
    assert door.played.open_answers == 0
    await door.ask(FIRST)
    assert not (await door.ask(AGAIN)).replayed


async def test_a_stream_that_waits_long_begins_with_a_comment_and_goes_on_with_the_answer(doors: Any):
    go_on = asyncio.Event()
    door = doors([go_on, *HELLO], keep_alive_ms=20)
    first, exchange = door.asking(FIRST, stream=True)
    await first.has(b"response.created")
    first.gone.set()
    again, attached = door.asking(AGAIN, stream=True)
    await again.has(b": keep-alive\n\n: keep-alive\n\n")
    go_on.set()
    await asyncio.gather(exchange, attached)
    assert again.response == await stored(door, again.response["id"])
    assert door.paid == 1
    later = await door.ask({"x-stainless-retry-count": "2"}, stream=True)
    assert later.body == again.body.replace(b": keep-alive\n\n", b"")


async def test_a_stream_that_waits_long_may_find_a_background_response_that_has_said_nothing_yet(
    doors: Any, monkeypatch: pytest.MonkeyPatch
):
    go_on, may_answer = asyncio.Event(), asyncio.Event()
    door = doors([go_on, *HELLO], keep_alive_ms=20)
    asked = {"stream": True, "background": True}
    first, exchange = door.asking(FIRST, **asked)
    await first.has(b"response.created")
    answer, read = once.OncePerTry.answer, door.services.events.read

    async def late(*arguments: Any) -> Any:
        await may_answer.wait()
        return await answer(*arguments)

    async def nothing_yet(*_: Any, **__: Any) -> Any:
        monkeypatch.setattr(door.services.events, "read", read)
        return ()

    monkeypatch.setattr(once.OncePerTry, "answer", late)
    monkeypatch.setattr(door.services.events, "read", nothing_yet)
    again, attached = door.asking(AGAIN, **asked)
    await again.has(b": keep-alive\n\n")
    may_answer.set()
    await again.has(b"response.created")
    go_on.set()
    await asyncio.gather(exchange, attached)
    assert again.events == first.events
    assert door.paid == 1


@pytest.mark.parametrize("second", [HELLO, OVERLOADED], ids=["answered", "refused"])
async def test_a_stream_that_waited_for_nothing_is_answered_anew(doors: Any, second: list[Any]):
    fail = asyncio.Event()
    door = doors([fail, *OVERLOADED], second, keep_alive_ms=20)
    door.services.first_event_wait = 5.0
    first, exchange = door.asking(FIRST, stream=True)
    await door.begun()
    again, attached = door.asking(AGAIN, stream=True)
    await again.has(b": keep-alive")
    fail.set()
    await asyncio.gather(exchange, attached)
    assert (first.status, again.status, door.paid) == (503, 200, 2)
    if second is HELLO:
        assert again.response["status"] == "completed"
    else:
        assert [event["type"] for event in again.events] == ["error"]
        assert again.events[0]["code"] == "server_is_overloaded"


async def test_a_waiting_request_whose_client_goes_ends(doors: Any):
    go_on = asyncio.Event()
    door = doors([go_on, *HELLO])
    _, exchange = door.asking(FIRST)
    await door.begun()
    again, attached = door.asking(AGAIN)
    await asyncio.sleep(0.05)
    again.gone.set()
    await asyncio.wait_for(attached, 1.0)
    go_on.set()
    await exchange
    assert door.paid == 1


@pytest.mark.parametrize("moment", ["waiting", "beginning"])
async def test_a_waiting_request_leaves_nothing_behind_however_it_ends(doors: Any, moment: str):
    go_on = asyncio.Event()
    door = doors([go_on, *HELLO], keep_alive_ms=20 if moment == "beginning" else 15_000)
    first, exchange = door.asking(FIRST, stream=True)
    await first.has(b"response.created")
    before = asyncio.all_tasks()
    again, attached = door.asking(AGAIN, stream=True)
    if moment == "beginning":

        async def broken(message: dict[str, Any]) -> None:
            raise OSError("no such socket")

        again.take = broken
        with pytest.raises(OSError, match="no such socket"):
            await asyncio.wait_for(attached, 5.0)
    else:
        await asyncio.sleep(0.05)
        attached.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attached
    assert asyncio.all_tasks() <= before
    go_on.set()
    await exchange


async def test_nothing_is_begun_for_a_try_whose_client_went_before(doors: Any):
    door = doors(HELLO)
    first, exchange = door.asking(FIRST)
    first.gone.set()
    await exchange
    assert (first.status, door.paid) == (0, 0)


@pytest.mark.parametrize("body", [{"stream": "yes"}, {"stream": True, "stream_options": "x"}, {"input": 1}])
async def test_what_is_no_request_is_refused_as_ever(doors: Any, body: dict[str, Any]):
    door = doors()
    for headers in (NAMED, FIRST, AGAIN):
        assert (await door.ask(headers, **body)).status == 400
    assert (await door.ask(NAMED | AGAIN, **body)).status == 400


async def test_a_first_try_asks_the_store_for_nothing_and_writes_once(doors: Any):
    door = doors(HELLO, HELLO, HELLO)
    await door.ask(FIRST)
    assert door.watched.requests == {"put": 1}
    assert door.watched.write_units == 1
    door.watched.reset()
    await door.ask({})
    assert door.watched.requests == {}
    await door.ask(NAMED)
    assert door.watched.requests == {"query": 1, "put": 1}


@pytest.mark.parametrize("stood_upon", [False, True], ids=["alone", "continued"])
@pytest.mark.parametrize("conversing", [False, True], ids=["chain", "conversation"])
async def test_whose_answer_was_deleted_is_answered_anew_at_once(
    doors: Any, stood_upon: bool, conversing: bool
):
    door = doors(HELLO, *[HELLO] * stood_upon, HELLO)
    made = await door.services.conversations.create("me", {}, entropy=door.services.entropy)
    body = {"conversation": made.id} if conversing else {}
    first = await door.ask(NAMED, **body)
    if stood_upon:
        await door.ask({}, previous_response_id=first.json["id"])
    await door.services.responses.delete("me", first.json["id"])
    second = await door.ask(NAMED, **body)
    assert (second.status, second.replayed) == (200, False)
    assert second.json["id"] != first.json["id"]
    again = await door.ask(NAMED, **body)
    assert (again.replayed, again.body) == (True, second.body)
    assert door.paid == 2 + stood_upon
