"""What every answer has in common, whatever was asked: routes, ids, headers, CORS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

BODY = {"model": "scripted/echo", "input": "x"}
LOCAL_PAGES = ["http://localhost", "http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:5173"]
STAINLESS = "x-stainless-lang, x-stainless-retry-count, x-stainless-timeout, authorization, content-type"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("POST", "/chat/completions"),
        ("GET", "/responses/resp_1/nowhere"),
        ("GET", "/responses/"),
        ("GET", "/models/"),
        ("POST", "/../etc/passwd"),
    ],
)
async def test_an_unknown_route_is_a_404_in_the_apis_shape(http: httpx.AsyncClient, method: str, path: str):
    answer = await http.request(method, path)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"].startswith(f"Invalid URL ({method} /v1/")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/responses", "POST"),
        ("POST", "/models", "GET, HEAD"),
        ("PUT", "/responses/resp_1", "DELETE, GET, HEAD"),
    ],
)
async def test_a_method_that_a_route_lacks_is_a_405_in_the_apis_shape(
    http: httpx.AsyncClient, method: str, path: str, allowed: str
):
    answer = await http.request(method, path)
    assert answer.status_code == 405
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("prefix", ["", "/v1"], ids=["without /v1", "with /v1"])
async def test_the_base_url_may_lack_its_version(http: httpx.AsyncClient, prefix: str):
    root = str(http.base_url).rstrip("/").removesuffix("/v1")
    answer = await http.post(f"{root}{prefix}/responses", json=BODY)
    assert answer.status_code == 200
    assert (await http.get(f"{root}{prefix}/responses/{answer.json()['id']}")).json() == answer.json()


@pytest.mark.parametrize(
    ("body", "status"),
    [(BODY, 200), ({**BODY, "stream": True}, 200), ({**BODY, "truncation": "bogus"}, 400)],
    ids=["plain", "streamed", "faulty"],
)
async def test_every_answer_says_which_request_it_is_and_how_long_it_took(
    http: httpx.AsyncClient, body: dict[str, object], status: int
):
    first = await http.post("/responses", json=body)
    second = await http.post("/responses", json=body)
    assert first.status_code == status
    assert re.fullmatch(r"req_[0-9a-f]{32}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert int(first.headers["openai-processing-ms"]) >= 0
    assert first.headers["openai-version"] == "2020-10-01"


async def test_an_unknown_route_has_a_request_id_too(http: httpx.AsyncClient):
    assert (await http.get("/nowhere")).headers["x-request-id"].startswith("req_")


async def test_an_answer_names_its_target(http: httpx.AsyncClient):
    assert (await http.post("/responses", json=BODY)).headers["x-responses-target"] == "scripted/echo"


@pytest.mark.parametrize(("path", "method"), [("/responses", "POST"), ("/responses/resp_1", "DELETE")])
@pytest.mark.parametrize("origin", LOCAL_PAGES)
async def test_a_page_of_this_machine_may_ask_with_the_headers_of_the_sdk(
    http: httpx.AsyncClient, path: str, method: str, origin: str
):
    preflight = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": STAINLESS,
    }
    answer = await http.options(path, headers=preflight)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] == origin
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in STAINLESS.split(", "))


@pytest.mark.parametrize("body", [BODY, {}], ids=["success", "fault"])
@pytest.mark.parametrize("origin", LOCAL_PAGES)
async def test_a_page_of_this_machine_may_read_every_answer(
    http: httpx.AsyncClient, body: dict[str, object], origin: str
):
    answer = await http.post("/responses", json=body, headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-expose-headers"] == "*"


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://app.example"},
        {"origin": "http://localhost.app.example"},
        {"origin": "http://127.0.0.1:80@app.example"},
        {"origin": "null"},
        {"host": "app.example"},
        {"host": "app.example:8080", "origin": "http://localhost:3000"},
        {"host": "127.0.0.1.app.example"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
async def test_no_other_page_may_ask(http: httpx.AsyncClient, method: str, headers: dict[str, str]):
    asked = {**headers, "access-control-request-method": "POST"}
    answer = await http.request(method, "/responses", json=BODY, headers=asked)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", None, None)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080"])
async def test_every_name_of_loopback_is_this_machine(http: httpx.AsyncClient, host: str):
    assert (await http.get("/models", headers={"host": host})).status_code == 200


async def test_a_stream_is_not_to_be_kept_or_collected(http: httpx.AsyncClient):
    answer = await http.post("/responses", json={**BODY, "stream": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "content-length" not in answer.headers
    assert "[DONE]" not in answer.text


async def test_padding_can_be_switched_off_and_is_the_same_at_every_replay(http: httpx.AsyncClient):
    padded = await http.post("/responses", json={**BODY, "stream": True})
    bare = await http.post(
        "/responses", json={**BODY, "stream": True, "stream_options": {"include_obfuscation": False}}
    )
    assert '"obfuscation"' in padded.text
    assert '"obfuscation"' not in bare.text
    id = re.search(r"resp_[0-9a-f]+", padded.text)
    assert id is not None
    replays = [await http.get(f"/responses/{id[0]}?stream=true") for _ in range(2)]
    assert replays[0].content == replays[1].content
    assert '"obfuscation"' in replays[0].text
    quiet = await http.get(f"/responses/{id[0]}?stream=true&include_obfuscation=false")
    assert '"obfuscation"' not in quiet.text


async def test_health(http: httpx.AsyncClient):
    root = str(http.base_url).rstrip("/").removesuffix("/v1")
    assert (await http.get(f"{root}/health")).json() == {"status": "ok"}
