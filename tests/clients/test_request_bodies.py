"""Requests as the clients that people use write them: answered, not refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import stream, text_of
from tests.fakes.fixtures import BLIND
from tests.unit.wire.test_client_bodies import BODIES

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_what_real_clients_send_is_answered(http: httpx.AsyncClient, model: str, body: Json):
    body = {**body, "model": model, "stream": False}
    if not body.get("tools"):
        body.pop("tool_choice", None)
    body["input"] = _acceptable(body["input"], blind=model in BLIND)
    answer = await http.post("/responses", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "completed"


def _acceptable(items: Any, *, blind: bool) -> Any:
    """Without what nobody takes: pictures where a model sees none, and a compaction that was not sealed here.

    Both are refused by name, and neither lost nor guessed at.
    """
    if isinstance(items, str):
        return items
    text = json.dumps([item for item in items if item.get("type") != "compaction"])
    return json.loads(text, object_hook=_without_image if blind else None)


def _without_image(part: Json) -> Json:
    return {"type": "input_text", "text": "[image]"} if part.get("type") == "input_image" else part


# Codex: three acts, in the three shapes in which it offers its tools.

EXEC: Json = {
    "type": "function",
    "name": "exec_command",
    "strict": False,
    "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]},
}
PATCH: Json = {
    "type": "custom",
    "name": "apply_patch",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}
SEARCH: Json = {"type": "web_search", "external_web_access": True}
CODE: Json = {
    "type": "additional_tools",
    "id": "at_1",
    "role": "developer",
    "tools": [{"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}],
}
SHAPES: dict[str, tuple[list[Json], list[Json] | None]] = {
    "a shell": ([], [EXEC, SEARCH]),
    "a shell and a patch tool": ([], [EXEC, PATCH, SEARCH]),
    "code mode": ([CODE], None),
}
OUTPUTS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}


@pytest.mark.parametrize(("first", "tools"), SHAPES.values(), ids=SHAPES)
async def test_a_coding_agent_looks_patches_and_reports(
    http: httpx.AsyncClient, first: list[Json], tools: list[Json] | None
):
    items: list[Json] = [
        *first,
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Rules"}]},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Create a file notes.txt containing hello"}],
        },
    ]
    calls: list[Json] = []
    for _ in range(3):
        body: Json = {
            "tool_choice": "auto",
            "parallel_tool_calls": False,
            "reasoning": {"effort": "medium", "summary": "auto"},
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "thread",
            "client_metadata": {"session_id": "s", "thread_id": "t"},
            "input": items,
        }
        if tools is not None:
            body["tools"] = tools
        events = await stream(http, model="scripted/echo", **body)
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        assert events[-1]["type"] == "response.completed"
        items += done
        called = [item for item in done if item["type"] in OUTPUTS]
        calls += called
        items += [{"type": OUTPUTS[c["type"]], "call_id": c["call_id"], "output": "ok"} for c in called]
    assert len(calls) == 2
    assert "notes.txt" in (calls[1].get("arguments") or calls[1].get("input"))
    assert text_of(events[-1]["response"])


async def test_tools_that_nobody_here_can_run_are_left_out_and_named(http: httpx.AsyncClient):
    body = {"model": "scripted/echo", "input": "x", "tools": [EXEC, SEARCH]}
    answer = await http.post("/responses", json=body)
    assert answer.status_code == 200
    assert "tools[1]" in answer.headers["x-responses-dropped"]
    refused = await http.post("/responses", json={**body, "tool_choice": {"type": "web_search"}})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tool_choice")


async def test_a_namespace_comes_back_as_it_was_offered(http: httpx.AsyncClient, model: str):
    roll = {"type": "function", "name": "roll_dice", "parameters": {"type": "object", "properties": {}}}
    tools = [{"type": "namespace", "name": "mcp__dice", "description": "Dice", "tools": [roll]}]
    body: Json = {"model": model, "input": "Roll the dice", "tools": tools}
    asked = (await http.post("/responses", json=body)).json()
    [call] = [item for item in asked["output"] if item["type"] == "function_call"]
    assert (call["name"], call["namespace"]) == ("roll_dice", "mcp__dice")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "4"}
    body |= {"previous_response_id": asked["id"], "input": [output]}
    assert text_of((await http.post("/responses", json=body)).json()) == "The tool says: 4"


async def test_a_custom_tool_is_called_with_text_whatever_the_upstream_has(
    http: httpx.AsyncClient, model: str
):
    body: Json = {"model": model, "input": "Please patch it", "tools": [PATCH]}
    events = await stream(http, **body)
    asked = events[-1]["response"]
    [call] = [item for item in asked["output"] if item["type"] == "custom_tool_call"]
    assert (call["name"], isinstance(call["input"], str)) == ("apply_patch", True)
    pieces = [e["delta"] for e in events if e["type"] == "response.custom_tool_call_input.delta"]
    assert "".join(pieces) == call["input"]
    output = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "patched"}
    body |= {"previous_response_id": asked["id"], "input": [output]}
    assert text_of((await http.post("/responses", json=body)).json()) == "The tool says: patched"
