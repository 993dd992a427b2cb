"""Tools that are deferred: a model looks for them, is offered what it has found, and calls that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import text_of
from tests.fakes.formats.every import FORMATS
from tests.fakes.official import judge_response
from tests.fakes.plans import Plan
from tests.fakes.tooled import TOOLS, WAYS, WIRES, made, of_type

if TYPE_CHECKING:
    import httpx

    from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

DEFERRED: Json = {**TOOLS, "defer_loading": True, "server_description": "Sums and pictures"}
SEARCH: Json = {"type": "tool_search"}
QUERY = {"query": "add two numbers"}
ROUNDS = ([("tool_search", QUERY)], [("tools__add", {"a": 1, "b": 2})], "It is 3.")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", WIRES)
async def test_a_model_calls_what_it_has_found(
    tooled_http: httpx.AsyncClient, upstream: Upstream, name: str, way: str
):
    plan = Plan(name, FORMATS[name], ROUNDS, thinks=True)
    body: Json = {"model": plan.served(upstream), "tools": [SEARCH, DEFERRED], "input": "Add"}
    response = await made(tooled_http, way, **body)
    assert response["status"] == "completed", response["error"]
    plan.check()
    judge_response(response)
    kinds = [item["type"] for item in response["output"] if item["type"] != "reasoning"]
    assert kinds == ["mcp_list_tools", "tool_search_call", "tool_search_output", "mcp_call", "message"]
    [call], [found] = of_type(response, "tool_search_call"), of_type(response, "tool_search_output")
    assert (call["arguments"], call["execution"], call["status"]) == (QUERY, "server", "completed")
    assert (found["call_id"], found["execution"], found["status"]) == (call["call_id"], "server", "completed")
    first = found["tools"][0]
    assert (first["type"], first["name"], first["defer_loading"]) == ("function", "tools__add", True)
    assert text_of(response) == "It is 3."
    offered = [set(asked.tools) for asked in plan.asked]
    assert offered[0] == {"tool_search"}
    assert offered[1] == offered[2] == {"tool_search", *(tool["name"] for tool in found["tools"])}


@pytest.mark.parametrize("name", WIRES)
async def test_what_was_found_is_on_offer_in_the_next_turn(
    tooled_http: httpx.AsyncClient, upstream: Upstream, name: str
):
    plan = Plan(name, FORMATS[name], (*ROUNDS, [("tools__add", {"a": 3, "b": 4})], "It is 7."))
    body: Json = {"model": plan.served(upstream), "tools": [SEARCH, DEFERRED]}
    first = await made(tooled_http, "plain", **body, input="Add")
    second = await made(tooled_http, "plain", **body, input="More", previous_response_id=first["id"])
    assert [item["type"] for item in second["output"]] == ["mcp_call", "message"]
    stateless = await made(
        tooled_http,
        "plain",
        **body,
        input=[{"role": "user", "content": "Add"}, *first["output"], {"role": "user", "content": "More"}],
        store=False,
    )
    assert [item["type"] for item in stateless["output"]] == ["mcp_call", "message"]
    plan.check()
    without = await made(
        tooled_http, "plain", model=body["model"], input="So?", previous_response_id=second["id"]
    )
    assert without["status"] == "completed"
    called = {"tool_search", "tools__add"}
    assert plan.asked[-1].tools.keys() == (
        called if name == "converse" else set()
    )  # which has to declare them


@pytest.mark.parametrize("name", [name for name in WIRES if name != "native"])
async def test_a_clients_deferred_functions_are_found_where_the_model_has_no_search_of_its_own(
    tooled_http: httpx.AsyncClient, upstream: Upstream, name: str
):
    rain = {"type": "function", "name": "rain", "description": "Tells how much rain falls.", "parameters": {}}
    snow = {"type": "function", "name": "snow", "description": "Tells how much snow falls.", "parameters": {}}
    tools = [SEARCH, *({**tool, "defer_loading": True} for tool in (rain, snow))]
    plan = Plan(name, FORMATS[name], ([("tool_search", {"query": "rain"})], [("rain", {})], "It pours."))
    body: Json = {"model": plan.served(upstream), "tools": tools}
    first = await made(tooled_http, "plain", **body, input="Wet?")
    assert [item["type"] for item in first["output"]] == [
        "tool_search_call",
        "tool_search_output",
        "function_call",
    ]
    judge_response(first)
    assert [set(asked.tools) for asked in plan.asked] == [{"tool_search"}, {"tool_search", "rain"}]
    answer = {
        "type": "function_call_output",
        "call_id": first["output"][-1]["call_id"],
        "output": json.dumps({"mm": 9}),
    }
    second = await made(tooled_http, "plain", **body, input=[answer], previous_response_id=first["id"])
    assert text_of(second) == "It pours."
    plan.check()
