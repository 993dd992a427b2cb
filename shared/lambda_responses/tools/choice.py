"""The choice among tools that a client made, as the steps of a loop get it.

What is forced is forced once: a model that had to call a tool in every turn would never answer. Servers and
their tools are named by the functions that stand for them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lambda_responses.tools.bounds import Bound
    from lambda_responses.wire.json import Json

Names: TypeAlias = "Mapping[str, Mapping[str, str]]"
"""By server's label and tool's own name, the function that is offered for it."""


def choice_for_step(choice: Any, step: int, names: Names) -> Any:
    """The `tool_choice` of one step; `step` is 0 for the first in which a model is asked.

    Raises `InvalidRequestError` (`tool_choice`), in the first step, for a server or tool that is not offered.
    """
    match choice:
        case {"type": "allowed_tools", "tools": [*allowed]}:
            mode = choice.get("mode", "auto") if step == 0 else "auto"
            return {**choice, "mode": mode, "tools": list(_as_functions(allowed, names, strict=step == 0))}
        case None | "auto" | "none":
            return choice
        case _ if step > 0:
            return "auto"
        case {"type": "mcp"}:
            functions = list(_functions_of(choice, names, strict=True))
            if len(functions) == 1:
                return functions[0]
            return {"type": "allowed_tools", "mode": "required", "tools": functions}
        case _:
            return choice


def last_choice(choice: Any, bound: Bound, tools: Iterable[Json]) -> Any:
    """The `tool_choice` of the last turn, after that `bound`, among the `tools` that the request has.

    Nothing is called any more. Only `max_tool_calls` does not count what a client runs: its functions may
    still be called, if they might be before.
    """
    if bound != "max_tool_calls" or choice == "none":
        return "none"
    match choice:
        case {"type": "allowed_tools", "tools": [*allowed]}:
            left = allowed
        case _:
            left = tools
    kinds = ("function", "custom")
    own = [{"type": tool["type"], "name": tool["name"]} for tool in left if tool.get("type") in kinds]
    return {"type": "allowed_tools", "mode": "auto", "tools": own} if own else "none"


def distinct(tools: Iterable[Json]) -> Iterable[Json]:
    """The tools of a choice, each server or tool of one once, however often it is allowed."""
    return {
        json.dumps([tool.get("server_label"), tool.get("name")]) if tool.get("type") == "mcp" else place: tool
        for place, tool in enumerate(tools)
    }.values()


def _as_functions(tools: Iterable[Json], names: Names, *, strict: bool) -> Iterator[Json]:
    for tool in distinct(tools):
        if tool.get("type") == "mcp":
            yield from _functions_of(tool, names, strict=strict)
        else:
            yield tool


def _functions_of(meant: Json, names: Names, *, strict: bool) -> Iterator[Json]:
    """Those of a server, or of its one tool that is named."""
    label, name = meant.get("server_label"), meant.get("name")
    offered = names.get(str(label), {})
    found = list(offered.values()) if name is None else [offered[name]] if name in offered else []
    if strict and not found:
        what = clip(str(label) if name is None else f"{label}.{name}")
        message = f"Tool choice '{what}' not found in 'tools' parameter."
        raise InvalidRequestError(message, param="tool_choice")
    return ({"type": "function", "name": function} for function in found)
