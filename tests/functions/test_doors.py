"""Every door answers what API Gateway sends it."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints.exchange import CLOSING_SECONDS
from lambda_responses.stream.deltas import Stopped, Text
from tests.functions.events import Context, by_api
from tests.played import Played, PlayedRuntime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.played import Play

HELLO = [Text(0, "Hello"), Stopped("end")]
UNKNOWN = "resp_" + "0" * 48


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    """Mangum runs on the loop of the thread, as Lambda's runtime leaves it."""
    own = asyncio.new_event_loop()
    asyncio.set_event_loop(own)
    yield
    asyncio.set_event_loop(None)
    own.close()


def event(method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
    """A REST API's event, from a caller who signed."""
    identity = {"sourceIp": "192.0.2.1", "accountId": "123456789012", "caller": "AIDA:me"}
    made = by_api(method, path, body, identity=identity)
    made["multiValueQueryStringParameters"] = {name: [value] for name, value in query.items()} or None
    return {**made, "queryStringParameters": query or None}


def answered(door: str, request: dict[str, Any], runtime: PlayedRuntime) -> tuple[int, dict[str, str], str]:
    handler = importlib.import_module(f"functions.{door}.handler").lambda_handler
    answer = handler(request, Context(), using=runtime)
    headers = {name: value for name, value in (answer.get("headers") or {}).items()}
    headers |= {name: values[0] for name, values in (answer.get("multiValueHeaders") or {}).items()}
    return answer["statusCode"], headers, answer["body"]


def test_a_response_goes_through_its_whole_life(play: Play) -> None:
    runtime = PlayedRuntime(play(Played([HELLO])), auth="iam")
    status, headers, body = answered(
        "create_response", event("POST", "/responses", {"model": "m", "input": "hi"}), runtime
    )
    created = json.loads(body)
    assert (status, created["output"][0]["content"][0]["text"]) == (200, "Hello")
    assert headers["x-request-id"].startswith("req_")
    assert headers["x-responses-target"] == "played/m"
    path = f"/responses/{created['id']}"
    assert json.loads(answered("get_response", event("GET", path), runtime)[2]) == created
    listed = json.loads(answered("list_input_items", event("GET", f"{path}/input_items"), runtime)[2])
    assert [item["content"][0]["text"] for item in listed["data"]] == ["hi"]
    status, _, body = answered("cancel_response", event("POST", f"{path}/cancel"), runtime)
    assert (status, "Cannot cancel a synchronous response." in body) == (400, True)
    status, _, body = answered("delete_response", event("DELETE", path), runtime)
    assert (status, json.loads(body)) == (200, {"id": created["id"], "object": "response", "deleted": True})
    assert answered("get_response", event("GET", path), runtime)[0] == 404


def test_a_stream_arrives_whole(play: Play) -> None:
    runtime = PlayedRuntime(play(Played([HELLO])), auth="iam")
    request = event("POST", "/responses", {"model": "m", "input": "hi", "stream": True})
    status, headers, body = answered("create_response", request, runtime)
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert body.startswith("event: response.created\n")
    assert "event: response.completed\n" in body


def test_a_stored_response_is_told_again(play: Play) -> None:
    runtime = PlayedRuntime(play(Played([HELLO])), auth="iam")
    body = {"model": "m", "input": "hi"}
    created = json.loads(answered("create_response", event("POST", "/responses", body), runtime)[2])
    again = event("GET", f"/responses/{created['id']}", stream="true", starting_after="1")
    status, _, told = answered("get_response", again, runtime)
    assert status == 200
    assert told.startswith("event: response.output_item.added\n")


@pytest.mark.parametrize(
    ("door", "method", "path", "status"),
    [
        ("get_response", "GET", f"/responses/{UNKNOWN}", 404),
        ("delete_response", "DELETE", f"/responses/{UNKNOWN}", 404),
        ("list_input_items", "GET", f"/responses/{UNKNOWN}/input_items", 404),
        ("cancel_response", "POST", f"/responses/{UNKNOWN}/cancel", 404),
        ("compact_response", "POST", "/responses/compact", 400),
        ("count_input_tokens", "POST", "/responses/input_tokens", 400),
        ("conversations", "POST", "/conversations", 200),
        ("conversations", "GET", "/conversations/conv_1/items", 404),
        ("webhook_endpoints", "POST", "/webhook_endpoints", 400),
        ("webhook_endpoints", "GET", "/webhook_endpoints", 200),
        ("webhook_endpoints", "GET", "/webhook_endpoints/whe_1", 404),
        ("webhook_endpoints", "GET", "/webhook_event_types", 200),
        ("webhook_endpoints", "PUT", "/webhook_endpoints", 405),
        ("list_models", "GET", "/models", 200),
        ("list_models", "GET", "/models/scripted/nothing", 404),
        ("create_response", "GET", "/responses", 405),
        ("create_response", "POST", "/elsewhere", 404),
    ],
)
def test_every_door_answers_in_the_apis_shape(
    play: Play, door: str, method: str, path: str, status: int
) -> None:
    runtime = PlayedRuntime(play(Played([])), auth="iam")
    told, headers, body = answered(door, event(method, path, {} if method == "POST" else None), runtime)
    assert told == status
    assert headers["x-request-id"]
    if status != 200:
        assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


def test_what_a_client_wrote_is_no_header(play: Play) -> None:
    services = play(Played([HELLO], name="p\r\nset-cookie: x=1\u65e5"))
    runtime = PlayedRuntime(services, auth="iam")
    request = event("POST", "/responses", {"model": "m", "input": "hi"})
    status, headers, _ = answered("create_response", request, runtime)
    assert status == 200
    assert headers["x-responses-target"] == "p%0D%0Aset-cookie: x=1%E6%97%A5/m"


def test_a_door_keeps_runtimes_apart(play: Play) -> None:
    request = event("POST", "/responses", {"model": "m", "input": "hi"})
    said = [
        json.loads(answered("create_response", request, PlayedRuntime(play(Played([step])), auth="iam"))[2])
        for step in ([Text(0, "One"), Stopped("end")], [Text(0, "Two"), Stopped("end")])
    ]
    assert [each["output"][0]["content"][0]["text"] for each in said] == ["One", "Two"]


def test_a_run_ends_before_its_invocation_does(play: Play) -> None:
    silence = asyncio.Event()
    runtime = PlayedRuntime(play(Played([[Text(0, "Hel"), silence]])), auth="iam")
    handler = importlib.import_module("functions.create_response.handler").lambda_handler
    context = Context(milliseconds=round(CLOSING_SECONDS * 1000) + 50)
    request = event("POST", "/responses", {"model": "m", "input": "hi", "stream": True})
    told = handler(request, context, using=runtime)["body"]
    assert told.rstrip().splitlines()[-2] == "event: response.failed"
    id = json.loads(told.rstrip().splitlines()[-1].removeprefix("data: "))["response"]["id"]
    stored = json.loads(answered("get_response", event("GET", f"/responses/{id}"), runtime)[2])
    assert (stored["status"], stored["output"][0]["content"][0]["text"]) == ("failed", "Hel")
