"""A background stream whose client is cut off anywhere, and goes on anywhere: equal to the byte, at the ASGI
interface. While the response is made, after it was taken over, and after its end.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from lambda_responses.endpoints.application import whole_application
from lambda_responses.lifecycle.background.cuts import cut_off
from lambda_responses.lifecycle.background.messages import message_about
from lambda_responses.lifecycle.background.work import work
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.storage.background.event_log import KEPT
from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Opaque,
    Reasoning,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.stream.replay import events_of
from tests.contracts.stores.kit import Clock
from tests.fakes.events import obey
from tests.played import ME, YOU, Played, PlayedRuntime, PlayedServices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lambda_responses.lifecycle.ports import Principal

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
SAID: list[Any] = [
    Reasoning(0, "Well, ", summary=True),
    Reasoning(0, "well.", summary=True),
    Opaque(0, {"signature": "s1gned"}),
    BlockEnded(0),
    Text(1, "Hello"),
    Text(1, " 🌍\u2028there"),
    Annotation(1, {"type": "url_citation", "start_index": 0, "end_index": 5, "url": "https://a.example"}),
    ToolCall(2, "call_1", "look_up"),
    ToolArguments(2, '{"a":'),
    ToolArguments(2, "1}"),
    Usage({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
    Stopped("tool_calls"),
]
ENOUGH = 30
"""Seconds after which a test has failed."""


class Answer:
    """One answer as it comes in, to a client that may be cut off."""

    def __init__(self) -> None:
        self.status = 0
        self.sent = b""
        self.gone = asyncio.Event()
        self.over = asyncio.Event()
        self._something = asyncio.Condition()

    async def take(self, message: Json) -> None:
        if self.gone.is_set():
            return
        self.status = message.get("status", self.status)
        self.sent += message.get("body", b"")
        async with self._something:
            self._something.notify_all()

    @property
    def body(self) -> bytes:
        """All but comments, which may come at any time."""
        frames = self.sent.split(b"\n\n")
        return b"".join(frame + b"\n\n" for frame in frames if frame and not frame.startswith(b":"))

    @property
    def frames(self) -> list[bytes]:
        return [frame + b"\n\n" for frame in self.body.split(b"\n\n")[:-1]]

    @property
    def events(self) -> list[Json]:
        return [json.loads(frame.partition(b"data: ")[2]) for frame in self.frames]

    async def has(self, events: int) -> None:
        async with self._something:
            await asyncio.wait_for(self._something.wait_for(lambda: len(self.frames) >= events), ENOUGH)

    def cut(self) -> None:
        self.gone.set()


class Server:
    """An application, one of several over the same store, whose model plays these answers in turn."""

    def __init__(self, folder: Path, *answers: list[Any], clock: Clock, **settings: Any) -> None:
        self.clock = clock
        self.played = Played(list(answers))
        self.services = PlayedServices(folder, self.played, now=clock)
        self.app: Any = whole_application(PlayedRuntime(self.services, **settings))
        self._exchanges: list[asyncio.Future[None]] = []

    def asking(self, method: str, path: str, body: Json | None = None, **query: Any) -> Answer:
        """An answer on its way."""
        answer = Answer()
        unread = [{"type": "http.request", "body": json.dumps(body or {}).encode(), "more_body": False}]

        async def receive() -> Json:
            if unread:
                return unread.pop()
            await answer.gone.wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query, doseq=True).encode(),
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
        }

        async def exchange() -> None:
            await self.app(scope, receive, answer.take)
            answer.over.set()

        self._exchanges.append(asyncio.ensure_future(exchange()))
        return answer

    async def asked(self, method: str, path: str, body: Json | None = None, **query: Any) -> Answer:
        """The same, once it is whole."""
        answer = self.asking(method, path, body, **query)
        await asyncio.wait_for(answer.over.wait(), ENOUGH)
        return answer

    def begin(self, **body: Any) -> Answer:
        sent = {"model": "m", "input": "hi", "background": True, "stream": True, **body}
        return self.asking("POST", "/v1/responses", sent)

    def resuming(self, response_id: str, **query: Any) -> Answer:
        return self.asking("GET", f"/v1/responses/{response_id}", stream="true", **query)

    async def resumed(self, response_id: str, **query: Any) -> Answer:
        return await self.asked("GET", f"/v1/responses/{response_id}", stream="true", **query)

    async def retrieved(self, response_id: str) -> bytes:
        return (await self.asked("GET", f"/v1/responses/{response_id}")).sent

    async def taken_over(self, response_id: str) -> None:
        """By a worker, whose message this is."""
        verdict = await asyncio.wait_for(
            work(
                message_about(ME.tenant, response_id),
                using=self.services,
                owner="another",
                deadline=Unbounded(),
            ),
            ENOUGH,
        )
        assert verdict.outcome == "ended"

    async def close(self) -> None:
        for exchange in self._exchanges:
            exchange.cancel()
        for outcome in await asyncio.gather(*self._exchanges, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError)
        self.services.close()


class Estate:
    """Servers over one store, under one clock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.clock = Clock()
        self.servers: list[Server] = []

    def server(self, *answers: list[Any], **settings: Any) -> Server:
        self.servers.append(Server(self._folder, *answers, clock=self.clock, **settings))
        return self.servers[-1]


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    made = Estate(tmp_path)
    yield made
    for server in made.servers:
        await server.close()


async def begun(server: Server, events: int, **body: Any) -> tuple[Answer, str]:
    """A stream whose client has heard so many events, and the response's id."""
    client = server.begin(**body)
    await client.has(events)
    return client, client.events[0]["response"]["id"]


def suffixes(client: Answer) -> list[bytes]:
    """What is left of a whole stream after each of its events."""
    return [b"".join(client.frames[place + 1 :]) for place in range(len(client.frames))]


async def heard(readers: list[Answer]) -> list[bytes]:
    """What readers were told by the end of their streams."""
    for reader in readers:
        await asyncio.wait_for(reader.over.wait(), ENOUGH)
        assert reader.status == 200
    return [reader.body for reader in readers]


TOLD, NEARLY, ALL = 13, 21, 24
"""Events of `SAID` up to its second text, up to its usage, and up to its end."""


async def test_a_stream_goes_on_after_any_event_while_it_is_made_and_after_its_end(estate: Estate) -> None:
    half, nearly = asyncio.Event(), asyncio.Event()
    server = estate.server([*SAID[:5], half, *SAID[5:-1], nearly, SAID[-1]])
    client, id = await begun(server, TOLD)
    readers = [[server.resuming(id, starting_after=after) for after in range(ALL)]]
    half.set()
    await client.has(NEARLY)
    other = estate.server()
    readers.append([other.resuming(id, starting_after=after) for after in range(ALL)])
    nearly.set()
    await client.over.wait()
    assert len(client.frames) == ALL
    obey(client.events)
    readers.append([other.resuming(id, starting_after=after) for after in range(ALL)])
    for each in readers:
        assert await heard(each) == suffixes(client)
    assert (await other.resumed(id)).body == client.body
    assert client.events[-1]["response"] == json.loads(await other.retrieved(id))
    assert server.services.reported == other.services.reported == []


async def test_a_client_that_is_cut_off_leaves_a_response_that_goes_on(estate: Estate) -> None:
    half = asyncio.Event()
    server = estate.server([*SAID[:5], half, *SAID[5:]])
    client, id = await begun(server, TOLD)
    client.cut()
    reader = server.resuming(id, starting_after=TOLD - 2)
    half.set()
    (rest,) = await heard([reader])
    whole = await server.resumed(id)
    assert b"".join(client.frames[: TOLD - 1]) + rest == whole.body
    obey(whole.events)


async def test_a_stream_goes_on_after_any_event_though_another_takes_the_response_over(
    estate: Estate,
) -> None:
    asleep, half = asyncio.Event(), asyncio.Event()
    first = estate.server([*SAID[:5], asleep, Text(1, " — never heard"), Stopped("end")])
    client, id = await begun(first, TOLD)
    first.services.jobs.renew = first.services.jobs.look = lambda lease: asyncio.Event().wait()
    second = estate.server([*SAID[:7], half, *SAID[7:]])
    before = [second.resuming(id, starting_after=after) for after in range(ALL)]
    estate.clock.advance(60)
    taking = asyncio.ensure_future(second.taken_over(id))
    await before[0].has(TOLD + 6)
    while_made = [first.resuming(id, starting_after=after) for after in range(ALL)]
    asleep.set()  # what it says now is in the log, and is not told
    for _ in range(500):
        if not first.played.open_answers:
            break
        await asyncio.sleep(0.01)
    half.set()
    await taking
    whole = await first.resumed(id)
    obey(whole.events)
    assert b"never heard" not in whole.body
    assert json.loads(await first.retrieved(id)) == whole.events[-1]["response"]
    statuses = [item["status"] for item in whole.events[-1]["response"]["output"] if "status" in item]
    assert statuses.count("incomplete") == 1
    expected = [*suffixes(whole), *[b""] * ALL][:ALL]
    assert await heard(before) == expected
    assert await heard(while_made) == expected
    after = [second.resuming(id, starting_after=after) for after in range(ALL)]
    assert await heard(after) == expected
    assert await heard([client]) == [whole.body]


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_a_stream_that_somebody_ends_has_one_end_for_all(estate: Estate, how: str) -> None:
    never = asyncio.Event()
    server, other = estate.server([*SAID[:5], never]), estate.server()
    client, id = await begun(server, TOLD)
    before = [other.resuming(id, starting_after=after) for after in range(TOLD + 4)]
    if how == "cancelled":
        assert (await other.asked("POST", f"/v1/responses/{id}/cancel")).status == 200
    else:
        error = {"code": "server_error", "message": "Too late."}
        job = await other.services.jobs.fail(ME.tenant, id, error, unless_leased=False)
        await cut_off(job, other.services)
    after = [server.resuming(id, starting_after=after) for after in range(TOLD + 4)]
    whole = await server.resumed(id)
    names = [event["type"].removeprefix("response.") for event in whole.events[TOLD:]]
    closing = ["output_text.done", "content_part.done", "output_item.done"]
    assert names == [*closing, *(["error"] if how == "failed" else []), "failed"]
    assert whole.events[-1]["response"] == json.loads(await other.retrieved(id))
    assert whole.events[-1]["response"]["status"] == how
    expected = [*suffixes(whole), b""][: TOLD + 4]
    assert await heard(before) == expected
    assert await heard(after) == expected
    assert await heard([client]) == [whole.body]
    for _ in range(500):
        if not server.played.open_answers:
            break
        await asyncio.sleep(0.01)
    assert not server.played.open_answers


async def crowded(server: Server) -> None:
    """Has nobody begin anything for `ME`."""
    server.services.tenant_concurrency = 1
    assert await server.services.slots.take(ME.tenant, 1, "somebody")


async def test_what_was_cancelled_before_anybody_began_has_a_stream(estate: Estate) -> None:
    server = estate.server()
    await crowded(server)
    client, id = await begun(server, 2)
    assert (await server.asked("POST", f"/v1/responses/{id}/cancel")).status == 200
    whole = await server.resumed(id)
    obey(whole.events)
    assert [event["type"] for event in whole.events] == [
        "response.created",
        "response.queued",
        "response.failed",
    ]
    assert await heard([client]) == [whole.body]


async def test_nobody_reads_on_for_a_client_that_has_gone(estate: Estate) -> None:
    server = estate.server()
    await crowded(server)
    client, id = await begun(server, 2)
    client.cut()
    await asyncio.wait_for(client.over.wait(), ENOUGH)
    assert json.loads(await server.retrieved(id))["status"] == "queued"


async def test_a_response_that_is_deleted_before_its_first_word_ends_its_stream(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = estate.server(SAID)
    append = server.services.events.append

    async def too_late(job: Any, *said: Any) -> None:
        assert (await server.asked("DELETE", f"/v1/responses/{job.response_id}")).status == 200
        await append(job, *said)

    monkeypatch.setattr(server.services.events, "append", too_late)
    client = server.begin()
    await asyncio.wait_for(client.over.wait(), ENOUGH)
    assert (client.status, client.body) == (200, b"")


async def test_after_the_last_event_there_is_nothing(estate: Estate) -> None:
    server = estate.server(SAID)
    client, id = await begun(server, ALL)
    await client.over.wait()
    for after in (ALL - 1, ALL, 10**9):
        answer = await server.resumed(id, starting_after=after)
        assert (answer.status, answer.sent) == (200, b"")
    assert (await server.resumed(id, starting_after=-5)).body == client.body
    assert (await server.resumed(id, starting_after="x")).status == 400


async def test_padding_is_the_same_on_every_way_and_can_be_declined(estate: Estate) -> None:
    server = estate.server(SAID)
    client, id = await begun(server, ALL)
    assert b'"obfuscation"' in client.body
    plain = await server.resumed(id, include_obfuscation="false")
    assert b'"obfuscation"' not in plain.body
    bare = [
        {name: value for name, value in event.items() if name != "obfuscation"} for event in client.events
    ]
    assert plain.events == bare


async def test_seals_are_shown_to_those_who_ask(estate: Estate) -> None:
    server = estate.server(SAID)
    client, id = await begun(server, ALL)
    assert b"encrypted_content" not in client.body
    told = (await server.resumed(id, **{"include[]": "reasoning.encrypted_content"})).events
    obey(told)
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert done[0]["encrypted_content"]
    assert [event["type"] for event in told] == [event["type"] for event in client.events]


async def test_a_response_without_a_log_is_streamed_once_it_has_ended(estate: Estate) -> None:
    server = estate.server(SAID)
    response = json.loads((await server.asked("POST", "/v1/responses", BACKGROUND)).sent)
    refused = await server.resumed(response["id"])
    assert refused.status == 400
    assert json.loads(refused.sent)["error"]["param"] == "stream"
    await server.taken_over(response["id"])
    told = await server.resumed(response["id"], include_obfuscation="false")
    obey(told.events)
    assert told.events == events_of(json.loads(await server.retrieved(response["id"])))
    again = await server.resumed(response["id"], starting_after=2, include_obfuscation="false")
    assert again.body == suffixes(told)[2]


BACKGROUND: Json = {"model": "m", "input": "hi", "background": True}


async def test_when_the_log_has_expired_the_stored_object_is_left(estate: Estate) -> None:
    server = estate.server(SAID)
    client, id = await begun(server, ALL)
    await client.over.wait()
    estate.clock.advance(server.services.background_seconds + KEPT + 1)
    told = await server.resumed(id)
    obey(told.events)
    assert told.events[-1]["response"] == client.events[-1]["response"]
    refused = await server.resumed(id, starting_after=3)
    assert refused.status == 400
    assert json.loads(refused.sent)["error"]["param"] == "starting_after"


async def test_a_stream_ends_where_the_response_is_deleted(estate: Estate) -> None:
    never = asyncio.Event()
    server, other = estate.server([*SAID[:5], never]), estate.server()
    _, id = await begun(server, TOLD)
    reader = other.resuming(id)
    await reader.has(TOLD)
    assert (await server.asked("DELETE", f"/v1/responses/{id}")).status == 200
    (told,) = await heard([reader])
    assert len(told.split(b"\n\n")) >= TOLD
    assert (await server.resumed(id)).status == 404


async def test_a_strangers_stream_does_not_exist(estate: Estate) -> None:
    server = estate.server(SAID)
    _, id = await begun(server, ALL)
    unknown = f"resp_{'0' * 48}"
    answers = [await server.resumed(unknown, starting_after=1)]
    server.app = whole_application(Stranger(server.services))
    answers.append(await server.resumed(id, starting_after=1))
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].sent.replace(unknown.encode(), b"") == answers[1].sent.replace(id.encode(), b"")


class Stranger(PlayedRuntime):
    async def principal_of(self, scope: Any) -> Principal:
        return YOU
