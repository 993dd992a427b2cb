"""Google's failures, as a client of the Responses API is told of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT

if TYPE_CHECKING:
    from lambda_responses.wire.errors import APIError

Json = dict[str, Any]


def told(status: int, name: str, message: str, *details: Json, listed: bool = False) -> APIError:
    error = {"error": {"code": status, "message": message, "status": name, "details": list(details)}}
    body = json.dumps([error] if listed else error)
    return GEMINI_GENERATE_CONTENT.map_error(UpstreamFailure(status, {}, body))


def violation(field: str) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field}]}


def reason(name: str) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": name}


@pytest.mark.parametrize("listed", [True, False])
def test_a_bad_key_is_this_servers_own_fault_although_the_request_is_blamed(listed: bool):
    error = told(400, "INVALID_ARGUMENT", "API key not valid.", reason("API_KEY_INVALID"), listed=listed)
    assert (error.status, error.body()["error"]["code"]) == (502, "upstream_auth_error")


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ("contents[2].parts[0].text", "input"),
        ("generation_config.temperature", "temperature"),
        ("generation_config.max_output_tokens", "max_output_tokens"),
        ("generation_config.response_json_schema.properties", "text.format"),
        ("generation_config.thinking_config.thinking_level", "reasoning.effort"),
        ("tools[0].function_declarations[1].name", "tools"),
        ("tool_config.function_calling_config", "tool_choice"),
        ("system_instruction.parts", "instructions"),
        ("safety_settings", None),
    ],
)
def test_a_field_is_what_the_client_called_it(field: str, param: str | None):
    error = told(400, "INVALID_ARGUMENT", "No.", violation(field))
    assert (error.status, error.body()["error"]["param"]) == (400, param)
    in_words = told(400, "INVALID_ARGUMENT", f"Invalid value at '{field}' (TYPE_FLOAT), 3")
    assert in_words.body()["error"]["param"] == param


def test_a_context_that_is_too_long_is_what_agents_look_for():
    message = "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."
    error = told(400, "INVALID_ARGUMENT", message).body()["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "input")


def test_a_limit_says_how_long_to_wait():
    error = told(429, "RESOURCE_EXHAUSTED", "Slow down.", {"retryDelay": "34.4s"})
    assert (error.status, error.headers["retry-after"]) == (429, "35")


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (403, "PERMISSION_DENIED", 502),
        (404, "NOT_FOUND", 404),
        (500, "INTERNAL", 502),
        (503, "UNAVAILABLE", 503),
        (504, "DEADLINE_EXCEEDED", 502),
        (400, "FAILED_PRECONDITION", 400),
    ],
)
def test_each_status_has_its_meaning(status: int, name: str, expected: int):
    assert told(status, name, "Something is the matter.").status == expected


@pytest.mark.parametrize("body", ["", "<html>nginx</html>", "[]", '["x"]', "null", '{"error": 5}', "{"])
def test_any_body_maps_to_something(body: str):
    error = GEMINI_GENERATE_CONTENT.map_error(UpstreamFailure(500, {}, body))
    assert error.status == 502
    assert "nginx" not in error.message
