"""Programs that were written for LiteLLM, its proxy or its functions, have tools of servers called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

import lambda_responses
from lambda_responses import aresponses, aresponses_api_with_mcp, get_responses, responses
from tests.fakes.fixtures import reaching
from tests.fakes.formats.every import CHAT, FORMATS
from tests.fakes.plans import Plan
from tests.fakes.tooled import TOOLS, WIRES, client_of, made, of_type, tooled_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.server import Server
    from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

PROXYS: Json = {"type": "mcp", "server_url": "litellm_proxy", "require_approval": "never"}
"""As the programs have it: every server that there is for them, and no label."""
STEPS = ([("tools__add", {"a": 1, "b": 2})], [("tools__add", {"a": 3, "b": 4})], "It is 7.")


@pytest.fixture
def library(tmp_path: Path, upstream: Upstream, tools: ToolServer) -> Iterator[None]:
    """The functions in this process, for an operator who has named those tools."""
    registry = tmp_path / "mcp.json"
    registry.write_text(json.dumps({"mcpServers": {"tools": {"url": tools.url}}}))
    lambda_responses.configure(
        {
            **reaching(upstream),
            "RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db",
            "RESPONSES_MCP_SERVERS": str(registry),
        }
    )
    yield
    lambda_responses.configure()


def kinds(output: list[Any]) -> list[str]:
    return [item["type"] for item in output]


CALLED_TWICE = ["mcp_list_tools", "mcp_call", "mcp_call", "message"]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("name", WIRES)
async def test_the_functions_call_tools_in_process(upstream: Upstream, name: str):
    plan = Plan(name, FORMATS[name], STEPS)
    answer = await aresponses_api_with_mcp(input="Add", model=plan.served(upstream), tools=[PROXYS])
    assert kinds(answer.output) == CALLED_TWICE
    assert [call.output for call in answer.output[1:3]] == ["3", "7"]
    assert answer.output_text == "It is 7."
    assert answer.output[0].server_label == "tools"
    plan.check()


@pytest.mark.usefixtures("library")
async def test_the_functions_stream_what_becomes_of_calls(upstream: Upstream):
    plan = Plan("chat", CHAT, STEPS)
    told = [
        event.type
        async for event in await aresponses(
            input="Add", model=plan.served(upstream), tools=[PROXYS], stream=True
        )
    ]
    assert told.count("response.mcp_call.completed") == 2
    assert told[-1] == "response.completed"


@pytest.mark.usefixtures("library")
def test_a_blocking_program_chains_and_approves(upstream: Upstream, tools: ToolServer):
    plan = Plan("chat", CHAT, STEPS)
    asking = {**PROXYS, "require_approval": "always"}
    model = plan.served(upstream)
    answer = responses(input="Add", model=model, tools=[asking])
    for _ in range(2):
        request = answer.output[-1]
        assert request.type == "mcp_approval_request"
        approval = {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": True}
        answer = responses(input=[approval], model=model, tools=[asking], previous_response_id=answer.id)
    assert answer.output_text == "It is 7."
    assert get_responses(answer.id).output == answer.output
    plan.check()


@pytest.mark.usefixtures("library")
async def test_a_program_may_give_a_server_another_label(upstream: Upstream, tools: ToolServer):
    plan = Plan("chat", CHAT, ([("near__add", {"a": 1, "b": 2})], "So."))
    near = {"type": "mcp", "server_label": "near", "server_url": "mcp://tools", "require_approval": "never"}
    answer = await aresponses(input="Add", model=plan.served(upstream), tools=[near])
    assert (answer.output[1].server_label, answer.output[1].output) == ("near", "3")


@pytest.mark.parametrize("url", ["litellm_proxy", "litellm_proxy/mcp/tools"])
def test_a_program_for_the_proxy_has_only_its_base_url_changed(
    degrading: Server, upstream: Upstream, url: str
):
    plan = Plan("chat", CHAT, STEPS)
    with OpenAI(base_url=degrading.base_url, api_key="sk-1234") as client:
        answer = client.responses.create(
            model=plan.served(upstream),
            input=[{"role": "user", "content": "Add", "type": "message"}],
            tools=[{**PROXYS, "server_url": url, "headers": {"x-mcp-servers": "tools"}}],  # type: ignore[list-item]
            tool_choice="required",
        )
    assert answer.output_text == "It is 7."
    assert [item.type for item in answer.output] == CALLED_TWICE
    assert plan.asked[0].must
    assert not plan.asked[1].must
    plan.check()


@pytest.fixture(scope="module")
def degrading(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, tools: ToolServer
) -> Iterator[Server]:
    """A server behind which one of two servers of tools is not there."""
    named = {
        "tools": {"url": tools.url},
        "gone": {"url": "http://127.0.0.1:1/mcp", "on_list_failure": "degrade"},
    }
    with tooled_server(
        tmp_path_factory.mktemp("degrading"), upstream, named, RESPONSES_WORKERS="0"
    ) as server:
        yield server


async def test_what_an_operator_can_do_without_does_not_fail_a_response(
    degrading: Server, upstream: Upstream
):
    plan = Plan("chat", CHAT, STEPS)
    async with client_of(degrading) as http:
        response = await made(http, "streamed", model=plan.served(upstream), input="Add", tools=[PROXYS])
    listed = {item["server_label"]: item for item in of_type(response, "mcp_list_tools")}
    assert listed["gone"]["error"]
    assert listed["gone"]["tools"] == []
    assert response["output"][-1]["content"][0]["text"] == "It is 7."


async def test_a_stream_whose_server_is_not_there_is_refused(
    tooled_http: httpx.AsyncClient, upstream: Upstream
):
    plan = Plan("chat", CHAT, STEPS)
    await made(tooled_http, "plain", model=plan.served(upstream), input="Add", tools=[TOOLS])
    before = len(plan.exchanges)
    tool = {"type": "mcp", "server_url": "mcp://gone", "require_approval": "never"}
    body = {"model": plan.served(upstream), "input": "Add", "tools": [tool], "stream": True}
    refused = await tooled_http.post("/responses", json=body)
    assert refused.status_code == 424
    error = refused.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "external_connector_error",
        "http_error",
        "tools",
    )
    assert error["message"].startswith("Error retrieving tool list from MCP server: 'gone'.")
    assert len(plan.exchanges) == before
