"""What the assistant said, thought and called in one go, as the content of one message."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.anthropic_messages.content import render_text
from lambda_responses.transformers.anthropic_messages.replay import CONTAINER, MESSAGE, blocks_of
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lambda_responses.transformers.tool_names import ToolNames
    from lambda_responses.wire.json import Json

THINKING = ("thinking", "redacted_thinking")
HOSTED_CALLS = ("server_tool_use", "mcp_tool_use")

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")


class AssistantBlocks:
    """Renders the assistant's items. `origins` says which of them this maker made, and of what blocks."""

    def __init__(self, names: ToolNames, origins: Mapping[str, Json], *, thinks: bool) -> None:
        self._names = names
        self._origins = origins
        self._thinks = thinks
        self.container: str | None = None
        """The machine on which the latest message's programs ran."""

    def render(self, items: Iterable[Json]) -> list[Json]:
        """The blocks in the order in which they came; none that the API would refuse to see again."""
        self.container = None
        return _without_last_thoughts([block for block in self._blocks(items) if self._may_return(block)])

    def _may_return(self, block: Json) -> bool:
        match block:
            case {"type": "text", "text": str(text)}:
                return bool(text.strip())
            case {"type": str(kind)}:
                return self._thinks or kind not in THINKING
            case _:
                return False

    def _blocks(self, items: Iterable[Json]) -> Iterator[Json]:
        """Blocks that are known as they came stand by their numbers; items of one message share these."""
        message: Any = None
        kept: list[tuple[int, Json]] = []
        for item in items:
            origin = self._origins.get(item.get("id") or "", {})
            blocks = blocks_of(origin)
            if not blocks or origin.get(MESSAGE) != message:
                yield from _in_order(kept)
                kept, message = [], origin.get(MESSAGE)
            kept += blocks
            self.container = origin.get(CONTAINER) or self.container
            if not blocks:
                yield from self._render_item(item)
        yield from _in_order(kept)

    def _render_item(self, item: Json) -> Iterator[Json]:
        match item:
            case {"type": "function_call" | "custom_tool_call"}:
                yield self._render_call(item)
            case {"type": "reasoning"}:
                pass  # another maker's, or without its signature: nobody may put one to it
            case {"content": str(text)}:
                yield from render_text(text)
            case {"content": [*parts]}:
                for part in cast("list[Json]", parts):
                    yield from render_text(str(part.get("text") or part.get("refusal") or ""))
            case _:
                pass

    def _render_call(self, call: Json) -> Json:
        custom = call["type"] == "custom_tool_call"
        kind = "custom_tool_call" if custom else "function_call"
        name = self._names.flat(str(call["name"]), call.get("namespace"), kind)
        return {
            "type": "tool_use",
            "id": usable_id(str(call["call_id"])),
            "name": _NOT_IN_A_NAME.sub("_", name)[:128],
            "input": {"input": call.get("input") or ""} if custom else read_input(call.get("arguments")),
        }


def usable_id(call_id: str) -> str:
    """The id as the API wants ids, the same for a call and its result."""
    if _ID.fullmatch(call_id):
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


def read_input(arguments: Any) -> Json:
    """A call's arguments as the object that they must be; broken ones are shown as the model wrote them."""
    text = arguments if isinstance(arguments, str) else ""
    try:
        value: Any = from_text(text) if text.strip() else {}
    except ValueError:
        value = None
    return cast("Json", value) if isinstance(value, dict) else {"INVALID_JSON": text}


def without_unanswered(blocks: Sequence[Json]) -> list[Json]:
    """The same without calls of hosted tools that never had a result."""
    answered = {block.get("tool_use_id") for block in blocks if block["type"].endswith("_tool_result")}
    return _without_last_thoughts(
        [block for block in blocks if block["type"] not in HOSTED_CALLS or block.get("id") in answered]
    )


def _without_last_thoughts(blocks: list[Json]) -> list[Json]:
    """The API refuses a message that ends with a thought: it came to nothing."""
    while blocks and blocks[-1]["type"] in THINKING:
        blocks.pop()
    return blocks


def _in_order(kept: list[tuple[int, Json]]) -> Iterator[Json]:
    for _, block in sorted(kept, key=lambda numbered: numbered[0]):
        yield block
