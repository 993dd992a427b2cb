"""Tools and the choice among them: what is offered, what is left out, and what cannot be honoured."""

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
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.chat_completions.profile import ChatProfile
    from lambda_responses.wire.json import Json

_CALLABLE = ("function", "custom")
_RESULTS = ("function_call_output", "custom_tool_call_output")


@dataclass(frozen=True, slots=True)
class _Choice:
    mode: Literal["auto", "none", "required"]
    only: frozenset[str] | None = None
    """The flat names that may be called, where the request says which."""
    named: bool = False
    """Whether one function was named, rather than any of a list allowed."""


@dataclass(slots=True)
class ToolPlan:
    """What becomes of a turn's tools. The request is rendered from it, and the answer read with it."""

    names: ToolNames
    offered: list[OfferedTool] = field(default_factory=list[OfferedTool])
    choice: Any = None
    """`tool_choice` as it is sent; None leaves it to the model, which is every server's default."""
    forced: list[OfferedTool] = field(default_factory=list[OfferedTool])
    """One of these must be called, which the answer's schema sees to."""
    dropped: list[str] = field(default_factory=list[str])
    adds: Json = field(default_factory=dict[str, Any])
    """Members that a forced choice needs in the body."""


def plan_tools(turn: Turn, profile: ChatProfile) -> ToolPlan:
    """Decide what is offered, forced and left out.

    Raises `InvalidRequestError`, naming `tools[i]` or `tool_choice`, for a tool that cannot be carried or a
    choice that cannot be kept.
    """
    names, tools = names_of(tools_of(turn.request, turn.items))
    plan = ToolPlan(names)
    functions = [tool for tool in tools if tool.tool.get("type") in _CALLABLE]
    for tool in tools:
        if tool.tool.get("type") == "mcp":
            raise UnsupportedError("This model's provider cannot call MCP servers.", param=tool.path)
        if tool.tool.get("type") not in _CALLABLE:
            plan.dropped.append(tool.path)
    if functions and not profile.tools:
        raise UnsupportedError("This model's provider does not call functions.", param=functions[0].path)
    choice = _read_choice(turn.request.get("tool_choice"), functions, names)
    if choice.only is not None:
        functions = [tool for tool in functions if tool.flat in choice.only]
    if not functions:
        if choice.mode == "required":
            raise UnsupportedError(
                "This model's provider has none of the required tools.", param="tool_choice"
            )
        return plan
    _choose(plan, functions, choice, profile, answering=_answers_a_result(turn))
    return plan


def render_tools(plan: ToolPlan, profile: ChatProfile) -> list[Json]:
    """The functions on offer, and custom tools in the shape that the server knows."""
    return [_render_tool(tool, profile) for tool in plan.offered]


def _choose(
    plan: ToolPlan, functions: list[OfferedTool], choice: _Choice, profile: ChatProfile, *, answering: bool
) -> None:
    kept = profile.tool_choices
    match choice.mode:
        case "none":
            plan.offered = functions if "none" in kept and profile.picks_tools else []
            plan.choice = "none" if plan.offered else None
        case "required" if profile.forces_by_schema and "required" not in kept:
            if answering:  # a second forced call would never let the model use the first one's result
                plan.dropped.append("tool_choice")
                _offer(plan, functions, profile)
            else:
                plan.forced = functions
        case "required":
            plan.offered = functions
            plan.adds = dict(profile.forced_choice_adds)
            if choice.named and "function" in kept:
                plan.choice = _render_named(functions[0], profile)
            elif "required" in kept:
                plan.choice = "required"
            else:
                raise UnsupportedError(
                    "This model's provider cannot be forced to call a tool.", param="tool_choice"
                )
        case "auto":
            _offer(plan, functions, profile)


def _offer(plan: ToolPlan, functions: list[OfferedTool], profile: ChatProfile) -> None:
    if profile.picks_tools:
        plan.offered = functions
    else:
        plan.dropped += [tool.path for tool in functions]


def _answers_a_result(turn: Turn) -> bool:
    return bool(turn.items) and turn.items[-1].get("type") in _RESULTS


def _read_choice(choice: Any, functions: list[OfferedTool], names: ToolNames) -> _Choice:
    match choice:
        case None | "auto":
            return _Choice("auto")
        case "none":
            return _Choice("none")
        case "required":
            return _Choice("required")
        case {"type": "function" | "custom", "name": str()}:
            found = _find(choice, functions)
            if found is None:
                message = f"Tool choice '{choice['name']}' not found in 'tools' parameter."
                raise InvalidRequestError(message, param="tool_choice")
            return _Choice("required", frozenset({found.flat}), named=True)
        case {"type": "allowed_tools", "tools": [*allowed]}:
            found = [_find(tool, functions) for tool in allowed]
            flat = frozenset(tool.flat for tool in found if tool is not None)
            return _Choice("required" if choice.get("mode") == "required" else "auto", flat)
        case {"type": str(kind)}:
            message = f"This model's provider cannot be forced to use '{kind}'."
            raise UnsupportedError(message, param="tool_choice")
        case _:
            raise InvalidRequestError("This tool choice is not known.", param="tool_choice")


def _find(wanted: Json, functions: list[OfferedTool]) -> OfferedTool | None:
    """The tool of that name; in whatever namespace, unless the choice or an equal name outside says which."""
    same = [tool for tool in functions if tool.tool.get("name") == wanted.get("name")]
    exact = [tool for tool in same if tool.namespace == wanted.get("namespace")]
    if exact or wanted.get("namespace"):
        return exact[0] if exact else None
    return same[0] if same else None


def _render_named(tool: OfferedTool, profile: ChatProfile) -> Json:
    kind = "custom" if tool.tool["type"] == "custom" and profile.custom_tools else "function"
    return {"type": kind, kind: {"name": tool.flat}}


def _render_tool(offered: OfferedTool, profile: ChatProfile) -> Json:
    tool = offered.tool
    if tool["type"] == "custom" and profile.custom_tools:
        custom: Json = {"name": offered.flat}
        if tool.get("description"):
            custom["description"] = tool["description"]
        match tool.get("format"):
            case {"type": "grammar", "definition": definition, "syntax": syntax}:
                grammar = {"definition": definition, "syntax": syntax}
                custom["format"] = {"type": "grammar", "grammar": grammar}
            case _:
                pass
        return {"type": "custom", "custom": custom}
    function: Json = {"name": offered.flat}
    if description := describe(offered):
        function["description"] = description
    function["parameters"] = parameters_of(offered)
    if profile.strict_tools and tool.get("strict"):
        function["strict"] = True
    return {"type": "function", "function": function}


def describe(offered: OfferedTool) -> str:
    """What the model is told of a tool."""
    tool = offered.tool
    return custom_tool_description(tool) if tool["type"] == "custom" else str(tool.get("description") or "")


def parameters_of(offered: OfferedTool) -> Json:
    """The JSON schema of a tool's arguments."""
    if offered.tool["type"] == "custom":
        return CUSTOM_TOOL_PARAMETERS
    return offered.tool.get("parameters") or {"type": "object", "properties": {}}
