"""Tools that Bedrock runs by itself (Nova's system tools), as items in the shape of OpenAI's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import BlockEnded, Delta, ItemEvent, ItemOpened, Opaque
from lambda_responses.transformers.readings import members
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Hashable

    from lambda_responses.wire.json import Json


@dataclass(slots=True, eq=False)
class ResultBlock:
    """What such a tool found out."""

    told: Json
    """The block's start."""
    content: list[Json] = field(default_factory=list["Json"])


@dataclass(slots=True, eq=False)
class HostedCall:
    """One call of such a tool, and its result once that came."""

    name: Hashable
    """The block's name."""
    kind: str
    """The hosted tool that it is: `web_search` or `code_interpreter`."""
    told: Json
    """The block's start."""
    pieces: list[str] = field(default_factory=list[str])
    item: Json = field(default_factory=dict[str, Any])

    @property
    def input(self) -> Json:
        """What the tool was asked."""
        try:
            return members(from_text("".join(self.pieces) or "{}"))
        except ValueError:
            return {}

    def begin(self, out: list[Delta]) -> None:
        """The item, once it is known what was asked."""
        self.item = _OPENED[self.kind](self.input)
        out.append(ItemOpened(self.name, {**self.item, "status": "in_progress"}))
        code = self.item.get("code")
        for step in _STEPS[self.kind]:
            event: Json = {"type": f"response.{step}", "item_id": ""}
            if step.endswith("code.delta"):
                event["delta"] = code
            elif step.endswith("code.done"):
                event["code"] = code
            out.append(ItemEvent(self.name, event))

    def end(self, result: ResultBlock, out: list[Delta]) -> None:
        """The finished item, and both blocks for their maker to see again."""
        failed = result.told.get("status") == "error"
        if not failed:
            done: Json = {"type": f"response.{self.item['type']}.completed", "item_id": ""}
            out.append(ItemEvent(self.name, done))
        if self.kind == "code_interpreter":
            self.item["outputs"] = [{"type": "logs", "logs": _logs(result.content)}]
        blocks = [
            {"toolUse": {**self.told, "input": self.input}},
            {"toolResult": {**result.told, "content": result.content}},
        ]
        out.append(Opaque(self.name, {"content": blocks}))
        out.append(BlockEnded(self.name, {**self.item, "status": "failed" if failed else "completed"}))


def _searched(asked: Json) -> Json:
    query = asked.get("query")
    text = query if isinstance(query, str) else ""
    return {"type": "web_search_call", "action": {"type": "search", "query": text, "queries": [text]}}


def _ran(asked: Json) -> Json:
    code = asked.get("code") or asked.get("snippet")
    return {
        "type": "code_interpreter_call",
        "code": code if isinstance(code, str) else "",
        "container_id": "",
        "outputs": None,
    }


def _logs(content: list[Json]) -> str:
    """What the program wrote, its faults included."""
    said: list[str] = []
    for part in content:
        told = members(part.get("json"))
        said += [
            text
            for text in (part.get("text"), told.get("stdOut"), told.get("stdErr"))
            if isinstance(text, str)
        ]
    return "\n".join(filter(None, said))


_OPENED = {"web_search": _searched, "code_interpreter": _ran}
_STEPS = {
    "web_search": ("web_search_call.in_progress", "web_search_call.searching"),
    "code_interpreter": (
        "code_interpreter_call.in_progress",
        "code_interpreter_call_code.delta",
        "code_interpreter_call_code.done",
        "code_interpreter_call.interpreting",
    ),
}
KINDS = {"nova_grounding": "web_search", "nova_code_interpreter": "code_interpreter"}
"""System tools by their names in answers."""
