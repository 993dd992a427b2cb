"""Upstreams that send anything but what their format promises: deltas are made of it, or nothing."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import (
    BlockEnded,
    Delta,
    Failed,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.transformers.base import Turn, UnknownUpstream
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES, profile
from lambda_responses.transformers.scripted import SCRIPTED
from lambda_responses.wire.json import to_bytes
from tests.kit import emit, output_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import Decoder

Json = dict[str, Any]

pytestmark = pytest.mark.filterwarnings("ignore::lambda_responses.transformers.base.UnknownUpstream")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("7"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)

CALL: Json = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
LOGPROB: Json = {"token": "Hi", "bytes": [72], "logprob": -0.1, "top_logprobs": [{"token": "Hi"}]}
COUNTS: Json = {
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def chat(finish: str | None = None, **delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


CHAT: list[Json] = [
    {"id": "x", "object": "chat.completion.chunk", **chat(role="assistant", content="")},
    chat(reasoning_content="Hm"),
    chat(reasoning="Hm"),
    chat(
        reasoning_details=[
            {"type": "reasoning.text", "text": "Hm", "index": 0},
            {"type": "reasoning.text", "text": "Hm", "signature": "s", "index": 0},
            {"type": "reasoning.encrypted", "data": "s", "id": "r1"},
        ]
    ),
    {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [LOGPROB]}}]},
    {
        "choices": [
            {
                "index": 0,
                "delta": {"content": "Hi"},
                "logprobs": {"tokens": ["Hi"], "token_logprobs": [-1], "top_logprobs": [{"Hi": -1}]},
            }
        ]
    },
    chat(content=[{"type": "text", "text": "Hi"}, {"type": "thinking", "thinking": [{"text": "Hm"}]}]),
    {**chat(content=" [1]"), "citations": ["https://a.example"]},
    {**chat(content=" [1]"), "search_results": [{"url": "https://a.example", "title": "A"}]},
    chat(
        annotations=[
            {
                "type": "url_citation",
                "url_citation": {"url": "https://a.example", "title": "A", "end_index": 1},
            }
        ]
    ),
    chat(refusal="No."),
    chat(audio={"transcript": "Hi"}),
    chat(
        tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]
    ),
    chat(tool_calls=[{"index": 0, "function": {"arguments": '{"a":1}'}}]),
    chat(tool_calls=[{"index": 1, "id": "c2", "custom": {"name": "g", "input": "x"}}]),
    chat(function_call={"name": "f", "arguments": "{}"}),
    chat(content='{"name":"f","arguments":{"a":1}}'),
    {**chat("stop"), "service_tier": "default"},
    {"choices": [], "usage": COUNTS},
    {"choices": [{"index": 0, "usage": COUNTS}]},
    {"x_groq": {"usage": COUNTS}},
    {"error": {"message": "No.", "type": "server_error", "code": "500", "param": "p"}},
]
PROFILES = [
    ChatProfile(),
    ChatProfile(think_tags=True, reasoning_is_summary=True),
    ChatProfile(service_tiers={"default": "default"}),
]

MESSAGE: Json = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [
        {
            "type": "output_text",
            "text": "Hi",
            "annotations": [{"type": "url_citation", "url": "https://a.example", "start_index": 0}],
            "logprobs": [LOGPROB],
        },
        {"type": "refusal", "refusal": "No."},
    ],
}
REASONING: Json = {
    "type": "reasoning",
    "id": "rs_1",
    "status": "completed",
    "summary": [{"type": "summary_text", "text": "Hm"}],
    "content": [{"type": "reasoning_text", "text": "Hm"}],
    "encrypted_content": "sealed",
}
CUSTOM: Json = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "g", "input": "x"}
HOSTED: list[Json] = [
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
    {"type": "mcp_call", "id": "mcp_1", "arguments": "{}", "approval_request_id": "r", "error": None},
    {"type": "code_interpreter_call", "id": "ci_1", "code": "1", "outputs": None, "status": "completed"},
]
ANSWER: Json = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m",
    "service_tier": "default",
    "reasoning": {"effort": "low"},
    "tools": [{"type": "mcp", "server_label": "s", "headers": {}}],
    "temperature": 1,
    "incomplete_details": None,
    "output": [REASONING, MESSAGE, CALL, CUSTOM, *HOSTED],
    "usage": {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 12,
    },
}
NATIVE = [
    *OPENAI_RESPONSES.as_chunks(ANSWER),
    {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}},
    {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "No."}}},
    {"type": "error", "error": {"type": "server_error", "code": None, "message": "No.", "param": None}},
]


def places(value: Any, *way: Any) -> Iterator[tuple[Any, ...]]:
    """The ways to everything inside of a value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*way, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, *way, key)


def draw_changed(data: st.DataObject, legal: Json) -> Json:
    """The same with one thing in it replaced by any other."""
    changed = deepcopy(legal)
    *way, last = data.draw(st.sampled_from(list(places(legal))))
    target: Any = changed
    for key in way:
        target = target[key]
    target[last] = data.draw(VALUES | st.sampled_from(["x", {}, [], ["x"], [{}], {"x": 1}, 5, "5"]))
    return changed


def draw_stream(data: st.DataObject, legal: list[Json]) -> list[Json]:
    """Legal chunks in their order, some left out and some changed; any objects in between."""
    kept = [chunk for chunk in legal if data.draw(st.booleans())]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(kept)))
        if at < len(kept) and len(kept[at]):
            kept[at] = draw_changed(data, kept[at])
        else:
            kept.insert(at, data.draw(OBJECTS))
    return kept


def heard(decoder: Decoder, chunks: list[Json]) -> list[Delta]:
    """The deltas, each of which says what its type promises, and of which the emitter makes a response."""
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    deltas += decoder.end(marked=True)
    for delta in deltas:
        assert isinstance(delta, get_args(Delta))
        match delta:
            case Text() | Reasoning() | Refusal() | ToolArguments():
                assert isinstance(delta.text, str)
            case ToolCall():
                assert isinstance(delta.call_id, str)
                assert isinstance(delta.name, str)
            case Usage(usage):
                assert all(type(usage[name]) is int for name in ("input_tokens", "output_tokens"))
            case _:
                pass
    for event in emit(deltas):
        json.loads(to_bytes(event), parse_constant=pytest.fail)
    return deltas


def chat_decoder(dialect: ChatProfile = PROFILES[0], **request: Any) -> Decoder:
    return CHAT_COMPLETIONS.decoder(Turn("m", request, []), dialect)


def native_decoder(**request: Any) -> Decoder:
    return OPENAI_RESPONSES.decoder(Turn("m", request, []), profile.OPENAI)


@given(st.data(), st.sampled_from(PROFILES))
def test_a_chat_stream_may_hold_anything(data: st.DataObject, dialect: ChatProfile):
    heard(chat_decoder(dialect), draw_stream(data, CHAT))


@given(st.data())
def test_a_plain_chat_answer_may_hold_anything(data: st.DataObject):
    said: Json = {}
    for chunk in CHAT:
        for choice in chunk.get("choices", ()):
            said |= choice.get("delta", {})
    body = {"choices": [{"index": 0, "message": said, "finish_reason": "stop"}], "usage": COUNTS}
    heard(chat_decoder(), list(CHAT_COMPLETIONS.as_chunks(draw_changed(data, body))))


@given(st.lists(st.text('{}"\\na:,ergumtsf \n', max_size=9), max_size=6))
def test_a_forced_call_may_say_anything(pieces: list[str]):
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    dialect = ChatProfile(forces_by_schema=True)
    decoder = chat_decoder(dialect, tools=tools, tool_choice="required")
    heard(decoder, [chat(content=piece) for piece in ('{"name":"', *pieces)])


@given(st.data(), st.booleans())
def test_a_native_stream_may_hold_anything(data: st.DataObject, store: bool):
    heard(native_decoder(store=store), draw_stream(data, NATIVE))


@given(st.data())
def test_a_plain_native_answer_may_hold_anything(data: st.DataObject):
    heard(native_decoder(store=False), list(OPENAI_RESPONSES.as_chunks(draw_changed(data, ANSWER))))


@given(st.lists(OBJECTS, max_size=4))
def test_no_object_stops_a_decoder(chunks: list[Json]):
    heard(chat_decoder(), chunks)
    heard(native_decoder(), chunks)
    heard(SCRIPTED.decoder(Turn("m", {}, []), None), chunks)


def said(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": ["x"]},
        {"choices": {"x": 1}},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": {"x": 1}}}]},
        {"choices": [{"delta": {"reasoning": {"x": 1}}}]},
        {"choices": [{"delta": {"tool_calls": {"x": 1}}}]},
        {"choices": [{"finish_reason": {"x": 1}}]},
    ],
)
def test_what_cannot_be_read_is_noted_and_the_rest_is_heard(odd: Json):
    with pytest.warns(UnknownUpstream):
        deltas = heard(chat_decoder(), [chat(content="a"), odd, chat(content="b")])
    assert said(deltas) == "ab"


def test_what_was_parsed_as_a_number_is_text():
    assert said(heard(chat_decoder(), [chat(content=5), chat(content=0), chat(content=".5")])) == "50.5"
    event = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "delta": 5}
    assert said(heard(native_decoder(), [event])) == "5"


def test_counts_may_be_in_digits():
    (usage,) = (d for d in heard(chat_decoder(), [{"usage": {"prompt_tokens": "5"}}]) if isinstance(d, Usage))
    assert usage.usage["input_tokens"] == 5


@pytest.mark.parametrize("count", [-1, True, float("nan"), float("inf"), 10**40, "x", [], {}])
def test_what_counts_nothing_is_zero(count: Any):
    event = {"type": "response.completed", "response": {"usage": {"input_tokens": count, "output_tokens": 1}}}
    usage, stopped = heard(native_decoder(), [event])
    assert isinstance(usage, Usage)
    assert usage.usage["input_tokens"] == 0
    assert stopped == Stopped("end")


@pytest.mark.parametrize("content", ["hello", ["hello"], [{"text": "hello"}]])
def test_bare_text_in_a_finished_message_is_its_text(content: Any):
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": content}
    deltas = heard(native_decoder(), [{"type": "response.output_item.done", "output_index": 0, "item": item}])
    (message,) = output_of(emit([*deltas, Stopped("end")]))
    assert [part["text"] for part in message["content"]] == ["hello"]


def test_arguments_that_were_parsed_are_text_again():
    item = {**CALL, "arguments": {"a": [1, None]}}
    deltas = heard(native_decoder(), [{"type": "response.output_item.done", "output_index": 0, "item": item}])
    ended = deltas[-1]
    assert isinstance(ended, BlockEnded)
    assert json.loads((ended.item or {})["arguments"]) == {"a": [1, None]}


def test_an_error_of_any_shape_is_a_failure():
    for error in ("No.", 5, ["x"], {"code": {}}, {"message": ["x"]}):
        assert isinstance(heard(chat_decoder(), [{"error": error}])[-1], Failed)
        assert isinstance(heard(native_decoder(), [{"error": error}])[-1], Failed)
