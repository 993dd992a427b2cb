"""Whoever is not let in, or knocks at no door, is told in OpenAI's shape, whoever tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hosted.hosting import Hosted


@pytest.fixture
def http(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, timeout=30, trust_env=False) as client:
        yield client


def error(answer: httpx.Response) -> dict[str, Any]:
    """An answer's error, which has to have the members that OpenAI's have."""
    told = answer.json()["error"]
    assert told.keys() == {"message", "type", "param", "code"}
    return told


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/responses"),
        ("GET", "/responses/resp_1"),
        ("GET", "/responses/resp_1?stream=true"),
        ("DELETE", "/responses/resp_1"),
        ("POST", "/responses/resp_1/cancel"),
        ("GET", "/responses/resp_1/input_items"),
        ("GET", "/models"),
    ],
)
@pytest.mark.parametrize("credential", [None, "Bearer sk-wrong", "sk-wrong", "Basic eDp5", "Bearer"])
def test_nobody_passes_without_a_key(http: httpx.Client, method: str, path: str, credential: str | None):
    headers = {} if credential is None else {"authorization": credential}
    answer = http.request(method, path, headers=headers, json={} if method == "POST" else None)
    assert answer.status_code == 401
    told = error(answer)
    assert (told["type"], told["code"]) == ("invalid_request_error", "invalid_api_key")


def test_a_route_that_does_not_exist_is_a_404(hosted: Hosted):
    headers = {"authorization": f"Bearer {hosted.key}"}
    for path in ("/nothing", "/responses/resp_1/nothing", "/"):
        answer = httpx.get(hosted.base_url + path, headers=headers, trust_env=False)
        assert answer.status_code == 404
        assert error(answer)["message"] == "Invalid URL"


def test_a_request_that_is_too_large_is_a_413(hosted: Hosted):
    headers = {"authorization": f"Bearer {hosted.key}", "content-type": "application/json"}
    for megabytes in (7, 11):
        answer = httpx.post(
            f"{hosted.base_url}/responses",
            headers=headers,
            content=b" " * megabytes * 1_048_576,
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code == 413
        assert error(answer)["type"] == "invalid_request_error"


def test_any_page_may_ask_and_read(http: httpx.Client):
    asking = {"origin": "https://page.example", "access-control-request-method": "POST"}
    preflight = http.options(
        "/responses", headers=asking | {"access-control-request-headers": "authorization"}
    )
    assert preflight.status_code == 200
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    refused = http.post("/responses", headers={"origin": "https://page.example"}, json={})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")
