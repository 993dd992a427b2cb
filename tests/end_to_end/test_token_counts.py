"""Counting input tokens over HTTP: who counts where, and the faults of such a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI
from openai.types.responses import InputTokenCountResponse

from lambda_responses.providers.local_model import local_model_available
from tests.fakes.fixtures import MODELS
from tests.fakes.formats.base import READ

if TYPE_CHECKING:
    import httpx

    from tests.fakes.server import Server

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

COUNTERS = {
    "scripted": ("tokenizer", 5),
    "a chat upstream": ("estimate", None),
    "a native upstream": ("provider", 5),
    "anthropic upstream": ("provider", READ),
    "gemini upstream": ("provider", READ),
    "converse upstream": ("provider", READ),
    "cohere upstream": ("estimate", None),
}
"""By the kind of upstream in `fixtures.MODELS`: who counts, and what the count is."""

LOOK_UP: Json = {
    "type": "function",
    "name": "look_up",
    "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
}


def client_of(server: Server) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=server.base_url, api_key="x", max_retries=0)


@pytest.mark.parametrize("kind", MODELS)
async def test_whoever_would_answer_counts_where_it_can(server: Server, kind: str) -> None:
    who, tokens = COUNTERS[kind]
    async with client_of(server) as client:
        answer = await client.responses.input_tokens.with_raw_response.count(
            model=MODELS[kind], input="How long is this question?", tools=[LOOK_UP]
        )
    counted = answer.parse()

    assert isinstance(counted, InputTokenCountResponse)
    assert answer.headers["x-responses-token-count"] == who
    assert answer.headers["x-responses-target"] == MODELS[kind]
    assert answer.http_response.json().keys() == {"object", "input_tokens"}
    assert counted.object == "response.input_tokens"
    assert counted.input_tokens == tokens if tokens else 5 <= counted.input_tokens <= 2_000


@pytest.mark.skipif(not local_model_available(), reason="needs the packages of requirements/local-model.txt")
async def test_the_embedded_model_counts_as_its_answers_do(server: Server) -> None:
    asked: Json = {"model": "local/smollm2-135m", "input": "Say hello.", "instructions": "Be kind."}
    async with client_of(server) as client:
        counted = await client.responses.input_tokens.with_raw_response.count(**asked)
        answered = await client.responses.create(**asked, max_output_tokens=16)

    assert counted.headers["x-responses-token-count"] == "tokenizer"
    assert answered.usage is not None
    assert counted.parse().input_tokens == answered.usage.input_tokens


async def test_a_count_foretells_what_the_answer_will_use(http: httpx.AsyncClient) -> None:
    first = (await http.post("/responses", json={"model": "scripted/echo", "input": "one two three"})).json()
    body = {"model": "scripted/echo", "input": "four five", "previous_response_id": first["id"]}
    counted = (await http.post("/responses/input_tokens", json=body)).json()
    answered = (await http.post("/responses", json=body)).json()

    assert counted == {"object": "response.input_tokens", "input_tokens": 8}
    assert answered["usage"]["input_tokens"] == counted["input_tokens"]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_an_upstream_that_fails_is_stood_in_for(http: httpx.AsyncClient, status: int) -> None:
    body = {"model": "scripted/echo", "input": f"Hello [[fault:{status}]] there"}
    answer = await http.post("/responses/input_tokens", json=body)

    assert answer.status_code == 200
    assert answer.headers["x-responses-token-count"] == "estimate"
    assert answer.json()["input_tokens"] > 0
