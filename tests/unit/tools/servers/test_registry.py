"""Who may use which of an operator's servers."""

from __future__ import annotations

import pytest

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.tools.filters import ToolFilter
from lambda_responses.tools.servers.registry import Limits, NamedServer, ServerRegistry
from lambda_responses.tools.servers.server import Http, ListedTool

URL = "https://dice.example/mcp"
REGISTRY = ServerRegistry(
    {
        "wiki": NamedServer("wiki", Http(URL)),
        "dice": NamedServer("dice", Http(URL), tenants=frozenset({"acme", "globex"})),
        "bank": NamedServer("bank", Http(URL), keys=frozenset({"key_1"})),
        "dice2": NamedServer("dice2", Http(URL), allowed=(ToolFilter(frozenset({"roll", "throw"})),)),
    }
)


@pytest.mark.parametrize(
    ("caller", "names"),
    [
        (Principal("acme"), ["wiki", "dice", "dice2"]),
        (Principal("initech"), ["wiki", "dice2"]),
        (Principal("acme", key_id="key_1"), ["wiki", "dice", "bank", "dice2"]),
        (Principal("acme", key_id="key_1", mcp_servers=frozenset({"bank", "dice"})), ["dice", "bank"]),
        (Principal("initech", mcp_servers=frozenset({"bank", "dice"})), []),
        (Principal("acme", mcp_servers=frozenset()), []),
        (Principal("acme", mcp_servers=frozenset({"dice2/roll", "gone"})), ["dice2"]),
    ],
)
def test_a_caller_uses_what_both_the_operator_and_the_key_open(caller: Principal, names: list[str]):
    assert [server.name for server in REGISTRY.all_for(caller)] == names
    assert [name for name in ("wiki", "dice", "bank", "dice2") if REGISTRY.open_to(name, caller)] == names


def offered(caller: Principal) -> list[str]:
    server = REGISTRY.open_to("dice2", caller)
    assert server is not None
    tools = [ListedTool(name) for name in ("roll", "throw", "cheat")]
    return [tool.name for tool in tools if all(each.passes(tool) for each in server.allowed)]


@pytest.mark.parametrize(
    ("granted", "tools"),
    [
        (None, ["roll", "throw"]),
        ({"dice2"}, ["roll", "throw"]),
        ({"dice2/roll"}, ["roll"]),
        ({"dice2/roll", "dice2/cheat", "dice/throw"}, ["roll"]),
        ({"dice2", "dice2/roll"}, ["roll", "throw"]),
    ],
)
def test_a_key_may_be_for_some_tools_of_a_server(granted: set[str] | None, tools: list[str]):
    servers = None if granted is None else frozenset(granted)
    assert offered(Principal("acme", mcp_servers=servers)) == tools


def test_a_server_is_known_by_name_whoever_may_use_it():
    assert REGISTRY.named("bank") is REGISTRY.servers[2]
    assert REGISTRY.named("gone") is None


def test_a_server_is_held_to_what_the_operator_says_of_it():
    server = NamedServer("dice", Http(URL), Limits(7, 5, 4096, 2048, 11, required=False)).as_server("d")
    assert (server.label, server.named, server.operators) == ("d", "dice", True)
    assert (server.call_seconds, server.list_seconds, server.list_ttl) == (7, 5, 11)
    assert (server.result_bytes, server.context_bytes, server.required) == (4096, 2048, False)
