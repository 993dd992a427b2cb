"""The rules of the Open Responses specification, on every kind of provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fakes.events import stream
from tests.fakes.fixtures import BLIND
from tests.fakes.server import Server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

NUMBER = (int, float)
REQUIRED: dict[str, Any] = {
    "id": str,
    "object": str,
    "created_at": int,
    "completed_at": (int, type(None)),
    "status": str,
    "incomplete_details": (dict, type(None)),
    "model": str,
    "previous_response_id": (str, type(None)),
    "instructions": (str, type(None)),
    "output": list,
    "error": (dict, type(None)),
    "tools": list,
    "tool_choice": (str, dict),
    "truncation": str,
    "parallel_tool_calls": bool,
    "text": dict,
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "top_logprobs": int,
    "temperature": NUMBER,
    "reasoning": (dict, type(None)),
    "usage": (dict, type(None)),
    "max_output_tokens": (int, type(None)),
    "max_tool_calls": (int, type(None)),
    "store": bool,
    "background": bool,
    "service_tier": str,
    "metadata": dict,
    "safety_identifier": (str, type(None)),
    "prompt_cache_key": (str, type(None)),
}
"""The 31 fields that every response has, and what may stand in them."""

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
WEATHER: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
CLOCK: Json = {"type": "function", "name": "tell_clock", "parameters": {"type": "object", "properties": {}}}

TURNS: dict[str, Json] = {
    "a message": {"input": [{"type": "message", "role": "user", "content": "Say hello"}]},
    "a system prompt": {
        "input": [
            {"type": "message", "role": "system", "content": "You are a pirate"},
            {"type": "message", "role": "user", "content": "Say hello"},
        ]
    },
    "a phase": {
        "input": [
            {"type": "message", "role": "user", "content": "Say hello"},
            {"type": "message", "role": "assistant", "phase": "commentary", "content": "I shall"},
            {"type": "message", "role": "user", "content": "Go on"},
        ]
    },
    "many turns": {
        "input": [
            {"type": "message", "role": "user", "content": "My name is Alice"},
            {"type": "message", "role": "assistant", "content": "Hello Alice"},
            {"type": "message", "role": "user", "content": "Who am I?"},
        ]
    },
    "a tool": {
        "input": [{"type": "message", "role": "user", "content": "What is the weather?"}],
        "tools": [WEATHER],
    },
}
IMAGE: Json = {
    "input": [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is in the image?"},
                {"type": "input_image", "image_url": PIXEL},
            ],
        }
    ]
}


def check_fields(response: Json) -> None:
    for name, kinds in REQUIRED.items():
        assert isinstance(response[name], kinds), (name, response[name])
        assert kinds in (bool, (str, dict)) or not isinstance(response[name], bool), name
    assert response["object"] == "response"
    assert isinstance(response["text"]["format"], dict)
    assert len(response["id"]) <= 64


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
async def test_every_field_is_there_plainly_and_in_every_event(
    http: httpx.AsyncClient, model: str, turn: Json
):
    answer = await http.post("/responses", json={"model": model, **turn})
    assert answer.status_code == 200
    check_fields(answer.json())
    assert answer.json()["status"] == "completed"
    assert answer.json()["output"]
    events = await stream(http, model=model, **turn)
    for event in events:
        if "response" in event:
            check_fields(event["response"])
    assert events[-1]["response"]["usage"]


async def test_an_image_is_taken_or_refused_by_name(http: httpx.AsyncClient, model: str):
    answer = await http.post("/responses", json={"model": model, **IMAGE})
    if model in BLIND:
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input[0].content[1]")
    else:
        assert answer.json()["status"] == "completed"


async def test_what_was_set_is_echoed(http: httpx.AsyncClient, model: str):
    settings: Json = {
        "temperature": 0.5,
        "top_p": 0.25,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "max_output_tokens": 64,
        "max_tool_calls": 3,
        "parallel_tool_calls": False,
        "truncation": "auto",
        "metadata": {"key": "value"},
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "instructions": "Be brief",
        "tools": [CLOCK],
        "tool_choice": "none",
    }
    response = (await http.post("/responses", json={"model": model, "input": "Hi", **settings})).json()
    echoed = {name: response[name] for name in settings if name != "tools"}
    assert echoed == {name: value for name, value in settings.items() if name != "tools"}
    assert response["tools"][0]["name"] == "tell_clock"
    assert response["model"]


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
async def test_items_go_from_in_progress_to_an_end_under_one_id(
    http: httpx.AsyncClient, model: str, turn: Json
):
    events = await stream(http, model=model, **turn)
    added = {e["output_index"]: e["item"] for e in events if e["type"] == "response.output_item.added"}
    done = {e["output_index"]: e["item"] for e in events if e["type"] == "response.output_item.done"}
    assert added.keys() == done.keys()
    assert [done[index] for index in sorted(done)] == events[-1]["response"]["output"]
    for index, item in added.items():
        assert item["id"] == done[index]["id"]
        assert len(item["id"]) <= 64
        if item["type"] != "reasoning":
            assert (item["status"], done[index]["status"]) == ("in_progress", "completed")


async def test_an_item_that_is_cut_is_the_last_and_cuts_the_response(http: httpx.AsyncClient):
    body: Json = {"input": "[[words:40]] [[reason]]", "max_output_tokens": 16}
    events = await stream(http, model="scripted/echo", **body)
    response = events[-1]["response"]
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][-1]["status"] == "incomplete"
    assert response["completed_at"] is None
    assert all(item.get("status") != "incomplete" for item in response["output"][:-1])


@pytest.mark.parametrize("mode", ["auto", "required"])
async def test_allowed_tools_are_a_rule_and_no_hint(http: httpx.AsyncClient, model: str, mode: str):
    choice: Json = {
        "type": "allowed_tools",
        "mode": mode,
        "tools": [{"type": "function", "name": "tell_clock"}],
    }
    body = {"model": model, "input": "What weather, by the clock?", "tools": [WEATHER, CLOCK]}
    response = (await http.post("/responses", json={**body, "tool_choice": choice})).json()
    called = [item["name"] for item in response["output"] if item["type"] == "function_call"]
    assert called == ["tell_clock"]


async def test_no_tool_is_called_where_none_may_be(http: httpx.AsyncClient, model: str):
    body = {"model": model, "input": "What weather?", "tools": [WEATHER], "tool_choice": "none"}
    response = (await http.post("/responses", json=body)).json()
    assert [item["type"] for item in response["output"] if item["type"] != "reasoning"] == ["message"]


async def test_every_event_leaves_in_one_piece_and_without_an_id_line(http: httpx.AsyncClient, model: str):
    body = {"model": model, "input": "one two three four", "stream": True}
    async with http.stream("POST", "/responses", json=body) as answer:
        pieces = [piece async for piece in answer.aiter_raw()]
    assert all(piece.endswith(b"\n\n") for piece in pieces)
    lines = b"".join(pieces).decode().split("\n")
    assert {line.partition(":")[0] for line in lines if line} == {"event", "data"}


async def test_the_end_marker_is_sent_where_the_operator_wants_it(tmp_path: Path):
    server = Server(tmp_path, RESPONSES_DONE_MARKER="true").started()
    try:
        body = {"model": "scripted/echo", "input": "x", "stream": True}
        async with httpx.AsyncClient(base_url=server.base_url, trust_env=False, verify=False) as http:
            answer = await http.post("/responses", json=body)
            assert answer.text.endswith("\n\ndata: [DONE]\n\n")
    finally:
        server.stop()
