"""The response object at its start."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.wire.requests import check_create_request
from lambda_responses.wire.responses import new_response

Json = dict[str, Any]


def response_to(**body: Any) -> Json:
    request = check_create_request({"model": "m", "input": "hi", **body}, native=True)
    return new_response(request, response_id="resp_1", created_at=5, model="m-1")


def test_every_member_that_open_responses_requires_is_there():
    required = (
        "id object created_at completed_at status incomplete_details model previous_response_id instructions "
        "output error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty "
        "frequency_penalty top_logprobs temperature reasoning usage max_output_tokens max_tool_calls store "
        "background service_tier metadata safety_identifier prompt_cache_key"
    )
    response = response_to()
    assert set(required.split()) <= response.keys()
    never_null = (
        "temperature top_p top_logprobs presence_penalty frequency_penalty service_tier store background"
    )
    assert all(response[name] is not None for name in never_null.split())


def test_what_was_not_asked_for_is_shown_with_its_default():
    response = response_to()
    shown = {
        "status": "in_progress",
        "created_at": 5,
        "model": "m-1",
        "output": [],
        "usage": None,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "reasoning": {"effort": None, "summary": None},
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "store": True,
        "service_tier": "auto",
        "truncation": "disabled",
    }
    assert {name: response[name] for name in shown} == shown
    assert not {"conversation", "prompt", "output_text", "include", "context_management"} & response.keys()


def test_null_is_shown_as_the_default():
    assert response_to(temperature=None, metadata=None, tools=None) == response_to()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0),
        ("store", False),
        ("instructions", "x"),
        ("metadata", {"a": "b"}),
        ("top_logprobs", 3),
    ],
)
def test_what_was_asked_for_is_shown(name: str, value: Any):
    assert response_to(**{name: value})[name] == value


def test_two_responses_share_nothing_that_can_change():
    first, second = response_to(), response_to()
    for name in ("metadata", "output", "tools", "text", "reasoning"):
        assert first[name] is not second[name]


def test_a_fast_tier_is_shown_as_priority():
    assert response_to(service_tier="fast")["service_tier"] == "priority"


def test_a_conversation_is_shown_as_an_object():
    assert response_to(conversation="conv_1")["conversation"] == {"id": "conv_1"}
    assert response_to(conversation={"id": "conv_1"})["conversation"] == {"id": "conv_1"}


def test_the_older_name_of_a_summary_is_shown_under_the_new_one():
    assert response_to(reasoning={"generate_summary": "concise"})["reasoning"] == {
        "effort": None,
        "summary": "concise",
    }


def test_no_secret_of_an_mcp_tool_is_shown():
    tool = {
        "type": "mcp",
        "server_label": "s",
        "server_url": "u",
        "authorization": "top secret",
        "headers": {"x-key": "top secret"},
    }
    response = response_to(tools=[tool])
    assert "top secret" not in str(response)
    assert response["tools"] == [
        {"type": "mcp", "server_label": "s", "server_url": "u", "require_approval": "always"}
    ]


CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "object", "properties": {}, "additionalProperties": False, "required": []}},
    "required": ["a"],
    "additionalProperties": False,
}


def echoed(**tool: Any) -> Json:
    return response_to(tools=[{"type": "function", "name": "f", **tool}])["tools"][0]


def test_a_function_is_shown_as_strict_where_its_schema_can_be():
    schema = {"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"]}
    shown = echoed(parameters=schema)
    assert shown["strict"] is True
    assert shown["parameters"]["additionalProperties"] is False
    assert shown["parameters"]["properties"]["a"]["additionalProperties"] is False
    assert "additionalProperties" not in schema


def test_a_function_is_shown_as_loose_where_its_schema_cannot_be_strict():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert echoed(parameters=schema) == {
        "type": "function",
        "name": "f",
        "description": None,
        "parameters": schema,
        "strict": False,
    }


@pytest.mark.parametrize("strict", [True, False])
def test_what_a_function_says_of_itself_is_shown(strict: bool):
    shown = echoed(parameters=CLOSED, strict=strict, description="d")
    assert (shown["strict"], shown["parameters"], shown["description"]) == (strict, CLOSED, "d")


def test_a_json_schema_is_shown_whole():
    form = {"type": "json_schema", "name": "n", "schema": CLOSED}
    assert response_to(text={"format": form})["text"]["format"] == {
        **form,
        "description": None,
        "strict": False,
    }
