"""Which tools the scripted model calls, and with what."""

from __future__ import annotations

import json
import re
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.scripted.codex import is_coding_agent, next_act
from lambda_responses.transformers.scripted.example import example
from lambda_responses.wire.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.transformers.scripted.scene import Scene
    from lambda_responses.transformers.tool_names import OfferedTool

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_SAYS_NOTHING = frozenset(
    _WORD.findall(
        "call create delete fetch find for from function get list load make new query read run search send"
        " set show the tool transfer update use"
    )
)
"""Words of a tool's name that do not say what it is about."""


def calls_of(scene: Scene) -> list[tuple[OfferedTool, str]]:
    """The tools to call in this step and their inputs. Raises `InvalidRequestError` (`tool_choice`)."""
    allowed, forced = _choice(scene)
    if forced and not allowed:
        raise InvalidRequestError("The scripted model cannot play the chosen tool.", param="tool_choice")
    if not forced and (act := next_act(scene)):
        return [act] if act[0] in allowed else []
    tools = _fitting(scene, allowed) if forced or not scene.outputs else ()
    if forced:
        tools = tools or allowed
    wanted = scene.wishes.calls if scene.request.get("parallel_tool_calls") is not False else 1
    return [(tool, _input(scene, tool)) for tool in islice(cycle(tools), wanted)]


def _choice(scene: Scene) -> tuple[Sequence[OfferedTool], bool]:
    """The tools that may be called, and whether one must be."""
    match scene.request.get("tool_choice"):
        case "none":
            return [], False
        case "required":
            return scene.tools, True
        case {"type": "allowed_tools", "tools": [*allowed], "mode": mode}:
            names = [_name_of(tool) for tool in allowed]
            return [t for t in scene.tools if t.tool["name"] in names], mode == "required"
        case {"type": "function" | "custom", "name": name}:
            return [t for t in scene.tools if t.tool["name"] == name], True
        case {"type": _}:
            return [], True
        case _:
            return scene.tools, False


def _name_of(tool: Any) -> str | None:
    match tool:
        case {"name": str(name)}:
            return name
        case _:
            return None


def _fitting(scene: Scene, tools: Sequence[OfferedTool]) -> Sequence[OfferedTool]:
    """Those that the prompt asks for by keyword, or by a telling word of their name."""
    if scene.wishes.call is not None:
        return [tool for tool in tools if scene.wishes.call in (tool.tool["name"], tool.flat)]
    if scene.wishes.calls > 1:
        return tools
    if is_coding_agent(scene.tools):
        return []
    asked = {word.lower() for word in _WORD.findall(scene.question)}
    return [t for t in tools if asked & _telling_words(t.tool["name"])][:1]


def _telling_words(name: str) -> set[str]:
    words = {word.lower() for word in _WORD.findall(name)}
    return {word for word in words if len(word) > 2} - _SAYS_NOTHING


def _input(scene: Scene, offered: OfferedTool) -> str:
    """Arguments that obey the function's schema; a custom tool gets the question."""
    if offered.tool["type"] == "custom":
        return scene.question
    arguments = example(offered.tool.get("parameters") or {"type": "object"})
    return json.dumps(arguments if isinstance(arguments, dict) else {})
