"""Events have the members that AWS documents, with values of the same kinds."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.hosted.hosting import hosted_toys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.hosted.hosting import Toys

pytestmark = pytest.mark.anyio

REST = {
    *("resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters"),
    *("multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext", "body"),
    "isBase64Encoded",
}
REST_CONTEXT = {
    *("accountId", "apiId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod"),
    *("identity", "path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId"),
    *("resourcePath", "stage"),
}
IDENTITY = {
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "sourceIp", "user", "userAgent"),
    "userArn",
}
URL = {"version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "isBase64Encoded"}
URL_CONTEXT = {
    *("accountId", "apiId", "domainName", "domainPrefix", "http", "requestId", "routeKey", "stage", "time"),
    "timeEpoch",
}


@pytest.fixture(scope="module")
async def toys() -> AsyncIterator[Toys]:
    """One host for all, of which none here changes anything."""
    async with hosted_toys() as running:
        yield running


async def event(client: httpx.AsyncClient, path: str = "/plain", **asked: Any) -> dict[str, Any]:
    """What the function was given."""
    answer = await client.request(asked.pop("method", "POST"), path, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["event"]


async def test_the_members_of_a_rest_event(toys: Toys):
    given = await event(toys.api)
    assert given.keys() == REST
    assert given["requestContext"].keys() == REST_CONTEXT
    assert given["requestContext"]["identity"].keys() == IDENTITY
    assert given["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert given["requestContext"]["path"] == "/v1/plain"
    assert (given["path"], given["requestContext"]["stage"]) == ("/plain", "v1")
    assert given["body"] is given["queryStringParameters"] is given["pathParameters"] is None
    assert given["isBase64Encoded"] is False


async def test_a_rest_event_has_headers_and_parameters_once_and_all(toys: Toys):
    headers = [("X-One", "1"), ("X-One", "2"), ("Cookie", "a=1; b=2"), ("x-forwarded-for", "192.0.2.1")]
    given = await event(toys.api, "/plain?a=1&a=%20&b=", headers=headers)
    assert given["headers"]["X-One"] == "2"
    assert given["multiValueHeaders"]["X-One"] == ["1", "2"]
    assert given["headers"]["Cookie"] == "a=1; b=2"
    assert given["queryStringParameters"] == {"a": " ", "b": ""}
    assert given["multiValueQueryStringParameters"] == {"a": ["1", " "], "b": [""]}
    assert given["multiValueHeaders"]["X-Forwarded-For"] == ["192.0.2.1, 127.0.0.1"]
    names = [name.lower() for name in given["headers"]]
    assert len(names) == len(set(names))
    assert not {"connection", "content-length", "transfer-encoding"} & set(names)


async def test_a_rest_body_is_text_whatever_it_is(toys: Toys):
    for content, body in ((b'{"a": "\xc3\xa4"}', '{"a": "ä"}'), (b"\xff", "\ufffd")):
        given = await event(toys.api, content=content)
        assert (given["body"], given["isBase64Encoded"]) == (body, False)


async def test_the_members_of_a_url_event(toys: Toys):
    given = await event(toys.urls)
    assert given.keys() == URL
    assert given["requestContext"].keys() == URL_CONTEXT
    assert given["requestContext"]["http"].keys() == {"method", "path", "protocol", "sourceIp", "userAgent"}
    assert given["rawPath"] == given["requestContext"]["http"]["path"] == "/v1/plain"
    assert (given["version"], given["routeKey"], given["rawQueryString"]) == ("2.0", "$default", "")


async def test_a_url_event_has_headers_joined_and_cookies_apart(toys: Toys):
    headers = [("X-One", "1"), ("x-one", "2"), ("Cookie", "a=1; b=2")]
    given = await event(toys.urls, "/plain?a=1&a=%20&b=", headers=headers)
    assert given["headers"]["x-one"] == "1,2"
    assert given["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in given["headers"]
    assert given["rawQueryString"] == "a=1&a=%20&b="
    assert given["queryStringParameters"] == {"a": "1, ", "b": ""}
    assert all(name == name.lower() for name in given["headers"])


@pytest.mark.parametrize(
    ("headers", "encoded"),
    [
        ({"content-type": "application/json"}, False),
        ({"content-type": "text/plain; charset=utf-8"}, False),
        ({"content-type": "application/problem+json"}, False),
        ({"content-type": "application/x-www-form-urlencoded"}, True),
        ({"content-type": "application/octet-stream"}, True),
        ({"content-type": "application/json", "content-encoding": "gzip"}, True),
        ({}, True),
    ],
)
async def test_a_url_body_is_base64_unless_its_type_is_text(
    toys: Toys, headers: dict[str, str], encoded: bool
):
    given = await event(toys.urls, content=b"body", headers=headers)
    assert given["isBase64Encoded"] is encoded
    assert given["body"] == (base64.b64encode(b"body").decode() if encoded else "body")


async def test_a_url_body_that_is_no_text_is_base64_all_the_same(toys: Toys):
    given = await event(toys.urls, content=b"\xff", headers={"content-type": "application/json"})
    assert given["isBase64Encoded"] is True


async def test_a_call_has_its_id_in_event_and_context(toys: Toys):
    told = (await toys.urls.post("/plain")).json()
    assert told["event"]["requestContext"]["requestId"] == told["request_id"]
    assert told["event"]["headers"]["x-amzn-trace-id"].startswith("Root=1-")
