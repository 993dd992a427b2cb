"""The embedded model for real: tokens as they are made, schemas obeyed, a forced tool called."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Literal

import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel, ConfigDict

from lambda_responses.providers.local_model import local_model_available
from tests.fakes.events import obey, stream, streamed, text_of
from tests.fakes.official import judge_event, judge_response

if TYPE_CHECKING:
    import httpx

    from tests.fakes.server import Server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not local_model_available(), reason="needs the packages of requirements/local-model.txt"
    ),
]

Json = dict[str, Any]

MODEL = "local/smollm2-135m"


class City(BaseModel):
    """What the model is made to say."""

    model_config = ConfigDict(extra="forbid")

    name: str
    size: Literal["small", "large"]
    population: int


class Weather(BaseModel):
    """Arguments of the tool."""

    model_config = ConfigDict(extra="forbid")

    city: str
    unit: Literal["C", "F"]


WEATHER: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": Weather.model_json_schema(),
    "strict": True,
}


async def test_it_is_listed(http: httpx.AsyncClient):
    listed = (await http.get("/models")).json()["data"]
    assert MODEL in [each["id"] for each in listed]


async def test_it_answers_and_what_it_answered_is_kept(http: httpx.AsyncClient):
    body = {"model": MODEL, "input": "Say hello in five words.", "temperature": 0}
    response = (await http.post("/responses", json=body)).json()
    judge_response(response)
    assert len(text_of(response).split()) > 1
    assert response["usage"]["input_tokens"] > 5
    assert response["usage"]["output_tokens"] > 1
    assert (await http.get(f"/responses/{response['id']}")).json() == response


async def test_deltas_come_as_they_are_made(http: httpx.AsyncClient):
    body = {"model": MODEL, "input": "Tell me a story about a fox.", "max_output_tokens": 80}
    received: list[Json] = []
    at: list[float] = []
    started = time.monotonic()
    async with streamed(http, body) as events:
        async for event in events:
            received.append(event)
            if event["type"] == "response.output_text.delta":
                at.append(time.monotonic() - started)
    obey(received)
    for event in received:
        judge_event(event)
    took = time.monotonic() - started
    assert len(at) > 20
    assert at[0] < took / 2
    assert at[-1] - at[0] > took / 4
    ten_parts = {int(10 * moment / took) for moment in at}
    assert len(ten_parts) >= 4, "they came in lumps"


async def test_a_limit_ends_it_as_incomplete(http: httpx.AsyncClient):
    body: Json = {"input": "Tell me a long story.", "max_output_tokens": 16}
    response = (await stream(http, model=MODEL, **body))[-1]["response"]
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["usage"]["output_tokens"] == 16


async def test_a_schema_is_obeyed(server: Server):
    async with AsyncOpenAI(base_url=server.base_url, api_key="anything", max_retries=0) as client:
        parsed = await client.responses.parse(model=MODEL, input="Describe Bern.", text_format=City)
        assert isinstance(parsed.output_parsed, City)
        async with client.responses.stream(model=MODEL, input="Describe Bern.", text_format=City) as events:
            final = await events.get_final_response()
        assert isinstance(final.output_parsed, City)


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "name": "get_weather"}], ids=["required", "by its name"]
)
@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "streamed"])
async def test_a_forced_tool_is_called_validly(http: httpx.AsyncClient, choice: Any, streaming: bool):
    body = {"input": "What is the weather in Bern?", "tools": [WEATHER], "tool_choice": choice}
    if streaming:
        response = (await stream(http, model=MODEL, **body))[-1]["response"]
    else:
        response = (await http.post("/responses", json={"model": MODEL, **body})).json()
    [call] = response["output"]
    assert (call["type"], call["name"]) == ("function_call", "get_weather")
    Weather.model_validate_json(call["arguments"])
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "21 C and sunny"}
    onwards = {"model": MODEL, "previous_response_id": response["id"], "input": [output], "tools": [WEATHER]}
    answered = (await http.post("/responses", json=onwards)).json()
    assert text_of(answered)


async def test_it_goes_on_after_a_client_has_left(http: httpx.AsyncClient):
    body = {"model": MODEL, "input": "Tell me a very long story.", "max_output_tokens": 2_000}

    async def leave() -> None:
        async with streamed(http, body) as events:
            async for event in events:
                if event["type"] == "response.output_text.delta":
                    return

    await asyncio.gather(*(leave() for _ in range(4)))
    async with asyncio.timeout(20):
        answer = await http.post("/responses", json={**body, "max_output_tokens": 16})
    assert answer.json()["status"] == "incomplete"


async def test_more_may_ask_at_once_than_it_serves_at_once(http: httpx.AsyncClient):
    body = {"input": "Say hello.", "max_output_tokens": 16}
    ended = await asyncio.gather(*(stream(http, model=MODEL, **body) for _ in range(5)))
    assert all(events[-1]["response"]["status"] in ("completed", "incomplete") for events in ended)
