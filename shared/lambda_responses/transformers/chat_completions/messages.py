"""The context as chat messages: one assistant message a turn, every call followed by its result."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.chat_completions.content import render_content, split_output
from lambda_responses.transformers.passages import passages
from lambda_responses.transformers.tool_names import wrap_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.chat_completions.profile import ChatProfile
    from lambda_responses.transformers.passages import Passage
    from lambda_responses.transformers.tool_names import ToolNames
    from lambda_responses.wire.json import Json

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def render_messages(
    turn: Turn, profile: ChatProfile, names: ToolNames, advice: Sequence[str] = ()
) -> list[Json]:
    """All messages; `advice` is added to the system's words.

    Raises `InvalidRequestError`, naming the item, for what the format or the server cannot carry, for a
    result without its call and for a call without its result.
    """
    conversation = _Conversation(turn, profile, names)
    instructions = "\n\n".join(filter(None, [turn.request.get("instructions") or "", *advice]))
    if instructions:
        conversation.messages.append({"role": profile.developer_role, "content": instructions})
    for passage in passages(turn.items, turn.origins):
        conversation.add(passage)
    messages = conversation.messages
    if profile.one_system_message:
        messages = _with_one_system_message(messages, profile.developer_role)
    return _with_alternating_roles(messages) if profile.alternating_roles else messages


@dataclass(slots=True)
class _AssistantTurn:
    """What one turn of the assistant said, thought and called, on its way into one message."""

    texts: list[str] = field(default_factory=list[str])
    refusals: list[str] = field(default_factory=list[str])
    thoughts: list[str] = field(default_factory=list[str])
    details: list[Json] = field(default_factory=list["Json"])
    calls: list[Json] = field(default_factory=list[Any])


class _Conversation:
    def __init__(self, turn: Turn, profile: ChatProfile, names: ToolNames) -> None:
        self.messages: list[Json] = []
        self._profile = profile
        self._names = names
        self._origins = turn.origins

    def add(self, passage: Passage) -> None:
        """Take the next passage of the context."""
        if passage.role == "assistant":
            turn = _AssistantTurn()
            for _, item in passage.items:
                self._add_item(item, turn)
            self._tell(turn, passage.results)
            return
        for index, item in passage.items:
            content = render_content(item.get("content"), self._profile, at=f"input[{index}].content")
            role = self._profile.developer_role if passage.role == "developer" else passage.role
            self.messages.append({"role": role, "content": content})

    def _add_item(self, item: Json, turn: _AssistantTurn) -> None:
        origin = self._origins.get(item.get("id") or "", {})
        if origin.get("supersedes"):
            turn.details.clear()
        turn.details += origin.get("reasoning_details") or ()
        match item.get("type"):
            case "reasoning":
                self._add_reasoning(item, turn)
            case "function_call" | "custom_tool_call":
                turn.calls.append(item)
            case _:
                self._add_said(item, turn)

    def _tell(self, turn: _AssistantTurn, results: Sequence[tuple[int, Json]]) -> None:
        """What the assistant said becomes one message, and the results of its calls follow."""
        if not (turn.texts or turn.refusals or turn.calls):
            return
        if not self._profile.tool_messages:
            self._tell_calls_as_text(turn, results)
            return
        message: Json = {"role": "assistant"} | self._render_said(turn)
        if turn.calls:
            message["tool_calls"] = [self._render_call(call) for call in turn.calls]
        self.messages.append(message)
        media: list[Json] = []
        for index, result in results:
            told, shown = self._render_result(index, result)
            self.messages.append(told)
            media += shown
        if media:
            self.messages.append({"role": "user", "content": media})

    def _add_reasoning(self, item: Json, turn: _AssistantTurn) -> None:
        """Raw reasoning may go back to any maker; a summary or a seal only to its own."""
        parts: list[Json] = item.get("content") or []
        if not parts and item.get("id") in self._origins:
            parts = item.get("summary") or []
        if text := "".join(str(part.get("text") or "") for part in parts):
            turn.thoughts.append(text)

    def _add_said(self, item: Json, turn: _AssistantTurn) -> None:
        content: str | list[Json] = item.get("content") or ""
        if isinstance(content, str):
            turn.texts.append(content)
            return
        text = "".join(str(part.get("text") or "") for part in content if part.get("type") != "refusal")
        refusal = "".join(str(part.get("refusal") or "") for part in content)
        if text:
            turn.texts.append(text)
        if refusal:
            (turn.refusals if self._profile.refusals else turn.texts).append(refusal)

    def _render_said(self, turn: _AssistantTurn) -> Json:
        """`content` and `refusal`, and the reasoning before them, where this server wants it back."""
        text, thought = "\n".join(turn.texts), "\n\n".join(turn.thoughts)
        if turn.calls:
            thought = thought or self._profile.missing_thought
        said: Json = {}
        if text or not turn.calls:
            said["content"] = text or (None if turn.refusals else "")
        elif self._profile.text_without_content != "absent":
            said["content"] = None if self._profile.text_without_content == "null" else ""
        if turn.refusals:
            said["refusal"] = "\n".join(turn.refusals)
        match self._profile.reasoning_replay:
            case "reasoning_content" | "reasoning" as member if thought:
                said[member] = thought
            case "reasoning_details" if turn.details:
                said["reasoning_details"] = turn.details
            case "reasoning_details" if thought:
                said["reasoning"] = thought
            case "think_tags" if thought:
                said["content"] = f"<think>{thought}</think>{text}"
            case "thinking_parts" if thought:
                thinking = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
                said["content"] = [thinking, *([{"type": "text", "text": text}] if text else [])]
            case _:
                pass
        return said

    def _render_call(self, call: Json) -> Json:
        custom = call["type"] == "custom_tool_call"
        kind = "custom_tool_call" if custom else "function_call"
        name = self._names.flat(str(call["name"]), call.get("namespace"), kind)
        id = self._call_id(str(call["call_id"]))
        if custom and self._profile.custom_tools:
            return {"id": id, "type": "custom", "custom": {"name": name, "input": call.get("input") or ""}}
        arguments = wrap_input(call.get("input") or "") if custom else call.get("arguments") or "{}"
        return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}

    def _render_result(self, index: int, result: Json) -> tuple[Json, list[Json]]:
        """A tool message, and the media that must follow in a user message."""
        output: str | list[Json] = result.get("output") or ""
        media: list[Json] = []
        content: Any = output
        if not isinstance(output, str):
            at = f"input[{index}].output"
            if self._profile.tool_output_media:
                content = render_content(output, self._profile, at=at)
            else:
                content, media = split_output(output, self._profile, at=at)
        id = self._call_id(str(result["call_id"]))
        return {"role": "tool", "tool_call_id": id, "content": content}, media

    def _tell_calls_as_text(self, turn: _AssistantTurn, results: Sequence[tuple[int, Json]]) -> None:
        """For a template without tools: the user tells what came of each call."""
        told: list[str] = []
        for call, (index, result) in zip(turn.calls, results, strict=True):
            name = self._names.flat(str(call["name"]), call.get("namespace"))
            message, _ = self._render_result(index, result)
            told.append(f"{name}({call.get('arguments') or call.get('input') or ''}): {message['content']}")
        if turn.texts or turn.refusals:
            self.messages.append({"role": "assistant"} | self._render_said(turn))
        if told:
            self.messages.append({"role": "user", "content": "\n".join(told)})

    def _call_id(self, call_id: str) -> str:
        """The id as this server wants ids, the same for the call and its result."""
        length = self._profile.call_id_length
        if length is None or (len(call_id) == length and call_id.isascii() and call_id.isalnum()):
            return call_id
        number = int.from_bytes(hashlib.sha256(call_id.encode()).digest())
        return "".join(_LETTERS[number // 62**place % 62] for place in range(length))


def _with_one_system_message(messages: Iterable[Json], role: str) -> list[Json]:
    """All that system and developer said, in one first message."""
    told: list[str] = []
    rest: list[Json] = []
    for message in messages:
        if message["role"] in ("system", "developer"):
            told.append(_as_text(message["content"]))
        else:
            rest.append(message)
    return [{"role": role, "content": "\n\n".join(told)}, *rest] if told else rest


def _with_alternating_roles(messages: Iterable[Json]) -> list[Json]:
    """Neighbours of the role `user` joined."""
    joined: list[Json] = []
    for message in messages:
        before = joined[-1] if joined else None
        if before is not None and before["role"] == message["role"] == "user":
            one, other = before["content"], message["content"]
            if isinstance(one, str) and isinstance(other, str):
                content: Any = f"{one}\n\n{other}"
            else:
                content = [*_as_parts(one), *_as_parts(other)]
            joined[-1] = {"role": "user", "content": content}
        else:
            joined.append(message)
    return joined


def _as_parts(content: str | list[Json]) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _as_text(content: str | list[Json]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in content if part.get("type") == "text")
