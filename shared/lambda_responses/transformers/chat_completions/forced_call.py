"""A forced call of a model that cannot be forced: its answer is held to `{"name": …, "arguments": …}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.deltas import BlockEnded, Delta, ToolArguments, ToolCall
from lambda_responses.transformers.chat_completions.bounded_schema import bounded
from lambda_responses.transformers.tool_choice import describe, parameters_of
from lambda_responses.transformers.tool_names import InputUnwrapper, ToolNames
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambda_responses.transformers.chat_completions.profile import ChatProfile
    from lambda_responses.transformers.tool_names import OfferedTool
    from lambda_responses.wire.json import Json

BLOCK = ("call", 0)

_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
_MARKS = re.compile(r'[{}\[\]"\\]')


def call_schema(tools: Sequence[OfferedTool], profile: ChatProfile) -> Json:
    """The schema of a call of one of those tools; the name comes first, so that it is known first."""
    if len(tools) == 1:
        return _call_of(tools[0], profile, at="#")
    return {"anyOf": [_call_of(tool, profile, at=f"#/anyOf/{n}") for n, tool in enumerate(tools)]}


def call_advice(tools: Iterable[OfferedTool]) -> str:
    """What the model is told besides, since its template shows it no tools."""
    lines = (f"- {tool.flat}: {describe(tool)}" for tool in tools)
    return "\n".join(("Answer with a call of a function, as JSON.", *lines))


def _call_of(tool: OfferedTool, profile: ChatProfile, *, at: str) -> Json:
    arguments = parameters_of(tool)
    if profile.bounded_schemas:
        arguments = bounded(arguments)
    return {
        "type": "object",
        "properties": {
            "name": {"const": tool.flat},
            "arguments": _moved(arguments, f"{at}/properties/arguments"),
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, to: str) -> Any:
    """A schema whose references hold at its new place in a larger one."""
    match schema:
        case {"$ref": str(ref)} if ref.startswith("#"):
            return {**schema, "$ref": to + ref[1:]}
        case dict():
            return {key: _moved(value, to) for key, value in cast("Json", schema).items()}
        case list():
            return [_moved(value, to) for value in cast("list[Any]", schema)]
        case _:
            return schema


class ForcedCallReader:
    """Reads that answer, in pieces, as the call that it stands for."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._head = ""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._state = "head"
        self._custom: InputUnwrapper | None = None

    def feed(self, text: str) -> list[Delta]:
        """What this piece of the answer says."""
        if self._state == "over":
            return []
        if self._state == "arguments":
            return self._arguments(text)
        self._head += text
        head = _HEAD.match(self._head)
        if head is None:
            return []
        try:
            called = str(from_text(head[1]))
        except ValueError:  # no JSON after all, so no call
            return []
        self._state = "arguments"
        name = self._names.restore(called)
        if name.kind == "custom_tool_call":
            self._custom = InputUnwrapper()
        call = ToolCall(BLOCK, "", name.name, name.kind, name.namespace)
        return [call, *self._arguments(self._head[head.end() :])]

    @property
    def said_otherwise(self) -> str:
        """What the model said where it did not answer with a call."""
        return self._head if self._state == "head" else ""

    def end(self) -> list[Delta]:
        """What was held back of a call's input."""
        text = self._custom.end() if self._custom else ""
        return [ToolArguments(BLOCK, text)] if text else []

    def _arguments(self, text: str) -> list[Delta]:
        if self._depth == 0:
            text = text.lstrip()
        end = self._end_of_object(text)
        piece = text if end is None else text[:end]
        shown = self._custom.feed(piece) if self._custom else piece
        deltas: list[Delta] = [ToolArguments(BLOCK, shown)] if shown else []
        if end is not None:
            self._state = "over"
            deltas += [*self.end(), BlockEnded(BLOCK)]
        return deltas

    def _end_of_object(self, text: str) -> int | None:
        """Where in this piece the arguments' object closes."""
        position = 0
        while found := _MARKS.search(text, position):
            mark, position = found[0], found.end()
            if self._escaped and found.start() == 0:
                self._escaped = False
                continue
            self._escaped = False
            if self._in_string:
                if mark == "\\":
                    if position == len(text):
                        self._escaped = True
                        return None
                    position += 1
                elif mark == '"':
                    self._in_string = False
            elif mark == '"':
                self._in_string = True
            elif mark in "{[":
                self._depth += 1
            elif mark in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return position
        self._escaped = False
        return None


def render_forced(tools: Sequence[OfferedTool], profile: ChatProfile) -> dict[str, Any]:
    """`response_format` for a forced call."""
    schema = call_schema(tools, profile)
    return {"type": "json_schema", "json_schema": {"name": "call", "schema": schema, "strict": True}}
