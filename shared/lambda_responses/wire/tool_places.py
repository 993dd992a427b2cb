"""Where a request has tools: among its own, in items that bring some, and in namespaces of either.

A native upstream's requests are not judged here, so nothing is taken for granted of what stands there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.wire.json import Json

BRINGING = frozenset({"additional_tools", "tool_search_output"})
"""Types of items that hold tools."""


def tools_in(request: Json) -> Iterator[tuple[str, Json]]:
    """Every tool in a checked request, with the path at which it stands; a namespace before what it holds."""
    yield from _placed(request.get("tools"), "tools")
    for place, item in enumerate(request["input"]):
        if item.get("type") in BRINGING:
            yield from _placed(item.get("tools"), f"input[{place}].tools")


def without_servers(items: Iterable[Json]) -> list[Json]:
    """The items, without the MCP tools that some of them bring."""
    return [_without_servers(item) if item.get("type") in BRINGING else item for item in items]


def _placed(tools: Any, at: str) -> Iterator[tuple[str, Json]]:
    for index, tool in enumerate(cast("list[Any]", tools) if isinstance(tools, list) else ()):
        if isinstance(tool, dict):
            found = cast("Json", tool)
            yield f"{at}[{index}]", found
            yield from _placed(found.get("tools"), f"{at}[{index}].tools")


def _without_servers(holder: Json) -> Json:
    """An item, or a namespace: the same one where it holds none."""
    if all(tool.get("type") != "mcp" for _, tool in _placed(holder.get("tools"), "")):
        return holder
    held = (cast("Json", tool) for tool in holder["tools"] if isinstance(tool, dict))
    return {**holder, "tools": [_without_servers(tool) for tool in held if tool.get("type") != "mcp"]}
