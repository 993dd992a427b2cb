"""Upstreams that send anything but what their format promises: deltas are made of it, or nothing."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given, settings
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
from tests.unit.transformers.legal_streams import CALL, SPOKEN, Spoken, chat

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
    target[last] = data.draw(VALUES | st.sampled_from(["x", {}, [], ["x"], [{}], {"x": 1}, 5, "5", "\ud83d"]))
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


def chat_decoder(dialect: ChatProfile | None = None, **request: Any) -> Decoder:
    return CHAT_COMPLETIONS.decoder(Turn("m", request, []), dialect or ChatProfile())


def native_decoder(**request: Any) -> Decoder:
    return OPENAI_RESPONSES.decoder(Turn("m", request, []), profile.OPENAI)


every_format = pytest.mark.parametrize("spoken", SPOKEN, ids=str)


@every_format
@pytest.mark.filterwarnings("error::lambda_responses.transformers.base.UnknownUpstream")
def test_what_is_spoilt_here_was_legal(spoken: Spoken):
    *told, failing = spoken.chunks
    assert not [delta for delta in heard(spoken.decoder(), told) if isinstance(delta, Failed)]
    assert isinstance(heard(spoken.decoder(), [failing])[-1], Failed)
    answer = heard(spoken.decoder(), list(spoken.transformer.as_chunks(spoken.answer)))
    assert [delta for delta in answer if isinstance(delta, Text)]
    assert [delta for delta in answer if isinstance(delta, Stopped)]


@every_format
@given(data=st.data(), store=st.booleans())
def test_a_stream_may_hold_anything(spoken: Spoken, data: st.DataObject, store: bool):
    heard(spoken.decoder(store=store), draw_stream(data, spoken.chunks))


def restated(spoken: Spoken, body: Json) -> list[Json]:
    """A plain body as chunks; none where it is no answer at all."""
    try:
        return list(spoken.transformer.as_chunks(body))
    except ValueError:
        return []


@every_format
@given(data=st.data(), store=st.booleans())
def test_a_plain_answer_may_hold_anything(spoken: Spoken, data: st.DataObject, store: bool):
    changed = draw_changed(data, spoken.answer)
    heard(spoken.decoder(store=store), restated(spoken, changed))


@every_format
@settings(max_examples=30)
@given(body=OBJECTS)
def test_any_object_may_be_a_plain_answer(spoken: Spoken, body: Json):
    heard(spoken.decoder(), restated(spoken, body))


@every_format
@settings(max_examples=30)
@given(chunks=st.lists(OBJECTS, max_size=4))
def test_no_object_stops_a_decoder(spoken: Spoken, chunks: list[Json]):
    heard(spoken.decoder(), chunks)


@given(st.lists(OBJECTS, max_size=4))
def test_no_object_stops_the_scripted_model(chunks: list[Json]):
    heard(SCRIPTED.decoder(Turn("m", {}, []), None), chunks)


@given(st.lists(st.text('{}"\\na:,ergumtsf \n', max_size=9), max_size=6))
def test_a_forced_call_may_say_anything(pieces: list[str]):
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    dialect = ChatProfile(forces_by_schema=True)
    decoder = chat_decoder(dialect, tools=tools, tool_choice="required")
    heard(decoder, [chat(content=piece) for piece in ('{"name":"', *pieces)])


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
