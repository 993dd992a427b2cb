"""Upstreams that break: a real status while none has left, a `failed` response that can be fetched after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import obey, stream, streamed, text_of
from tests.fakes.fixtures import KEY
from tests.fakes.formats.aws_frames import AWS_EVENT_STREAM
from tests.fakes.formats.base import Format, Speaking, Words, begin
from tests.fakes.formats.every import FORMATS
from tests.fakes.upstream import Exchange, Signal, Upstream

if TYPE_CHECKING:
    import httpx

    from tests.fakes.formats.base import Fault, Trouble
    from tests.fakes.upstream import Behaviour

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

HTML = "<!doctype html><html><body><h1>504 Gateway Time-out</h1>nginx</body></html>"


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
        ("", AWS_EVENT_STREAM),
        ("no frame at all, and longer than the head of one", AWS_EVENT_STREAM),
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
    ("trouble", "status", "code"),
    [
        ("invalid", 400, None),
        ("too long", 400, "context_length_exceeded"),
        ("bad key", 502, "upstream_auth_error"),
        ("no money", 429, "insufficient_quota"),
        ("forbidden", 502, "upstream_auth_error"),
        ("no model", 400, "model_not_found"),
        ("broken", 502, None),
        ("full", 503, "server_is_overloaded"),
    ],
)
async def test_a_refusal_is_mapped_by_who_is_to_blame(
    http: httpx.AsyncClient,
    upstream: Upstream,
    format: Format,
    streaming: bool,
    trouble: Trouble,
    status: int,
    code: str | None,
):
    model = f"{format.provider}/{upstream.serve(refusing(format, trouble))}"
    answer = await refused(http, model, streaming=streaming)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code or code is None


def refusing(format: Format, trouble: Trouble) -> Behaviour:
    """Refuse so, without any use in asking again."""
    status, body, headers = format.troubles[trouble]
    said = json.loads(json.dumps(body).replace("{key}", KEY))
    named = {name.replace("-", "_"): value for name, value in headers.items()}

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(status, said, x_should_retry="false", **named)

    return behave


async def test_a_rate_limit_comes_with_the_time_to_wait(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool
):
    model = f"{format.provider}/{upstream.serve(refusing(format, 'too fast'))}"
    answer = await refused(http, model, streaming=streaming)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (429, "rate_limit_exceeded")
    assert error["type"] == "rate_limit_error"
    if "30" in json.dumps(format.troubles["too fast"]):  # not everybody says when to come again
        assert answer.headers["retry-after"] == "30"


async def test_a_passing_fault_is_tried_again(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool
):
    asked: list[Json] = []

    async def behave(exchange: Exchange) -> None:
        asked.append(exchange.body)
        if len(asked) == 1:
            _, body, _ = format.troubles["full"]
            await exchange.answer(503, body, retry_after_ms="1")
        else:
            await exchange.answer(200, format.plain([Words("at last")]))

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
        speaking = await begin(format, exchange)
        await speaking.say("half an answer é")
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

        speaking = await begin(format, exchange)
        exchange.send = hold  # type: ignore[method-assign]
        for character in "é漢\U0001f600":
            await speaking.say(character)
        exchange.send = send  # type: ignore[method-assign]
        for n in range(len(held)):
            await exchange.send(bytes(held[n : n + 1]))
        await speaking.stop()

    events = await stream(http, model=f"{format.provider}/{upstream.serve(behave)}", input="x")
    assert text_of(events[-1]["response"]) == "é漢\U0001f600"


async def test_a_silent_upstream_is_given_up(http: httpx.AsyncClient, upstream: Upstream, format: Format):
    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        await speaking.say("hm")
        await exchange.gone.wait()

    response, _ = await failed(http, f"{format.provider}/{upstream.serve(behave)}")
    assert text_of(response) == "hm"


IN_STREAM = [
    pytest.param(format, code, id=f"{name}-{code}")
    for name, format in FORMATS.items()
    for code in format.faults
]
STATUSES = {"rate_limit_exceeded": {429}, "server_error": {500, 502}, "context_length_exceeded": {400}}


@pytest.mark.parametrize(("format", "code"), IN_STREAM)
async def test_an_error_that_comes_first_in_a_stream_is_a_status(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool, code: Fault
):
    async def behave(exchange: Exchange) -> None:
        await exchange.begin(format.kind)
        await Speaking(format, exchange).fault(code, "It went wrong")
        await exchange.end()

    answer = await refused(http, f"{format.provider}/{upstream.serve(behave)}", streaming=streaming)
    assert answer.status_code in STATUSES[code]
    assert code == "server_error" or answer.json()["error"]["code"] == code


@pytest.mark.parametrize(("format", "code"), IN_STREAM)
async def test_an_error_in_mid_stream_fails_the_response_with_its_code(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, code: Fault
):
    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        await speaking.say("half")
        await speaking.fault(code, "It went wrong")
        await exchange.end()

    response, error = await failed(http, f"{format.provider}/{upstream.serve(behave)}")
    assert response["error"]["code"] == error["error"]["code"] == code


async def test_a_refusal_after_the_status_line_fails_the_response(
    prompt_http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    begun = Signal()

    async def behave(exchange: Exchange) -> None:
        await begun.seen()
        await refusing(format, "too long")(exchange)

    model = f"{format.provider}/{upstream.serve(behave)}"
    async with streamed(prompt_http, {"model": model, "input": "x"}) as events:
        received = [await anext(events)]
        begun.set()
        received += [event async for event in events]
    obey(received)
    response = received[-1]["response"]
    assert (response["status"], response["error"]["code"]) == ("failed", "context_length_exceeded")
    assert (await prompt_http.get(f"/responses/{response['id']}")).json() == response


async def test_an_upstream_that_answers_plainly_is_streamed_all_the_same(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(200, format.plain([Words("In one piece")]))

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


@pytest.mark.parametrize("name", FORMATS)
async def test_an_alias_turns_from_any_format_to_another(
    http: httpx.AsyncClient, upstream: Upstream, name: str, streaming: bool
):
    format = FORMATS[name]

    async def fail_at_once(exchange: Exchange) -> None:
        await exchange.begin(format.kind)
        await Speaking(format, exchange).fault("server_error", "It went wrong")
        await exchange.end()

    for behave in (refusing(format, "full"), fail_at_once):
        upstream.serve(behave, "broken")
        body = {"model": f"broken-{name}", "input": "Hello", "stream": streaming}
        answer = await http.post("/responses", json=body)
        assert answer.headers["x-responses-target"] == "groq/demo"
        assert "Hello" in answer.text


@pytest.mark.parametrize("name", FORMATS)
async def test_an_alias_stays_with_who_has_begun_to_speak(
    http: httpx.AsyncClient, upstream: Upstream, name: str, streaming: bool
):
    format = FORMATS[name]

    async def fail_later(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        await speaking.say("half")
        await speaking.fault("server_error", "It went wrong")
        await exchange.end()

    upstream.serve(fail_later, "cut")
    model = f"cut-{name}"
    if streaming:
        response, _ = await failed(http, model)
        assert text_of(response) == "half"
    else:
        assert (await refused(http, model, streaming=False)).status_code in (500, 502)


async def test_what_an_upstream_is_sent(http: httpx.AsyncClient, upstream: Upstream, format: Format):
    seen: list[Exchange] = []

    async def behave(exchange: Exchange) -> None:
        seen.append(exchange)
        await exchange.answer(200, format.plain([Words("ok")]))

    model = upstream.serve(behave)
    body = {"model": f"{format.provider}/{model}", "input": "x", "metadata": {"m": "v"}, "store": True}
    assert (await http.post("/responses", json=body)).status_code == 200
    [exchange] = seen
    for name, value in format.credential(KEY).items():
        assert exchange.headers[name] == value
    assert exchange.headers["accept-encoding"] == "identity"
    assert (exchange.model, exchange.streams) == (model, True)
    assert "resp_" not in json.dumps(exchange.body)
    assert KEY not in exchange.path
