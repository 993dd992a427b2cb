"""Which tools the scripted model calls, and with what."""

from __future__ import annotations

import json
import re
from itertools import cycle, islice, takewhile
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.scripted.codex import is_coding_agent, next_act
from lambda_responses.transformers.scripted.example import example
from lambda_responses.transformers.scripted.keywords import COUNTER, MOST_CALLS
from lambda_responses.wire.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.transformers.scripted.keywords import WantedCall
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
    if planned := _planned(scene, allowed):
        return planned
    tools = _fitting(scene, allowed) if forced or not scene.outputs else ()
    if forced:
        tools = tools or allowed
    wanted = scene.wishes.calls if scene.request.get("parallel_tool_calls") is not False else 1
    return [(tool, _input(scene, tool)) for tool in islice(cycle(tools), wanted)]


def _planned(scene: Scene, tools: Sequence[OfferedTool]) -> list[tuple[OfferedTool, str]]:
    """What is called now of that for which the prompt asks by name: the first round that is not answered.

    What is not on offer is passed over.
    """
    wishes = scene.wishes
    by_name = {name: tool for tool in tools for name in (tool.flat, tool.tool["name"])}
    rounds = [[call for call in each if call.name in by_name] for each in wishes.rounds]
    if sum(map(len, rounds)) == 1:
        rounds = [each * wishes.calls for each in rounds]
    plan = [(n, call) for n, each in enumerate(rounds * wishes.repeats) for call in each]
    done = len(scene.outputs)
    left = plan[done:]
    now = list(takewhile(lambda planned: planned[0] == left[0][0], left))
    if scene.request.get("parallel_tool_calls") is False:
        now = now[:1]
    return [
        (by_name[call.name], _wanted_input(scene, by_name[call.name], call, number))
        for number, (_, call) in enumerate(now[:MOST_CALLS], done + 1)
    ]


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
    if wanted := {call.name for each in scene.wishes.rounds for call in each}:
        return [tool for tool in tools if wanted & {tool.tool["name"], tool.flat}]
    if scene.wishes.calls > 1:
        return tools
    if is_coding_agent(scene.tools):
        return []
    asked = {word.lower() for word in _WORD.findall(scene.question)}
    return [t for t in tools if asked & _telling_words(t.tool["name"])][:1]


def _telling_words(name: str) -> set[str]:
    words = {word.lower() for word in _WORD.findall(name)}
    return {word for word in words if len(word) > 2} - _SAYS_NOTHING


def _wanted_input(scene: Scene, offered: OfferedTool, call: WantedCall, number: int) -> str:
    if call.arguments is None:
        return _input(scene, offered)
    return call.arguments.replace(COUNTER, str(number))


def _input(scene: Scene, offered: OfferedTool) -> str:
    """Arguments that obey the function's schema; a custom tool gets the question."""
    if offered.tool["type"] == "custom":
        return scene.question
    arguments = example(offered.tool.get("parameters") or {"type": "object"})
    return json.dumps(arguments if isinstance(arguments, dict) else {})
