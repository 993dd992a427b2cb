"""The tools of a turn, as formats know them that have one flat list of functions and nothing else.

A tool in a namespace is offered as `namespace__name`; a custom tool as a function of one string, `input`.
Both are undone on the way back, so the client sees the names and kinds that it offered.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lambda_responses.wire.json import Json

CallKind: TypeAlias = Literal["function_call", "custom_tool_call"]

NAME_LIMIT = 64
"""Characters of a function's name that every chat-like API takes."""

CUSTOM_TOOL_PARAMETERS: Json = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The tool's input, verbatim."}},
    "required": ["input"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class ToolName:
    """A tool as the client calls it."""

    name: str
    namespace: str | None = None
    kind: CallKind = "function_call"


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """One tool of the turn: where the request has it, what it is called upstream, and its definition."""

    path: str
    flat: str
    namespace: str | None
    tool: Json


@dataclass(slots=True)
class ToolNames:
    """Flat names for a turn's tools, without collisions, and the way back."""

    _by_flat: dict[str, ToolName] = field(default_factory=dict[str, "ToolName"])
    _by_name: dict[tuple[str | None, str], str] = field(default_factory=dict[Any, str])

    def add(self, name: ToolName) -> str:
        """Give that tool a flat name; the same one again if it has one."""
        key = (name.namespace, name.name)
        flat = self._by_name.get(key)
        if flat is None:
            flat = self._free_name(name)
            self._by_name[key] = flat
        self._by_flat[flat] = name
        return flat

    def flat(self, name: str, namespace: str | None = None, kind: CallKind = "function_call") -> str:
        """What a tool of the history is called upstream, whether or not it is still on offer."""
        known = self._by_name.get((namespace, name))
        return known if known is not None else self.add(ToolName(name, namespace, kind))

    def restore(self, flat: str) -> ToolName:
        """The tool behind a flat name; a name that nobody offered stands for itself."""
        return self._by_flat.get(flat) or ToolName(flat)

    def _free_name(self, name: ToolName) -> str:
        joined = f"{name.namespace}__{name.name}" if name.namespace else name.name
        if len(joined) <= NAME_LIMIT and joined not in self._by_flat:
            return joined
        digest = hashlib.sha256(f"{name.namespace}\0{name.name}".encode()).hexdigest()[:8]
        return f"{joined[: NAME_LIMIT - 9]}_{digest}"


def names_of(tools: Iterable[tuple[str, Json]]) -> tuple[ToolNames, list[OfferedTool]]:
    """Names for those (path, tool) pairs, and the tools with namespaces opened up.

    Tools outside of namespaces keep their names, wherever they stand. Of two definitions of one tool the
    later counts, in the place of the first.
    """
    names = ToolNames()
    found = list(_without_namespaces(tools))
    for _, namespace, tool in sorted(found, key=lambda entry: entry[1] is not None):
        if kind := _CALL_KINDS.get(str(tool.get("type"))):
            names.add(ToolName(str(tool["name"]), namespace, kind))
    offered: dict[tuple[str | None, str], OfferedTool] = {}
    for path, namespace, tool in found:
        name = str(tool.get("name") or path)
        flat = names.flat(name, namespace) if tool.get("type") in _CALL_KINDS else ""
        offered[namespace, name] = OfferedTool(path, flat, namespace, tool)
    return names, list(offered.values())


def tools_of(request: Json, items: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """Every tool of a turn with its path: the request's own, and those that arrived in its input.

    What a search has found that was no client's was among the request's own, and counts while it still is.
    """
    for index, tool in enumerate(request.get("tools") or ()):
        yield f"tools[{index}]", tool
    for position, item in enumerate(items):
        if item.get("type") in _BRINGING and item.get("execution") != "server":
            for index, tool in enumerate(item.get("tools") or ()):
                yield f"input[{position}].tools[{index}]", tool


_BRINGING = ("additional_tools", "tool_search_output")
"""Types of the items by which tools arrive."""
_CALL_KINDS: dict[str, CallKind] = {"function": "function_call", "custom": "custom_tool_call"}


def _without_namespaces(tools: Iterable[tuple[str, Json]]) -> Iterator[tuple[str, str | None, Json]]:
    for path, tool in tools:
        if tool.get("type") == "namespace":
            for index, inner in enumerate(tool.get("tools") or ()):
                yield f"{path}.tools[{index}]", str(tool["name"]), inner
        else:
            yield path, None, tool


def custom_tool_description(tool: Json) -> str:
    """A custom tool's description with its grammar, which a plain function has no other place for."""
    description = str(tool.get("description") or "")
    match tool.get("format"):
        case {"type": "grammar", "definition": str(definition), "syntax": syntax}:
            rule = f"`input` must match this {syntax} grammar:\n{definition}"
            return f"{description}\n\n{rule}" if description else rule
        case _:
            return description


def wrap_input(text: str) -> str:
    """A custom tool's input as the arguments of the function that stands for it."""
    return json.dumps({"input": text}, ensure_ascii=False)


_OPENING = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_WHOLE_CHARACTERS = re.compile(r'(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*')
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")


class InputUnwrapper:
    """Takes `{"input": "…"}` in pieces and gives the text inside, as early as it is certain."""

    def __init__(self) -> None:
        self._pending = ""
        self._inside = False
        self._over = False

    def feed(self, piece: str) -> str:
        """The text that this piece makes known."""
        if self._over:
            return ""
        self._pending += piece
        if not self._inside:
            opening = _OPENING.match(self._pending)
            if opening is None:
                return ""
            self._inside = True
            self._pending = self._pending[opening.end() :]
        return self._take_characters()

    def end(self) -> str:
        """What was held back: a model that did not keep to the form said it all as plain text."""
        held, self._pending = self._pending, ""
        if self._over or self._inside:
            return ""
        try:
            arguments = from_text(held)
        except ValueError:
            return held
        match arguments:
            case {"input": str(text)}:
                return text
            case _:
                return held if arguments else ""

    def _take_characters(self) -> str:
        match = _WHOLE_CHARACTERS.match(self._pending)
        end = match.end() if match else 0
        half = _HALF_PAIR.search(self._pending, 0, end)
        if half and self._pending[end : end + 1] in ("", "\\"):
            end = half.start()  # a surrogate pair is one character in two escapes: wait for the second
        text, self._pending = self._pending[:end], self._pending[end:]
        if self._pending.startswith('"'):
            self._over = True
        try:
            return str(json.loads(f'"{text}"', strict=False))
        except ValueError:
            return text
