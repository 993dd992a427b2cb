"""What tools bring along to prove themselves elsewhere: for where they lead, and neither stored nor shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json

MCP_SECRETS = frozenset({"authorization", "headers"})
"""Members of an MCP tool that are secret."""

_HOLDERS = ("container", "environment")
"""Members of hosted tools in which there may be a network policy, with secrets for the domains it allows."""


def public_tool(tool: Json) -> Json:
    """The tool without its secrets."""
    if tool.get("type") == "mcp":
        return {key: value for key, value in tool.items() if key not in MCP_SECRETS}
    for holder in _HOLDERS:
        match tool.get(holder):
            case {"network_policy": {"domain_secrets": _, **policy}, **others}:
                return {**tool, holder: {**others, "network_policy": policy}}
            case _:
                pass
    return tool


def public_item(item: Json) -> Json:
    """An item without the secrets of the tools in it."""
    match item:
        case {"type": "additional_tools" | "tool_search_output", "tools": [*tools]}:
            return {**item, "tools": [public_tool(tool) for tool in tools]}
        case _:
            return item


def secrets_in(request: Json) -> Iterator[str]:
    """The secrets of all tools in a checked request, whole and by the word."""
    for tool in _tools_in(request):
        for secret in _secrets_of(tool):
            yield secret
            yield from secret.split()


def _tools_in(request: Json) -> Iterator[Json]:
    yield from request.get("tools") or ()
    for item in request["input"]:
        if item["type"] in ("additional_tools", "tool_search_output"):
            yield from item["tools"]


def _secrets_of(tool: Json) -> Iterator[str]:
    if tool["type"] == "mcp":
        yield tool.get("authorization") or ""
        yield from (tool.get("headers") or {}).values()
    for holder in _HOLDERS:
        match tool.get(holder):
            case {"network_policy": {"domain_secrets": [*secrets]}}:
                yield from (str(secret.get("value", "")) for secret in secrets)
            case _:
                pass
