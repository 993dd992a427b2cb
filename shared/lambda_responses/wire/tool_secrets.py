"""What tools bring along to prove themselves elsewhere: for where they lead, and neither stored nor shown.

MCP servers are given `authorization` and `headers`, or addresses with a key in the query; containers and
shells `domain_secrets` for the domains that their network policies allow. A tool of a kind that is not known
here, which a native upstream may know, is treated alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json

BRINGING = frozenset({"additional_tools", "tool_search_output"})
"""Types of items that hold tools."""

_SECRETS = frozenset({"authorization", "headers", "domain_secrets"})
_ADDRESS = "server_url"
_HOLDERS = ("container", "environment", "network_policy")
"""Members that may hold such secrets in their turn. No others: a function's schema may speak of headers."""


def public_tool(tool: Json) -> Json:
    """The tool without its secrets, and without those of the tools in it."""
    return {name: _public(name, value) for name, value in tool.items() if name not in _SECRETS}


def public_item(item: Json) -> Json:
    """An item without the secrets of the tools in it."""
    if item.get("type") not in BRINGING:
        return item
    return {**item, "tools": _public("tools", item.get("tools") or [])}


def secrets_in(request: Json) -> Iterator[str]:
    """The secrets of all tools in a checked request, whole and by the word."""
    from lambda_responses.wire.mcp_tools import tools_in

    for _, tool in tools_in(request):
        for secret in _secrets_of(tool):
            yield secret
            yield from secret.split()


def _public(name: str, value: Any) -> Any:
    if name == _ADDRESS and isinstance(value, str):
        from lambda_responses.wire.server_addresses import public_address  # which few requests need

        return public_address(value)
    if name in _HOLDERS and isinstance(value, dict):
        return public_tool(cast("Json", value))
    if name == "tools" and isinstance(value, list):
        held = cast("list[Any]", value)
        return [public_tool(cast("Json", tool)) if isinstance(tool, dict) else tool for tool in held]
    return value


def _secrets_of(tool: Json) -> Iterator[str]:
    for name, value in tool.items():
        if name in _SECRETS:
            yield from _texts(value)
        elif name == _ADDRESS and isinstance(value, str):
            from lambda_responses.wire.server_addresses import members_of

            yield from (secret for _, secret in members_of(value))
        elif name in _HOLDERS and isinstance(value, dict):
            yield from _secrets_of(cast("Json", value))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case {"domain": _, "value": secret}:  # the domain's name is none
            yield from _texts(secret)
        case dict():
            for each in cast("Json", value).values():
                yield from _texts(each)
        case list():
            for each in cast("list[Any]", value):
                yield from _texts(each)
        case _:
            pass
