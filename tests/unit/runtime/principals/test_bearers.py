"""What is read of a header, and who is asked about it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.runtime.principals.bearers import LONGEST, ByBearer, credential_of, read_authorization
from lambda_responses.wire.errors import AuthenticationError
from lambda_responses.wire.unauthenticated import key_ambiguous, key_missing, key_refused

pytestmark = pytest.mark.anyio

HOLDER = Principal("acme", key_id="key_1")


class Known:
    """Knows one credential, and notes what it is asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def holder(self, credential: str) -> Principal:
        self.asked.append(credential)
        if credential != "good":
            raise key_refused()
        return HOLDER


def scope(*values: bytes, event: Any = None) -> dict[str, Any]:
    headers = [(b"host", b"api.example"), *((b"authorization", value) for value in values)]
    return {"headers": headers} | ({} if event is None else {"aws.event": event})


@pytest.mark.parametrize(
    "header", ["Bearer good", "bearer good", "BEARER   good", " Bearer\tgood ", "bEaReR good\t"]
)
def test_the_scheme_has_no_case_and_space_around_it_does_not_count(header: str):
    assert read_authorization(header) == "good"


@pytest.mark.parametrize(
    "header", ["", " ", "Bearer", "Bearer  ", "bearer\t", "Basic Zm9vOmJhcg==", "good", "Bearergood"]
)
def test_a_header_without_a_bearer_has_no_key(header: str):
    with pytest.raises(AuthenticationError) as refused:
        read_authorization(header)
    assert refused.value.body() == key_missing().body()


def test_no_header_has_no_key():
    with pytest.raises(AuthenticationError) as refused:
        credential_of(scope())
    assert refused.value.body() == key_missing().body()


def test_two_headers_are_refused_even_where_they_agree():
    with pytest.raises(AuthenticationError) as refused:
        credential_of(scope(b"Bearer good", b"Bearer good"))
    assert refused.value.body() == key_ambiguous().body()


def test_a_header_that_is_too_long_is_not_looked_at():
    with pytest.raises(AuthenticationError) as refused:
        read_authorization("Bearer " + "a" * LONGEST)
    assert refused.value.body() == key_refused().body()


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"Bearer " + tail))
def test_any_bytes_are_a_credential_or_a_401(value: bytes):
    with suppress(AuthenticationError):
        credential = credential_of(scope(value))
        assert credential == credential.strip(" \t") != ""


@given(st.text(max_size=8_000))
def test_any_text_is_a_credential_or_a_401(text: str):
    for header in (text, f"Bearer {text}", "bearer" + " " * 8_000 + text, "\t" * 8_000):
        with suppress(AuthenticationError):
            assert read_authorization(header) in header


async def test_whoever_shows_a_known_credential_is_its_holder():
    known = Known()
    assert await ByBearer(lambda: known)(scope(b"Bearer good")) == HOLDER
    with pytest.raises(AuthenticationError):
        await ByBearer(lambda: known)(scope(b"Bearer bad"))
    assert known.asked == ["good", "bad"]


async def test_nobody_is_asked_about_a_request_without_a_credential():
    def unneeded() -> Known:
        raise AssertionError("asked for nothing")

    with pytest.raises(AuthenticationError):
        await ByBearer(unneeded)(scope())


VOUCHED = {
    "tenant": "globex",
    "key_id": "key_2",
    "scopes": "api.responses.read",
    "mcp_servers": "*",
    "principalId": "key_2",
}


async def test_whom_the_authorizer_let_in_is_not_asked_again():
    def unneeded() -> Known:
        raise AssertionError("asked although API Gateway has asked")

    event = {"httpMethod": "GET", "requestContext": {"authorizer": VOUCHED}}
    principal = await ByBearer(unneeded)(scope(b"Bearer bad", event=event))
    assert principal == Principal("globex", key_id="key_2", scopes=frozenset({"api.responses.read"}))


@pytest.mark.parametrize(
    "event",
    [
        {"version": "2.0", "requestContext": {"authorizer": VOUCHED}},
        {"version": "2.0", "httpMethod": "GET", "requestContext": {"authorizer": VOUCHED}},
        {"version": "2.0", "requestContext": {"authorizer": {"lambda": VOUCHED, "iam": VOUCHED}}},
        {"httpMethod": "GET", "requestContext": {}},
        {"httpMethod": "GET", "requestContext": {"authorizer": None}},
        {"httpMethod": "GET", "requestContext": {"authorizer": {"claims": {"sub": "globex"}}}},
        {"httpMethod": "GET", "requestContext": {"authorizer": VOUCHED | {"tenant": ""}}},
        {"httpMethod": "GET", "requestContext": {"authorizer": VOUCHED | {"tenant": 7}}},
        {"httpMethod": "GET", "requestContext": {"identity": VOUCHED}, "authorizer": VOUCHED},
    ],
)
async def test_where_no_authorizer_of_ours_was_asked_the_header_is_read(event: Any):
    known = Known()
    assert await ByBearer(lambda: known)(scope(b"Bearer good", event=event)) == HOLDER
    with pytest.raises(AuthenticationError):
        await ByBearer(lambda: known)(scope(event=event))


async def test_scopes_that_the_authorizer_did_not_name_are_not_there():
    known = Known()
    event = {"httpMethod": "GET", "requestContext": {"authorizer": {"tenant": "globex", "scopes": "openid"}}}
    principal = await ByBearer(lambda: known)(scope(event=event))
    assert (principal.scopes, principal.key_id) == (frozenset(), None)
