"""Tools of real servers are listed and called, whatever their age and transport, and whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.outbound.client import Outbound
from lambda_responses.outbound.policy import OutboundPolicy
from lambda_responses.tools.servers.connections import Connections
from lambda_responses.tools.servers.server import Http, Server, ServerFault, Stdio
from tests.fakes.mcp_servers.serving import program, read_notes, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from lambda_responses.wire.tool_outcomes import Outcome
    from tests.fakes.mcp_servers.serving import ToolServer

pytestmark = pytest.mark.anyio

KINDS = [("stateless", 2), ("session", 2), ("sse", 2), ("stateless", 1), ("session", 1), ("sse", 1)]
TOOLS = [
    *("add", "count", "sleep", "image", "structured", "echo_headers", "change"),
    *("fail", "crash", "lie", "big", "hang", "elicit"),
]


@pytest.fixture(scope="module", params=KINDS, ids=[f"{kind}-{sdk}" for kind, sdk in KINDS])
def each(request: pytest.FixtureRequest) -> Iterator[ToolServer]:
    """Every kind of server there is, in turn."""
    transport, sdk = request.param
    with serving(transport, sdk=sdk) as tools:
        yield tools


@pytest.fixture(scope="module")
def tools() -> Iterator[ToolServer]:
    with serving() as tools:
        yield tools


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    async with Connections() as connections:
        yield connections


def named(url: str, **more: Any) -> Server:
    return Server("tools", Http(url), operators=True, **more)


def text_of(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error["content"][0]["text"]


def message_of(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error["message"]


async def test_all_tools_are_listed(each: ToolServer, connections: Connections) -> None:
    listed = await connections.list_tools(named(each.url))
    assert [tool.name for tool in listed] == TOOLS
    add = listed[0]
    assert add.description == "Add two numbers."
    assert add.annotations == {"readOnlyHint": True}
    assert add.input_schema["required"] == ["a", "b"]
    assert [tool.output_schema is not None for tool in listed[:5]] == [True, True, True, False, True]


async def test_a_tool_is_called_without_another_list(each: ToolServer, connections: Connections) -> None:
    before = len(each.asked)
    outcome = await connections.call(named(each.url), "add", {"a": 2, "b": 40})
    assert (outcome.output, outcome.error) == ("42", None)
    assert "tools/list" not in each.asked[before:]


async def test_a_failing_tool_tells_why(each: ToolServer, connections: Connections) -> None:
    outcome = await connections.call(named(each.url), "fail", {"reason": "no paper"})
    assert outcome.failed
    assert "no paper" in text_of(outcome)


async def test_structured_content_and_pictures_are_told(each: ToolServer, connections: Connections) -> None:
    server = named(each.url)
    weather = await connections.call(server, "structured", {"city": "Bonn"})
    assert json.loads(weather.output or "") == {"city": "Bonn", "degrees": 21.5}
    picture = json.loads((await connections.call(server, "image", {"large": True})).output or "")
    assert picture == {"type": "image", "mimeType": "image/png", "data": "[image/png 98 KB omitted]"}


async def test_a_question_to_the_user_is_a_failed_call(each: ToolServer, connections: Connections) -> None:
    outcome = await connections.call(named(each.url, call_seconds=2), "elicit", {})
    assert outcome.failed


async def test_an_oversize_answer_breaks_off_one_call(each: ToolServer, connections: Connections) -> None:
    server = named(each.url)
    outcome = await connections.call(server, "big", {})
    assert outcome.failed
    assert (await connections.call(server, "add", {"a": 1, "b": 1})).output == "2"


@pytest.mark.parametrize("sdk", [1, 2])
async def test_an_event_that_is_too_large_is_told_as_that(sdk: Any, connections: Connections) -> None:
    with serving("sse", sdk=sdk) as tools:
        server = named(tools.url)
        assert (await connections.call(server, "big", {"size": 400_000})).output
        outcome = await connections.call(server, "big", {"size": 1_100_000})
        assert message_of(outcome) == "The server's answer is larger than 1048576 bytes."
        assert (await connections.call(server, "add", {"a": 1, "b": 1})).output == "2"


async def test_a_call_that_hangs_ends_in_time_and_alone(each: ToolServer, connections: Connections) -> None:
    server = named(each.url, call_seconds=1)
    hanging, answered = await asyncio.gather(
        connections.call(server, "hang", {}), connections.call(server, "add", {"a": 1, "b": 2})
    )
    assert message_of(hanging) == "No answer came within 1 seconds. The call may have run."
    assert answered.output == "3"


async def test_calls_of_one_connection_run_at_once(each: ToolServer, connections: Connections) -> None:
    server = named(each.url)
    await connections.list_tools(server)
    start = time.monotonic()
    await asyncio.gather(*(connections.call(server, "sleep", {"ms": 500}) for _ in range(4)))
    assert time.monotonic() - start < 1.5


async def test_what_a_server_speaks_is_remembered(tools: ToolServer) -> None:
    for _ in range(2):
        before = len(tools.asked)
        async with Connections() as connections:
            await connections.list_tools(named(tools.url))
    assert tools.asked[before:] == ["tools/list"]


@pytest.mark.parametrize("sdk", [1, 2])
async def test_a_server_that_changed_its_protocol_is_asked_again(sdk: Any, tools: ToolServer) -> None:
    from lambda_responses.tools.servers import opening

    with serving("session", sdk=1) as old:
        server = named((tools if sdk == 2 else old).url)
        wrong = "legacy" if sdk == 2 else "2026-07-28"
        opening._known[server.digest] = opening.Speech(wrong)
        async with Connections() as connections:
            assert (await connections.call(server, "add", {"a": 1, "b": 2})).output == "3"


@pytest.mark.parametrize("sdk", [1, 2])
@pytest.mark.parametrize("transport", ["session", "sse"])
async def test_a_server_that_dies_fails_its_calls_and_nobody_waits(transport: Any, sdk: Any) -> None:
    with serving(transport, sdk=sdk) as tools:
        server = named(tools.url)
        async with Connections() as connections:
            outcome = await connections.call(server, "crash", {})
            assert message_of(outcome).endswith("The call may have run.")
            assert message_of(await connections.call(server, "add", {"a": 1, "b": 2}))
            with pytest.raises(ServerFault, match="cannot be reached"):
                await connections.list_tools(server)
        assert tools.counts["crash"] == 1


async def test_a_session_that_was_forgotten_is_begun_again() -> None:
    with serving("session", sdk=1) as first:
        server = named(first.url)
        async with Connections() as connections:
            assert (await connections.call(server, "count", {})).output == "1"
            with first.restarted():
                assert (await connections.call(server, "count", {})).output == "2"


async def test_a_server_that_wants_to_know_who_is_there_says_so() -> None:
    canary = "canary-9f8e7d6c5b4a"
    with serving(token="let-me-in-please") as tools:
        server = named(tools.url, headers={"Authorization": f"Bearer {canary}"})
        async with Connections() as connections:
            with pytest.raises(ServerFault) as refused:
                await connections.list_tools(server)
            assert (refused.value.message, refused.value.status) == (
                "Http status code: 401 (Unauthorized)",
                401,
            )
            outcome = await connections.call(server, "add", {"a": 1, "b": 2})
            assert outcome.error == {
                "type": "http_error",
                "code": 401,
                "message": "Http status code: 401 (Unauthorized)",
            }
            known = replace(server, headers={"authorization": "Bearer let-me-in-please"})
            assert len(await connections.list_tools(known)) == len(TOOLS)
        assert canary not in str(refused.value) + str(outcome)


async def test_a_server_that_repeats_credentials_is_not_repeated(tools: ToolServer) -> None:
    server = named(tools.url, headers={"Authorization": "Bearer canary-0a1b2c3d", "X-Team": "research-team"})
    async with Connections() as connections:
        outcome = await connections.call(server, "echo_headers", {})
    told = json.loads(outcome.output or "")
    assert told["authorization"] == "[redacted]"
    assert told["x-team"] == "research-team"


async def test_headers_of_the_protocol_are_nobody_elses(tools: ToolServer) -> None:
    headers = {"Host": "elsewhere.example", "Mcp-Name": "crash", "X-Own": "yes", "Content-Length": "1"}
    async with Connections() as connections:
        told = json.loads(
            (await connections.call(named(tools.url, headers=headers), "echo_headers", {})).output or ""
        )
    assert told["host"] in tools.url
    assert (told["mcp-name"], told["x-own"]) == ("echo_headers", "yes")


async def test_an_address_that_nobody_opened_gets_no_byte(tools: ToolServer) -> None:
    before = len(tools.notes)
    server = replace(named(tools.url), operators=False)
    async with Connections() as connections:
        with pytest.raises(ServerFault, match="cannot be reached"):
            await connections.list_tools(server)
        assert "cannot be reached" in message_of(await connections.call(server, "count", {}))
    assert len(tools.notes) == before


async def test_an_operator_opens_addresses_for_everybody(tools: ToolServer) -> None:
    outbound = Outbound(OutboundPolicy([tools.url.split("/")[2]]))
    async with Connections(outbound) as connections:
        listed = await connections.list_tools(replace(named(tools.url), operators=False))
    assert len(listed) == len(TOOLS)


async def test_results_are_cut_for_models(tools: ToolServer) -> None:
    server = named(tools.url, context_bytes=1_000)
    async with Connections() as connections:
        outcome = await connections.call(server, "big", {"size": 5_000})
    assert outcome.output == "x" * 1_000 + "\n[The rest was left out: 5000 bytes in all.]"


@pytest.mark.parametrize("sdk", [1, 2])
async def test_a_program_on_this_machine_serves_tools(sdk: Any, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    command, *arguments = *program(sdk), str(notes), "--transport", "stdio"
    server = Server("local", Stdio(command, tuple(arguments), {"PYTHONWARNINGS": "ignore"}), operators=True)
    async with Connections() as connections:
        assert [tool.name for tool in await connections.list_tools(server)] == TOOLS
        assert (await connections.call(server, "add", {"a": 1, "b": 2})).output == "3"
        assert "larger than 4194304 bytes" in message_of(
            await connections.call(server, "big", {"size": 5_000_000})
        )
        assert message_of(await connections.call(server, "crash", {}))
        assert (await connections.call(server, "add", {"a": 2, "b": 2})).output == "4"
    assert [note["tool"] for note in read_notes(notes)] == ["add", "big", "crash", "add"]


async def test_a_program_that_is_not_there_is_a_fault() -> None:
    async with Connections() as connections:
        with pytest.raises(ServerFault, match="could not be connected to"):
            await connections.list_tools(Server("local", Stdio("/nonexistent/program"), operators=True))


async def test_leaving_in_the_midst_of_calls_closes_everything(tools: ToolServer) -> None:
    before = asyncio.all_tasks()
    async with Connections() as connections:
        calling = asyncio.create_task(connections.call(named(tools.url), "hang", {}))
        await connections.call(named(tools.url), "add", {"a": 1, "b": 2})
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
    assert asyncio.all_tasks() == before
