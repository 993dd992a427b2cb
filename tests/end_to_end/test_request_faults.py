"""Requests that cannot be served: each answers as the live API does, over HTTP, on any translated format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.wire.requests import MAX_BODY_BYTES
from tests.fakes.fixtures import MODELS

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

MODEL = "scripted/echo"
TABLE = Path(__file__).parents[3] / "shared" / "conformance" / "error-table.json"
TRANSLATED = {kind: name for kind, name in MODELS.items() if kind != "a native upstream"}
"""A native upstream judges for itself."""
ENVELOPE = {"message", "type", "param", "code"}


def observed() -> list[Any]:
    if not TABLE.exists():
        reason = f"needs ../shared/conformance/{TABLE.name}"
        return [pytest.param({}, marks=pytest.mark.skip(reason=reason), id="table absent")]
    return [pytest.param(row, id=row["name"]) for row in json.loads(TABLE.read_text())]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("model", TRANSLATED.values(), ids=TRANSLATED)
@pytest.mark.parametrize("row", observed())
async def test_a_fault_is_answered_as_the_live_api_answers_it(
    http: httpx.AsyncClient, model: str, row: Json, stream: bool
):
    body = {"model": model, **({"stream": True} if stream else {}), **row["request"]}
    for key in row["remove"]:
        body.pop(key)
    answer, expected = await http.post("/responses", json=body), row["expect"]
    error = answer.json()["error"]
    assert error.keys() == ENVELOPE
    assert (answer.status_code, error["code"], error["param"]) == (
        expected["status"],
        expected["code"],
        expected["param"],
    )
    assert error["type"] == "invalid_request_error"
    if "suggests" in expected:
        assert ("Did you mean" in error["message"] or "moved to" in error["message"]) == expected["suggests"]


NESTED = 10_000
WRONG_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "broken JSON": b'{"model": "scripted/echo", "input": ',
    "two objects": b'{"model": "scripted/echo", "input": "x"} {}',
    "no object": b'["scripted/echo"]',
    "a bare null": b"null",
    "no UTF-8": b'{"model": "scripted/echo", "input": "\xff\xfe"}',
    "half a UTF-8 character": '{"model": "scripted/echo", "input": "é'.encode()[:-1],
    "a lone surrogate": rb'{"model": "scripted/echo", "input": "\ud83d"}',
    "surrogates in the wrong order": rb'{"model": "scripted/echo", "input": "\ude00\ud83d"}',
    "a lone surrogate in a key": rb'{"model": "scripted/echo", "input": "x", "metadata": {"\ud83d": "v"}}',
    "10,000 open brackets": b'{"model": "scripted/echo", "input": ' + b"[" * NESTED,
    "10,000 nested lists": b'{"model": "scripted/echo", "input": ' + b"[" * NESTED + b"]" * NESTED + b"}",
    "10,000 nested objects": (
        b'{"model": "scripted/echo", "input": "x", "metadata": '
        + b'{"a":' * NESTED
        + b"1"
        + b"}" * (NESTED + 1)
    ),
    "an infinite number": b'{"model": "scripted/echo", "input": "x", "temperature": 1e999}',
    "not a number": b'{"model": "scripted/echo", "input": "x", "temperature": NaN}',
    "XML": b"<model>scripted/echo</model>",
    "a form": b"model=scripted%2Fecho&input=x",
}


@pytest.mark.parametrize("body", WRONG_BODIES.values(), ids=WRONG_BODIES)
async def test_a_body_that_is_no_json_object_is_a_400(http: httpx.AsyncClient, body: bytes):
    answer = await http.post("/responses", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error.keys() == ENVELOPE
    assert error["type"] == "invalid_request_error"
    assert "Traceback" not in answer.text
    assert len(answer.content) < 2_000


async def test_a_body_over_the_limit_is_a_400_that_says_how_large_it_may_be(http: httpx.AsyncClient):
    padding = b" " * 1024 * 1024

    async def pieces() -> Any:
        yield b'{"model": "scripted/echo", "input": "x"}'
        for _ in range(MAX_BODY_BYTES // len(padding)):
            yield padding

    answer = await http.post("/responses", content=pieces())
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "request_too_large"
    assert f"more than {MAX_BODY_BYTES} bytes" in answer.json()["error"]["message"]
    assert str(MAX_BODY_BYTES) in answer.json()["error"]["message"]


async def test_a_large_body_within_the_limit_is_served(http: httpx.AsyncClient):
    text = "é" * 1_000_000
    answer = await http.post("/responses", json={"model": MODEL, "input": text, "store": False})
    assert answer.status_code == 200
    assert answer.json()["output"][0]["content"][0]["text"] == text


async def test_any_character_comes_back_as_it_was_sent(http: httpx.AsyncClient):
    text = 'a \u2028 \u2029 \x85 \x00 \x1b \U0001f600 \ufeff data: x\r\n\r\nevent: y \\ " </script>'
    plain = (await http.post("/responses", json={"model": MODEL, "input": text})).json()
    said = plain["output"][0]["content"][0]["text"]
    assert said == text
    stored = (await http.get(f"/responses/{plain['id']}")).json()
    assert stored == plain


UNKNOWN_MODELS = ("nobody/nothing", "scripted", "scripted/", "/", "local/nothing", " ", "x" * 10_000, "é")


@pytest.mark.parametrize("model", UNKNOWN_MODELS, ids=range(len(UNKNOWN_MODELS)))
async def test_an_unknown_model_is_a_400(http: httpx.AsyncClient, model: str):
    answer = await http.post("/responses", json={"model": model, "input": "x"})
    error = answer.json()["error"]
    if answer.status_code == 404:  # a bare name goes to the default provider, which judges it
        pytest.fail(answer.text)
    assert (answer.status_code, error["code"], error["param"]) == (400, "model_not_found", "model")
    assert len(answer.content) < 12_000


NOT_YET = {
    "a connector": (
        {"tools": [{"type": "mcp", "server_label": "s", "connector_id": "connector_gmail"}]},
        "tools[0].connector_id",
    ),
    "a file by its id": (
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        "input[0].content[0].file_id",
    ),
    "moderation": ({"moderation": {"model": "m"}}, "moderation"),
}


@pytest.mark.parametrize(("body", "param"), NOT_YET.values(), ids=NOT_YET)
async def test_what_is_not_offered_yet_says_so(http: httpx.AsyncClient, body: Json, param: str):
    answer = await http.post("/responses", json={"model": MODEL, "input": "x", **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert "not supported" in error["message"]


async def test_a_tool_call_must_be_answered_before_the_turn_goes_on(http: httpx.AsyncClient):
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
    asked = (
        await http.post("/responses", json={"model": MODEL, "input": "What weather?", "tools": [tool]})
    ).json()
    assert asked["output"][0]["type"] == "function_call"
    body = {"model": MODEL, "previous_response_id": asked["id"], "input": "Never mind"}
    answer = await http.post("/responses", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")
    assert "No tool output found" in answer.json()["error"]["message"]
    body["input"] = [{"type": "function_call_output", "call_id": "call_of_nobody", "output": "x"}]
    answer = await http.post("/responses", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")


STRANGE_IDS = (
    "resp_1",
    "resp_" + "0" * 48,
    "chatcmpl-1",
    "msg_" + "0" * 48,
    "x" * 5_000,
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "%ff%fe",
    "résumé",
    "' OR 1=1 --",
)


@pytest.mark.parametrize("id", STRANGE_IDS, ids=range(len(STRANGE_IDS)))
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/responses/{}"), ("DELETE", "/responses/{}"), ("GET", "/responses/{}/input_items")],
)
async def test_an_id_of_somebody_else_is_an_ordinary_404(
    http: httpx.AsyncClient, method: str, path: str, id: str
):
    answer = await http.request(method, path.format(id))
    assert answer.status_code == 404
    assert answer.json()["error"].keys() == ENVELOPE
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "id", ["resp_1", "resp_" + "0" * 48, "chatcmpl-1", "x" * 5_000, "\x00"], ids=range(5)
)
async def test_an_unknown_previous_response_is_a_400(http: httpx.AsyncClient, id: str):
    body = {"model": MODEL, "input": "x", "previous_response_id": id}
    answer = await http.post("/responses", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "previous_response_not_found"


WRONG_QUERIES = {
    "limit=0": "limit",
    "limit=101": "limit",
    "limit=many": "limit",
    "order=sideways": "order",
    "include=bogus": "include",
    "after=msg_of_nobody": "after",
}


@pytest.mark.parametrize(("query", "param"), WRONG_QUERIES.items(), ids=WRONG_QUERIES)
async def test_a_wrong_query_is_a_400_that_names_it(http: httpx.AsyncClient, query: str, param: str):
    made = (await http.post("/responses", json={"model": MODEL, "input": "x"})).json()
    answer = await http.get(f"/responses/{made['id']}/input_items?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith(param)
