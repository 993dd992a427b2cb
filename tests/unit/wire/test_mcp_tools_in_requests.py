"""Tools are found wherever a request has them, and whatever else stands there."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.wire.mcp_tools import tools_in, without_servers

Json = dict[str, Any]

F: Json = {"type": "function", "name": "f", "parameters": {"tools": [{"type": "mcp"}]}}
MCP: Json = {"type": "mcp", "server_url": "https://mcp.example"}
SPACE: Json = {"type": "namespace", "name": "n", "tools": [F, MCP]}
BRINGING = pytest.mark.parametrize("kind", ["additional_tools", "tool_search_output"])


@BRINGING
def test_each_tool_has_a_path(kind: str) -> None:
    request: Json = {
        "tools": [F, SPACE],
        "input": [{"type": "message"}, {"type": kind, "tools": [MCP, SPACE]}],
    }
    assert [*tools_in(request)] == [
        ("tools[0]", F),
        ("tools[1]", SPACE),
        ("tools[1].tools[0]", F),
        ("tools[1].tools[1]", MCP),
        ("input[1].tools[0]", MCP),
        ("input[1].tools[1]", SPACE),
        ("input[1].tools[1].tools[0]", F),
        ("input[1].tools[1].tools[1]", MCP),
    ]


@pytest.mark.parametrize("odd", [None, 1, "mcp", {"type": "mcp"}, ["mcp", None, [MCP]]])
def test_what_is_no_list_of_tools_holds_none(odd: Any) -> None:
    items: list[Json] = [{"type": "additional_tools", "tools": odd}]
    assert not [*tools_in({"tools": odd, "input": items})]
    assert without_servers(items) == items


def test_items_of_other_kinds_hold_no_tools() -> None:
    items: list[Json] = [{"type": "mcp_list_tools", "tools": [MCP]}, {"type": "message", "tools": [MCP]}]
    assert not [*tools_in({"input": items})]
    assert without_servers(items) == items


@BRINGING
def test_servers_are_taken_out_at_any_depth_and_all_else_stays(kind: str) -> None:
    outer = {"type": "namespace", "name": "o", "tools": [SPACE]}
    items: list[Json] = [
        {"type": kind, "tools": [F]},
        {"type": kind, "call_id": "c", "tools": [MCP, F, outer]},
    ]
    plain, emptied = without_servers(items)
    assert plain is items[0]
    inner = {"type": "namespace", "name": "n", "tools": [F]}
    left = {"type": "namespace", "name": "o", "tools": [inner]}
    assert emptied == {"type": kind, "call_id": "c", "tools": [F, left]}
    assert items[1]["tools"] == [MCP, F, outer]
