"""Calls that somebody has to approve of: days later, once, and nobody else's."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import text_of
from tests.fakes.formats.every import FORMATS
from tests.fakes.official import judge_response
from tests.fakes.operator import Operator
from tests.fakes.plans import Plan
from tests.fakes.tooled import WAYS, WIRES, client_of, made, of_type, tooled_server

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

ASKING: Json = {"type": "mcp", "server_url": "mcp://tools", "require_approval": "always"}
FOR_COUNTS: Json = {
    **ASKING,
    "require_approval": {"always": {"tool_names": ["count"]}, "never": {"tool_names": ["add"]}},
}


def approval(request: Json, approve: bool = True, **more: Any) -> Json:
    return {"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": approve, **more}


def counting(name: str = "chat") -> tuple[Plan, str]:
    """A model that counts once, and by what its calls can be told from others'."""
    by = secrets.token_hex(4)
    return Plan(name, FORMATS[name], ([("tools__count", {"by": by})], "So.")), by


def runs(tools: ToolServer, by: str) -> int:
    return sum(note.get("by") == by for note in tools.notes)


def body_of(plan: Plan, upstream: Upstream, **more: Any) -> Json:
    return {"model": plan.served(upstream), "tools": [ASKING], "input": "Do it", **more}


async def asking(http: httpx.AsyncClient, body: Json, way: str = "plain") -> tuple[Json, Json]:
    """A response that waits for an approval, and the request for it."""
    first = await made(http, way, **body)
    assert first["status"] == "completed"
    judge_response(first)
    [request] = of_type(first, "mcp_approval_request")
    return first, request


async def refusal(http: httpx.AsyncClient, body: Json) -> Json:
    """Why that is refused."""
    refused = await http.post("/responses", json=body)
    assert refused.status_code == 400, refused.text
    return refused.json()["error"]


@pytest.mark.parametrize("name", WIRES)
async def test_of_two_calls_the_one_that_needs_an_approval_waits_for_it(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer, name: str
):
    by = secrets.token_hex(4)
    steps = ([("tools__count", {"by": by}), ("tools__add", {"a": 1, "b": 2})], "So.")
    plan = Plan(name, FORMATS[name], steps, thinks=True)
    body = body_of(plan, upstream, tools=[FOR_COUNTS], reasoning={"effort": "low"})
    first, request = await asking(tooled_http, body)
    assert (request["name"], request["server_label"]) == ("count", "tools")
    assert json.loads(request["arguments"]) == {"by": by}
    assert [call["output"] for call in of_type(first, "mcp_call")] == ["3"]
    assert runs(tools, by) == 0
    assert len(plan.exchanges) == 1

    onwards = {**body, "input": [approval(request)], "previous_response_id": first["id"]}
    second = await made(tooled_http, "streamed", **onwards)
    [call] = of_type(second, "mcp_call")
    assert (call["name"], call["status"], call["approval_request_id"]) == (
        "count",
        "completed",
        request["id"],
    )
    assert call["arguments"] == request["arguments"]
    assert runs(tools, by) == 1
    assert text_of(second) == "So."
    assert sorted(plan.results) == sorted(["3", call["output"]])
    plan.check()


@pytest.mark.parametrize("way", WAYS)
async def test_an_approval_is_answered_in_every_way(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer, way: str
):
    plan, by = counting()
    body = body_of(plan, upstream)
    first, request = await asking(tooled_http, body, way)
    assert runs(tools, by) == 0
    onwards = {**body, "input": [approval(request)], "previous_response_id": first["id"]}
    second = await made(tooled_http, way, **onwards)
    [call] = of_type(second, "mcp_call")
    assert (call["status"], call["approval_request_id"]) == ("completed", request["id"]), call
    assert text_of(second) == "So."
    assert runs(tools, by) == 1


@pytest.mark.parametrize("name", WIRES)
async def test_a_denied_call_is_not_made_and_the_model_is_told_why(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer, name: str
):
    plan, by = counting(name)
    body = body_of(plan, upstream)
    first, request = await asking(tooled_http, body)
    answer = approval(request, approve=False, reason="Too dear.")
    second = await made(
        tooled_http, "plain", **{**body, "input": [answer], "previous_response_id": first["id"]}
    )
    assert of_type(second, "mcp_call") == []
    assert text_of(second) == "So."
    [told] = plan.results
    assert "declined" in told
    assert "Too dear." in told
    assert runs(tools, by) == 0
    plan.check()


@pytest.mark.parametrize("name", WIRES)
async def test_a_client_that_keeps_the_conversation_itself_can_approve(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer, name: str
):
    plan, by = counting(name)
    body = body_of(plan, upstream, store=False)
    first, request = await asking(tooled_http, body)
    question = {"role": "user", "content": "Do it"}
    replayed = {**body, "input": [question, *first["output"], approval(request)]}
    second = await made(tooled_http, "plain", **replayed)
    [call] = of_type(second, "mcp_call")
    assert (call["status"], call["approval_request_id"]) == ("completed", request["id"])
    assert text_of(second) == "So."
    plan.check()
    third = await made(tooled_http, "plain", **replayed)
    assert runs(tools, by) == 1
    assert text_of(third) == "So."


async def test_one_approval_is_good_for_one_call_however_often_it_is_sent(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer
):
    plan, by = counting()
    body = body_of(plan, upstream)
    first, request = await asking(tooled_http, body)
    onwards = {**body, "input": [approval(request)], "previous_response_id": first["id"]}
    second = await made(tooled_http, "plain", **onwards)
    fork = await made(tooled_http, "plain", **onwards)
    assert of_type(fork, "mcp_call")[0]["output"] == of_type(second, "mcp_call")[0]["output"]
    assert runs(tools, by) == 1
    error = await refusal(tooled_http, {**onwards, "previous_response_id": second["id"]})
    assert error["param"].startswith("input")
    assert runs(tools, by) == 1


FORGERIES: dict[str, Json] = {
    "other arguments": {"arguments": '{"by": "forged"}'},
    "another tool": {"name": "lie"},
    "another server": {"server_label": "others"},
    "another id": {"id": f"mcpr_{'0' * 56}"},
    "an id of no form": {"id": "mcpr_1"},
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_request_that_was_not_made_here_cannot_be_approved(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer, forgery: str
):
    plan, by = counting()
    body = body_of(plan, upstream, store=False)
    _, request = await asking(tooled_http, body)
    forged = {**request, **FORGERIES[forgery]}
    before, answered = tools.counts.total(), len(plan.exchanges)
    error = await refusal(tooled_http, {**body, "input": [forged, approval(forged)]})
    assert error["type"] == "invalid_request_error"
    assert error["param"].startswith(("input", "tools"))
    assert tools.counts.total() == before
    assert len(plan.exchanges) == answered
    assert runs(tools, by) == 0


async def test_an_approval_of_what_nobody_asked_for_is_refused(
    tooled_http: httpx.AsyncClient, upstream: Upstream
):
    plan, _ = counting()
    body = body_of(plan, upstream)
    first, request = await asking(tooled_http, body)
    unknown = approval({"id": f"mcpr_{secrets.token_hex(28)}"})
    for more in ({}, {"previous_response_id": first["id"]}):
        error = await refusal(tooled_http, {**body, "input": [unknown], **more})
        assert error["param"].startswith("input")
    toolless = {**body, "tools": [], "input": [approval(request)], "previous_response_id": first["id"]}
    assert await refusal(tooled_http, toolless)


async def test_an_approval_survives_a_restart_and_is_good_for_its_own_tenant_alone(
    tmp_path: Path, upstream: Upstream, tools: ToolServer
):
    plan, by = counting()
    named = {"tools": {"url": tools.url}}
    stored, kept = body_of(plan, upstream), body_of(plan, upstream, store=False)
    with closing(Operator(tmp_path / "responses.db")) as operator:
        mine, theirs = await asyncio.to_thread(lambda: [operator.key(name) for name in ("mine", "theirs")])
    with tooled_server(tmp_path, upstream, named, RESPONSES_AUTH="keys", RESPONSES_WORKERS="0") as server:
        async with client_of(server, mine) as http:
            first, request = await asking(http, stored)
            carried, carried_request = await asking(http, kept)
    with tooled_server(tmp_path, upstream, named, RESPONSES_AUTH="keys", RESPONSES_WORKERS="0") as server:
        async with client_of(server, theirs) as http:
            stolen = {**kept, "input": [*carried["output"], approval(carried_request)]}
            foreign = await refusal(http, stolen)
            assert foreign["param"].startswith("input")
            onwards = {**stored, "input": [approval(request)], "previous_response_id": first["id"]}
            assert (await http.post("/responses", json=onwards)).status_code in (400, 404)
            assert runs(tools, by) == 0
        async with client_of(server, mine) as http:
            assert text_of(await made(http, "plain", **onwards)) == "So."
            assert runs(tools, by) == 1
            assert text_of(await made(http, "plain", **stolen)) == "So."
            assert runs(tools, by) == 2
    assert server.complaints == []


@pytest.mark.slow
async def test_a_tool_that_is_another_by_now_is_not_called_for_an_old_approval(
    tmp_path: Path, upstream: Upstream, tools: ToolServer
):
    plan, by = counting()
    body = body_of(plan, upstream)
    with tooled_server(tmp_path, upstream, {"tools": {"url": tools.url}}, RESPONSES_WORKERS="0") as server:
        async with client_of(server) as http:
            first, request = await asking(http, body)
    fewer = {"tools": {"url": tools.url, "allowed_tools": ["add"]}}
    with tooled_server(tmp_path, upstream, fewer, RESPONSES_WORKERS="0") as server:
        async with client_of(server) as http:
            onwards = {**body, "input": [approval(request)], "previous_response_id": first["id"]}
            second = await made(http, "plain", **onwards)
    [call] = of_type(second, "mcp_call")
    assert call["status"] == "failed"
    assert runs(tools, by) == 0
    assert text_of(second) == "So."
