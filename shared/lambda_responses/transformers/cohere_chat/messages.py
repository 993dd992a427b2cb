"""The context as Cohere's messages, and the documents that it brings along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.cohere_chat.documents import read_document
from lambda_responses.transformers.passages import passages
from lambda_responses.transformers.tool_names import wrap_input
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.cohere_chat.profile import CohereProfile
    from lambda_responses.transformers.passages import Passage
    from lambda_responses.transformers.tool_names import ToolNames
    from lambda_responses.wire.json import Json

SAID_AS = "cohere"
"""Where the origin of a reasoning item says what it was: `thinking`, or the `tool_plan` of older models."""

_FOLLOWS = "The result follows in the next message."


def render_messages(turn: Turn, profile: CohereProfile, names: ToolNames, advice: Sequence[str]) -> Json:
    """`messages`, and `documents` where users attached any; `advice` is added to what the system says first.

    Raises `InvalidRequestError`, naming the item, for what the format cannot carry, for a result without its
    call and for a call without its result.
    """
    conversation = _Conversation(turn, profile, names)
    for told in (turn.request.get("instructions"), *advice):
        if told:
            conversation.messages.append({"role": "system", "content": told})
    for passage in passages(turn.items, turn.origins):
        conversation.add(passage)
    rendered: Json = {"messages": conversation.messages}
    return rendered | ({"documents": conversation.documents} if conversation.documents else {})


@dataclass(slots=True)
class _Said:
    """What the assistant said in one passage, on its way into one message."""

    thoughts: list[str] = field(default_factory=list[str])
    plans: list[str] = field(default_factory=list[str])
    texts: list[str] = field(default_factory=list[str])
    calls: list[Json] = field(default_factory=list[Any])

    def render(self) -> Json:
        """The message but for its calls; thinking stands before text."""
        parts: list[Json] = [{"type": "thinking", "thinking": thought} for thought in self.thoughts]
        parts += ({"type": "text", "text": text} for text in self.texts)
        message: Json = {"role": "assistant"}
        if self.plans:
            message["tool_plan"] = "\n".join(self.plans)
        if parts:
            message["content"] = parts
        return message


class _Conversation:
    def __init__(self, turn: Turn, profile: CohereProfile, names: ToolNames) -> None:
        self.messages: list[Json] = []
        self.documents: list[Json] = []
        self._profile = profile
        self._names = names
        self._origins = turn.origins

    def add(self, passage: Passage) -> None:
        """Take the next passage of the context."""
        if passage.role == "assistant":
            said = _Said()
            for _, item in passage.items:
                self._add_said(item, said)
            self._tell(said, passage.results)
            return
        role = "user" if passage.role == "user" else "system"
        for index, item in passage.items:
            content = self._render_content(item.get("content"), at=f"input[{index}].content")
            self.messages.append({"role": role, "content": content})

    def _add_said(self, item: Json, said: _Said) -> None:
        match item.get("type"):
            case "reasoning":
                self._add_reasoning(item, said)
            case "function_call" | "custom_tool_call":
                said.calls.append(item)
            case _:
                content: str | list[Json] = item.get("content") or ""
                parts: list[Json] = [{"text": content}] if isinstance(content, str) else content
                texts = (str(part.get("text") or part.get("refusal") or "") for part in parts)
                said.texts += filter(None, texts)

    def _add_reasoning(self, item: Json, said: _Said) -> None:
        """A model's own reasoning goes back as what it was; that of others as thinking, if it may be read."""
        text = "".join(str(part.get("text") or "") for part in item.get("content") or ())
        own = self._origins.get(item.get("id") or "", {}).get(SAID_AS)
        if not text:
            return
        if own == "tool_plan":
            said.plans.append(text)
        elif own or self._profile.takes_thinking:
            said.thoughts.append(text)

    def _tell(self, said: _Said, results: Sequence[tuple[int, Json]]) -> None:
        """What the assistant said becomes one message, and the results of its calls follow."""
        if not (said.texts or said.calls):
            return
        message = said.render()
        if said.calls:
            message["tool_calls"] = [self._render_call(call) for call in said.calls]
        self.messages.append(message)
        media: list[Json] = []
        for index, result in results:
            content, shown = _render_output(result.get("output") or "", at=f"input[{index}].output")
            told = {"role": "tool", "tool_call_id": str(result["call_id"]), "content": content}
            self.messages.append(told)
            media += shown
        if media:
            self.messages.append({"role": "user", "content": media})

    def _render_call(self, call: Json) -> Json:
        custom = call["type"] == "custom_tool_call"
        kind = "custom_tool_call" if custom else "function_call"
        name = self._names.flat(str(call["name"]), call.get("namespace"), kind)
        arguments = wrap_input(call.get("input") or "") if custom else call.get("arguments") or "{}"
        function = {"name": name, "arguments": arguments}
        return {"id": str(call["call_id"]), "type": "function", "function": function}

    def _render_content(self, content: str | list[Json] | None, *, at: str) -> str | list[Json]:
        """A message's content without its files, which are documents of the request as a whole."""
        if content is None or isinstance(content, str):
            return content or ""
        parts: list[Json] = []
        for index, part in enumerate(content):
            if part.get("type") == "input_file":
                data = read_document(part, at=f"{at}[{index}]")
                self.documents.append({"id": f"doc:{len(self.documents)}", "data": data})
            else:
                parts.append(_render_part(part, at=f"{at}[{index}]"))
        return parts or ""


def _render_output(output: str | list[Json], *, at: str) -> tuple[str | list[Json], list[Json]]:
    """A tool's result, and the images that a tool message cannot hold."""
    if isinstance(output, str):
        return output, []
    told: list[Json] = []
    media: list[Json] = []
    for index, part in enumerate(output):
        if part.get("type") == "input_file":
            data = read_document(part, at=f"{at}[{index}]")
            told.append({"type": "document", "document": {"data": data}})
        else:
            rendered = _render_part(part, at=f"{at}[{index}]")
            (told if rendered["type"] == "text" else media).append(rendered)
    if media and not told:
        return _FOLLOWS, media
    return told or "", media


def _render_part(part: Json, *, at: str) -> Json:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "input_image", "image_url": str(url)}:
            image: Json = {"url": url}
            if part.get("detail") in ("low", "high"):
                image["detail"] = part["detail"]
            return {"type": "image_url", "image_url": image}
        case _:
            raise UnsupportedError("This model's provider does not take this content.", param=at)
