"""Whom AWS has seen sign, by the shapes of its events."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.runtime.principals.signers import signer
from lambda_responses.wire.errors import AuthenticationError

pytestmark = pytest.mark.anyio

ACCOUNT = "123456789012"
BY_API = {
    "httpMethod": "GET",
    "requestContext": {"identity": {"accountId": ACCOUNT, "caller": "AIDA:me", "sourceIp": "192.0.2.1"}},
}
BY_URL = {
    "version": "2.0",
    "requestContext": {
        "authorizer": {"iam": {"accountId": ACCOUNT, "callerId": "AIDA:me", "userArn": "arn:…"}}
    },
}


@pytest.mark.parametrize("event", [BY_API, BY_URL], ids=["REST API", "function URL"])
async def test_the_tenant_is_the_account_that_signed(event: Any):
    assert await signer({"aws.event": event}) == Principal(ACCOUNT, key_id="AIDA:me")


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"requestContext": None},
        {"httpMethod": "GET", "requestContext": {"identity": {"accountId": None, "caller": None}}},
        {"httpMethod": "GET", "requestContext": {"identity": {"accountId": "", "caller": "AIDA"}}},
        {"httpMethod": "GET", "requestContext": {"identity": {"accountId": ACCOUNT, "caller": ""}}},
        {"version": "2.0", "requestContext": {"authorizer": {"iam": None}}},
        {"version": "2.0", "requestContext": {"identity": {"accountId": ACCOUNT, "caller": "AIDA"}}},
        {"httpMethod": "GET", "requestContext": BY_URL["requestContext"]},
    ],
)
async def test_a_request_that_was_not_signed_is_a_401(event: Any):
    with pytest.raises(AuthenticationError) as refused:
        await signer({"aws.event": event} if event is not None else {})
    assert (refused.value.status, refused.value.code) == (401, "invalid_api_key")
