"""The faults of a request: status, code, param and order, as observed on the live API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambda_responses.wire.errors import APIError
from lambda_responses.wire.not_found import (
    conversation_not_found,
    previous_response_not_found,
    prompt_not_found,
)
from lambda_responses.wire.requests import check_create_request, check_input_present

Json = dict[str, Any]

TABLE = Path(__file__).parents[4] / "shared" / "conformance" / "error-table.json"


def fault_of(body: Json, *, native: bool = False) -> APIError:
    """What a request to an empty store is answered; the look-ups are those of the create operation."""
    with pytest.raises(APIError) as caught:
        judge(body, native=native)
    return caught.value


def judge(body: Json, *, native: bool) -> None:
    request = check_create_request(body, native=native)
    if "conversation" in request:
        raise conversation_not_found(str(request["conversation"]))
    if "prompt" in request:
        raise prompt_not_found(request["prompt"]["id"])
    if "previous_response_id" in request:
        raise previous_response_not_found(request["previous_response_id"])
    check_input_present(request)


def observed() -> list[Any]:
    if not TABLE.exists():
        reason = f"needs ../shared/conformance/{TABLE.name}"
        return [pytest.param({}, marks=pytest.mark.skip(reason=reason), id="table absent")]
    return [pytest.param(row, id=row["name"]) for row in json.loads(TABLE.read_text())]


@pytest.mark.parametrize("row", observed())
def test_a_fault_is_answered_as_the_live_api_answers_it(row: Json):
    body = {"model": "known", **row["request"]}
    for key in row["remove"]:
        del body[key]
    error, expected = fault_of(body), row["expect"]
    assert (error.status, error.code, error.param) == (
        expected["status"],
        expected["code"],
        expected["param"],
    )
    assert error.type == "invalid_request_error"
    if "suggests" in expected:
        assert ("Did you mean" in error.message or "moved to" in error.message) == expected["suggests"]


GOOD: Json = {"model": "known", "input": "say json"}


def many(n: int) -> Json:
    return {f"k{i}": "v" for i in range(n)}


def function(**more: Any) -> Json:
    return {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, **more}


OPEN = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}

CASES: list[tuple[Json, str | None, str | None]] = [
    ({"model": ""}, "model_not_found", "model"),
    ({"model": None}, "invalid_type", "model"),
    ({"inptu": 1}, "unknown_parameter", "inptu"),
    ({"messages": []}, "unsupported_parameter", None),
    ({"input": ""}, "missing_required_parameter", None),
    ({"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"),
    ({"input": [{"role": "user", "content": None}]}, "invalid_type", "input[0].content"),
    ({"input": [{"role": "user", "content": 7}]}, "invalid_type", "input[0].content"),
    ({"input": [{"role": "owner", "content": "x"}]}, "invalid_value", "input[0].role"),
    ({"input": [{"type": "user", "content": "x"}]}, "invalid_value", "input[0]"),
    ({"input": [{"type": ["message"]}]}, "invalid_value", "input[0]"),
    ({"input": [{"role": "user", "content": ["x"]}]}, "invalid_type", "input[0].content[0]"),
    (
        {"input": [{"type": "function_call_output", "call_id": "c"}]},
        "missing_required_parameter",
        "input[0].output",
    ),
    ({"input": [{"type": "reasoning", "id": "rs_1"}]}, "missing_required_parameter", "input[0].summary"),
    ({"input": [{"type": "item_reference"}]}, "missing_required_parameter", "input[0].id"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "detail": "huge"}]}]},
        "invalid_value",
        "input[0].content[0].detail",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}]},
        "unsupported_parameter",
        "input[0].content[0].file_id",
    ),
    (
        {"input": [{"type": "additional_tools", "role": "developer", "tools": [{}]}]},
        "missing_required_parameter",
        "input[0].tools[0].type",
    ),
    (
        {"input": [{"type": "compaction_trigger"}, {"role": "user"}]},
        "missing_required_parameter",
        "input[1].content",
    ),
    ({"input": [{"type": "compaction_trigger"}] * 2}, "invalid_value", "input[0]"),
    ({"prompt": {}}, "missing_required_parameter", "prompt.id"),
    ({"moderation": {}}, "missing_required_parameter", "moderation.model"),
    ({"moderation": {"model": "m"}}, "unsupported_parameter", "moderation"),
    ({"include": "reasoning.encrypted_content"}, "invalid_type", "include"),
    ({"tools": [{"type": "bogus"}]}, "invalid_value", "tools[0].type"),
    ({"tools": [{"type": None}]}, "invalid_value", "tools[0].type"),
    ({"tools": ["x"]}, "invalid_type", "tools[0]"),
    ({"tools": [{"type": "code_interpreter"}]}, "missing_required_parameter", "tools[0].container"),
    ({"tools": [{"type": "file_search"}]}, "missing_required_parameter", "tools[0].vector_store_ids"),
    ({"tools": [function(name="a b")]}, "invalid_value", "tools[0].name"),
    ({"tools": [function(name="")]}, "empty_string", "tools[0].name"),
    ({"tools": [function(name="x" * 129)]}, "string_above_max_length", "tools[0].name"),
    ({"tools": [function(strict="yes")]}, "invalid_type", "tools[0].strict"),
    (
        {"tools": [function(strict=True, parameters=OPEN)]},
        "invalid_function_parameters",
        "tools[0].parameters",
    ),
    (
        {"tools": [{"type": "namespace", "name": "n", "tools": [function(strict=True, parameters=OPEN)]}]},
        "invalid_function_parameters",
        "tools[0].tools[0].parameters",
    ),
    ({"tools": [function()] * 129}, "array_above_max_length", "tools"),
    ({"tools": [{"type": "mcp"}]}, "missing_required_parameter", "tools[0].server_label"),
    ({"tools": [{"type": "mcp", "server_label": "s"}]}, "missing_required_parameter", "tools[0].server_url"),
    (
        {"tools": [{"type": "mcp", "server_label": "s", "server_url": "u", "tunnel_id": "t"}]},
        "mutually_exclusive_parameters",
        "tools[0]",
    ),
    (
        {"tools": [function(), {"type": "mcp", "server_label": "a b", "server_url": "u"}]},
        "invalid_value",
        "tools[1].server_label",
    ),
    ({"tool_choice": {"type": "function", "name": "f"}}, None, "tool_choice"),
    ({"tools": [function()], "tool_choice": {"type": "function", "name": "g"}}, None, "tool_choice"),
    ({"tools": [function()], "tool_choice": {"type": "custom", "name": "f"}}, None, "tool_choice"),
    ({"tool_choice": {"type": "web_search"}}, None, "tool_choice"),
    (
        {
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}],
            }
        },
        None,
        "tool_choice",
    ),
    ({"tool_choice": {}}, "missing_required_parameter", "tool_choice.type"),
    ({"tool_choice": 1}, "invalid_type", "tool_choice"),
    ({"metadata": many(17)}, "object_above_max_properties", "metadata"),
    ({"metadata": {"k": 1}}, "invalid_type", "metadata.k"),
    ({"metadata": {"k": "v" * 513}}, "string_above_max_length", "metadata.k"),
    ({"metadata": {"k" * 65: "v"}}, "property_name_above_max_length", "metadata"),
    ({"text": {"format": {}}}, "missing_required_parameter", "text.format.type"),
    ({"text": {"format": {"type": "xml"}}}, "invalid_value", "text.format.type"),
    (
        {"text": {"format": {"type": "json_schema", "name": "n"}}},
        "missing_required_parameter",
        "text.format.schema",
    ),
    (
        {"text": {"format": {"type": "json_schema", "name": "a b", "schema": {}}}},
        "invalid_value",
        "text.format.name",
    ),
    (
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": OPEN, "strict": True}}},
        "invalid_json_schema",
        "text.format.schema",
    ),
    ({"input": "hello", "text": {"format": {"type": "json_object"}}}, None, "input"),
    ({"temperature": -0.1}, "decimal_below_min_value", "temperature"),
    ({"temperature": 3}, "integer_above_max_value", "temperature"),
    ({"top_p": 1.5}, "decimal_above_max_value", "top_p"),
    ({"presence_penalty": "x"}, "invalid_type", "presence_penalty"),
    ({"parallel_tool_calls": 1}, "invalid_type", "parallel_tool_calls"),
    ({"stream": 1}, "invalid_type", "stream"),
    ({"background": 1}, "invalid_type", "background"),
    (
        {"background_options": {"completion_window": "1h"}},
        "invalid_value",
        "background_options.completion_window",
    ),
    ({"background_options": {"completion_window": "2h"}}, None, "background_options.completion_window"),
    (
        {"background_options": {"completion_window": "8h"}, "background": True, "stream": True},
        None,
        "background_options.completion_window",
    ),
    ({"max_output_tokens": 16.5}, "invalid_type", "max_output_tokens"),
    ({"max_output_tokens": True}, "invalid_type", "max_output_tokens"),
    ({"top_logprobs": 21}, "integer_above_max_value", "top_logprobs"),
    ({"context_management": []}, "empty_array", "context_management"),
    (
        {"context_management": [{"type": "compaction", "compact_threshold": 999}]},
        "integer_below_min_value",
        "context_management[0].compact_threshold",
    ),
    ({"conversation": 7}, "invalid_type", "conversation"),
    ({"conversation": {}}, "missing_required_parameter", "conversation.id"),
    ({"reasoning": {"effort": "huge"}, "tools": "x"}, "invalid_type", "tools"),
    ({"background": 1, "truncation": "bogus"}, "invalid_type", "background"),
    ({"previous_response_id": "resp_x"}, "previous_response_not_found", "previous_response_id"),
    ({"previous_response_id": "resp_x", "input": []}, "previous_response_not_found", "previous_response_id"),
]


@pytest.mark.parametrize(("change", "code", "param"), CASES, ids=lambda value: str(value)[:70])
def test_a_fault_names_its_code_and_its_place(change: Json, code: str | None, param: str | None):
    error = fault_of({**GOOD, **change})
    assert (error.status, error.code, error.param) == (400, code, param)


def test_every_kind_of_missing_object_has_its_own_status():
    assert conversation_not_found("c").status == 404
    assert prompt_not_found("p").status == 404
    assert previous_response_not_found("r").status == 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stream": "yes"}, "Invalid type for 'stream': expected a boolean, but got a string instead."),
        ({"truncation": "x"}, "Invalid value: 'x'. Supported values are: 'auto' and 'disabled'."),
        (
            {"max_tool_calls": 0},
            "Invalid 'max_tool_calls': integer below minimum value. "
            "Expected a value >= 1, but got 0 instead.",
        ),
        ({"strem": 1}, "Unknown parameter: 'strem'. Did you mean 'stream'?"),
        ({"tools": [{"type": "code_interpreter"}]}, "Missing required parameter: 'tools[0].container'."),
        ({"input": [None]}, "Invalid type for 'input[0]': expected an object, but got null instead."),
        (
            {"text": {"verbosity": "x"}},
            "Invalid value: 'x'. Supported values are: 'low', 'medium', and 'high'.",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_messages_read_like_the_live_ones(change: Json, message: str):
    assert fault_of({**GOOD, **change}).message == message


def test_what_a_client_sent_comes_back_clipped():
    key = "x" * 1_000_000
    for body in (
        {**GOOD, key: 1},
        {**GOOD, "truncation": key},
        {**GOOD, "text": {key: 1}},
        {**GOOD, "metadata": {key: "v"}},
        {**GOOD, "metadata": {key[:64]: 1}},
        {**GOOD, "input": [{"type": key}]},
        {**GOOD, "max_output_tokens": -(10**4000)},
    ):
        error = fault_of(body)
        assert len(error.message) < 3000
        assert len(error.param or "") <= 300


def test_a_suggestion_never_names_a_key_that_was_sent():
    assert "Did you mean 'stream'?" in fault_of({**GOOD, "streem": 1}).message
    assert "Did you mean" not in fault_of({**GOOD, "stream": True, "streem": 1}).message


def test_a_great_many_faults_are_one_fault():
    error = fault_of({**GOOD, "text": {f"k{i}": i for i in range(50_000)}})
    assert (error.status, error.param) == (400, "text")


NATIVE_JUDGES: list[Json] = [
    {"zzz_unknown": 1},
    {"tools": [{"type": "x_search"}]},
    {"input": [{"type": "future_item", "x": 1}]},
    {"reasoning": {"effort": "bogus"}},
    {"max_output_tokens": 8},
    {"temperature": 17},
    {"moderation": {"model": "m"}},
    {"prompt_cache_retention": "1y"},
    {"tools": [{"type": "mcp", "server_label": "s", "server_url": "u"}]},
    {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
    {"tool_choice": {"type": "function", "name": "absent"}},
    {"instructions": [{"role": "user", "content": "x"}]},
    {"stream_options": {"include_usage": True}},
]


@pytest.mark.parametrize("change", NATIVE_JUDGES, ids=str)
def test_a_native_upstream_judges_for_itself(change: Json):
    check_create_request({**GOOD, **change}, native=True)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"input": None}, "invalid_type", "input"),
        ({"input": 7}, "invalid_type", "input"),
        ({"input": [7]}, "invalid_type", "input[0]"),
        ({"input": [{}]}, "invalid_value", "input[0]"),
        ({"input": []}, "missing_required_parameter", None),
        ({"previous_response_id": 7}, "invalid_type", "previous_response_id"),
        ({"store": "yes"}, "invalid_type", "store"),
        ({"stream": "yes"}, "invalid_type", "stream"),
        ({"stream_options": []}, "invalid_type", "stream_options"),
        ({"background": 1}, "invalid_type", "background"),
        ({"include": [7]}, "invalid_type", "include[0]"),
        ({"conversation": "c", "previous_response_id": "r"}, "mutually_exclusive_parameters", None),
    ],
    ids=str,
)
def test_what_is_acted_on_here_is_judged_here_too(change: Json, code: str, param: str | None):
    error = fault_of({**GOOD, **change}, native=True)
    assert (error.status, error.code, error.param) == (400, code, param)
