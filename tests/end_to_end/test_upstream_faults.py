"""Upstreams that break: a real status while none has left, a `failed` response that can be fetched after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.chat_model import USAGE, chunk
from tests.fakes.events import obey, stream, streamed, text_of
from tests.fakes.fixtures import KEY
from tests.fakes.formats import FORMATS, Format
from tests.fakes.upstream import Exchange, Signal, Upstream

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

HTML = "<!doctype html><html><body><h1>504 Gateway Time-out</h1>nginx</body></html>"


@pytest.fixture(params=FORMATS.values(), ids=FORMATS)
def format(request: pytest.FixtureRequest) -> Format:
    """What the upstream speaks."""
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "streamed"])
def streaming(request: pytest.FixtureRequest) -> bool:
    return request.param


async def failed(http: httpx.AsyncClient, model: str, *, heard: Signal | None = None) -> tuple[Json, Json]:
    """The failed response that a stream ends with, which can be fetched afterwards, and its `error` event.

    `heard` is set as soon as there is some text.
    """
    events: list[Json] = []
    async with streamed(http, {"model": model, "input": "x"}) as coming:
        async for event in coming:
            events.append(event)
            if heard is not None and event["type"] == "response.output_text.delta":
                heard.set()
    obey(events)
    assert events[0]["type"] == "response.created"
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    response = events[-1]["response"]
    assert response["status"] == "failed"
    assert response["error"]["code"]
    fetched = await http.get(f"/responses/{events[0]['response']['id']}")
    assert (fetched.status_code, fetched.json()) == (200, response)
    return response, events[-2]


async def refused(http: httpx.AsyncClient, model: str, *, streaming: bool) -> httpx.Response:
    """An answer that is an error with a status of its own, and leaks nothing."""
    answer = await http.post("/responses", json={"model": model, "input": "x", "stream": streaming})
    assert answer.status_code >= 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    for secret in ("<html", "nginx", KEY, "127.0.0.1", "Traceback"):
        assert secret not in answer.text
    return answer


@pytest.mark.parametrize("status", [200, 404, 502, 504])
async def test_html_is_an_upstream_fault(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool, status: int
):
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(status, HTML, x_should_retry="false")

    answer = await refused(http, f"{format.provider}/{upstream.serve(behave)}", streaming=streaming)
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "server_error"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", "text/event-stream"),
        ("", "application/json"),
        ("{", "application/json"),
        ("[]", "application/json"),
        ("null", "application/json"),
        ("data: {\n\n", "text/event-stream"),
        ("data: []\n\n", "text/event-stream"),
    ],
)
async def test_an_answer_that_nobody_can_read_is_an_upstream_fault(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool, body: str, kind: str
):
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(200, body, content_type=kind)

    answer = await refused(http, f"{format.provider}/{upstream.serve(behave)}", streaming=streaming)
    assert answer.status_code in (500, 502)


@pytest.mark.parametrize(
    ("status", "said", "ours", "code"),
    [
        (400, {"message": "No such thing", "type": "invalid_request_error"}, 400, None),
        (400, {"message": "x", "code": "context_length_exceeded"}, 400, "context_length_exceeded"),
        (401, {"message": f"Incorrect API key provided: {KEY}"}, 502, "upstream_auth_error"),
        (402, {"message": "Pay first"}, 429, "insufficient_quota"),
        (403, {"message": "Not you"}, 502, "upstream_auth_error"),
        (404, {"message": "The model `x` does not exist", "code": "model_not_found"}, 400, "model_not_found"),
        (500, {"message": "Oh no"}, 502, None),
        (503, {"message": "Full"}, 503, "server_is_overloaded"),
    ],
)
async def test_a_refusal_is_mapped_by_who_is_to_blame(
    http: httpx.AsyncClient,
    upstream: Upstream,
    format: Format,
    streaming: bool,
    status: int,
    said: Json,
    ours: int,
    code: str | None,
):
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(status, {"error": said}, x_should_retry="false")

    answer = await refused(http, f"{format.provider}/{upstream.serve(behave)}", streaming=streaming)
    assert answer.status_code == ours
    assert answer.json()["error"]["code"] == code or code is None


async def test_a_rate_limit_comes_with_the_time_to_wait(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool
):
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(429, {"error": {"message": "Slow down"}}, retry_after="30")

    answer = await refused(http, f"{format.provider}/{upstream.serve(behave)}", streaming=streaming)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")


async def test_a_passing_fault_is_tried_again(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool
):
    asked: list[Json] = []

    async def behave(exchange: Exchange) -> None:
        asked.append(exchange.body)
        if len(asked) == 1:
            await exchange.answer(503, {"error": {"message": "Full"}}, retry_after_ms="1")
        else:
            await exchange.answer(200, format.plain("at last"))

    model = f"{format.provider}/{upstream.serve(behave)}"
    if streaming:
        events = await stream(http, model=model, input="x")
        response = events[-1]["response"]
    else:
        response = (await http.post("/responses", json={"model": model, "input": "x"})).json()
    assert text_of(response) == "at last"
    assert len(asked) == 2
    assert asked[0] == asked[1]


async def test_a_connection_that_breaks_before_any_answer_is_tried_again_and_then_a_fault(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool
):
    asked: list[Json] = []

    async def behave(exchange: Exchange) -> None:
        asked.append(exchange.body)
        exchange.cut()

    model = f"{format.provider}/{upstream.serve(behave)}"
    answer = await refused(http, model, streaming=streaming)
    assert answer.status_code in (500, 502)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "cut",
    [
        lambda exchange: exchange.cut(),
        lambda exchange: exchange.end(),
        lambda exchange: exchange.send('data: {"é'.encode()[:-1]),
        lambda exchange: exchange.send(b"data: \xff\xfe\n\n"),
        lambda exchange: exchange.send(b"data: {]\n\n"),
        lambda exchange: exchange.send(b"data: 7\n\n"),
    ],
    ids=["the line breaks", "no end marker", "half a character", "no UTF-8", "no JSON", "no object"],
)
async def test_a_stream_that_breaks_off_is_a_failed_response(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, cut: Any
):
    heard = Signal()

    async def behave(exchange: Exchange) -> None:
        await format.begin(exchange)
        await format.say(exchange, "half an answer é")
        await heard.seen()
        done = cut(exchange)
        if done is not None:
            await done

    model = f"{format.provider}/{upstream.serve(behave)}"
    response, _ = await failed(http, model, heard=heard)
    assert text_of(response) == "half an answer é"
    assert response["output"][0]["status"] == "incomplete"
    answer = await refused(http, model, streaming=False)
    assert answer.status_code in (500, 502)


async def test_a_character_cut_in_two_is_whole_again(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    async def behave(exchange: Exchange) -> None:
        send, held = exchange.send, bytearray()

        async def hold(data: bytes) -> None:
            held.extend(data)

        await format.begin(exchange)
        exchange.send = hold  # type: ignore[method-assign]
        for character in "é漢\U0001f600":
            await format.say(exchange, character)
        exchange.send = send  # type: ignore[method-assign]
        for n in range(len(held)):
            await exchange.send(bytes(held[n : n + 1]))
        await format.stop(exchange)

    events = await stream(http, model=f"{format.provider}/{upstream.serve(behave)}", input="x")
    assert text_of(events[-1]["response"]) == "é漢\U0001f600"


async def test_a_silent_upstream_is_given_up(http: httpx.AsyncClient, upstream: Upstream, format: Format):
    async def behave(exchange: Exchange) -> None:
        await format.begin(exchange)
        await format.say(exchange, "hm")
        await exchange.gone.wait()

    response, _ = await failed(http, f"{format.provider}/{upstream.serve(behave)}")
    assert text_of(response) == "hm"


async def test_an_error_that_comes_first_in_a_stream_is_a_status(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool
):
    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event(format.in_stream_error("rate_limit_exceeded", "Slow down"))
        await exchange.end()

    answer = await refused(http, f"{format.provider}/{upstream.serve(behave)}", streaming=streaming)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "server_error", "context_length_exceeded"])
async def test_an_error_in_mid_stream_fails_the_response_with_its_code(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, code: str
):
    async def behave(exchange: Exchange) -> None:
        await format.begin(exchange)
        await format.say(exchange, "half")
        await exchange.event(format.in_stream_error(code, "It went wrong"))
        await exchange.end()

    response, error = await failed(http, f"{format.provider}/{upstream.serve(behave)}")
    assert response["error"]["code"] == error["error"]["code"] == code


async def test_a_refusal_after_the_status_line_fails_the_response(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    begun = Signal()

    async def behave(exchange: Exchange) -> None:
        await begun.seen()
        await exchange.answer(400, {"error": {"message": "Too long", "code": "context_length_exceeded"}})

    model = f"{format.provider}/{upstream.serve(behave)}"
    async with streamed(http, {"model": model, "input": "x"}) as events:
        received = [await anext(events)]
        begun.set()
        received += [event async for event in events]
    obey(received)
    response = received[-1]["response"]
    assert (response["status"], response["error"]["code"]) == ("failed", "context_length_exceeded")
    assert (await http.get(f"/responses/{response['id']}")).json() == response


DONE, STOP, LENGTH = "[DONE]", chunk({}, "stop"), chunk({}, "length")
FILTERED, BORED, MORE = chunk({}, "content_filter"), chunk({}, "bored"), chunk({"content": "?"})
COUNTED = {"choices": [], "usage": USAGE}

FINISHES: dict[str, tuple[list[Json | str], str, str | None]] = {
    "two finish reasons": ([STOP, LENGTH, DONE], "incomplete", "max_output_tokens"),
    "the same finish reason twice": ([STOP, STOP, DONE], "completed", None),
    "no finish reason, an end marker": ([DONE], "completed", None),
    "a finish reason, no end marker": ([STOP], "completed", None),
    "an unheard-of finish reason": ([BORED, DONE], "completed", None),
    "length": ([LENGTH, DONE], "incomplete", "max_output_tokens"),
    "content_filter": ([FILTERED, DONE], "incomplete", "content_filter"),
    "more text after the end marker": ([STOP, DONE, MORE], "completed", None),
    "usage without choices": ([STOP, COUNTED, DONE], "completed", None),
}


@pytest.mark.parametrize(("ending", "status", "reason"), FINISHES.values(), ids=FINISHES)
async def test_how_a_chat_stream_ends_decides_the_status(
    http: httpx.AsyncClient, upstream: Upstream, ending: list[Json | str], status: str, reason: str | None
):
    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event(chunk({"content": "Hello"}))
        for event in ending:
            await exchange.event(event)
        await exchange.end()

    model = f"groq/{upstream.serve(behave)}"
    events = await stream(http, model=model, input="x")
    plain = (await http.post("/responses", json={"model": model, "input": "x"})).json()
    for response in (events[-1]["response"], plain):
        assert response["status"] == status
        assert (response["incomplete_details"] or {}).get("reason") == reason
        assert text_of(response) == "Hello"


async def test_an_upstream_that_answers_plainly_is_streamed_all_the_same(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(200, format.plain("In one piece"))

    events = await stream(http, model=f"{format.provider}/{upstream.serve(behave)}", input="x")
    assert "response.output_text.delta" in [event["type"] for event in events]
    assert text_of(events[-1]["response"]) == "In one piece"


async def test_an_alias_turns_to_its_next_target(http: httpx.AsyncClient, upstream: Upstream):
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(500, {"error": {"message": "Oh no"}}, x_should_retry="false")

    upstream.serve(behave, "broken")
    events = await stream(http, model="best", input="Hello")
    assert text_of(events[-1]["response"]) == "Hello"
    answer = await http.post("/responses", json={"model": "best", "input": "Hello"})
    assert answer.headers["x-responses-target"] == "groq/demo"


async def test_what_an_upstream_is_sent(http: httpx.AsyncClient, upstream: Upstream, format: Format):
    seen: list[Exchange] = []

    async def behave(exchange: Exchange) -> None:
        seen.append(exchange)
        await exchange.answer(200, format.plain("ok"))

    model = upstream.serve(behave)
    body = {"model": f"{format.provider}/{model}", "input": "x", "metadata": {"m": "v"}, "store": True}
    assert (await http.post("/responses", json=body)).status_code == 200
    [exchange] = seen
    assert exchange.headers["authorization"] == f"Bearer {KEY}"
    assert exchange.headers["accept-encoding"] == "identity"
    assert exchange.body["model"] == model
    assert exchange.body["stream"] is True
    assert "resp_" not in json.dumps(exchange.body)
