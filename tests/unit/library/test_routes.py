"""Who is asked, and with what: a call may say it for itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses import APIConnectionError, BadRequestError, aresponses, configure, responses
from tests.fakes.upstream import Signal, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.upstream import Exchange

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    fake = Upstream()
    yield fake
    fake.close()


def chunk(text: str | None = None, stop: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": stop}]}


async def say(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.event(chunk("Hello."))
    await exchange.event(chunk(stop="stop"))
    await exchange.event("[DONE]")
    await exchange.end()


def test_a_call_brings_its_own_key_and_address(upstream: Upstream):
    seen: list[Exchange] = []

    async def remember(exchange: Exchange) -> None:
        seen.append(exchange)
        await say(exchange)

    model = upstream.serve(remember)
    answer = responses(
        "Hi.",
        f"groq/{model}",
        api_key="sk-of-this-call",
        api_base=upstream.base_url,
        extra_headers={"x-trace": "t-1"},
        extra_query={"dry": "run"},
    )
    assert (answer.output_text, answer.target) == ("Hello.", f"groq/{model}")
    (exchange,) = seen
    assert exchange.headers["authorization"] == "Bearer sk-of-this-call"
    assert exchange.headers["x-trace"] == "t-1"
    assert exchange.path == "/v1/chat/completions?dry=run"
    with pytest.raises(BadRequestError, match="GROQ_API_KEY"):
        responses("Hi.", f"groq/{model}")


def test_a_key_without_a_provider_is_refused():
    with pytest.raises(BadRequestError) as error:
        responses("Hi.", "nobody/model", api_key="sk-1")
    assert error.value.param == "api_key"


@pytest.mark.parametrize("retries", [0, 1])
def test_a_call_says_how_often_to_try_again(upstream: Upstream, retries: int):
    asked: list[Exchange] = []

    async def fail(exchange: Exchange) -> None:
        asked.append(exchange)
        await exchange.answer(500, {"error": {"message": "no"}}, retry_after="0")

    model = upstream.serve(fail)
    answer = responses(
        "Hi.",
        f"groq/{model}",
        api_base=upstream.base_url,
        max_retries=retries,
        fallbacks=["scripted/echo"],
    )
    assert answer.target == "scripted/echo"
    assert len(asked) == retries + 1


@pytest.mark.parametrize(
    ("model", "fallback"),
    [
        ("openai/gpt-5", "scripted/echo"),  # without a key
        ("scripted/echo", "opnai/gpt-5"),
        ("nobody/model", "scripted/echo"),
    ],
)
def test_of_a_model_and_its_fallbacks_those_are_asked_that_can_be_called(
    monkeypatch: pytest.MonkeyPatch, model: str, fallback: str
):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    configure()
    assert responses("Hi.", model, fallbacks=[fallback]).target == "scripted/echo"


def test_where_none_can_be_called_the_first_says_why():
    with pytest.raises(BadRequestError, match="'nobody/model' does not exist") as error:
        responses("Hi.", "nobody/model", fallbacks=["nobody/other"])
    assert error.value.code == "model_not_found"


@pytest.mark.parametrize("fallbacks", ["scripted/echo", 5, [{"openai/gpt-5": ["scripted/echo"]}]])
def test_fallbacks_that_are_no_list_of_names_are_refused(fallbacks: Any):
    with pytest.raises(BadRequestError) as error:
        responses("Hi.", "scripted/echo", fallbacks=fallbacks)
    assert error.value.param == "fallbacks"


@pytest.mark.parametrize("option", ["headers", "extra_headers"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", "é"),
        ("a", "b\r\nx: d"),
        ("a", "b\n"),
        ("a", " b"),
        ("é", "a"),
        ("", "a"),
        ("a b", "c"),
        ("Content-Length", "3"),
        ("transfer-encoding", "chunked"),
    ],
)
def test_headers_that_cannot_be_sent_are_the_callers_fault(option: str, name: str, value: str):
    with pytest.raises(BadRequestError) as error:
        responses("Hi.", "scripted/echo", **{option: {name: value}})
    assert error.value.param == option


def test_headers_that_are_none_are_not_sent(upstream: Upstream):
    seen: list[Exchange] = []

    async def remember(exchange: Exchange) -> None:
        seen.append(exchange)
        await say(exchange)

    model = upstream.serve(remember)
    given = {"x-none": None, "x-count": 2, "x-empty": "", "x-words": "a b\tc"}
    responses("Hi.", f"groq/{model}", api_key="k", api_base=upstream.base_url, extra_headers=given)
    headers = seen[0].headers
    assert "x-none" not in headers
    assert [headers[name] for name in ("x-count", "x-empty", "x-words")] == ["2", "", "a b\tc"]


def test_a_provider_that_is_not_there_is_a_connection_error():
    with pytest.raises(APIConnectionError):
        responses("Hi.", "groq/any", api_base="http://127.0.0.1:9/v1", max_retries=0)


def hanging(gone: Signal) -> Any:
    async def hang(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event(chunk("Hello."))
        await exchange.gone.wait()
        gone.set()

    return hang


@pytest.fixture
def gone(upstream: Upstream, tmp_path: Any) -> Signal:
    """Set when the upstream of `groq/hanging`, which says one word, has lost its client."""
    signal = Signal()
    upstream.serve(hanging(signal), "hanging")
    configure({"RESPONSES_STORE": f"sqlite:///{tmp_path}/r.db", "GROQ_BASE_URL": upstream.base_url})
    return signal


def first_words(stream: Any) -> None:
    assert next(event for event in stream if event.type == "response.output_text.delta").delta == "Hello."


def test_a_delta_is_given_while_the_model_goes_on_and_closing_stops_it(gone: Signal):
    stream = responses("Hi.", "groq/hanging", stream=True)
    first_words(stream)
    assert not gone.is_set()
    stream.close()
    assert gone.wait(10)
    assert next(stream, None) is None
    stream.close()


def test_a_stream_that_is_forgotten_stops_the_model(gone: Signal):
    first_words(responses("Hi.", "groq/hanging", stream=True))
    assert gone.wait(10)


async def test_an_async_stream_that_is_left_stops_the_model(gone: Signal):
    async with await aresponses("Hi.", "groq/hanging", stream=True) as stream:
        async for event in stream:
            if event.type == "response.output_text.delta":
                break
    assert gone.is_set() or await asyncio.to_thread(gone.wait, 10)


async def test_a_call_that_is_cancelled_stops_the_model(gone: Signal):
    call = asyncio.ensure_future(aresponses("Hi.", "groq/hanging"))
    stream = await aresponses("Hi.", "groq/hanging", stream=True)  # so that the first one is at work as well
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(gone.wait, 10)
    await stream.aclose()


def test_setting_up_anew_ends_what_is_at_work(gone: Signal):
    stream = responses("Hi.", "groq/hanging", stream=True)
    first_words(stream)
    configure()
    assert gone.wait(10)
    with pytest.raises(RuntimeError, match="closed"):
        next(stream)
