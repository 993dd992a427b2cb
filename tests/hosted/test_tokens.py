"""API Gateway lets in whom the authorizer lets in, and tells functions what it was told of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.hosted.hosting import Toys

pytestmark = pytest.mark.anyio


async def seen(answer: httpx.Response) -> dict[str, Any]:
    """The event that a function was given."""
    assert answer.status_code == 200, answer.text
    return answer.json()["event"]


@pytest.mark.parametrize("token", [None, "", "Not 1 Token"])
async def test_what_cannot_be_a_token_is_refused_without_a_call(toys: Toys, token: str | None):
    headers = {} if token is None else {"authorization": token}
    assert (await toys.api.get("/guarded", headers=headers)).status_code == 401
    assert toys.pids("AuthorizeFunction") == []


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [
        ("anybody", "GET", 200),
        ("nobody", "GET", 401),
        ("crash", "GET", 500),
        ("odd", "GET", 500),
        ("nested", "GET", 500),
        ("denied", "GET", 403),
        ("elsewhere", "GET", 403),
        ("reader", "GET", 200),
        ("reader", "DELETE", 403),
    ],
)
async def test_an_authorizer_is_believed(toys: Toys, token: str, method: str, status: int):
    answer = await toys.api.request(method, "/guarded", headers={"authorization": token})
    assert answer.status_code == status


async def test_a_function_is_told_what_the_authorizer_said(toys: Toys):
    event = await seen(await toys.api.get("/guarded", headers={"authorization": "reader"}))
    told = event["requestContext"]["authorizer"]
    assert told == {"principalId": "me", "calls": "1", "yes": "true", "text": "t"}
    assert "authorizer" not in (await seen(await toys.api.post("/plain/echo")))["requestContext"]


async def test_an_authorizer_is_asked_for_a_method_and_believed_for_what_it_allows(toys: Toys):
    headers = {"authorization": "anybody"}
    event = await seen(await toys.api.get("/guarded", headers=headers))
    arn = event["requestContext"]["authorizer"]["arn"]
    assert arn == "arn:aws:execute-api:eu-north-1:000000000000:restapi000/v1/GET/guarded"
    event = await seen(await toys.api.delete("/guarded", headers=headers))
    assert event["requestContext"]["authorizer"]["calls"] == "1"  # not asked again, for another method


async def test_tokens_are_kept_apart(toys: Toys):
    first, second = await asyncio.gather(
        *(toys.api.get("/guarded", headers={"authorization": name}) for name in ("anybody", "somebody"))
    )
    assert first.status_code == second.status_code == 200
    assert await toys.report("AuthorizeFunction", 2)


async def test_functions_behind_urls_are_asked_without_an_authorizer(toys: Toys):
    event = await seen(await toys.urls.get("/guarded"))
    assert "authorizer" not in event["requestContext"]
    assert toys.pids("AuthorizeFunction") == []
