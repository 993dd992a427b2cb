"""Calls forced by the shape of the answer, for models that cannot be forced otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import BlockEnded, Delta, Stopped, Text, ToolArguments, ToolCall
from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile, profiles
from lambda_responses.transformers.chat_completions.bounded_schema import (
    LARGEST_INTEGER,
    LONGEST_STRING,
    bounded,
)

Json = dict[str, Any]

USER = {"type": "message", "role": "user", "content": "Roll."}
SCHEMA = {"type": "object", "properties": {"sides": {"type": "integer"}}, "required": ["sides"]}
ROLL = {"type": "function", "name": "roll", "description": "Rolls dice.", "parameters": SCHEMA}
EXEC = {"type": "custom", "name": "exec"}


def render(profile: ChatProfile = profiles.DEMO, items: Any = (USER,), **request: Any) -> Rendered:
    return CHAT_COMPLETIONS.render_request(Turn("m", request, items), profile)


def schema_of(rendered: Rendered) -> Json:
    return rendered.body["response_format"]["json_schema"]["schema"]


def decode(
    *said: str, marked: bool = True, tools: Any = (ROLL,), finish: str = "stop", **request: Any
) -> list[Delta]:
    turn = Turn("m", {"tools": list(tools), "tool_choice": "required", **request}, [USER])
    decoder = CHAT_COMPLETIONS.decoder(turn, profiles.DEMO)
    chunks: list[Json] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in said]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return [*(delta for chunk in chunks for delta in decoder.feed(chunk)), *decoder.end(marked=marked)]


def arguments_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, ToolArguments))


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "roll"}])
def test_a_forced_call_is_a_schema(choice: Any) -> None:
    rendered = render(tools=[ROLL], tool_choice=choice)
    assert "tools" not in rendered.body
    assert "tool_choice" not in rendered.body
    schema = schema_of(rendered)
    assert schema["properties"]["name"] == {"const": "roll"}
    assert schema["properties"]["arguments"]["properties"]["sides"]["maximum"] == LARGEST_INTEGER
    assert list(schema["properties"]) == ["name", "arguments"]
    assert "Rolls dice." in rendered.body["messages"][0]["content"]


def test_any_of_several_may_be_called() -> None:
    rendered = render(tools=[ROLL, {**ROLL, "name": "toss"}], tool_choice="required")
    assert [each["properties"]["name"]["const"] for each in schema_of(rendered)["anyOf"]] == ["roll", "toss"]


def test_references_hold_where_the_schema_now_stands() -> None:
    tree = {
        "$defs": {"leaf": {"type": "null"}},
        "properties": {"a": {"$ref": "#/$defs/leaf"}, "b": {"$ref": "#"}},
    }
    rendered = render(tools=[ROLL, {**ROLL, "name": "climb", "parameters": tree}], tool_choice="required")
    arguments = schema_of(rendered)["anyOf"][1]["properties"]["arguments"]
    assert arguments["properties"]["a"] == {"$ref": "#/anyOf/1/properties/arguments/$defs/leaf"}
    assert arguments["properties"]["b"] == {"$ref": "#/anyOf/1/properties/arguments"}
    assert arguments["$defs"] == {"leaf": {"type": "null"}}


def test_a_forced_call_goes_before_a_format() -> None:
    form = {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}
    assert "name" in schema_of(render(tools=[ROLL], tool_choice="required", text=form))["properties"]


def test_schemas_of_a_capable_model_are_left_as_they_are() -> None:
    schema = schema_of(render(profiles.OLLAMA, tools=[ROLL], tool_choice="required"))
    assert schema["properties"]["arguments"] == SCHEMA


def test_tools_left_to_the_model_are_left_out_by_name() -> None:
    rendered = render(tools=[ROLL, ROLL | {"name": "toss"}])
    assert "tools" not in rendered.body
    assert rendered.dropped == ("tools[0]", "tools[1]")
    assert "tools" not in render(tools=[ROLL], tool_choice="none").body


def test_a_result_is_answered_in_text() -> None:
    items = [
        USER,
        {"type": "function_call", "call_id": "a", "name": "roll", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "6"},
    ]
    rendered = render(items=items, tools=[ROLL], tool_choice="required")
    assert "response_format" not in rendered.body
    assert rendered.dropped == ("tool_choice", "tools[0]")


def test_an_answer_to_a_result_is_not_read_as_a_call() -> None:
    items = [
        {"type": "function_call", "call_id": "a", "name": "roll", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "6"},
    ]
    turn = Turn("m", {"tools": [ROLL], "tool_choice": "required"}, items)
    decoder = CHAT_COMPLETIONS.decoder(turn, profiles.DEMO)
    (said,) = decoder.feed({"choices": [{"index": 0, "delta": {"content": "Six."}}]})
    assert isinstance(said, Text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=8), VALUES, max_size=4),
    st.booleans(),
    st.sampled_from([None, 2]),
    st.data(),
)
def test_a_call_is_read_back_wherever_its_text_is_cut(
    arguments: Json, escaped: bool, indent: int | None, data: st.DataObject
) -> None:
    said = json.dumps({"name": "roll", "arguments": arguments}, ensure_ascii=escaped, indent=indent) + " \n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=8)))
    pieces = [said[start:end] for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    deltas = decode(*pieces)
    assert deltas[0] == ToolCall(("call", 0), "", "roll")
    assert json.loads(arguments_of(deltas)) == arguments
    assert deltas[-2:] == [BlockEnded(("call", 0)), Stopped("tool_calls")]


def test_arguments_are_passed_on_as_they_come() -> None:
    deltas = decode('{"name": "ro', 'll", "arguments": {"si', 'des": 6', "}}")
    assert [delta.text for delta in deltas if isinstance(delta, ToolArguments)] == ['{"si', 'des": 6', "}"]


def test_a_custom_tool_gets_its_input() -> None:
    deltas = decode('{"name": "exec", "arguments": {"input": "l', 's"}}', tools=[EXEC])
    assert deltas[0] == ToolCall(("call", 0), "", "exec", "custom_tool_call")
    assert arguments_of(deltas) == "ls"


def test_a_call_that_ran_out_of_tokens_is_cut() -> None:
    deltas = decode('{"name": "roll", "arguments": {"sides": 1111', finish="length")
    assert deltas[-1] == Stopped("max_output_tokens")
    assert not any(isinstance(delta, BlockEnded) for delta in deltas)


def test_a_model_that_says_something_else_has_said_it() -> None:
    deltas = decode("I would rather not.")
    assert [delta.text for delta in deltas if isinstance(delta, Text)] == ["I would rather not."]
    assert deltas[-1] == Stopped("end")


def test_half_a_name_is_no_text_when_the_stream_was_cut() -> None:
    turn = Turn("m", {"tools": [ROLL], "tool_choice": "required"}, [USER])
    decoder = CHAT_COMPLETIONS.decoder(turn, profiles.DEMO)
    said = list(decoder.feed({"choices": [{"index": 0, "delta": {"content": '{"name": "ro'}}]}))
    assert [*said, *decoder.end(marked=False)] == []


# Bounds.


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, {"type": "string", "maxLength": LONGEST_STRING}),
        ({"type": "string"}, {"type": "string", "maxLength": LONGEST_STRING}),
        ({"type": "string", "maxLength": 5}, {"type": "string", "maxLength": 5}),
        ({"type": "string", "minLength": 99}, {"type": "string", "minLength": 99, "maxLength": 99}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "format": "email"}, {"type": "string", "maxLength": LONGEST_STRING}),
        ({"type": "string", "pattern": "^a+$"}, {"type": "string", "pattern": "^a+$"}),
        ({"type": "string", "pattern": "a"}, {"type": "string", "maxLength": LONGEST_STRING}),
        ({"type": "integer"}, {"type": "integer", "minimum": 0, "maximum": LARGEST_INTEGER}),
        ({"type": "integer", "minimum": -5, "maximum": 5}, {"type": "integer", "minimum": -5, "maximum": 5}),
        (
            {"type": "integer", "maximum": -5},
            {"type": "integer", "minimum": -5, "maximum": -5},
        ),
        (
            {"type": "array"},
            {"type": "array", "items": {"type": "string", "maxLength": LONGEST_STRING}, "maxItems": 4},
        ),
        ({"type": "object"}, {"type": "object", "properties": {}, "additionalProperties": False}),
        ({"enum": ["a"], "title": "T"}, {"enum": ["a"]}),
        ({"$ref": "#/$defs/a", "not": {}}, {"$ref": "#/$defs/a"}),
        ({"type": "boolean", "default": True}, {"type": "boolean"}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"], "maxLength": LONGEST_STRING}),
        ({"anyOf": [{"type": "string"}]}, {"anyOf": [{"type": "string", "maxLength": LONGEST_STRING}]}),
        (
            {"$defs": {"a": {"type": "string"}}, "properties": {"b": {"type": "null"}}},
            {
                "$defs": {"a": {"type": "string", "maxLength": LONGEST_STRING}},
                "properties": {"b": {"type": "null"}},
                "type": "object",
                "additionalProperties": False,
            },
        ),
    ],
)
def test_a_schema_comes_to_an_end(schema: Json, expected: Json) -> None:
    assert bounded(schema) == expected


def test_formats_are_bounded_too() -> None:
    form = {
        "type": "json_schema",
        "name": "n",
        "schema": {"type": "object", "properties": {"a": {"type": "string"}}},
    }
    schema = schema_of(render(text={"format": form}))
    assert schema["properties"]["a"] == {"type": "string", "maxLength": LONGEST_STRING}
