"""Failures in the words of the request that the client made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.transformers.chat_completions.errors import map_error, map_error_in_stream


def failure(status: int, body: Any, **headers: str) -> UpstreamFailure:
    text = body if isinstance(body, str) else json.dumps(body)
    return UpstreamFailure(status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("messages[3].content", "input"),
        ("max_tokens", "max_output_tokens"),
        ("max_completion_tokens", "max_output_tokens"),
        ("response_format.json_schema", "text.format"),
        ("reasoning_effort", "reasoning.effort"),
        ("tools[0].function.parameters", "tools"),
        ("logprobs", "include"),
        ("temperature", "temperature"),
        ("stream_options", None),
        ("api_key", None),
    ],
)
def test_a_param_is_named_as_the_client_knows_it(theirs: str, ours: str | None) -> None:
    error = map_error(failure(400, {"error": {"message": "No.", "param": theirs}}))
    assert (error.status, error.message, error.param) == (400, "No.", ours)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            401,
            {"error": {"message": "Incorrect API key provided: sk-abcdefgh12345678"}},
            (502, "upstream_auth_error", None),
        ),
        (403, {"error": "please check the api-key you provided"}, (502, "upstream_auth_error", None)),
        (402, {"error": "You have depleted your credits."}, (429, "insufficient_quota", None)),
        (
            429,
            {"error": {"message": "Quota.", "code": "insufficient_quota"}},
            (429, "insufficient_quota", None),
        ),
        (429, {"error": {"message": "Slow down."}}, (429, "rate_limit_exceeded", None)),
        (
            400,
            {"error": {"message": "x", "code": "context_length_exceeded", "param": "messages"}},
            (400, "context_length_exceeded", "input"),
        ),
        (
            400,
            {"error": {"message": "prompt too long; exceeded max context length"}},
            (400, "context_length_exceeded", "input"),
        ),
        (
            404,
            {"message": "Model x does not exist", "code": "model_not_found"},
            (400, "model_not_found", "model"),
        ),
        (500, {"error": {"message": "Internal server error"}}, (502, "server_error", None)),
        (503, {"error": {"message": "Overloaded"}}, (503, "server_is_overloaded", None)),
        (502, "<html><h1>502 Bad Gateway</h1>nginx</html>", (502, "server_error", None)),
        (418, "", (502, "server_error", None)),
    ],
)
def test_a_status_says_who_is_to_blame(status: int, body: Any, expected: tuple[int, str, str | None]) -> None:
    error = map_error(failure(status, body))
    assert (error.status, error.code, error.param) == expected
    assert "sk-" not in error.message
    assert "nginx" not in error.message


def test_when_to_come_back_is_passed_on() -> None:
    error = map_error(failure(429, {"error": {"message": "Later."}}, retry_after="7"))
    assert error.headers == {"retry-after": "7"}


def test_money_does_not_come_back_by_waiting() -> None:
    error = map_error(failure(402, {"error": "No credit."}))
    assert error.headers["x-should-retry"] == "false"


def test_an_error_inside_a_stream_has_the_blame_of_its_code() -> None:
    blamed = map_error_in_stream(
        {"error": {"message": "Bad.", "code": 400, "param": "messages"}, "choices": []}
    )
    assert (blamed.status, blamed.param) == (400, "input")
    unexplained = map_error_in_stream({"error": {"message": "Gone."}})
    assert unexplained.status == 502


@given(st.integers(400, 599), st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_body_maps_to_something(status: int, body: str) -> None:
    error = map_error(failure(status, body))
    assert error.message
    assert 400 <= error.status < 600
