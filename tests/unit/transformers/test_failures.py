"""What clients are told when an upstream fails: one policy for every envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.transformers.failures import Complaint, map_complaint, map_failure, read_envelope
from lambda_responses.wire.errors import (
    APIError,
    FailedDependencyError,
    InsufficientQuotaError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    UpstreamFaultError,
)


def told(status: int, body: Any, **headers: str) -> APIError:
    text = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return map_failure(UpstreamFailure(status, named, text))


@pytest.mark.parametrize(
    ("envelope", "complaint"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c", "param": "p"}}, Complaint("m", "c", "t", "p")),
        ({"message": "m", "type": "t", "code": "c", "param": "p"}, Complaint("m", "c", "t", "p")),
        ({"message": "m"}, Complaint("m")),
        ({"id": "x", "message": "m"}, Complaint("m")),
        ({"detail": "m"}, Complaint("m")),
        (
            {"detail": [{"loc": ["body", "tools", "list[Tool]", 0, "type"], "msg": "m"}]},
            Complaint("tools[0].type: m", param="tools[0].type"),
        ),
        ({"error": "m"}, Complaint("m")),
        ({"code": "invalid-argument", "error": "m"}, Complaint("m")),
        ([{"error": {"message": "m", "code": 400}}], Complaint("m", type="400")),
        ({"errors": [{"message": "m", "code": 5023}], "success": False}, Complaint("m", type="5023")),
        ({"error": {"message": "m", "type": "t", "code": "t"}}, Complaint("m", type="t")),
        ({"error": {"code": 404, "status": "NOT_FOUND", "message": "m"}}, Complaint("m", type="NOT_FOUND")),
        ({"error": {"message": "m", "param": "a whole sentence"}}, Complaint("m")),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": '{"msg": "m"}'}}},
            Complaint("m"),
        ),
        ({"error": "400", "status": 400, "details": {"error": {"message": "m"}}}, Complaint("m")),
        ("m", Complaint("m")),
        (None, Complaint("")),
        ([], Complaint("")),
        ({}, Complaint("")),
    ],
)
def test_every_envelope_is_read(envelope: Any, complaint: Complaint):
    assert read_envelope(envelope) == complaint


def test_a_fault_of_the_request_keeps_its_words():
    error = told(400, {"error": {"message": "No.", "code": "invalid_value", "param": "input[0]"}})
    assert isinstance(error, InvalidRequestError)
    assert (error.message, error.code, error.param) == ("No.", "invalid_value", "input[0]")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": {"message": "Incorrect API key provided: sk-secret", "code": "invalid_api_key"}}),
        (403, {"error": "please check the api-key you provided"}),
        (403, {"message": "The security token included in the request is expired"}),
        (400, {"code": "invalid-argument", "error": "Incorrect API key provided."}),
        (401, "<html><title>401</title></html>"),
    ],
)
def test_a_refused_credential_is_this_servers_own_trouble(status: int, body: Any):
    error = told(status, body)
    assert isinstance(error, UpstreamFaultError)
    assert error.code == "upstream_auth_error"
    assert "key" not in error.message


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, {"error": "You have depleted your credits."}),
        (429, {"error": {"message": "m", "type": "insufficient_quota", "code": "insufficient_quota"}}),
        (429, {"error": {"type": "usage_limit_reached", "message": "m", "resets_in_seconds": 60}}),
    ],
)
def test_an_empty_purse_is_not_worth_another_try(status: int, body: Any):
    error = told(status, body)
    assert isinstance(error, InsufficientQuotaError)
    assert (error.status, error.code) == (429, "insufficient_quota")
    assert error.headers["x-should-retry"] == "false"


def test_how_long_to_wait_is_passed_on():
    assert told(429, {"error": {"message": "m"}}, Retry_After="7").headers == {"retry-after": "7"}
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.2s"}
    google = {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [{}, retry]}}
    error = told(429, google)
    assert isinstance(error, RateLimitError)
    assert error.headers == {"retry-after": "35"}


@pytest.mark.parametrize("status", [503, 529])
def test_an_upstream_without_room_is_overloaded(status: int):
    assert isinstance(told(status, {"error": {"message": "Overloaded"}}), OverloadedError)
    assert isinstance(told(status, "<html>busy</html>"), OverloadedError)


@pytest.mark.parametrize("status", [200, 302, 404, 500, 502, 504])
def test_a_page_for_people_is_never_shown(status: int):
    error = told(status, "<!DOCTYPE html><title>secret</title>")
    assert isinstance(error, UpstreamFaultError)
    assert "secret" not in error.message


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 3333404 tokens > 200000 maximum",
        "This endpoint's maximum context length is 200000 tokens.",
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
        "too many tokens: size limit exceeded by 25836 tokens.",
    ],
)
def test_a_context_that_is_too_long_is_recognised_in_words(message: str):
    error = told(400, {"message": message})
    assert (error.status, error.code, error.param) == (400, "context_length_exceeded", "input")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"error": {"message": "The model `x` does not exist.", "code": "model_not_found"}}),
        (404, {"error": "model 'x' not found"}),
        (400, {"message": "The provided model identifier is invalid."}),
        (404, {"error": {"type": "not_found_error", "message": "model: x"}}),
    ],
)
def test_an_unknown_model_is_a_fault_of_the_request(status: int, body: Any):
    error = told(status, body)
    assert (error.status, error.code, error.param) == (400, "model_not_found", "model")


def test_other_things_may_be_missing():
    assert isinstance(told(404, {"error": {"message": "No such file.", "param": "input"}}), NotFoundError)


def test_a_failed_tool_server_is_named_as_such():
    body = {
        "error": {"message": "m", "type": "external_connector_error", "code": "http_error", "param": "tools"}
    }
    error = told(424, body)
    assert isinstance(error, FailedDependencyError)
    assert error.body()["error"] == body["error"]


def test_bodies_that_are_too_large_are_the_clients():
    assert isinstance(told(413, "<html>413</html>"), InvalidRequestError)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", UpstreamFaultError),
        ("rate_limit_exceeded", RateLimitError),
        ("invalid_prompt", InvalidRequestError),
        ("slow_down", OverloadedError),
        ("no_such_code", UpstreamFaultError),
    ],
)
def test_inside_a_stream_the_code_decides(code: str, kind: type[APIError]):
    assert isinstance(map_complaint(Complaint("m", code)), kind)


def test_a_status_inside_a_good_answer_counts():
    assert isinstance(told(200, {"error": {"message": "Slow down.", "code": 429}}), RateLimitError)


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abcdefgh12345678",
        "Bearer abc.def",
        "xai-0123456789abcdef",
        "org-AbCdEf123456",
        "proj_AbCdEf123456",
    ],
)
def test_secrets_and_names_of_accounts_are_not_repeated(secret: str):
    error = told(400, {"error": {"message": f"Bad thing near {secret} here."}})
    assert secret not in error.message
    assert error.message.startswith("Bad thing near ")


@pytest.mark.parametrize(
    "word", ["skeletonization", "pk_primary_key", "hf-transformers", "org-wide", "xai-grok"]
)
def test_words_that_only_begin_like_secrets_are_left_alone(word: str):
    assert told(400, {"message": f"Bad {word}."}).message == f"Bad {word}."


def test_addresses_lose_their_keys():
    error = told(500, {"error": {"message": "GET https://h.example/v1?a=1&key=hunter2 failed"}})
    assert "hunter2" not in error.message


def test_essays_are_cut():
    assert len(told(400, {"message": "x" * 10_000}).message) == 2_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "detail", "code", "type", "param", "metadata", "details", "errors"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(status=st.integers(100, 599), body=JSON.map(json.dumps) | st.text())
def test_any_answer_at_all_is_something_to_say(status: int, body: str):
    error = map_failure(UpstreamFailure(status, {}, body))
    assert error.status >= 400
    assert error.message
    assert "<html" not in error.message.lower()


def test_a_bottomless_body_is_survived():
    assert isinstance(told(500, "[" * 100_000), UpstreamFaultError)
