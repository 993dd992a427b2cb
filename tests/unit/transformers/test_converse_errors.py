"""Failures of Bedrock that are HTTP statuses."""

from __future__ import annotations

import pytest

from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE


@pytest.mark.parametrize(
    ("status", "kind", "body", "expected", "code"),
    [
        (400, "ValidationException", '{"message":"Bad."}', 400, None),
        (
            400,
            "ValidationException",
            '{"message":"Input is too long for requested model."}',
            400,
            "context_length_exceeded",
        ),
        (
            400,
            "ValidationException",
            '{"message":"The provided model identifier is invalid."}',
            400,
            "model_not_found",
        ),
        (400, "ServiceQuotaExceededException", '{"message":"Quota."}', 429, "rate_limit_exceeded"),
        (
            403,
            "AccessDeniedException",
            '{"Message":"User: arn:aws:iam::1:user/x is not authorized"}',
            502,
            "upstream_auth_error",
        ),
        (
            403,
            "",
            '{"message":"The security token included in the request is expired"}',
            502,
            "upstream_auth_error",
        ),
        (403, "UnrecognizedClientException", "{}", 502, "upstream_auth_error"),
        (404, "ResourceNotFoundException", '{"message":"Model not found."}', 400, "model_not_found"),
        (408, "ModelTimeoutException", '{"message":"Slow."}', 503, "server_is_overloaded"),
        (424, "ModelErrorException", '{"message":"The model failed."}', 502, "server_error"),
        (
            429,
            "ThrottlingException",
            '{"message":"Too many tokens, please wait."}',
            429,
            "rate_limit_exceeded",
        ),
        (429, "ModelNotReadyException", '{"message":"Warming up."}', 503, "server_is_overloaded"),
        (500, "InternalServerException:http://internal.amazon.com/coral/", "", 502, "server_error"),
        (503, "ServiceUnavailableException", '{"message":"Busy."}', 503, "server_is_overloaded"),
        (
            400,
            "",
            '{"__type":"com.amazon.coral.service#ThrottlingException","message":"Rate exceeded"}',
            429,
            "rate_limit_exceeded",
        ),
        (502, "", "<html>Bad gateway</html>", 502, "server_error"),
    ],
)
def test_each_exception_is_the_clients_or_ours(
    status: int, kind: str, body: str, expected: int, code: str | None
) -> None:
    headers = {"x-amzn-ErrorType": kind} if kind else {}
    error = BEDROCK_CONVERSE.map_error(UpstreamFailure(status, headers, body))
    assert (error.status, error.code) == (expected, code)
    assert "arn:aws" not in error.message


def test_a_wish_to_be_left_alone_is_passed_on() -> None:
    failure = UpstreamFailure(429, {"x-amzn-errortype": "ThrottlingException", "retry-after": "3"}, "{}")
    assert BEDROCK_CONVERSE.map_error(failure).headers == {"retry-after": "3"}
