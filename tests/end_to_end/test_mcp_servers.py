"""Servers of tools of every kind, and all that goes wrong with their tools: the run goes on regardless."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.test_mcp_matrix import check_items, check_told, plan_for
from tests.fakes.events import text_of
from tests.fakes.formats.every import CHAT
from tests.fakes.mcp_servers.serving import program, read_notes, serving
from tests.fakes.official import judge_response
from tests.fakes.plans import Plan
from tests.fakes.tooled import TOOLS, client_of, made, of_type, tooled_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.server import Server
    from tests.fakes.upstream import Upstream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Json = dict[str, Any]

SERVED: dict[str, Any] = {
    "stateless-2": ("stateless", 2),
    "session-2": ("session", 2),
    "sse-2": ("sse", 2),
    "stateless-1": ("stateless", 1),
    "session-1": ("session", 1),
    "sse-1": ("sse", 1),
}
STARTED = {"stdio-2": 2, "stdio-1": 1}
KINDS = [*SERVED, *STARTED]


@dataclass
class Zoo:
    """One server of each kind, and a server of ours that knows them by their kinds."""

    server: Server
    served: dict[str, ToolServer]
    notes: dict[str, Path]

    def count(self, kind: str, tool: str) -> int:
        """How often that tool was begun there."""
        notes = self.served[kind].notes if kind in self.served else read_notes(self.notes[kind])
        return sum(note.get("tool") == tool for note in notes)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Zoo]:
    folder = tmp_path_factory.mktemp("zoo")
    with ExitStack() as running:
        served = {
            kind: running.enter_context(serving(transport, sdk=sdk))
            for kind, (transport, sdk) in SERVED.items()
        }
        named: dict[str, Json] = {kind: {"url": each.url, "call_seconds": 2} for kind, each in served.items()}
        wary = {"always": {"tool_names": ["lie"]}, "never": {"read_only": True}}
        named["wary"] = {"url": served["stateless-2"].url, "require_approval": wary}
        notes = {kind: folder / f"{kind}.jsonl" for kind in STARTED}
        for kind, sdk in STARTED.items():
            command, *arguments = program(sdk)  # type: ignore[arg-type]
            named[kind] = {
                "command": command,
                "args": [*arguments, str(notes[kind]), "--transport", "stdio"],
                "call_seconds": 2,
            }
        server = running.enter_context(tooled_server(folder, upstream, named))
        yield Zoo(server, served, notes)
        assert server.complaints == []


@pytest.fixture
async def http(zoo: Zoo) -> Any:
    async with client_of(zoo.server) as made:
        yield made


def tool_of(kind: str, **more: Any) -> Json:
    return {**TOOLS, "server_url": f"mcp://{kind}", "server_label": "tools", **more}


@pytest.mark.parametrize("way", ["plain", "streamed", "background"])
@pytest.mark.parametrize("kind", KINDS)
async def test_tools_of_every_kind_of_server_are_called_alike(
    http: httpx.AsyncClient, upstream: Upstream, kind: str, way: str
):
    plan = plan_for("anthropic")
    body: Json = {"model": plan.served(upstream), "input": "Do it", "tools": [tool_of(kind)]}
    response = await made(http, way, **body)
    assert response["status"] == "completed"
    check_items(response)
    check_told(plan)


def bad_call(name: str, **arguments: Any) -> Any:
    return (f"tools__{name}", arguments)


@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_goes_wrong_is_told_to_the_model_and_the_response_goes_on(
    http: httpx.AsyncClient, zoo: Zoo, upstream: Upstream, kind: str
):
    steps = (
        [bad_call("image", large=True)],
        [bad_call("hang"), bad_call("elicit")],
        [bad_call("add", a=1, b=2)],
        [bad_call("big", size=5_000_000 if kind in STARTED else 20_000_000)],  # a pipe is slow
        [bad_call("add", a=1, b=3)],
        [bad_call("add", a="x", b=1), bad_call("add")],
        "So.",
    )
    plan = Plan("chat", CHAT, steps)
    before = zoo.count(kind, "hang")
    response = await made(http, "streamed", model=plan.served(upstream), input="Do it", tools=[tool_of(kind)])
    judge_response(response)
    image, hung, asking, one, big, other, *misused = of_type(response, "mcp_call")
    for call in (hung, asking, big, *misused):
        assert call["status"] == "failed", call
        assert call["error"]["type"].startswith(("mcp_", "http_"))
    assert (one["output"], other["output"]) == ("3", "4")
    assert re.search(r"\[image/png \d+ KB omitted\]", image["output"])
    assert len(image["output"]) < 1_000
    if kind != "stateless-1":  # which waits for an answer that cannot reach it
        assert re.search("(?i)elicit|input", json.dumps(asking["error"])), asking
    assert text_of(response) == "So."
    assert zoo.count(kind, "hang") == before + 1
    plan.check()


async def test_what_an_operator_has_approved_of_counts_for_more_than_what_a_tool_says_of_itself(
    http: httpx.AsyncClient, zoo: Zoo, upstream: Upstream
):
    plan = Plan("chat", CHAT, ([bad_call("lie"), bad_call("add", a=1, b=2)], "So."))
    before = zoo.count("stateless-2", "lie")
    body: Json = {"model": plan.served(upstream), "input": "Do it", "tools": [tool_of("wary")]}
    response = await made(http, "plain", **body)
    [request] = of_type(response, "mcp_approval_request")
    assert request["name"] == "lie"
    assert [call["name"] for call in of_type(response, "mcp_call")] == ["add"]
    assert zoo.count("stateless-2", "lie") == before


@pytest.mark.parametrize("way", ["streamed", "background"])
async def test_a_server_that_dies_in_a_call_fails_that_call(tmp_path: Path, upstream: Upstream, way: str):
    with serving("session") as mortal:
        named = {"tools": {"url": mortal.url}}
        with tooled_server(tmp_path, upstream, named) as server:
            async with client_of(server) as http:
                steps = ([bad_call("crash")], [bad_call("add", a=1, b=2)], "It has gone.")
                plan = Plan("chat", CHAT, steps)
                response = await made(http, way, model=plan.served(upstream), input="Do it", tools=[TOOLS])
        assert mortal.counts["crash"] == 1
    assert [call["status"] for call in of_type(response, "mcp_call")] == ["failed", "failed"]
    assert text_of(response) == "It has gone."
    assert server.complaints == []


async def test_a_tool_that_changes_between_calls_is_offered_as_its_list_in_the_context_has_it(
    tmp_path: Path, upstream: Upstream
):
    with (
        serving(changing=True) as fickle,
        tooled_server(tmp_path, upstream, {"tools": {"url": fickle.url, "list_ttl": 0}}) as server,
    ):
        plan = Plan("chat", CHAT, ([bad_call("change")], [bad_call("change")], "So."))
        body: Json = {"model": plan.served(upstream), "input": "Do it", "tools": [TOOLS]}
        async with client_of(server) as http:
            first = await made(http, "plain", **body)
            second = await made(http, "plain", **body, previous_response_id=first["id"])
            third = await made(http, "plain", **body)
        assert fickle.counts["change"] == 2 + 2
    [one] = of_type(first, "mcp_list_tools")
    assert of_type(second, "mcp_list_tools") == []
    [other] = of_type(third, "mcp_list_tools")
    assert one["tools"] != other["tools"]
    bodies = [exchange.body["tools"] for exchange in plan.exchanges]
    assert bodies[0] == bodies[1] == bodies[2] == bodies[3]


async def test_a_pinned_tool_that_has_changed_is_not_offered(tmp_path: Path, upstream: Upstream):
    with serving() as tools:
        pins = {"add": "0" * 64}
        with tooled_server(tmp_path, upstream, {"tools": {"url": tools.url, "pins": pins}}) as server:
            async with client_of(server) as http:
                plan = Plan("chat", CHAT, ("So.",))
                response = await made(
                    http, "plain", model=plan.served(upstream), input="Do it", tools=[TOOLS]
                )
    [listed] = of_type(response, "mcp_list_tools")
    assert "add" not in {tool["name"] for tool in listed["tools"]}
    assert "tools__add" not in plan.asked[0].tools
    assert "add" in server.log


def test_the_programs_of_stdio_servers_end_with_their_responses(zoo: Zoo):
    """Nothing of them is left over: what the server has started besides is its workers."""
    listed = subprocess.run(["ps", "-axo", "ppid=,args="], capture_output=True, text=True, check=True).stdout
    left = [line for line in listed.splitlines() if "--transport stdio" in line and "ps -axo" not in line]
    assert [line for line in left if int(line.split()[0]) == zoo.server.pid] == []
