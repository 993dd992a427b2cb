"""The context as Converse's messages: user and assistant in turns, all results of a turn's calls together."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.bedrock_converse.content import DocumentNames, kind_of, render_parts
from lambda_responses.transformers.bedrock_converse.tools import usable_name
from lambda_responses.transformers.passages import CALLS, passages
from lambda_responses.transformers.readings import members
from lambda_responses.wire.errors import UnsupportedError
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.transformers.passages import Passage
    from lambda_responses.transformers.tool_names import ToolNames
    from lambda_responses.wire.json import Json

UNSAID = "."
"""What stands for words where Bedrock wants a message and nobody said anything; it refuses blank text."""

BEGUN_BEFORE = "[The conversation begins with the assistant.]"
"""What stands before an assistant's message that nothing precedes, where a user must speak first."""
_DOCUMENT_HINT = "See the document."
_NO_OUTPUT = "(no output)"


@dataclass(slots=True)
class Conversation:
    """A context, rendered."""

    system: list[str] = field(default_factory=list[str])
    messages: list[Json] = field(default_factory=list["Json"])

    @property
    def called(self) -> Iterator[str]:
        """The names of all tools that were called, whoever ran them."""
        for message in self.messages:
            for block in message["content"]:
                if "toolUse" in block:
                    yield block["toolUse"]["name"]

    @property
    def loop_began_thinking(self) -> bool:
        """Whether the calls that now get their results, if any do, began with signed thoughts."""
        first: Json | None = None
        for message in reversed(self.messages):
            if message["role"] == "assistant":
                first = message
            elif "toolResult" not in message["content"][0]:
                break
        answers_calls = bool(self.messages) and "toolResult" in self.messages[-1]["content"][0]
        return first is None or not answers_calls or "reasoningContent" in first["content"][0]


def render_conversation(turn: Turn, profile: ConverseProfile, names: ToolNames) -> Conversation:
    """All messages, and what the system says.

    Raises `InvalidRequestError`, naming the item, for what the format or the model cannot carry, for a result
    without its call and for a call without its result.
    """
    return _Renderer(turn, profile, names).rendered()


class _Renderer:
    def __init__(self, turn: Turn, profile: ConverseProfile, names: ToolNames) -> None:
        self._turn = turn
        self._profile = profile
        self._names = names
        self._documents = DocumentNames()
        self._conversation = Conversation()
        self._call_id = re.compile(profile.call_id)

    def rendered(self) -> Conversation:
        conversation = self._conversation
        instructions = str(self._turn.request.get("instructions") or "")
        if instructions.strip():
            conversation.system.append(instructions)
        for passage in passages(self._turn.items, self._turn.origins, keep=self._has_own_blocks):
            if passage.role == "assistant":
                self._add_assistant(passage)
            elif passage.role == "user":
                index, item = passage.items[0]
                self._add("user", list(self._parts(item.get("content"), at=f"input[{index}].content")))
            else:
                self._add_system(passage)
        self._finish()
        return conversation

    def _has_own_blocks(self, item: Json) -> bool:
        """Whether an item of a hosted tool is this maker's, so that it can be told as the maker told it.

        Of two models of one maker, one may not have the other's tools.
        """
        kind = str(item.get("type"))
        if not kind.endswith("_call") or kind in CALLS:
            return False
        used = [block["toolUse"]["name"] for block in self._own_blocks(item) if "toolUse" in block]
        return bool(used) and all(name in self._profile.hosts.values() for name in used)

    def _own_blocks(self, item: Json) -> list[Json]:
        """The blocks of which the maker's answer made that item; none where it is another's."""
        return cast("list[Json]", self._origin(item).get("content") or [])

    def _origin(self, item: Json) -> Json:
        return self._turn.origins.get(item.get("id") or "", {})

    def _parts(self, content: Any, *, at: str) -> Iterator[Json]:
        return render_parts(content, self._profile, self._documents, at=at)

    def _add_system(self, passage: Passage) -> None:
        """There is one place for the system's words, before the conversation."""
        for index, item in passage.items:
            for block in self._parts(item.get("content"), at=f"input[{index}].content"):
                if "text" in block:
                    self._conversation.system.append(block["text"])
                elif "cachePoint" not in block:
                    message = "This model's system prompt holds text alone."
                    raise UnsupportedError(message, param=f"input[{index}].content")

    def _add_assistant(self, passage: Passage) -> None:
        if not self._profile.tools:
            self._tell_calls(passage)
            return
        self._add("assistant", self._said(passage.items))
        blocks, following = self._results(passage)
        self._add("user", blocks)
        self._add("user", following)

    def _said(self, items: Sequence[tuple[int, Json]]) -> list[Json]:
        """What the assistant thought, said and called, in its order."""
        blocks: list[Json] = []
        leaked = ""
        for index, item in items:
            own = self._own_blocks(item)
            match item.get("type"):
                case "reasoning":
                    leaked += str(self._origin(item).get("leaked") or "")
                    more = own
                case "function_call" | "custom_tool_call":
                    more = [self._render_call(item)]
                case _:
                    more = own or list(self._parts(item.get("content"), at=f"input[{index}].content"))
            if leaked and more:
                if "text" in more[0]:
                    more = [{"text": leaked + more[0]["text"]}, *more[1:]]
                else:
                    blocks.append({"text": leaked})
                leaked = ""
            blocks += (block for block in more if block.get("text", "x").strip())
        return [*blocks, {"text": leaked}] if leaked else blocks

    def _render_call(self, item: Json) -> Json:
        namespace: str | None = item.get("namespace")
        if item["type"] == "custom_tool_call":
            flat = self._names.flat(str(item["name"]), namespace, "custom_tool_call")
            arguments: Json = {"input": str(item.get("input") or "")}
        else:
            flat = self._names.flat(str(item["name"]), namespace)
            arguments = _read_arguments(str(item.get("arguments") or ""))
        id = self._tool_use_id(str(item["call_id"]))
        return {"toolUse": {"toolUseId": id, "name": usable_name(flat), "input": arguments}}

    def _tool_use_id(self, call_id: str) -> str:
        """The id in the letters and the length that ids may have, the same for a call and its result."""
        if self._call_id.fullmatch(call_id):
            return call_id
        return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:32]}"

    def _results(self, passage: Passage) -> tuple[list[Json], list[Json]]:
        """All results of a turn, in the order of the calls, and the media that no result can hold."""
        blocks: list[Json] = []
        following: list[Json] = []
        for index, result in passage.results:
            content, media = self._render_output(index, result)
            following += media
            told: Json = {"toolUseId": self._tool_use_id(str(result["call_id"])), "content": content}
            if self._profile.result_status:
                told["status"] = "error" if result.get("status") == "incomplete" else "success"
            blocks.append({"toolResult": told})
        return blocks, following

    def _render_output(self, index: int, result: Json) -> tuple[list[Json], list[Json]]:
        output: Any = result.get("output")
        if self._profile.json_results and isinstance(output, str) and (told := _json_object(output)):
            return [{"json": told}], []
        content: list[Json] = []
        media: list[Json] = []
        for block in self._parts(output, at=f"input[{index}].output"):
            kind = kind_of(block)
            if kind == "text" or kind in self._profile.result_media:
                content.append(block)
            elif kind != "cachePoint":
                media.append(block)
        if media and not content:
            content.append({"text": "The result follows."})
        return content or [{"text": _NO_OUTPUT}], media

    def _tell_calls(self, passage: Passage) -> None:
        """For a model without tools: the user tells what came of each call."""
        calls = [(index, item) for index, item in passage.items if item.get("type") in CALLS]
        self._add("assistant", self._said([entry for entry in passage.items if entry not in calls]))
        told: list[Json] = []
        for (_, call), (index, result) in zip(calls, passage.results, strict=True):
            content, media = self._render_output(index, result)
            name = self._names.flat(str(call["name"]), call.get("namespace"))
            said = "\n".join(block["text"] for block in content if "text" in block)
            told.append({"text": f"{name}({call.get('arguments') or call.get('input') or ''}): {said}"})
            told += media
        self._add("user", told)

    def _add(self, role: str, blocks: list[Json]) -> None:
        """Say that; neighbours of one role become one message, unless tool results must stay alone."""
        if not blocks:
            return
        messages = self._conversation.messages
        last = messages[-1] if messages else None
        if last is None or last["role"] != role:
            messages.append({"role": role, "content": blocks})
        elif self._may_join(last["content"], blocks):
            last["content"] += blocks
        else:
            messages.append({"role": "assistant", "content": [{"text": UNSAID}]})
            messages.append({"role": role, "content": blocks})

    def _may_join(self, before: Sequence[Json], blocks: Sequence[Json]) -> bool:
        if "toolResult" not in before[0]:
            return True
        beside = self._profile.beside_results | {"toolResult", "cachePoint"}
        return all(kind_of(block) in beside for block in blocks)

    def _finish(self) -> None:
        """What Bedrock asks of a conversation as a whole."""
        conversation = self._conversation
        messages = conversation.messages
        if not messages:
            messages.append({"role": "user", "content": [{"text": UNSAID}]})
        elif self._profile.starts_with_user and messages[0]["role"] != "user":
            messages.insert(0, {"role": "user", "content": [{"text": BEGUN_BEFORE}]})
        for message in messages:
            kinds = {kind_of(block) for block in message["content"]}
            if "document" in kinds and "text" not in kinds:
                message["content"].append({"text": _DOCUMENT_HINT})
        if messages[-1]["role"] == "user":
            return
        last = messages[-1]["content"][-1]
        if self._profile.ends_with_user:
            messages.append({"role": "user", "content": [{"text": UNSAID}]})
        elif "text" in last:  # words to go on from must not end in white space
            messages[-1]["content"][-1] = {"text": last["text"].rstrip()}


def _read_arguments(arguments: str) -> Json:
    """Arguments as the object that they must be; whatever else was said is kept as text."""
    if not arguments.strip():
        return {}
    told = _json_object(arguments)
    return {"INVALID_JSON": arguments} if told is None else told


def _json_object(text: str) -> Json | None:
    try:
        value = from_text(text)
    except ValueError:
        return None
    return members(value) if isinstance(value, dict) else None
