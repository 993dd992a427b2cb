"""Tools and the choice among them: what is offered, what is left out, and what cannot be honoured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.chat_completions.web_search import render_search
from lambda_responses.transformers.passages import RESULTS
from lambda_responses.transformers.tool_choice import describe, parameters_of, read_offer
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.chat_completions.profile import ChatProfile
    from lambda_responses.transformers.tool_choice import Offer
    from lambda_responses.transformers.tool_names import OfferedTool, ToolNames
    from lambda_responses.wire.json import Json


@dataclass(slots=True)
class ToolPlan:
    """What becomes of a turn's tools. The request is rendered from it, and the answer read with it."""

    names: ToolNames
    offered: list[OfferedTool] = field(default_factory=list[Any])
    hosted: list[Json] = field(default_factory=list[Any])
    """Tools that the server runs by itself, as they stand among the others."""
    choice: Any = None
    """`tool_choice` as it is sent; None leaves it to the model, which is every server's default."""
    forced: list[OfferedTool] = field(default_factory=list[Any])
    """One of these must be called, which the answer's schema sees to."""
    dropped: list[str] = field(default_factory=list[str])
    adds: Json = field(default_factory=dict[str, Any])
    """Members that a forced choice needs in the body."""
    settings: Json = field(default_factory=dict[str, Any])
    """Members by which the server is told of a tool of its own, where that is no tool among others."""


def plan_tools(turn: Turn, profile: ChatProfile) -> ToolPlan:
    """Decide what is offered, forced and left out.

    Raises `InvalidRequestError`, naming `tools[i]` or `tool_choice`, for a tool that cannot be carried or a
    choice that cannot be kept.
    """
    offer = read_offer(turn, hosts=("web_search",) if profile.web_search else ())
    plan = ToolPlan(offer.names, dropped=offer.dropped)
    if offer.functions and not profile.tools:
        raise UnsupportedError(
            "This model's provider does not call functions.", param=offer.functions[0].path
        )
    if offer.hosted:
        _plan_search(plan, offer, profile)
    if offer.functions:
        _choose(plan, offer, profile, answering=_answers_a_result(turn))
    return plan


def render_tools(plan: ToolPlan, profile: ChatProfile) -> list[Json]:
    """The functions on offer, custom tools in the shape that the server knows, and its own tools.

    Where the server has no strict functions, those that should be are named in the plan's `dropped`.
    """
    if not profile.strict_tools:
        plan.dropped += [f"{offered.path}.strict" for offered in plan.offered if offered.tool.get("strict")]
    return [*(_render_tool(tool, profile) for tool in plan.offered), *plan.hosted]


def _plan_search(plan: ToolPlan, offer: Offer, profile: ChatProfile) -> None:
    """Have the web searched; the last of several definitions counts, as everywhere."""
    search = profile.web_search
    if search is None:
        return
    if offer.mode == "none":
        plan.settings |= search.off
        return
    tool = offer.hosted[-1]
    entry, settings, dropped = render_search(tool.tool, search, at=tool.path)
    plan.hosted += [entry] if entry else []
    plan.settings |= settings
    plan.dropped += dropped
    if offer.mode == "required" and not offer.functions:
        if search.forced == "refused":
            message = "This model's provider cannot be forced to use 'web_search'."
            raise UnsupportedError(message, param="tool_choice")
        plan.choice = "required" if search.forced == "required" else None


def _choose(plan: ToolPlan, offer: Offer, profile: ChatProfile, *, answering: bool) -> None:
    kept = profile.tool_choices
    match offer.mode:
        case "none":
            plan.offered = offer.functions if "none" in kept and profile.picks_tools else []
            plan.choice = "none" if plan.offered else None
        case "required" if profile.forces_by_schema and "required" not in kept:
            if answering:  # a second forced call would never let the model use the first one's result
                plan.dropped.append("tool_choice")
                _offer(plan, offer, profile)
            else:
                plan.forced = offer.functions
        case "required":
            plan.offered = offer.functions
            plan.adds = dict(profile.forced_choice_adds)
            if offer.named and "function" in kept:
                plan.choice = _render_named(offer.named, profile)
            elif "required" in kept:
                plan.choice = "required"
            else:
                raise UnsupportedError(
                    "This model's provider cannot be forced to call a tool.", param="tool_choice"
                )
        case "auto":
            _offer(plan, offer, profile)


def _offer(plan: ToolPlan, offer: Offer, profile: ChatProfile) -> None:
    if profile.picks_tools:
        plan.offered = offer.functions
    else:
        plan.dropped += [tool.path for tool in offer.functions]


def _answers_a_result(turn: Turn) -> bool:
    return bool(turn.items) and turn.items[-1].get("type") in RESULTS


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
