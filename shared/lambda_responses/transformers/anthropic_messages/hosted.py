"""Tools that the upstream runs by itself, as items of the Responses API.

A call and its result are two blocks, and both are kept as they came. Calls without a shape of their own in
the API become reasoning of which there is nothing to see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lambda_responses.stream.deltas import BlockEnded, Delta, ItemEvent, ItemOpened, Opaque
from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.anthropic_messages.blocks import InputPieces
from lambda_responses.transformers.anthropic_messages.replay import origin_of
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.readings import members
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.wire.json import Event, Json


class Shape(Protocol):
    """How a kind of call looks in the API."""

    def item(self, call: Json) -> Json:
        """The item as far as the call is known."""
        ...

    def begun(self) -> Iterable[str]:
        """Names of the events that tell of its beginning."""
        ...

    def asked(self, item: Json) -> Iterable[Event]:
        """The events once the call's input is known."""
        ...

    def ended(self, item: Json, result: Json) -> Iterable[Event]:
        """Put the result into the item, and tell the events that go with it."""
        ...


class Search:
    """A search in the web, or a visit to a page: `web_search_call`."""

    def item(self, call: Json) -> Json:
        """What is searched, or visited."""
        asked = members(call.get("input"))
        if call.get("name") == "web_fetch":
            action: Json = {"type": "open_page", "url": _text(asked.get("url"))}
        else:
            query = _text(asked.get("query"))
            action = {"type": "search", "query": query, "queries": [query]}
        return {"type": "web_search_call", "status": "in_progress", "action": action}

    def begun(self) -> Iterable[str]:
        """It has begun."""
        return ("response.web_search_call.in_progress",)

    def asked(self, item: Json) -> Iterable[Event]:
        """It is searching."""
        yield _event("response.web_search_call.searching")

    def ended(self, item: Json, result: Json) -> Iterable[Event]:
        """The pages that were found; what they say is for the model alone."""
        found = json_objects(result.get("content"))
        if item["action"]["type"] == "search":
            pages = [page["url"] for page in found if isinstance(page.get("url"), str)]
            item["action"] = {**item["action"], "sources": [{"type": "url", "url": page} for page in pages]}
        failed = "error_code" in members(result.get("content"))
        item["status"] = "failed" if failed else "completed"
        yield _event("response.web_search_call.completed")


class Program:
    """A program, a command or a change to a file, in the vendor's machine: `code_interpreter_call`."""

    def item(self, call: Json) -> Json:
        """What is run."""
        asked = members(call.get("input"))
        code = asked.get("code") if call.get("name") == "code_execution" else asked.get("command")
        if call.get("name") == "text_editor_code_execution" or not isinstance(code, str):
            code = to_bytes(asked).decode() if asked else ""
        return {
            "type": "code_interpreter_call",
            "status": "in_progress",
            "container_id": "",
            "code": code,
            "outputs": None,
        }

    def begun(self) -> Iterable[str]:
        """It is being written."""
        return ("response.code_interpreter_call.in_progress",)

    def asked(self, item: Json) -> Iterable[Event]:
        """It is known, and runs."""
        if item["code"]:
            yield _event("response.code_interpreter_call_code.delta", delta=item["code"])
        yield _event("response.code_interpreter_call_code.done", code=item["code"])
        yield _event("response.code_interpreter_call.interpreting")

    def ended(self, item: Json, result: Json) -> Iterable[Event]:
        """What it printed, or why it did not run."""
        told = members(result.get("content"))
        printed = [_text(told.get(name)) for name in ("stdout", "stderr", "content", "error_message")]
        failed = "error_code" in told
        logs = "\n".join(filter(None, printed)) or (_text(told.get("error_code")) if failed else "")
        item["outputs"] = [{"type": "logs", "logs": logs}] if logs else []
        item["status"] = "failed" if failed else "completed"
        yield _event("response.code_interpreter_call.completed")


class RemoteCall:
    """A call of an MCP server's tool: `mcp_call`."""

    def item(self, call: Json) -> Json:
        """What is called."""
        return {
            "type": "mcp_call",
            "status": "in_progress",
            "server_label": _text(call.get("server_name")),
            "name": _text(call.get("name")),
            "arguments": to_bytes(members(call.get("input"))).decode(),
            "approval_request_id": None,
            "output": None,
            "error": None,
        }

    def begun(self) -> Iterable[str]:
        """It has begun."""
        return ("response.mcp_call.in_progress",)

    def asked(self, item: Json) -> Iterable[Event]:
        """Its arguments are known."""
        yield _event("response.mcp_call_arguments.delta", delta=item["arguments"])
        yield _event("response.mcp_call_arguments.done", arguments=item["arguments"])

    def ended(self, item: Json, result: Json) -> Iterable[Event]:
        """What it answered, or why it failed."""
        content = result.get("content")
        told = (
            content
            if isinstance(content, str)
            else "\n".join(_text(part.get("text")) for part in json_objects(content))
        )
        if result.get("is_error"):
            item["status"] = "failed"
            item["error"] = {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": told}]}
            yield _event("response.mcp_call.failed")
        else:
            item["status"], item["output"] = "completed", told
            yield _event("response.mcp_call.completed")


_SEARCH, _PROGRAM, _REMOTE = Search(), Program(), RemoteCall()

SHAPES: dict[str, Shape | None] = {
    "web_search": _SEARCH,
    "web_fetch": _SEARCH,
    "code_execution": _PROGRAM,
    "bash_code_execution": _PROGRAM,
    "text_editor_code_execution": _PROGRAM,
    "tool_search_tool_regex": None,
    "tool_search_tool_bm25": None,
    "advisor": None,
}
"""By the tool's name, what its call becomes; None where the API has no shape for it."""


class HostedCall:
    """One call, until its result has come.

    `resumed` is one of which an earlier step told, and kept, the call: here its result is to come.
    """

    def __init__(
        self, number: int, block: Json, message_id: str, out: list[Delta], *, resumed: bool = False
    ) -> None:
        self.number = number
        self._resumed = resumed
        self._block = block
        self._message_id = message_id
        self._input = InputPieces(block)
        self._shape = self._shape_of(block)
        self._item: Json = {}
        if self._shape is not None:
            self._item = self._shape.item({**block, "input": {}})
            out.append(ItemOpened(number, self._item))
            out += (ItemEvent(number, _event(name)) for name in self._shape.begun())

    @property
    def shown(self) -> bool:
        """Whether the API has a shape for it, so that it is an item from its beginning on."""
        return self._shape is not None

    @property
    def runs_program(self) -> bool:
        """Whether it runs something on a machine that later calls may need again."""
        return self._shape is _PROGRAM

    def feed(self, delta: Json, out: list[Delta]) -> None:
        """A piece of the input."""
        self._input.read(delta)

    def stop(self, out: list[Delta]) -> None:
        """The input is known."""
        asked = self._input.whole()
        self._block = {**self._block, "input": asked if asked is not None else {}}
        if self._shape is not None:
            self._item = self._shape.item(self._block)
            out += (ItemEvent(self.number, event) for event in self._shape.asked(self._item))

    def answer(self, number: int, result: Json, container: str, out: list[Delta]) -> None:
        """Its result has come, as the block of that number."""
        kept = [(number, result)] if self._resumed else [(self.number, self._block), (number, result)]
        if self._shape is not None:
            events = list(self._shape.ended(self._item, result))
            out += (ItemEvent(self.number, event) for event in events)
        self._end(kept, container, out)

    def give_up(self, container: str, out: list[Delta]) -> None:
        """The message ends without its result: that comes with the next step, or never."""
        if self._shape is not None:
            self._item["status"] = "incomplete"
        self._end([(self.number, self._block)] if self._input.whole() is not None else [], container, out)

    def _end(self, kept: list[tuple[int, Json]], container: str, out: list[Delta]) -> None:
        if kept:
            out.append(Opaque(self.number, origin_of(self._message_id, kept)))
        if self._item.get("type") == "code_interpreter_call":
            self._item["container_id"] = container
        out.append(BlockEnded(self.number, self._item if self._shape is not None else None))

    @staticmethod
    def _shape_of(block: Json) -> Shape | None:
        if block.get("type") == "mcp_tool_use":
            return _REMOTE
        name = block.get("name")
        if not isinstance(name, str) or name not in SHAPES:
            unknown("anthropic_messages", f"hosted tool {name if isinstance(name, str) else ''!r}")
            return None
        return SHAPES[name]


def unanswered(blocks: Iterable[Json]) -> Iterator[Json]:
    """Calls of hosted tools among these blocks that have no result there: a paused turn is to bring it."""
    blocks = list(blocks)
    answered = {block.get("tool_use_id") for block in blocks}
    for block in blocks:
        if block.get("type") in ("server_tool_use", "mcp_tool_use") and block.get("id") not in answered:
            yield block


def _event(name: str, **members: Any) -> Event:
    return {"type": name, "item_id": "", **members}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
