"""What tools have to prove themselves with elsewhere is known, and shown nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.wire.responses import new_response
from lambda_responses.wire.tool_secrets import public_item, public_tool, secrets_in

Json = dict[str, Any]

MCP: Json = {"type": "mcp", "server_label": "deep", "server_url": "https://mcp.example"}
POLICY: Json = {"type": "allowlist", "allowed_domains": ["api.example"]}
DOMAIN: Json = {"domain": "api.example", "name": "KEY", "value": "domain-secret"}

KNOWN: dict[str, tuple[Json, Json, set[str]]] = {
    "an MCP server's": (
        {**MCP, "authorization": "token-1", "headers": {"X-Key": "Bearer token-2"}},
        MCP,
        {"token-1", "Bearer token-2", "token-2"},
    ),
    "an MCP server without any": ({**MCP, "authorization": None, "headers": None}, MCP, set()),
    "an MCP server's, in its address": (
        {**MCP, "server_url": "https://mcp.example?api_key=token%2D1&v=Bearer+token-2#token-3"},
        MCP,
        {"token%2D1", "token-1", "Bearer+token-2", "Bearer token-2", "token-2", "token-3"},
    ),
    "an MCP server's that has no address": (
        {"type": "mcp", "server_url": None},
        {"type": "mcp", "server_url": None},
        set(),
    ),
    "a container's": (
        {
            "type": "code_interpreter",
            "container": {"type": "auto", "network_policy": {**POLICY, "domain_secrets": [DOMAIN]}},
        },
        {"type": "code_interpreter", "container": {"type": "auto", "network_policy": POLICY}},
        {"domain-secret"},
    ),
    "a shell's": (
        {
            "type": "shell",
            "environment": {
                "type": "container_auto",
                "network_policy": {**POLICY, "domain_secrets": [DOMAIN]},
            },
        },
        {"type": "shell", "environment": {"type": "container_auto", "network_policy": POLICY}},
        {"domain-secret"},
    ),
    "a container's, of none": (
        {
            "type": "code_interpreter",
            "container": {"type": "auto", "network_policy": {**POLICY, "domain_secrets": None}},
        },
        {"type": "code_interpreter", "container": {"type": "auto", "network_policy": POLICY}},
        set(),
    ),
    "a container by its id": (
        {"type": "code_interpreter", "container": "cntr_1"},
        {"type": "code_interpreter", "container": "cntr_1"},
        set(),
    ),
    "an MCP server's in a namespace": (
        {"type": "namespace", "name": "n", "tools": [{**MCP, "authorization": "token-1"}]},
        {"type": "namespace", "name": "n", "tools": [MCP]},
        {"token-1"},
    ),
    "a kind that is not known": (
        {"type": "later", "name": "x", "authorization": "token-1", "container": {"domain_secrets": [DOMAIN]}},
        {"type": "later", "name": "x", "container": {}},
        {"token-1", "domain-secret"},
    ),
    "a function that speaks of them": (
        {"type": "function", "name": "f", "parameters": {"properties": {"headers": {"authorization": "x"}}}},
        {"type": "function", "name": "f", "parameters": {"properties": {"headers": {"authorization": "x"}}}},
        set(),
    ),
    "a function": ({"type": "function", "name": "f"}, {"type": "function", "name": "f"}, set()),
}
CASES = pytest.mark.parametrize(("tool", "shown", "secrets"), KNOWN.values(), ids=KNOWN)


@CASES
def test_a_tool_is_public_without_its_secrets(tool: Json, shown: Json, secrets: set[str]):
    assert public_tool(tool) == shown
    [echoed] = new_response({"model": "m", "tools": [tool]}, response_id="resp_1", created_at=1, model="m")[
        "tools"
    ]
    assert echoed.items() >= shown.items()
    assert echoed.keys().isdisjoint(tool.keys() - shown.keys())


@CASES
@pytest.mark.parametrize("kind", ["additional_tools", "tool_search_output"])
def test_so_is_an_item_that_holds_it(kind: str, tool: Json, shown: Json, secrets: set[str]):
    assert public_item({"type": kind, "tools": [tool]}) == {"type": kind, "tools": [shown]}


def test_other_items_are_as_they_are():
    item: Json = {"type": "message", "tools": [{**MCP, "authorization": "words of a user"}]}
    assert public_item(item) is item


@CASES
def test_the_secrets_of_a_request_are_known_wherever_its_tools_are(
    tool: Json, shown: Json, secrets: set[str]
):
    for request in (
        {"tools": [tool], "input": []},
        {"tools": None, "input": [{"type": "additional_tools", "tools": [tool]}]},
        {"input": [{"type": "message"}, {"type": "tool_search_output", "tools": [tool]}]},
    ):
        assert {*secrets_in(request)} - {"", "Bearer"} == secrets
