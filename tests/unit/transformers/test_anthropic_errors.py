"""Failures of Messages servers as a client is told of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES
from lambda_responses.transformers.base import UpstreamFailure

if TYPE_CHECKING:
    from lambda_responses.wire.errors import APIError

BAD = "invalid_request_error"


def told(status: int, kind: str, message: str, **headers: str) -> APIError:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return ANTHROPIC_MESSAGES.map_error(UpstreamFailure(status, headers, json.dumps(body)))


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("messages.0: Input does not match the expected shape.", "input"),
        ("messages: text content blocks must be non-empty", "input"),
        ("system: Field required", "instructions"),
        ("tools.0.custom.input_schema.type: Field required", "tools"),
        ('tool_choice: type "tool" and "any" are not supported for this model.', "tool_choice"),
        (
            "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens",
            "max_output_tokens",
        ),
        ("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024", "reasoning.effort"),
        ("output_config.effort: not one of these", "reasoning.effort"),
        ("output_config.format.schema: For 'object' type, …", "text.format"),
        ("temperature: range: 0..1", "temperature"),
        ("metadata.user_id: user_id appears to contain an email address", "safety_identifier"),
        ("`temperature` is deprecated for this model.", None),
        ("diagnostics.previous_message_id: No such thing", None),
    ],
)
def test_the_place_of_a_complaint_is_the_client_s_param(message: str, param: str | None):
    error = told(400, "invalid_request_error", message)
    assert (error.status, error.type, error.param) == (400, "invalid_request_error", param)
    assert error.message == message


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (
            400,
            BAD,
            "prompt is too long: 9 tokens > 8 maximum",
            (400, "context_length_exceeded"),
        ),
        (
            400,
            BAD,
            "input length and `max_tokens` exceed context limit: 199000 + 20000 > 200000",
            (400, "context_length_exceeded"),
        ),
        (
            400,
            BAD,
            "Your credit balance is too low to go on.",
            (429, "insufficient_quota"),
        ),
        (401, "authentication_error", "invalid x-api-key", (502, "upstream_auth_error")),
        (402, "billing_error", "Pay.", (429, "insufficient_quota")),
        (403, "permission_error", "Not you.", (502, "upstream_auth_error")),
        (404, "not_found_error", "model: claude-none", (400, "model_not_found")),
        (413, "request_too_large", "Too large.", (400, None)),
        (429, "rate_limit_error", "Slow.", (429, "rate_limit_exceeded")),
        (500, "api_error", "Oh.", (502, "server_error")),
        (504, "timeout_error", "Late.", (502, "server_error")),
        (529, "overloaded_error", "Overloaded", (503, "server_is_overloaded")),
    ],
)
def test_every_type_of_error_has_its_status(
    status: int, kind: str, message: str, expected: tuple[int, str | None]
):
    error = told(status, kind, message)
    assert (error.status, error.code) == expected


def test_a_wish_to_wait_is_passed_on():
    assert told(529, "overloaded_error", "Full.", **{"retry-after": "7"}).headers == {"retry-after": "7"}


def test_bedrock_s_own_words_are_understood():
    body = '{"message":"The provided model identifier is invalid."}'
    headers = {"x-amzn-ErrorType": "ValidationException:http://internal.amazon.com/x"}
    error = ANTHROPIC_MESSAGES.map_error(UpstreamFailure(400, headers, body))
    assert (error.status, error.code) == (400, "model_not_found")
    throttled = {"x-amzn-ErrorType": "ThrottlingException"}
    assert ANTHROPIC_MESSAGES.map_error(UpstreamFailure(429, throttled, '{"message":"Slow."}')).status == 429


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '{"error": 5}'])
def test_any_body_is_some_error(body: str):
    assert ANTHROPIC_MESSAGES.map_error(UpstreamFailure(500, {}, body)).status == 502
