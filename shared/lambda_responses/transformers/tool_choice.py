"""Which of a turn's tools a format can offer, and what the choice among them comes to: one policy for all.

A function or custom tool that cannot be carried is a fault of the request. A tool that upstreams host is left
out, and named, where this one does not host it, unless the request insists on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lambda_responses.transformers.tool_names import (
    CUSTOM_TOOL_PARAMETERS,
    OfferedTool,
    ToolNames,
    custom_tool_description,
    names_of,
    tools_of,
)
from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from lambda_responses.transformers.base import Turn
    from lambda_responses.wire.json import Json

CALLABLE = ("function", "custom")
"""Types of the tools that a client runs."""

_HOSTED: dict[str, str] = {
    "web_search_preview": "web_search",
    "web_search_preview_2025_03_11": "web_search",
    "web_search_2025_08_26": "web_search",
    "computer": "computer_use",
    "computer_use_preview": "computer_use",
}


@dataclass(slots=True)
class Offer:
    """The tools of a turn as a format may offer them."""

    names: ToolNames
    functions: list[OfferedTool] = field(default_factory=list[OfferedTool])
    """Functions and custom tools, those alone that may be called."""
    declared: list[OfferedTool] = field(default_factory=list[OfferedTool])
    """Functions and custom tools all told, for formats that say apart from them which may be called."""
    hosted: list[OfferedTool] = field(default_factory=list[OfferedTool])
    """Tools that the upstream runs by itself, of the kinds that it has."""
    mode: Literal["auto", "none", "required"] = "auto"
    named: OfferedTool | None = None
    """The one tool that must be called, rather than any."""
    narrowed: bool = False
    """Whether tools were left out of `functions` or `hosted` because the choice does not allow them."""
    dropped: list[str] = field(default_factory=list[str])
    """Paths of the hosted tools that the upstream does not have."""


def hosted_kind(tool: Json) -> str:
    """The kind of a hosted tool, whichever of its versions is asked for: `web_search`, `computer_use`, …"""
    kind = str(tool.get("type"))
    return _HOSTED.get(kind, kind)


def read_offer(turn: Turn, *, hosts: Collection[str] = (), bounds_calls: bool = False) -> Offer:
    """The turn's tools and choice, where the upstream `hosts` those kinds of tools.

    `bounds_calls` says whether it can be told how often they may be called at most.

    Raises `InvalidRequestError`, naming `tools[i]` or `tool_choice`, for a tool that cannot be carried or a
    choice that cannot be kept.
    """
    names, tools = names_of(tools_of(turn.request, turn.items))
    offer = Offer(names)
    for tool in tools:
        kind = hosted_kind(tool.tool)
        if kind in CALLABLE:
            offer.functions.append(tool)
        elif kind in hosts:
            offer.hosted.append(tool)
        elif kind == "mcp":
            raise UnsupportedError("This model's provider cannot call MCP servers.", param=tool.path)
        else:
            offer.dropped.append(tool.path)
    offer.declared = offer.functions
    _choose(offer, turn.request.get("tool_choice"))
    if offer.hosted and turn.request.get("max_tool_calls") and not bounds_calls:
        offer.dropped.append("max_tool_calls")
    if offer.mode == "required" and not tools:
        message = "Tool choice 'required' must be specified with 'tools' parameter."
        raise InvalidRequestError(message, param="tool_choice")
    if offer.mode == "required" and not (offer.functions or offer.hosted):
        raise UnsupportedError("This model's provider has none of the required tools.", param="tool_choice")
    return offer


def _choose(offer: Offer, choice: Any) -> None:
    match choice:
        case None | "auto":
            pass
        case "none" | "required":
            offer.mode = choice
        case {"type": "function" | "custom", "name": str(name)}:
            found = _find(choice, offer.functions)
            if found is None:
                message = f"Tool choice '{name}' not found in 'tools' parameter."
                raise InvalidRequestError(message, param="tool_choice")
            offer.mode, offer.named = "required", found
            _narrow(offer, [found])
        case {"type": "allowed_tools", "tools": [*allowed]}:
            offer.mode = "required" if choice.get("mode") == "required" else "auto"
            wanted = [_find(tool, [*offer.functions, *offer.hosted]) for tool in allowed]
            _narrow(offer, [tool for tool in wanted if tool is not None])
        case {"type": str(kind)}:
            found = _find(choice, offer.hosted)
            if found is None:
                message = f"This model's provider cannot be forced to use '{kind}'."
                raise UnsupportedError(message, param="tool_choice")
            offer.mode, offer.named = "required", found
            _narrow(offer, [found])
        case _:
            raise InvalidRequestError("This tool choice is not known.", param="tool_choice")


def _narrow(offer: Offer, allowed: list[OfferedTool]) -> None:
    before = len(offer.functions) + len(offer.hosted)
    offer.functions = [tool for tool in offer.functions if tool in allowed]
    offer.hosted = [tool for tool in offer.hosted if tool in allowed]
    offer.narrowed = len(offer.functions) + len(offer.hosted) < before


def _find(wanted: Json, tools: list[OfferedTool]) -> OfferedTool | None:
    """The tool of that name, or of that hosted kind.

    A name is looked for in every namespace, unless the choice or an equal name outside says which is meant.
    """
    if wanted.get("type") not in CALLABLE:
        return next((tool for tool in tools if hosted_kind(tool.tool) == hosted_kind(wanted)), None)
    same = [t for t in tools if t.tool.get("type") in CALLABLE and t.tool.get("name") == wanted.get("name")]
    exact = [tool for tool in same if tool.namespace == wanted.get("namespace")]
    if exact or wanted.get("namespace"):
        return exact[0] if exact else None
    return same[0] if same else None


def describe(offered: OfferedTool) -> str:
    """What the model is told of a function or custom tool."""
    tool = offered.tool
    return custom_tool_description(tool) if tool["type"] == "custom" else str(tool.get("description") or "")


def parameters_of(offered: OfferedTool) -> Json:
    """The JSON schema of a function's arguments, or of the function's that stands for a custom tool."""
    if offered.tool["type"] == "custom":
        return CUSTOM_TOOL_PARAMETERS
    return offered.tool.get("parameters") or {"type": "object", "properties": {}}
