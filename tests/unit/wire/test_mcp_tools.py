"""The MCP tool of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.mcp_tools import (
    asks_for_servers,
    check_mcp_tool,
    echoed_mcp_tool,
    is_proxys,
    label_of,
    names_in,
)
from lambda_responses.wire.requests import check_create_request

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

ADDRESS = "https://dice.example/mcp"


@pytest.mark.parametrize(
    ("url", "names", "proxys", "label"),
    [
        ("mcp://dice", ["dice"], False, "dice"),
        ("mcp://", [""], False, ""),
        ("mcp://a,b", ["a,b"], False, "a,b"),
        ("litellm_proxy", [], True, "litellm_proxy"),
        ("litellm_proxy/", [], True, "litellm_proxy"),
        ("litellm_proxy/mcp", [], True, "litellm_proxy"),
        ("litellm_proxy/mcp/", [], True, "litellm_proxy"),
        ("litellm_proxy/mcp/dice", ["dice"], True, "dice"),
        ("litellm_proxy/mcp/dice,wiki,dice", ["dice", "wiki"], True, "litellm_proxy"),
        ("litellm_proxy/dice", ["dice"], True, "dice"),
        ("litellm_proxy/mcp_dice", ["mcp_dice"], True, "mcp_dice"),
        (ADDRESS, None, False, None),
        ("litellm_proxy.example/mcp", None, False, None),
        ("litellm_proxys", None, False, None),
        ("MCP://dice", None, False, None),
        ("", None, False, None),
    ],
)
def test_an_address_is_told_from_names(url: str, names: Any, proxys: bool, label: str | None):
    tool: Json = {"type": "mcp", "server_url": url}
    assert names_in(url) == names
    assert is_proxys(url) is proxys
    assert label_of(tool) == label
    assert label_of({**tool, "server_label": "d"}) == "d"


@pytest.mark.parametrize(
    ("tool", "code", "param"),
    [
        ({}, "missing_required_parameter", "tools[1].server_label"),
        ({"server_url": ADDRESS}, "missing_required_parameter", "tools[1].server_label"),
        ({"connector_id": "c"}, "missing_required_parameter", "tools[1].server_label"),
        ({"server_label": "d"}, "missing_required_parameter", "tools[1].server_url"),
        ({"server_label": "d", "server_url": ""}, "missing_required_parameter", "tools[1].server_url"),
        (
            {"server_label": "d", "server_url": ADDRESS, "connector_id": "c"},
            "mutually_exclusive_parameters",
            "tools[1]",
        ),
        (
            {"server_url": "mcp://dice", "tunnel_id": "t"},
            "mutually_exclusive_parameters",
            "tools[1]",
        ),
    ],
)
def test_a_tool_says_in_one_way_where_its_server_is(tool: Json, code: str, param: str):
    with pytest.raises(InvalidRequestError) as told:
        check_mcp_tool({"type": "mcp", **tool}, "tools[1]")
    assert (told.value.code, told.value.param) == (code, param)


@pytest.mark.parametrize("tool", [{"server_url": "mcp://dice"}, {"server_url": "litellm_proxy"}])
def test_a_server_with_a_name_needs_no_label(tool: Json):
    check_mcp_tool({"type": "mcp", **tool}, "tools[0]")


@pytest.mark.parametrize(
    ("request_", "asks"),
    [
        ({}, False),
        ({"tools": None}, False),
        ({"tools": [{"type": "function"}]}, False),
        ({"tools": [{"type": "function"}, {"type": "mcp"}]}, True),
        ({"input": [{"type": "additional_tools", "tools": [{"type": "mcp"}]}]}, True),
        ({"input": [{"type": "additional_tools", "tools": None}, {"type": "message"}]}, False),
        ({"input": [{"type": "tool_search_output", "tools": [{"type": "mcp"}]}]}, True),
        ({"tools": [{"type": "namespace", "tools": [{"type": "mcp"}]}]}, True),
    ],
)
def test_a_request_asks_for_servers_in_its_tools_and_in_its_items(request_: Json, asks: bool):
    assert asks_for_servers({"input": [], **request_}) is asks


@pytest.mark.parametrize("label", ["", "a b", "a.b", "ä", "a" * 65, "a\n"])
def test_a_label_is_part_of_the_names_of_functions(label: str):
    tool = {"type": "mcp", "server_label": label, "server_url": ADDRESS}
    with pytest.raises(InvalidRequestError) as told:
        check_create_request({"model": "m", "input": "x", "tools": [tool]})
    assert (told.value.code, told.value.param) == ("invalid_value", "tools[0].server_label")


@pytest.mark.parametrize(
    ("tool", "shown"),
    [
        (
            {
                "server_label": "d",
                "server_url": ADDRESS,
                "authorization": "canary",
                "headers": {"a": "canary"},
            },
            {"server_label": "d", "server_url": ADDRESS, "require_approval": "always"},
        ),
        (
            {"server_url": "mcp://dice"},
            {"server_label": "dice", "server_url": "mcp://dice", "require_approval": None},
        ),
        (
            {"server_url": "litellm_proxy", "require_approval": "never"},
            {"server_label": "litellm_proxy", "server_url": "litellm_proxy", "require_approval": "never"},
        ),
    ],
)
def test_a_response_shows_a_tool_without_what_is_secret(tool: Json, shown: Json):
    assert echoed_mcp_tool({"type": "mcp", **tool}) == {"type": "mcp", **shown}
