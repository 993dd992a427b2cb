"""What applications do around every operation, asked without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lambda_responses.endpoints.application import whole_application
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.deltas import Stopped, Text
from tests.played import Played, PlayedRuntime

if TYPE_CHECKING:
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

HELLO = [Text(0, "Hello"), Stopped("end")]
KNOWN = "resp_" + "0" * 48


def client(services: PlayedServices, **settings: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(whole_application(PlayedRuntime(services, **settings)))  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/v1")


class Down:
    """A store that never answers."""

    def close(self) -> None:
        """Nothing is open."""

    def __getattr__(self, verb: str) -> Any:
        async def request(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable("ConnectTimeoutError")

        return request


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/responses/{KNOWN}", None),
        ("GET", f"/responses/{KNOWN}?stream=true", None),
        ("DELETE", f"/responses/{KNOWN}", None),
        ("GET", f"/responses/{KNOWN}/input_items", None),
        ("POST", f"/responses/{KNOWN}/cancel", {}),
        ("POST", "/responses", {"model": "m", "input": "hi", "previous_response_id": KNOWN}),
        ("POST", "/responses", {"model": "m", "input": "hi", "previous_response_id": KNOWN, "stream": True}),
    ],
)
async def test_a_store_that_is_down_is_a_503_that_says_when_to_come_back(
    play: Play, method: str, path: str, body: Any
):
    services = play(Played([HELLO]), store=Down())
    async with client(services) as http:
        answer = await http.request(method, path, json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("service_unavailable_error", "server_is_overloaded")
    assert "Timeout" not in answer.text
    assert answer.headers["x-request-id"]


async def test_where_callers_show_credentials_any_page_may_ask(play: Play):
    page = {"origin": "https://app.example", "host": "api.example"}
    preflight = {**page, "access-control-request-method": "POST"}
    async with client(play(Played([])), auth="iam") as http:
        answers = [
            await http.get("/models", headers=page),
            await http.options("/responses", headers=preflight),
        ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.headers["access-control-allow-origin"] for answer in answers] == ["*", "*"]
