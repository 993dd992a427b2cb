"""Tools and the choice among them: what is offered, how a call is forced, and what stands for an answer.

Converse has no choice `none`, so tools that may not be called are withheld. But it wants tools as soon as
the history has calls: then those that may not be called are shown nevertheless (those of the request, or the
names that were called, where the request has none), and the system prompt says that none may be called now.
A choice of `none` that is kept by words alone is named as left out (`tool_choice`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.bedrock_converse.answer_format import AnswerFormat, plan_answer
from lambda_responses.transformers.bedrock_converse.schemas import inlined, object_schema, strict_schema
from lambda_responses.transformers.tool_choice import describe, hosted_kind, parameters_of, read_offer
from lambda_responses.transformers.updates import with_updates
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.transformers.tool_choice import Offer
    from lambda_responses.transformers.tool_names import OfferedTool, ToolNames
    from lambda_responses.wire.json import Json

MOST_STRICT_TOOLS = 20
"""So many tools of a request may be strict."""

_UNCALLED = "Do not call any tool now. Answer in text."
_NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(slots=True)
class ToolPlan:
    """What becomes of a turn's tools. The request is rendered from it, and the answer read with it."""

    names: ToolNames
    functions: list[OfferedTool] = field(default_factory=list["OfferedTool"])
    hosted: list[OfferedTool] = field(default_factory=list["OfferedTool"])
    uncalled: bool = False
    """Whether tools are shown for what was called earlier, and none may be called now."""
    choice: Json | None = None
    """`toolChoice`; without one the model decides."""
    answer: AnswerFormat = field(default_factory=AnswerFormat)
    """How the answer's format is had, maybe by one more tool."""

    @property
    def answer_name(self) -> str | None:
        """The function whose arguments are the answer, if there is one."""
        return self.answer.tool["name"] if self.answer.tool is not None else None

    dropped: list[str] = field(default_factory=list[str])


def plan_tools(turn: Turn, profile: ConverseProfile) -> ToolPlan:
    """Decide what is offered, forced and left out.

    Raises `InvalidRequestError`, naming `tools[i]`, `tool_choice` or `text.format`, for a tool that cannot be
    carried, and for a choice or a format that cannot be kept.
    """
    offer = read_offer(turn, hosts=profile.hosts)
    plan = ToolPlan(offer.names, dropped=offer.dropped)
    if offer.functions and not profile.tools:
        raise UnsupportedError("This model does not call functions.", param=offer.functions[0].path)
    plan.functions = offer.functions
    if offer.mode == "none":
        plan.uncalled = True
    else:
        plan.hosted = offer.hosted
    if offer.mode == "required":
        plan.choice = _forced(offer, profile, serial=turn.request.get("parallel_tool_calls") is False)
    text: Json = with_updates(turn).get("text") or {}
    taken = {tool.flat for tool in offer.declared}
    plan.answer = plan_answer(text.get("format"), profile, may_force=offer.mode != "required", taken=taken)
    if plan.answer_name is not None:
        _force_answer(plan, plan.answer_name, profile)
    return plan


def _forced(offer: Offer, profile: ConverseProfile, *, serial: bool) -> Json:
    """The choice of a tool that is named, which is offered alone, or of any.

    A model whose own fields say that it calls one at a time is told `any` there, and here the same.
    """
    if not offer.functions:
        raise UnsupportedError(
            "This model cannot be forced to use its provider's tools.", param="tool_choice"
        )
    alike = serial and bool(profile.serial_calls)
    if offer.named is not None and "tool" in profile.tool_choices and not alike:
        return {"tool": {"name": offer.named.flat}}
    if "any" in profile.tool_choices:
        return {"any": {}}
    raise UnsupportedError("This model cannot be forced to call a tool.", param="tool_choice")


def _force_answer(plan: ToolPlan, name: str, profile: ConverseProfile) -> None:
    """The function that gives the answer is called at the end of the tools' work."""
    if plan.uncalled:
        plan.functions, plan.uncalled = [], False
    alone = not (plan.functions or plan.hosted)
    plan.choice = {"tool": {"name": name}} if alone and "tool" in profile.tool_choices else {"any": {}}


def render_tool_config(plan: ToolPlan, called: Iterable[str], profile: ConverseProfile) -> Json | None:
    """`toolConfig`. It must be there when tools were `called` before, even if none may be called now.

    Tools that should be strict and cannot be are named in the plan's `dropped`.
    """
    earlier = list(dict.fromkeys(called))
    if plan.uncalled and not earlier:
        return None
    strict_left = MOST_STRICT_TOOLS if profile.strict_tools else 0
    tools: list[Json] = []
    for tool in plan.functions:
        wanted = tool.tool.get("strict") is True
        strict = wanted and strict_left > 0
        strict_left -= strict
        if wanted and not strict:
            plan.dropped.append(f"{tool.path}.strict")
        tools.append(_render_function(tool, profile, strict=strict))
    tools += [_system_tool(profile.hosts[hosted_kind(tool.tool)]) for tool in plan.hosted]
    if plan.answer.tool is not None:
        tools.append({"toolSpec": plan.answer.tool})
    if not tools:
        hosted = profile.hosts.values()
        tools = [_system_tool(n) if n in hosted else _spec(n, "", _NO_ARGUMENTS) for n in earlier]
    if not tools:
        return None
    return {"tools": tools} if plan.choice is None else {"tools": tools, "toolChoice": plan.choice}


def advice_on_tools(plan: ToolPlan, called: Iterable[str]) -> str:
    """What is told in words, because Converse has no choice `none` and asks for tools nevertheless."""
    nothing_offered = plan.uncalled or not (plan.functions or plan.hosted or plan.answer.tool is not None)
    return _UNCALLED if nothing_offered and any(True for _ in called) else ""


def usable_name(name: str) -> str:
    """A tool's name in the history, in the letters that names may have."""
    return _NOT_IN_A_NAME.sub("_", name)[:64] or "tool"


def _render_function(tool: OfferedTool, profile: ConverseProfile, *, strict: bool) -> Json:
    schema = object_schema(parameters_of(tool))
    if profile.inlines_references:
        schema = inlined(schema)
    spec = _spec(tool.flat, describe(tool), strict_schema(schema) if strict else schema)
    if strict:
        spec["toolSpec"]["strict"] = True
    return spec


def _system_tool(name: str) -> Json:
    return {"systemTool": {"name": name}}


def _spec(name: str, description: str, schema: Json) -> Json:
    spec: dict[str, Any] = {"name": name}
    if description:
        spec["description"] = description
    spec["inputSchema"] = {"json": schema}
    return {"toolSpec": spec}
