"""The official SDK for Python does its normal work, whatever kind of provider answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.fakes.events import obey
from tests.fakes.official import judge, judge_event, judge_response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai.types.responses import Response, ResponseFunctionToolCall

    from tests.fakes.server import Server

Json = dict[str, Any]

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
    "strict": True,
}
CLOCK: Any = {
    "type": "function",
    "name": "tell_clock",
    "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    "strict": True,
}


class Invoice(BaseModel):
    number: int
    currency: Literal["EUR", "USD"]
    lines: list[str]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="anything", max_retries=0) as made:
        yield made


def call_of(response: Response) -> ResponseFunctionToolCall:
    [call] = [item for item in response.output if item.type == "function_call"]
    return call


def test_create(client: OpenAI, model: str):
    response = client.responses.create(model=model, input="Say hello", metadata={"for": "test"})
    judge(response)
    assert response.output_text == "Say hello"
    assert response.status == "completed"
    assert response.metadata == {"for": "test"}
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0


def test_create_as_a_stream(client: OpenAI, model: str):
    events = list(client.responses.create(model=model, input="Count one two three", stream=True))
    raw = [event.to_dict(mode="json", warnings=False) for event in events]
    obey(raw)
    for event in raw:
        judge_event(event)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "Count one two three"
    assert len(deltas) > 1
    assert client.responses.retrieve(raw[-1]["response"]["id"]).to_dict() == raw[-1]["response"]


def test_the_stream_helper(client: OpenAI, model: str):
    with client.responses.stream(model=model, input="Count one two three") as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert response.output_text == "Count one two three"


def test_parse(client: OpenAI, model: str):
    parsed = client.responses.parse(model=model, input="An invoice, please", text_format=Invoice)
    assert isinstance(parsed.output_parsed, Invoice)
    with client.responses.stream(model=model, input="An invoice, please", text_format=Invoice) as stream:
        stream.until_done()
        assert stream.get_final_response().output_parsed == parsed.output_parsed


def test_a_tool_and_the_turn_after_it(client: OpenAI, model: str):
    asked = client.responses.create(model=model, input="What is the weather in Bern?", tools=[WEATHER])
    judge(asked)
    call = call_of(asked)
    assert call.name == "get_weather"
    assert json.loads(call.arguments)["unit"] in ("C", "F")
    answered = client.responses.create(
        model=model,
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "21 C"}],
        tools=[WEATHER],
    )
    judge(answered)
    assert answered.output_text == "The tool says: 21 C"
    assert answered.previous_response_id == asked.id


def test_a_tool_in_a_stream_and_its_output_replayed_without_a_store(client: OpenAI, model: str):
    question: Any = [{"role": "user", "content": "What is the weather in Bern?"}]
    with client.responses.stream(model=model, input=question, tools=[WEATHER], store=False) as stream:
        pieces = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
        asked = stream.get_final_response()
    call = call_of(asked)
    assert "".join(pieces) == call.arguments
    said = [item.to_dict(mode="json", warnings=False) for item in asked.output]
    for item in said:
        item.pop("parsed_arguments", None)
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "21 C"}
    answered = client.responses.create(model=model, input=[*question, *said, output], store=False)
    assert answered.output_text == "The tool says: 21 C"
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answered.id)


def test_two_tools_at_once(client: OpenAI, model: str):
    tools = [WEATHER, CLOCK]
    question = "The weather and the clock? [[calls:2]]"
    with client.responses.stream(model=model, input=question, tools=tools) as stream:
        stream.until_done()
        asked = stream.get_final_response()
    calls = [item for item in asked.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["get_weather", "tell_clock"]
    assert len({call.call_id for call in calls}) == len({call.id for call in calls}) == 2
    outputs: Any = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"{call.name} done"}
        for call in calls
    ]
    answered = client.responses.create(model=model, previous_response_id=asked.id, input=outputs, tools=tools)
    assert "tell_clock done" in answered.output_text


def test_a_chain_remembers_what_was_said_but_no_instructions(client: OpenAI, model: str):
    first = client.responses.create(model=model, input="one", instructions="Be brief")
    second = client.responses.create(model=model, input="two", previous_response_id=first.id)
    assert (first.instructions, second.instructions) == ("Be brief", None)
    listed = client.responses.input_items.list(second.id, order="asc")
    texts = [item.content[0].text for item in listed if item.type == "message"]  # type: ignore[union-attr]
    assert texts == ["one", "one", "two"]


def test_retrieve_and_its_replay(client: OpenAI, model: str):
    events = list(client.responses.create(model=model, input="Count one two", stream=True))
    whole: Any = events[-1]
    retrieved = client.responses.retrieve(whole.response.id)
    judge(retrieved)
    assert retrieved.to_dict() == whole.response.to_dict()
    replayed = [e.to_dict(warnings=False) for e in client.responses.retrieve(retrieved.id, stream=True)]
    obey(replayed)
    for event in replayed:
        judge_event(event)
    for cut in range(len(replayed)):
        rest = client.responses.retrieve(retrieved.id, stream=True, starting_after=cut)
        assert [event.to_dict(warnings=False) for event in rest] == replayed[cut + 1 :]


def test_input_items_are_paged(client: OpenAI):
    many: Any = [{"role": "user", "content": f"number {n}"} for n in range(45)]
    response = client.responses.create(model="scripted/echo", input=many)

    def numbers(**query: Any) -> list[int]:
        items = client.responses.input_items.list(response.id, **query)
        for item in items:
            judge(item)
        return [int(item.content[0].text.split()[1]) for item in items]  # type: ignore[union-attr]

    assert numbers() == list(range(44, -1, -1))
    assert numbers(order="asc", limit=7) == list(range(45))
    first = client.responses.input_items.list(response.id, limit=10)
    assert (len(first.data), first.has_more) == (10, True)
    assert first.last_id == first.data[-1].id
    after = client.responses.input_items.list(response.id, limit=100, after=first.data[-1].id)
    assert (len(after.data), after.has_more) == (35, False)


def test_delete_and_what_is_left(client: OpenAI, model: str):
    response = client.responses.create(model=model, input="Forget me")
    later = client.responses.create(model=model, input="Keep me", previous_response_id=response.id)
    client.responses.delete(response.id)
    for call in (
        lambda: client.responses.retrieve(response.id),
        lambda: client.responses.delete(response.id),
        lambda: client.responses.input_items.list(response.id),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert caught.value.type == "invalid_request_error"
        assert response.id in caught.value.message
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=model, input="And?", previous_response_id=response.id)
    assert refused.value.code == "previous_response_not_found"
    assert client.responses.retrieve(later.id).output_text == "Keep me"


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("400", openai.BadRequestError, None),
        ("404", openai.NotFoundError, None),
        ("429,7", openai.RateLimitError, "rate_limit_exceeded"),
        ("500", openai.InternalServerError, None),
        ("503", openai.InternalServerError, "server_is_overloaded"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_fault_is_the_sdks_own_exception(
    client: OpenAI, fault: str, error: type[openai.APIStatusError], code: str | None, stream: bool
):
    with pytest.raises(error) as caught:
        client.responses.create(model="scripted/echo", input=f"x [[fault:{fault}]]", stream=stream)
    assert code is None or caught.value.code == code
    assert caught.value.request_id
    if fault == "429,7":
        assert caught.value.response.headers["retry-after"] == "7"


def test_a_fault_in_mid_stream_is_an_exception_after_what_was_said(client: OpenAI):
    events = client.responses.create(
        model="scripted/echo", input="[[words:9]] [[fault:server_error]]", stream=True
    )
    seen: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        seen.extend(event.type for event in events)
    assert "response.output_text.delta" in seen
    assert caught.value.code == "server_error"


@pytest.mark.parametrize(
    ("keyword", "reason"),
    [("max_output_tokens", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_an_answer_cut_short_says_why(client: OpenAI, keyword: str, reason: str):
    response = client.responses.create(model="scripted/echo", input=f"[[words:9]] [[fault:{keyword}]]")
    judge(response)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == reason


def test_a_refusal_and_reasoning_are_parts_of_their_own(client: OpenAI):
    refused = client.responses.create(model="scripted/echo", input="x [[refuse]]")
    judge(refused)
    assert refused.output[0].content[0].type == "refusal"  # type: ignore[union-attr]
    reasoned = client.responses.create(
        model="scripted/echo",
        input="Think about it",
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
    )
    judge(reasoned)
    [thought, message] = reasoned.output
    assert thought.type == "reasoning"
    assert thought.summary[0].text
    assert thought.encrypted_content
    assert message.type == "message"


def test_models(client: OpenAI):
    listed = [each.id for each in client.models.list()]
    assert "scripted/echo" in listed
    assert client.models.retrieve("scripted/echo").object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody/nothing")


@pytest.mark.anyio
async def test_the_asynchronous_client(server: Server, model: str):
    async with AsyncOpenAI(base_url=server.base_url, api_key="anything", max_retries=0) as client:
        async with client.responses.stream(model=model, input="Count one two three") as stream:
            response = await stream.get_final_response()
        assert response.output_text == "Count one two three"
        judge_response((await client.responses.retrieve(response.id)).to_dict(mode="json"))
        listed = await client.responses.input_items.list(response.id)
        assert [item.type async for item in listed] == ["message"]
        await client.responses.delete(response.id)
