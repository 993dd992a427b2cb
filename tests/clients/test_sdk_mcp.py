"""MCP tools through the official SDK for Python and its relatives, none of them changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai import APIStatusError, AsyncOpenAI, BadRequestError, OpenAI

from tests.fakes.events import obey
from tests.fakes.formats.every import ANTHROPIC, CHAT
from tests.fakes.official import judge, judge_event
from tests.fakes.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai.types.responses import Response

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.server import Server
    from tests.fakes.upstream import Upstream

NODE = Path(__file__).parent / "node"
STEPS = ([("tools__add", {"a": 1, "b": 2})], [("tools__add", {"a": 3, "b": 4})], "It is 7.")
WITHIN = 20.0


def tool(approval: Any = "never", **more: Any) -> Any:
    """As the API's reference has it, with a label."""
    named = {"type": "mcp", "server_label": "tools", "server_url": "mcp://tools"}
    return {**named, "require_approval": approval, **more}


@pytest.fixture(scope="module")
def client(tooled: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=tooled.base_url, api_key="anything", max_retries=0) as made:
        yield made


def planned(upstream: Upstream, *steps: Any) -> str:
    return Plan("chat", CHAT, steps or STEPS).served(upstream)


def kinds(response: Response) -> list[str]:
    return [item.type for item in response.output]


CALLED_TWICE = ["mcp_list_tools", "mcp_call", "mcp_call", "message"]


def test_create(client: OpenAI, upstream: Upstream):
    response = client.responses.create(model=planned(upstream), input="Add", tools=[tool()])
    judge(response)
    assert kinds(response) == CALLED_TWICE
    assert response.output_text == "It is 7."
    [_, first, second, _] = response.output
    assert first.type == second.type == "mcp_call"
    assert (first.output, second.output, second.status) == ("3", "7", "completed")


def test_create_as_a_stream(client: OpenAI, upstream: Upstream):
    events = list(client.responses.create(model=planned(upstream), input="Add", tools=[tool()], stream=True))
    raw = [event.to_dict(mode="json", warnings=False) for event in events]
    obey(raw)
    for event in raw:
        judge_event(event)
    kept = client.responses.retrieve(raw[-1]["response"]["id"])
    assert kept.to_dict() == raw[-1]["response"]


def test_the_stream_helper(client: OpenAI, upstream: Upstream):
    with client.responses.stream(model=planned(upstream), input="Add", tools=[tool()]) as stream:
        told = [event.type for event in stream]
        response = stream.get_final_response()
    assert told.count("response.mcp_call.completed") == 2
    assert "response.mcp_list_tools.completed" in told
    assert kinds(response) == CALLED_TWICE


def test_in_the_background(client: OpenAI, upstream: Upstream):
    queued = client.responses.create(model=planned(upstream), input="Add", tools=[tool()], background=True)
    until = time.monotonic() + WITHIN
    while (response := client.responses.retrieve(queued.id)).status in ("queued", "in_progress"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert kinds(response) == CALLED_TWICE


def test_an_approval(client: OpenAI, upstream: Upstream):
    model = planned(upstream)
    first = client.responses.create(model=model, input="Add", tools=[tool("always")])
    request = first.output[-1]
    assert request.type == "mcp_approval_request"
    answer: Any = {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": True}
    second = client.responses.create(
        model=model, input=[answer], previous_response_id=first.id, tools=[tool("always")]
    )
    judge(second)
    assert kinds(second) == ["mcp_call", "mcp_approval_request"]


def test_output_is_sent_back_as_it_came(client: OpenAI, upstream: Upstream):
    model = planned(upstream)
    said: Any = [{"role": "user", "content": "Add"}]
    first = client.responses.create(model=model, input=said, tools=[tool()], store=False)
    said += [*first.output, {"role": "user", "content": "Thanks"}]
    second = client.responses.create(model=model, input=said, tools=[tool()], store=False)
    assert kinds(second) == ["message"]


def test_a_server_that_does_not_answer_is_a_fault_of_its_own(client: OpenAI, upstream: Upstream):
    with pytest.raises(APIStatusError) as failed:
        client.responses.create(
            model=planned(upstream), input="Add", tools=[tool(server_url="mcp://gone", server_label="gone")]
        )
    assert failed.value.status_code == 424
    body: Any = failed.value.body
    assert (body["type"], body["code"], body["param"]) == ("external_connector_error", "http_error", "tools")
    assert "'gone'" in body["message"]


def test_a_connector_is_refused(client: OpenAI, upstream: Upstream):
    connector: Any = {"type": "mcp", "server_label": "mail", "connector_id": "connector_gmail"}
    with pytest.raises(BadRequestError) as refused:
        client.responses.create(model=planned(upstream), input="Add", tools=[connector])
    assert refused.value.param == "tools[0].connector_id"


def test_node(tooled: Server, upstream: Upstream):
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules").is_dir():
        pytest.skip("needs node, and tests/clients/node/node_modules, which `make test` installs")
    models = [planned(upstream), Plan("anthropic", ANTHROPIC, STEPS).served(upstream)]
    finished = subprocess.run(
        [node, str(NODE / "mcp.mjs"), tooled.base_url, *models],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == {
        f"{what}, {model}": None
        for model in models
        for what in ("create", "create as a stream", "the stream helper", "an approval")
    }


@pytest.mark.anyio
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_hosted_tools_of_the_agents_sdk(tooled: Server, upstream: Upstream, streamed: bool):
    import agents  # which takes seconds

    agents.set_tracing_disabled(True)
    asked: list[str] = []

    def approve(request: Any) -> Any:
        asked.append(request.data.name)
        return {"approve": request.data.name == "add"}

    never = {"never": {"tool_names": ["structured"]}}
    steps = (
        [("tools__structured", {"city": "Bern"}), ("tools__add", {"a": 1, "b": 2})],
        [("tools__lie", {})],
        "Done.",
    )
    plan = Plan("chat", CHAT, steps)
    async with AsyncOpenAI(base_url=tooled.base_url, api_key="anything", max_retries=0) as client:
        model = agents.OpenAIResponsesModel(model=plan.served(upstream), openai_client=client)
        hosted = agents.HostedMCPTool(tool_config=tool(never), on_approval_request=approve)
        agent = agents.Agent(name="Adder", instructions="Add.", model=model, tools=[hosted])
        if streamed:
            result = agents.Runner.run_streamed(agent, "Do it")
            async for _ in result.stream_events():
                pass
        else:
            result = await agents.Runner.run(agent, "Do it")
    assert result.final_output == "Done."
    assert asked == ["add", "lie"]
    assert "3" in plan.results
    assert any("declined" in each for each in plan.results)
    plan.check()


def test_ids_of_calls_are_those_that_were_told(client: OpenAI, upstream: Upstream, tools: ToolServer):
    before = tools.counts["add"]
    response = client.responses.create(model=planned(upstream), input="Add", tools=[tool()])
    listed = [item.id for item in client.responses.input_items.list(response.id)]
    assert len(listed) == 1
    ids = [item.id for item in response.output if item.type.startswith("mcp_")]
    assert [each.partition("_")[0] for each in ids if each] == ["mcpl", "mcp", "mcp"]
    assert tools.counts["add"] == before + 2
