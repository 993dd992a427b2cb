"""Nothing that anybody said, and no credential, is in what the server prints."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lambda_responses.endpoints.application import whole_application
from lambda_responses.runtime.runtime import Runtime
from tests.fakes.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.fakes.upstream import Behaviour, Exchange

pytestmark = pytest.mark.anyio

SECRET = "canary"
"""Begins whatever is secret; what follows says where it was."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.close()


@pytest.fixture
async def http(tmp_path: Path, upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    """A client, full of secrets, of an application that has its own."""
    runtime = Runtime(
        {
            "RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db",
            "RESPONSES_LOG_LEVEL": "DEBUG",
            "RESPONSES_MAX_RETRIES": "0",
            "RESPONSES_FIRST_EVENT_WAIT_MS": "60000",  # on a busy machine too, a status tells how it ended
            "RESPONSES_OUTBOUND_ALLOW": "127.0.0.1",
            "GROQ_API_KEY": f"{SECRET}-provider-key",
            "GROQ_BASE_URL": f"{upstream.root}/{SECRET}-address/v1",
        }
    )
    headers = {
        "authorization": f"Bearer {SECRET}-authorization",
        "cookie": f"session={SECRET}-cookie",
        "openai-organization": f"{SECRET}-organization",
        "x-forwarded-for": f"{SECRET}-forwarded",
        "user-agent": f"{SECRET}-agent",
    }
    transport = httpx.ASGITransport(whole_application(runtime), raise_app_exceptions=False)  # type: ignore[arg-type]
    address = "http://127.0.0.1:8080/v1"
    async with httpx.AsyncClient(transport=transport, base_url=address, headers=headers) as client:
        yield client
    await runtime.aclose()
    Runtime({"RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db"})  # sets the level back


async def refuse(exchange: Exchange) -> None:
    """As some do, with the key and the request in it."""
    told = f"{SECRET}-error {exchange.headers['authorization']} {json.dumps(exchange.body)}"
    await exchange.answer(401, {"error": {"message": told, "type": "invalid_request_error", "code": None}})


async def fail_in_html(exchange: Exchange) -> None:
    await exchange.answer(502, f"<h1>{SECRET}-page</h1>", x_trace=f"{SECRET}-header")


async def answer_nonsense(exchange: Exchange) -> None:
    await exchange.answer(200, f"{SECRET}-nonsense")


async def fail_half_way(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.event(_chunk(f"{SECRET}-answer"))
    await exchange.event({"error": {"message": f"{SECRET}-late", "type": "server_error", "code": 500}})
    await exchange.end()


async def cut_half_way(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.event(_chunk(f"{SECRET}-answer"))
    exchange.cut()


async def garble_half_way(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.event(_chunk(f"{SECRET}-answer"))
    await exchange.event(f"{{{SECRET}-garbled")
    await exchange.end()


async def surprise(exchange: Exchange) -> None:
    """What a decoder does not expect."""
    await exchange.begin()
    await exchange.event({"choices": {SECRET: [f"{SECRET}-surprise"]}, "usage": f"{SECRET}-usage"})
    await exchange.end()


async def comply(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.event(_chunk(f"{SECRET}-answer"))
    await exchange.event({**_chunk(""), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    await exchange.event("[DONE]")
    await exchange.end()


def _chunk(text: str) -> dict[str, Any]:
    delta = {"role": "assistant", "content": text}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}


def everything_said(model: str) -> dict[str, Any]:
    return {
        "model": f"groq/{model}",
        "instructions": f"{SECRET}-instructions",
        "input": f"{SECRET}-input",
        "metadata": {f"{SECRET}-name": f"{SECRET}-value"},
        "user": f"{SECRET}-user",
        "safety_identifier": f"{SECRET}-safety",
        "prompt_cache_key": f"{SECRET}-cache",
        "tools": [
            {
                "type": "function",
                "name": f"{SECRET}-tool",
                "description": f"{SECRET}-description",
                "parameters": {"type": "object", "properties": {SECRET: {"type": "string"}}},
            }
        ],
    }


@pytest.fixture
def printed(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, shown: None, on_lambda: str
) -> Callable[[], str]:
    """Gives all that was printed, and what libraries would add where AWS's own runtime listens to them."""
    caplog.set_level(logging.INFO)

    def read() -> str:
        captured = capsys.readouterr()
        records = [f"{record.name} {record.getMessage()} {record.exc_text}" for record in caplog.records]
        return "\n".join([captured.out, captured.err, *records])

    return read


BEHAVIOURS = {
    refuse: (502, 502),
    fail_in_html: (502, 502),
    answer_nonsense: (502, 502),
    fail_half_way: (502, 200),
    cut_half_way: (500, 200),
    garble_half_way: (502, 200),
    surprise: (502, 502),
    comply: (200, 200),
}
"""With the status of a plain answer, and of a streamed one."""


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda each: each.__name__)
async def test_nothing_of_a_response_in_the_making_is_printed(
    http: httpx.AsyncClient,
    upstream: Upstream,
    printed: Callable[[], str],
    behaviour: Behaviour,
    stream: bool,
):
    body = everything_said(upstream.serve(behaviour)) | {"stream": stream}
    answer = await http.post(f"/responses?api_key={SECRET}-query", json=body)
    assert answer.status_code == BEHAVIOURS[behaviour][stream]
    told = printed()
    assert '"message":"exchange"' in told
    assert '"FailedResponses"' in told
    assert ('"message":"upstream failed"' in told) == (behaviour is not comply)
    assert SECRET not in told


async def test_nothing_of_a_file_that_is_named_is_printed(
    http: httpx.AsyncClient, printed: Callable[[], str]
):
    address = f"http://127.0.0.1:9/{SECRET}.png?signature={SECRET}-token"
    image = {"type": "input_image", "image_url": address}
    body = {"model": "groq/m", "input": [{"role": "user", "content": [image]}]}
    answer = await http.post("/responses", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")
    told = printed()
    assert '"message":"exchange"' in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/responses", f'{{"{SECRET}-broken'),
        ("POST", "/responses", f'{{"model": "{SECRET}-model", "input": "{SECRET}-input"}}'),
        ("POST", "/responses", f'{{"model": "m", "input": "hi", "{SECRET}-member": 1}}'),
        ("POST", "/responses", f'{{"model": "m", "previous_response_id": "{SECRET}-previous"}}'),
        ("GET", f"/responses/{SECRET}-id?include[]={SECRET}-include", ""),
        ("GET", f"/responses/{SECRET}-id/input_items?after={SECRET}-after", ""),
        ("DELETE", f"/responses/{SECRET}-id", ""),
        ("GET", f"/models/{SECRET}-model", ""),
        ("PUT", f"/{SECRET}-path?{SECRET}-query", f"{SECRET}-body"),
    ],
)
async def test_nothing_of_a_refused_request_is_printed(
    http: httpx.AsyncClient, printed: Callable[[], str], method: str, path: str, content: str
):
    answer = await http.request(method, path, content=content, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    told = printed()
    assert '"message":"exchange"' in told
    assert SECRET not in told
