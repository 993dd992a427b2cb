"""The official SDK reads what is emitted: its accumulator over HTTP, and its types for every event.

A low bar, since the SDK validates nothing by itself: what it reads can be read, which is not to say that it
is right. The grammar and the rebuild properties say that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import APIError as ReportedError
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from lambda_responses.stream import sse
from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Failed,
    ItemEvent,
    ItemOpened,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.wire.errors import RateLimitError
from lambda_responses.wire.ids import ItemIds, new_response_id
from lambda_responses.wire.responses import new_response
from lambda_responses.wire.usage import usage
from tests.kit import counted, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.stream.deltas import Delta

Json = dict[str, Any]

UNTYPED = {
    # The live wire nests the fault, the SDK's type has it flat; both forms are there on purpose.
    ("ResponseErrorEvent", "error"),
    # Shown by the live API and required by the Open Responses specification.
    ("Response", "store"),
    ("Response", "frequency_penalty"),
    ("Response", "presence_penalty"),
    # The live API shows it; the SDK types it for stored items alone.
    ("ResponseCustomToolCall", "status"),
    # The live API puts the bytes of a token on events as well as on parts.
    ("Logprob", "bytes"),
    ("LogprobTopLogprob", "bytes"),
}
"""What is sent and the SDK has no type for: class and member, with the reason."""

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def token(text: str) -> Json:
    top = {"token": text, "logprob": -0.5, "bytes": [1]}
    return {**top, "top_logprobs": [top]}


CITATION = {"type": "url_citation", "url": "https://a.test", "title": "A", "start_index": 0, "end_index": 1}
FILE = {"type": "file_citation", "file_id": "file_1", "filename": "a.txt", "index": 0}


def native(block: int, finished: Json, *events: Json) -> list[Delta]:
    """A whole item in the API's own words."""
    announced = {key: value for key, value in finished.items() if key != "content"} | {
        "status": "in_progress"
    }
    place = {"item_id": finished["id"], "output_index": 5}
    told = [ItemEvent(block, {**event, **place}) for event in events]
    return [ItemOpened(block, announced), *told, BlockEnded(block, finished)]


def hosted(block: int) -> list[list[Delta]]:
    done: Json = {"status": "completed"}
    code = "response.code_interpreter_call_code"
    return [
        native(
            block,
            {"id": "ws", "type": "web_search_call", **done, "action": {"type": "search", "query": "q"}},
            {"type": "response.web_search_call.in_progress"},
            {"type": "response.web_search_call.searching"},
            {"type": "response.web_search_call.completed"},
        ),
        native(
            block,
            {
                "id": "ci",
                "type": "code_interpreter_call",
                **done,
                "code": "1",
                "container_id": "cntr_1",
                "outputs": None,
            },
            {"type": f"{code}.delta", "delta": "1"},
            {"type": f"{code}.done", "code": "1"},
        ),
        native(
            block,
            {"id": "mcp", "type": "mcp_call", **done, "name": "f", "server_label": "s", "arguments": "{}"},
            {"type": "response.mcp_call_arguments.delta", "delta": "{}"},
            {"type": "response.mcp_call_arguments.done", "arguments": "{}"},
        ),
        native(
            block,
            {
                "id": "msg",
                "type": "message",
                "role": "assistant",
                **done,
                "phase": "final_answer",
                "content": [{"type": "output_text", "annotations": [], "text": "Hi"}],
            },
        ),
        native(
            block,
            {"id": "rs", "type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], **done},
        ),
    ]


BLOCKS = st.integers(0, 2)
TEXTS = st.text(min_size=1, max_size=4)
SAID = st.one_of(
    *[st.builds(lambda b, t: [Text(b, t)], BLOCKS, TEXTS)] * 3,
    st.builds(
        lambda b, t: [Text(b, t, [token(t)]), Annotation(b, CITATION), Annotation(b, FILE)], BLOCKS, TEXTS
    ),
    st.builds(lambda b, t: [Refusal(b, t)], BLOCKS, TEXTS),
    st.builds(lambda b, t, s, p: [Reasoning(b, t, s, p)], BLOCKS, TEXTS, st.booleans(), st.integers(0, 1)),
    st.builds(
        lambda b, c, k: [ToolCall(b, c, "look", k)],
        *[BLOCKS, st.sampled_from(["", "call_a"]), st.sampled_from(["function_call", "custom_tool_call"])],
    ),
    st.builds(lambda b, t: [ToolArguments(b, t)], BLOCKS, st.sampled_from(['{"a":', "1}", "{}"])),
    st.builds(lambda b: [BlockEnded(b)], BLOCKS),
    st.builds(lambda b: [Opaque(b, {"signature": "s"})], BLOCKS),
    BLOCKS.flatmap(lambda block: st.sampled_from(hosted(block))),
)
ENDS = st.sampled_from(
    [
        *[Stopped("end"), Stopped("tool_calls"), Stopped("max_output_tokens"), Stopped("content_filter")],
        Failed(RateLimitError("Slow down.")),
    ]
)
TURNS = st.builds(
    lambda said, end: [*(delta for deltas in said for delta in deltas), Usage(usage(3, 4)), end],
    *[st.lists(SAID, max_size=10), ENDS],
)
REQUEST = {
    "model": "any",
    "input": "Hi",
    "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True}],
}


def emit(turn: Iterable[Delta]) -> list[Json]:
    entropy = counted()
    response_id = new_response_id(epoch=1, thread=None, entropy=entropy)
    response = new_response(REQUEST, response_id=response_id, created_at=1, model="any")
    making = ResponseEmitter(response, ItemIds(response_id, entropy))
    events = making.start()
    for delta in turn:
        events += making.apply(delta)
    events += making.finish(at=2)
    return events


def body_of(events: list[Json]) -> bytes:
    """As it would be sent, with padding and comments."""
    padded_for = events[0]["response"]["id"]
    return sse.KEEP_ALIVE.join(sse.encode(event, obfuscated_for=padded_for) for event in events)


def answering(events: list[Json]) -> httpx2.MockTransport:
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=body_of(events)))


def client(events: list[Json]) -> OpenAI:
    http_client = httpx2.Client(transport=answering(events))
    return OpenAI(api_key="test", base_url="http://gateway.test/v1", http_client=http_client, max_retries=0)


def plain(model: BaseModel) -> Any:
    """What the model was made from; `parsed` and the like are the SDK's own."""
    return json.loads(model.model_dump_json(exclude_unset=True, warnings=False))


def has(ours: Any, theirs: Any) -> bool:
    """Whether all of ours is in theirs, to which the SDK may have added members of its own."""
    match ours:
        case dict():
            return all(key in theirs and has(value, theirs[key]) for key, value in ours.items())
        case list():
            return len(ours) == len(theirs) and all(map(has, ours, theirs))
        case _:
            return ours == theirs


@given(TURNS)
def test_the_accumulator_ends_with_what_is_stored(turn: list[Delta]) -> None:
    events = emit(turn)
    last = events[-1]
    with client(events) as openai, openai.responses.stream(model="any", input="Hi") as stream:
        if last["type"] == "response.failed":
            with pytest.raises(ReportedError, match=r"Slow down\."):
                stream.until_done()
            return
        assert names(plain(event) for event in stream) == names(events)
        if last["type"] == "response.completed":
            assert has(last["response"], plain(stream.get_final_response()))


@given(TURNS)
def test_the_raw_stream_is_what_was_emitted(turn: list[Delta]) -> None:
    events = [event for event in emit(turn) if event["type"] != "error"]
    with client(events) as openai:
        read = [plain(event) for event in openai.responses.create(model="any", input="Hi", stream=True)]
    assert has(events, read)


@pytest.mark.anyio
async def test_the_asynchronous_client_reads_the_same() -> None:
    events = emit([Reasoning(0, "hm"), Text(1, "Hi"), ToolCall(2, "call_a", "look"), Stopped("tool_calls")])
    http_client = httpx2.AsyncClient(transport=answering(events))
    async with (
        AsyncOpenAI(api_key="test", base_url="http://gateway.test/v1", http_client=http_client) as openai,
        openai.responses.stream(model="any", input="Hi") as stream,
    ):
        assert names([plain(event) async for event in stream]) == names(events)
        assert (await stream.get_final_response()).output_text == "Hi"


def untyped(value: Any) -> Iterator[tuple[str, str]]:
    """Every member that a model, or one inside it, has no field for."""
    if isinstance(value, BaseModel):
        for key in value.model_extra or ():
            yield type(value).__name__, key
        for key in type(value).model_fields:
            yield from untyped(getattr(value, key))
    elif isinstance(value, dict):
        for each in value.values():
            yield from untyped(each)
    elif isinstance(value, list):
        for each in value:
            yield from untyped(each)


@given(TURNS)
def test_every_event_is_valid_and_says_nothing_that_the_types_do_not_know(turn: list[Delta]) -> None:
    for event in emit(turn):
        typed = EVENT.validate_python(event)
        assert typed.type == event["type"]
        assert set(untyped(typed)) <= UNTYPED


def test_the_list_of_untyped_members_is_no_longer_than_it_must_be() -> None:
    turn: list[Delta] = [
        *[Text(0, "Hi", [token("Hi")]), ToolCall(1, "call_a", "sh", "custom_tool_call")],
        Failed(RateLimitError("Slow down.")),
    ]
    seen = {member for event in emit(turn) for member in untyped(EVENT.validate_python(event))}
    assert seen == UNTYPED
