"""What API Gateway does before, after and in place of a function: routes, limits, preflights, answers."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.hosted.hosting import hosted_toys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.hosted.hosting import Toys

pytestmark = pytest.mark.anyio

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
async def toys() -> AsyncIterator[Toys]:
    """One host for all, of which none here changes anything."""
    async with hosted_toys() as running:
        yield running


async def seen(answer: httpx.Response) -> dict[str, Any]:
    """The event that a function was given."""
    assert answer.status_code == 200, answer.text
    return answer.json()["event"]


@pytest.mark.parametrize(
    ("method", "path", "resource", "parameters"),
    [
        ("POST", "/plain/exact", "/plain/exact", None),
        ("POST", "/plain/a%20b", "/plain/{act}", {"act": "a b"}),
        ("PATCH", "/plain", "/plain", None),
        ("GET", "/rest/one/two", "/rest/{of+}", {"of": "one/two"}),
        ("GET", "/rest/one%2Ftwo", "/rest/{of+}", {"of": "one/two"}),
    ],
)
async def test_the_most_exact_resource_is_found(
    toys: Toys, method: str, path: str, resource: str, parameters: dict[str, str] | None
):
    event = await seen(await toys.api.request(method, path))
    assert (event["resource"], event["pathParameters"], event["path"]) == (resource, parameters, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere"), ("POST", "/rest/x"), ("GET", "/plain/exact"), ("GET", "/absent")],
)
async def test_no_route_is_a_missing_token_as_api_gateway_says(toys: Toys, method: str, path: str):
    answer = await toys.api.request(method, path)
    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


async def test_outside_of_its_stage_api_gateway_forbids_everything(toys: Toys):
    root = toys.host.base_url.removesuffix("/v1")
    for path in ("/plain", "/v10/plain", "/v1plain", "/"):
        answer = await toys.api.post(root + path)
        assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


async def test_a_proxy_answer_is_sent_as_it_says(toys: Toys):
    answer = await toys.api.post("/plain/several")
    assert answer.status_code == 207
    assert answer.headers.get_list("x-one") == ["1"]
    assert answer.headers.get_list("x-two") == ["2", "3"]
    assert answer.headers["x-amzn-remapped-date"] == "yesterday"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == "0"
    assert answer.headers["x-amzn-requestid"]


async def test_an_answer_may_be_in_any_language(toys: Toys):
    for client in (toys.api, toys.urls):
        answer = await client.post("/plain/foreign")
        assert (answer.status_code, answer.content) == (299, "ä".encode())
        assert dict(answer.headers.raw)[b"x-word"] == "jäger".encode()


async def test_base64_is_undone_behind_urls_and_not_without_binary_types(toys: Toys):
    encoded = base64.b64encode(b"\xff\0")
    assert (await toys.api.post("/plain/encoded")).content == encoded
    assert (await toys.urls.post("/plain/encoded")).content == b"\xff\0"


async def test_cookies_are_an_answers_own_headers_behind_urls(toys: Toys):
    answer = await toys.urls.post("/plain/several")
    assert answer.status_code == 207
    assert answer.headers["set-cookie"] == "a=1"
    assert answer.headers["x-two"] == "single"  # this payload knows no headers of several values


async def test_a_body_may_have_so_many_bytes(toys: Toys):
    """API Gateway takes 10 MB and Lambda an event of 6 MB, of which the rest of the event is a part."""
    for client in (toys.api, toys.urls):
        assert (await client.post("/plain/echo", content=b"x" * 2 * MEGABYTE)).status_code == 200
    for size in (6 * MEGABYTE, 10 * MEGABYTE + 1):
        answer = await toys.api.post("/plain/echo", content=b"x" * size)
        assert (answer.status_code, answer.json()) == (413, {"message": "Request Too Long"})
        answer = await toys.urls.post("/plain/echo", content=b"x" * size)
        assert (answer.status_code, list(answer.json())) == (413, ["Message"])


async def test_a_body_in_chunks_is_measured_too(toys: Toys):
    async def pieces() -> Any:
        for _ in range(11):
            yield b"x" * MEGABYTE

    assert (await toys.api.post("/plain/echo", content=pieces())).status_code == 413


async def test_a_client_may_ask_before_it_sends(toys: Toys):
    """And is told before it has sent 10 MB in vain."""
    for size, status in ((100, 200), (10 * MEGABYTE + 1, 413)):
        headers = {"expect": "100-continue", "content-length": str(size)}
        reader, writer = await asyncio.open_connection(
            *toys.host.base_url[len("http://") : -len("/v1")].split(":")
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST /v1/plain HTTP/1.1\r\nhost: x\r\n{head}\r\n".encode())
        if status == 200:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 \r\n\r\n"
            writer.write(b"x" * size)
        assert (await reader.readline()).startswith(b"HTTP/1.1 %d " % status)
        writer.close()
        await writer.wait_closed()


async def test_a_preflight_is_answered_for_each_path_without_a_function(toys: Toys):
    answer = await toys.api.options("/guarded")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-methods"] == "DELETE,GET,OPTIONS"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "*,Authorization"
    assert answer.headers["access-control-max-age"] == "600"
    assert answer.text == "{}\n"
    anything = await toys.api.options("/plain")
    assert anything.headers["access-control-allow-methods"] == "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"
    assert toys.pids("GuardedFunction") == []  # which no other test here reaches


async def test_a_preflight_behind_a_url_is_the_functions_own(toys: Toys):
    event = await seen(await toys.urls.options("/plain", headers={"access-control-request-method": "PUT"}))
    assert event["requestContext"]["http"]["method"] == "OPTIONS"


async def test_no_route_is_none_behind_urls_either(toys: Toys):
    assert (await toys.urls.get("/nowhere")).status_code == 404


async def test_a_gateway_response_may_be_json_of_what_a_function_said(toys: Toys):
    answer = await toys.api.post("/plain/raise")
    assert json.loads(answer.content) == {"error": {"message": "Internal server error"}}


async def test_a_gateway_response_is_the_templates(toys: Toys):
    answer = await toys.api.get("/guarded")
    assert answer.status_code == 401
    assert answer.json() == {"error": {"message": "Unauthorized", "kind": "UNAUTHORIZED"}}
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["request"] == answer.headers["x-amzn-requestid"]
