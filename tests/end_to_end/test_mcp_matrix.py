"""Tools of MCP servers on every format, asked for in every way: the same items, whatever the vendor says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import stream, text_of
from tests.fakes.formats.base import READ, WRITTEN
from tests.fakes.formats.every import FORMATS
from tests.fakes.official import judge_event, judge_response
from tests.fakes.plans import Plan
from tests.fakes.tooled import EVERY, TOOLS, WIRES, made, of_type, without_ids

if TYPE_CHECKING:
    import httpx

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

ROUNDS = (
    [
        ("tools__add", {"a": 1, "b": 2}),
        ("tools__structured", {"city": "Bern é"}),
        ("tools__fail", {"reason": "no such city"}),
        ("tools__image", {}),
    ],
    [("tools__lie", {})],
    [("tools__add", {"a": 3, "b": 4}), ("tools__add", {"a": 5, "b": 6})],
    "It is done.",
)
CALLS = [call for step in ROUNDS if not isinstance(step, str) for call in step]


def plan_for(name: str, *, thinks: bool = False) -> Plan:
    return Plan(name, FORMATS[name], ROUNDS, thinks=thinks, ids_restart=name == "chat")


def check_items(response: Json) -> None:
    """All that has to be the same whoever made them, and however."""
    listed, *calls, message = [item for item in response["output"] if item["type"] != "reasoning"]
    assert listed.keys() == {"type", "id", "server_label", "tools", "error"} - (
        set() if "error" in listed else {"error"}
    )
    assert (listed["type"], listed["server_label"], listed.get("error")) == ("mcp_list_tools", "tools", None)
    assert {"add", "structured", "fail", "image", "lie"} <= {tool["name"] for tool in listed["tools"]}
    [add] = [tool for tool in listed["tools"] if tool["name"] == "add"]
    assert add["input_schema"]["required"] == ["a", "b"]
    assert add["annotations"]["readOnlyHint"] is True
    told = [("tools__" + call["name"], call["arguments"]) for call in without_ids(calls)]
    assert told == CALLS
    for call in calls:
        assert (call["type"], call["server_label"]) == ("mcp_call", "tools")
        assert call["approval_request_id"] is None
        assert call["status"] == ("failed" if call["name"] == "fail" else "completed")
        assert (call["output"] is None) is (call["error"] is not None) is (call["status"] == "failed")
    first, weather, failed, image, lie, second, third = calls
    assert [each["output"] for each in (first, lie, second, third)] == ["3", "written", "7", "11"]
    assert json.loads(weather["output"]) == {"city": "Bern é", "degrees": 21.5}
    assert "image/png" in image["output"]
    assert failed["error"]["type"] == "mcp_tool_execution_error"
    assert "no such city" in failed["error"]["content"][0]["text"]
    assert message["content"][0]["text"] == "It is done."
    assert len({item["id"] for item in response["output"]}) == len(response["output"])


def check_told(plan: Plan) -> None:
    """What the model was shown of it."""
    plan.check()
    assert len(plan.exchanges) == 4
    first, weather, failed, image, lie, second, third = plan.results
    assert [first, lie, second, third] == ["3", "written", "7", "11"]
    assert "21.5" in weather
    assert "no such city" in failed
    assert "image/png" in image
    for asked in plan.asked:
        assert {"tools__add", "tools__lie"} <= asked.tools.keys()
        assert asked.tools["tools__add"]["required"] == ["a", "b"]


@pytest.mark.parametrize(("name", "way"), EVERY)
async def test_a_response_over_three_rounds_of_tools_has_the_same_items(
    tooled_http: httpx.AsyncClient, upstream: Upstream, name: str, way: str
):
    plan = plan_for(name)
    response = await made(tooled_http, way, model=plan.served(upstream), input="Do it", tools=[TOOLS])
    assert response["status"] == "completed", response["error"]
    check_items(response)
    check_told(plan)
    judge_response(response)
    assert response["usage"]["input_tokens"] == 4 * READ
    assert response["usage"]["output_tokens"] == 4 * WRITTEN
    assert text_of(response) == "It is done."
    assert (await tooled_http.get(f"/responses/{response['id']}")).json() == response


CALLED = [
    "response.output_item.added",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
]
DONE = ["response.mcp_call.completed", "response.output_item.done"]


@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
@pytest.mark.parametrize("name", ["chat", "native"])
async def test_every_call_is_told_in_the_events_of_the_api_and_in_no_others(
    tooled_http: httpx.AsyncClient, upstream: Upstream, name: str, background: bool
):
    plan = Plan(name, FORMATS[name], ([("tools__add", {"a": 1, "b": 2}), ("tools__fail", {})], "So."))
    body: Json = {"model": plan.served(upstream), "input": "Do it", "tools": [TOOLS]}
    events = await stream(tooled_http, **body, background=background)
    for event in events:
        judge_event(event)
    kinds = [event["type"] for event in events if event["type"] != "response.queued"]
    assert kinds[:19] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.mcp_list_tools.in_progress",
        "response.mcp_list_tools.completed",
        "response.output_item.done",
        *CALLED,
        *DONE,
        *CALLED,
        "response.mcp_call.failed",
        "response.output_item.done",
        "response.output_item.added",
    ]
    by_item = {event["item"]["id"]: event["item"] for event in events if "item" in event}
    arguments = [event for event in events if event["type"].startswith("response.mcp_call_arguments")]
    for delta, done in zip(arguments[::2], arguments[1::2], strict=True):
        assert delta["item_id"] == done["item_id"] in by_item
        assert delta["delta"] == done["arguments"] == by_item[done["item_id"]]["arguments"]
    assert not [kind for kind in kinds if "function_call" in kind]


@pytest.mark.parametrize("name", WIRES)
async def test_the_next_turn_lists_nothing_again_and_its_maker_gets_back_what_it_signed(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer, name: str
):
    plan = Plan(name, FORMATS[name], (*ROUNDS, [("tools__add", {"a": 8, "b": 9})], "Again."), thinks=True)
    body: Json = {"model": plan.served(upstream), "tools": [TOOLS], "reasoning": {"effort": "low"}}
    first = await made(tooled_http, "plain", **body, input="Do it")
    check_items(first)
    before = tools.asked.count("tools/list")
    second = await made(tooled_http, "streamed", **body, input="And again", previous_response_id=first["id"])
    assert tools.asked.count("tools/list") == before
    assert of_type(second, "mcp_list_tools") == []
    assert [call["output"] for call in of_type(second, "mcp_call")] == ["17"]
    assert text_of(second) == "Again."
    plan.check()


@pytest.mark.parametrize("name", WIRES)
async def test_a_client_that_keeps_the_conversation_itself_sends_back_what_it_got(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer, name: str
):
    plan = Plan(name, FORMATS[name], (*ROUNDS, [("tools__add", {"a": 8, "b": 9})], "Again."))
    body: Json = {"model": plan.served(upstream), "tools": [TOOLS], "store": False}
    question = {"role": "user", "content": "Do it"}
    first = await made(tooled_http, "plain", **body, input=[question])
    replayed = [question, *first["output"], {"role": "user", "content": "And again"}]
    second = await made(tooled_http, "plain", **body, input=replayed)
    assert of_type(second, "mcp_list_tools") == []
    assert [call["output"] for call in of_type(second, "mcp_call")] == ["17"]
    assert text_of(second) == "Again."
    plan.check()


@pytest.mark.parametrize("name", WIRES)
async def test_calls_of_a_client_are_returned_to_it_and_those_of_servers_in_the_same_turn_are_made(
    tooled_http: httpx.AsyncClient, upstream: Upstream, name: str
):
    steps = (
        [("tools__add", {"a": 1, "b": 2}), ("look", {"at": "it"}), ("tools__add", {"a": 3, "b": 4})],
        "So.",
    )
    plan = Plan(name, FORMATS[name], steps)
    look = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    body: Json = {"model": plan.served(upstream), "tools": [look, TOOLS], "reasoning": {"effort": "low"}}
    first = await made(tooled_http, "streamed", **body, input="Do it")
    assert first["status"] == "completed"
    assert [call["output"] for call in of_type(first, "mcp_call")] == ["3", "7"]
    [call] = of_type(first, "function_call")
    assert (call["name"], json.loads(call["arguments"])) == ("look", {"at": "it"})
    assert len(plan.exchanges) == 1
    seen = {"type": "function_call_output", "call_id": call["call_id"], "output": "seen"}
    second = await made(tooled_http, "plain", **body, input=[seen], previous_response_id=first["id"])
    assert text_of(second) == "So."
    assert sorted(plan.results) == ["3", "7", "seen"]
    plan.check()


@pytest.mark.parametrize("name", WIRES)
async def test_a_forced_choice_is_for_the_first_step_alone(
    tooled_http: httpx.AsyncClient, upstream: Upstream, name: str
):
    plan = Plan(name, FORMATS[name], ([("tools__add", {"a": 1, "b": 2})], "So."))
    choice = {"type": "mcp", "server_label": "tools", "name": "add"}
    body: Json = {"model": plan.served(upstream), "tools": [TOOLS], "tool_choice": choice}
    response = await made(tooled_http, "plain", **body, input="Do it")
    assert text_of(response) == "So."
    assert response["tool_choice"] == choice
    first, second = plan.asked
    assert first.must
    assert first.tools.keys() == {"tools__add"}
    assert not second.must
    assert len(second.tools) > 1
