"""Servers are asked for their tools as seldom as can be, and for each caller on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import text_of
from tests.fakes.formats.every import CHAT
from tests.fakes.mcp_servers.serving import serving
from tests.fakes.plans import Plan
from tests.fakes.tooled import TOOLS, client_of, made, of_type, tooled_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

LIST = "tools/list"


@pytest.fixture
def own_tools() -> Iterator[ToolServer]:
    """A server of tools that nobody else asks."""
    with serving() as running:
        yield running


async def added(http: Any, upstream: Upstream, **body: Any) -> Json:
    """A response for which a tool is called."""
    plan = Plan("chat", CHAT, ([("tools__add", {"a": 1, "b": 2})], "It is 3."))
    response = await made(
        http, "plain", model=plan.served(upstream), input="Add", **{"tools": [TOOLS], **body}
    )
    assert text_of(response) == "It is 3."
    assert [call["output"] for call in of_type(response, "mcp_call")] == ["3"]
    plan.check()
    return response


async def test_a_named_server_is_asked_once_by_all_processes_of_an_installation(
    tmp_path: Path, upstream: Upstream, own_tools: ToolServer
):
    named = {"tools": {"url": own_tools.url}}
    for _ in range(2):
        with tooled_server(tmp_path, upstream, named) as server:
            async with client_of(server) as http:
                for _ in range(2):
                    response = await added(http, upstream)
                    assert len(of_type(response, "mcp_list_tools")) == 1
    assert own_tools.asked.count(LIST) == 1
    assert own_tools.counts["add"] == 4


async def test_what_may_not_be_kept_is_asked_for_in_every_response_but_not_in_every_turn(
    tmp_path: Path, upstream: Upstream, own_tools: ToolServer
):
    named = {"tools": {"url": own_tools.url, "list_ttl": 0}}
    opened = own_tools.url.split("/")[2]
    with tooled_server(tmp_path, upstream, named, RESPONSES_OUTBOUND_ALLOW=opened) as server:
        async with client_of(server) as http:
            for tool in (TOOLS, {**TOOLS, "server_url": own_tools.url, "server_label": "tools"}):
                before = own_tools.asked.count(LIST)
                first = await added(http, upstream, tools=[tool])
                assert own_tools.asked.count(LIST) == before + 1
                second = await made(
                    http,
                    "plain",
                    model=first["model"],
                    input="And?",
                    tools=[tool],
                    previous_response_id=first["id"],
                )
                assert of_type(second, "mcp_list_tools") == []
                assert own_tools.asked.count(LIST) == before + 1
                await added(http, upstream, tools=[tool])
                assert own_tools.asked.count(LIST) == before + 2


async def test_a_server_that_is_gone_is_gone_on_without_where_its_operator_says_so(
    tmp_path: Path, upstream: Upstream, own_tools: ToolServer
):
    named = {
        "tools": {"url": own_tools.url},
        "gone": {"url": "http://127.0.0.1:1/mcp", "on_list_failure": "degrade"},
    }
    gone = {**TOOLS, "server_url": "mcp://gone"}
    with tooled_server(tmp_path, upstream, named) as server:
        async with client_of(server) as http:
            response = await added(http, upstream, tools=[gone, TOOLS])
    failed, listed = of_type(response, "mcp_list_tools")
    assert (failed["server_label"], failed["tools"]) == ("gone", [])
    assert failed["error"].startswith("Error retrieving tool list from MCP server: 'gone'. ")
    assert (listed["server_label"], listed.get("error")) == ("tools", None)
