"""The real doors on the loop: streamed and plain, with a real store, a real upstream and its faults."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.api_keys import ApiKeys
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from tests.fakes.events import obey
from tests.fakes.formats.base import begin
from tests.fakes.formats.every import FORMATS
from tests.fakes.upstream import Signal, Upstream
from tests.runtime_api.emulator import Emulator, needs_emulator, read_answer
from tests.runtime_api.events import rest_event, url_event
from tests.runtime_api.function_process import ROOT, FunctionProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fakes.upstream import Exchange
    from tests.runtime_api.strict_api import Answer, StrictApi

    Json = dict[str, Any]
    Open = Callable[..., FunctionProcess]

KEY = "sk-upstream-0123456789abcdef"
ECHO = {"model": "scripted/echo", "input": "one two three"}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    fake = Upstream()
    yield fake
    fake.close()


@pytest.fixture
def settings(tmp_path: Path, upstream: Upstream) -> dict[str, str]:
    """The settings of every door here."""
    return {
        "RESPONSES_AUTH": "iam",
        "RESPONSES_STORE": f"sqlite:///{tmp_path / 'responses.db'}",
        "RESPONSES_MAX_RETRIES": "0",
        "GROQ_BASE_URL": upstream.base_url,
        "GROQ_API_KEY": KEY,
    }


@pytest.fixture
def open_door(api: StrictApi, settings: dict[str, str]) -> Iterator[Open]:
    """Starts a door on the strict Runtime API."""
    opened: list[FunctionProcess] = []

    def start(name: str = "create_response", **more: str) -> FunctionProcess:
        folder = ROOT / "functions" / name
        opened.append(
            FunctionProcess(api.address, folder=folder, handler="handler.lambda_handler", **settings, **more)
        )
        return opened[-1]

    yield start
    for process in opened:
        process.stop()


@pytest.fixture
def emulator(settings: dict[str, str]) -> Iterator[Emulator]:
    """The door of `create_response` under AWS's emulator."""
    running = Emulator(folder=ROOT / "functions" / "create_response", **settings)
    yield running
    assert KEY not in running.log
    running.stop()


def read(api: StrictApi) -> Answer:
    """An answer that is accepted."""
    answer = api.answer().read()
    api.reply()
    api.wait_for_more()
    return answer


def events_in(body: bytes) -> list[Json]:
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: ")]
    obey(events)
    return events


def test_a_stream_leaves_event_by_event(api: StrictApi, open_door: Open):
    process = open_door()
    body = ECHO | {"input": "one two three [[pause:20]]", "stream": True}
    api.invoke(rest_event(body))
    answer = read(api)
    assert answer.prelude["headers"]["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.prelude["headers"]["x-request-id"].startswith("req_")
    events = events_in(answer.body)
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert len(answer.chunks) == 5  # the prelude, the beginning, and three words of which the last ends it
    assert all(chunk.endswith(b"\n\n") for chunk in answer.chunks[1:])
    (exchange,) = (line for line in process.lines if line.get("message") == "exchange")
    assert exchange["response_id"] == events[0]["response"]["id"]
    assert exchange["function_request_id"] == "id-1"
    assert any("TimeToFirstToken" in line for line in process.lines)
    assert "three" not in str(process.lines)


def test_a_plain_answer_has_the_same_form(api: StrictApi, open_door: Open):
    open_door()
    api.invoke(url_event(ECHO))
    answer = read(api)
    response = json.loads(answer.body)
    assert response["status"] == "completed"
    assert answer.prelude["headers"]["content-length"] == str(len(answer.body))
    assert len(answer.chunks) == 2


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (rest_event({"model": "scripted/echo"}, path="/elsewhere"), 404),
        (rest_event(method="GET"), 405),
        (rest_event({"model": 5}), 400),
        (rest_event() | {"requestContext": {"identity": {}}}, 401),
        (url_event({"model": "scripted/echo", "input": "[[fault:429,3]]"}), 429),
    ],
)
def test_an_error_has_the_same_form(api: StrictApi, open_door: Open, event: Json, status: int):
    open_door()
    api.invoke(event)
    answer = read(api)
    assert answer.prelude["statusCode"] == status
    assert json.loads(answer.body)["error"]["message"]


def test_a_browser_may_ask_before_it_asks(api: StrictApi, open_door: Open):
    open_door()
    event = rest_event(method="OPTIONS")
    event["headers"] = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    event["multiValueHeaders"] = None
    api.invoke(event)
    answer = read(api)
    assert answer.prelude["statusCode"] == 200
    assert answer.prelude["headers"]["access-control-allow-origin"] in ("*", "https://a.example")


def test_what_one_door_stores_another_tells(api: StrictApi, open_door: Open):
    created = open_door()
    api.invoke(rest_event(ECHO))
    response = json.loads(read(api).body)
    created.stop()
    api.forget_connection()
    open_door("get_response")
    path = f"/v1/responses/{response['id']}"
    api.invoke(url_event(method="GET", path=path))
    assert json.loads(read(api).body) == response
    api.invoke(url_event(method="GET", path=path, query="stream=true"))
    assert events_in(read(api).body)[-1]["response"] == response


def test_a_key_opens_the_door_and_no_other_does(api: StrictApi, open_door: Open, settings: dict[str, str]):
    store = SQLiteStore(settings["RESPONSES_STORE"].removeprefix("sqlite:///"))
    keys = ApiKeys(store, now=time.time, entropy=secrets.token_bytes)
    _, key = asyncio.run(keys.create("tenant-1"))
    store.close()
    settings["RESPONSES_AUTH"] = "keys"
    process = open_door()
    for credential, status in ((key, 200), (key[:-1] + "?", 401)):
        event = url_event(ECHO)
        event["headers"]["authorization"] = f"Bearer {credential}"
        api.invoke(event)
        assert read(api).prelude["statusCode"] == status
    assert key not in str(process.lines)


def test_nothing_is_connected_when_the_snapshot_is_taken(
    api: StrictApi, open_door: Open, settings: dict[str, str]
):
    """So that no restored environment takes a connection of the snapshot for one of its own."""
    with socket.create_server(("127.0.0.1", 0)) as table:
        table.setblocking(False)
        settings["RESPONSES_STORE"] = "dynamodb://responses"
        open_door(
            AWS_LAMBDA_INITIALIZATION_TYPE="snap-start",
            AWS_ENDPOINT_URL_DYNAMODB=f"http://127.0.0.1:{table.getsockname()[1]}",
            AWS_DEFAULT_REGION="eu-west-1",
            AWS_ACCESS_KEY_ID="AKIAEXAMPLE",
            AWS_SECRET_ACCESS_KEY="example",
        )
        api.expect("GET", "/restore/next")
        with pytest.raises(BlockingIOError):
            table.accept()
        api.reply(200)
        api.invoke(url_event(method="GET"))
        assert read(api).prelude["statusCode"] == 405


def test_events_leave_on_the_upstreams_tick(api: StrictApi, open_door: Open, upstream: Upstream):
    """Each word is said only once the one before it has arrived, the first once the stream has begun."""
    words = ("one", "two", "three")
    go_on = {word: Signal() for word in words}

    async def ticking(exchange: Exchange) -> None:
        speaking = await begin(FORMATS["chat"], exchange)
        for word in words:
            await go_on[word].seen()
            await speaking.say(word)
        await speaking.stop()

    open_door()
    model = upstream.serve(ticking)
    api.invoke(rest_event({"model": f"groq/{model}", "input": "x", "stream": True}))
    answer = api.answer()
    read_until(answer, b"response.created")
    for word in words:
        go_on[word].set()
        read_until(answer, f'"delta":"{word}"'.encode())
    assert events_in(answer.read().body)[-1]["type"] == "response.completed"


def read_until(answer: Answer, text: bytes) -> None:
    """Read the chunks up to the one with this in it."""
    chunk: bytes | None = b""
    while text not in chunk:
        chunk = answer.read_chunk()
        assert chunk is not None, answer.chunks


async def cut_at_once(exchange: Exchange) -> None:
    exchange.cut()


async def cut_half_way(exchange: Exchange) -> None:
    speaking = await begin(FORMATS["chat"], exchange)
    await speaking.say("half")
    exchange.cut()


@needs_emulator
def test_a_broken_upstream_is_no_broken_runtime_api(emulator: Emulator, upstream: Upstream):
    at_once, half_way = upstream.serve(cut_at_once), upstream.serve(cut_half_way)
    prelude, body = read_answer(emulator.invoke(rest_event({"model": f"groq/{at_once}", "input": "x"})))
    assert prelude["statusCode"] >= 500
    assert json.loads(body)["error"]["message"]
    streamed = rest_event({"model": f"groq/{half_way}", "input": "x", "stream": True})
    prelude, body = read_answer(emulator.invoke(streamed))
    events = events_in(body)
    assert prelude["statusCode"] == 200
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    for event in (rest_event(ECHO), url_event(ECHO)):
        assert json.loads(read_answer(emulator.invoke(event))[1])["status"] == "completed"
    assert emulator.outcomes == ["success"] * 4
    assert emulator.log.count("INIT START") == 1


@needs_emulator
def test_a_run_that_takes_too_long_ends_well(settings: dict[str, str]):
    """The endpoint ends it before the loop would, which would be before Lambda does."""
    emulator = Emulator(folder=ROOT / "functions" / "create_response", seconds=5, **settings)
    try:
        body = {"model": "scripted/echo", "input": "[[words:1000]] [[pause:50]]", "stream": True}
        _, answer = read_answer(emulator.invoke(rest_event(body)))
        assert events_in(answer)[-1]["type"] in ("response.incomplete", "response.failed")
        assert emulator.outcomes == ["success"]
        assert "answer failed" not in emulator.log
    finally:
        emulator.stop()
