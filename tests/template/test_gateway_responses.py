"""What API Gateway answers when no function does: OpenAI's envelope, which every page may read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_responses.wire.errors import (
    AuthenticationError,
    InsufficientQuotaError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from lambda_responses.wire.unauthenticated import CHALLENGE
from tests.template.declared import API
from tests.template.translated import deployed

RESPONSES: dict[str, Any] = API["GatewayResponses"]
OWN_STATUS = {"DEFAULT_4XX", "DEFAULT_5XX"}
"""Kinds that stand for all others, each of which keeps its own status."""

EXPECTED = {
    "MISSING_AUTHENTICATION_TOKEN": (404, NotFoundError("Invalid URL")),
    "RESOURCE_NOT_FOUND": (404, NotFoundError("Invalid URL")),
    "UNAUTHORIZED": (401, AuthenticationError("")),
    "ACCESS_DENIED": (403, PermissionDeniedError("")),
    "INVALID_API_KEY": (403, PermissionDeniedError("")),
    "WAF_FILTERED": (403, PermissionDeniedError("")),
    "THROTTLED": (429, RateLimitError("")),
    "QUOTA_EXCEEDED": (429, InsufficientQuotaError("")),
    "REQUEST_TOO_LARGE": (413, PermissionDeniedError("", code="request_too_large")),
    "UNSUPPORTED_MEDIA_TYPE": (415, PermissionDeniedError("")),
    "BAD_REQUEST_BODY": (400, PermissionDeniedError("")),
    "BAD_REQUEST_PARAMETERS": (400, PermissionDeniedError("")),
    "DEFAULT_4XX": (None, PermissionDeniedError("")),
    "AUTHORIZER_FAILURE": (500, ServerError("")),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, ServerError("")),
    "INTEGRATION_TIMEOUT": (504, ServerError("")),
    "INTEGRATION_FAILURE": (502, ServerError("")),
    "DEFAULT_5XX": (None, ServerError("")),
}
"""Status, and an error of the same type and code."""

TOLD = ["Unauthorized", 'a "quoted" word, a back\\slash and\na line', "日本"]


def rendered(kind: str, message: str) -> dict[str, Any]:
    """The body that API Gateway makes of it: `messageString` comes with its quotes, for some with a space."""
    template = RESPONSES[kind]["ResponseTemplates"]["application/json"]
    body = template.replace("$context.error.messageString", " " + json.dumps(message))
    assert "$" not in body  # anything else would be a text of a caller, or of AWS, without quotes
    return json.loads(body)


def test_every_kind_that_is_expected_is_there_and_no_other():
    assert RESPONSES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("message", TOLD)
@pytest.mark.parametrize("kind", RESPONSES)
def test_an_answer_is_openais_envelope_whatever_api_gateway_has_to_say(kind: str, message: str):
    status, like = EXPECTED[kind]
    assert RESPONSES[kind].get("StatusCode") == status
    error = rendered(kind, message)["error"]
    assert error == like.body()["error"] | {"message": error["message"]}
    assert isinstance(error["message"], str)
    assert error["message"]


def test_an_unknown_route_is_called_as_the_live_api_calls_it():
    assert rendered("MISSING_AUTHENTICATION_TOKEN", "")["error"]["message"] == "Invalid URL"


@pytest.mark.parametrize("kind", RESPONSES)
def test_any_page_may_read_an_answer(kind: str):
    assert RESPONSES[kind]["ResponseParameters"]["Headers"]["Access-Control-Allow-Origin"] == "'*'"


def test_an_answer_says_what_to_do_next_as_that_of_a_door_does():
    unauthorized = RESPONSES["UNAUTHORIZED"]["ResponseParameters"]["Headers"]
    assert unauthorized["WWW-Authenticate"] == f"'{CHALLENGE['www-authenticate']}'"
    assert RESPONSES["THROTTLED"]["ResponseParameters"]["Headers"]["Retry-After"] == "'1'"


def test_api_gateway_is_told_all_of_them():
    told = deployed().resources["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    assert told.keys() == RESPONSES.keys()
    for kind, response in told.items():
        assert response["responseTemplates"] == RESPONSES[kind]["ResponseTemplates"]
        headers = RESPONSES[kind]["ResponseParameters"]["Headers"]
        assert response["responseParameters"] == {
            f"gatewayresponse.header.{name}": headers[name] for name in headers
        }
        assert response.get("statusCode") == (EXPECTED[kind][0] and str(EXPECTED[kind][0]))
