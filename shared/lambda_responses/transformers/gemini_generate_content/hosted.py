"""Parts of tools that Google ran, as items of the API's own hosted tools.

A tool's call and its result are two parts, and several calls may come before the first result. All parts of
such a group are kept with its first item, in their order, so that they go back as they came.
https://ai.google.dev/gemini-api/docs/code-execution and …/tool-combination
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.deltas import BlockEnded, Delta, ItemEvent, ItemOpened
from lambda_responses.transformers.readings import members
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lambda_responses.stream.deltas import Block
    from lambda_responses.wire.json import Json

    Keep = Callable[[Block, str, Json, list[Delta]], None]
    """Takes a block, its item's type, what is kept of it, and where deltas go."""

_WORKING = {
    "web_search_call": "searching",
    "file_search_call": "searching",
    "code_interpreter_call": "interpreting",
    "image_generation_call": "generating",
}
"""By type of item, how its events call the work."""

_TOOL_TYPES = {
    "GOOGLE_SEARCH_WEB": "web_search_call",
    "GOOGLE_SEARCH_IMAGE": "web_search_call",
    "URL_CONTEXT": "web_search_call",
    "GOOGLE_MAPS": "web_search_call",
    "FILE_SEARCH": "file_search_call",
}
_FILE_QUERY = re.compile(r'\bfile_search\.query\(\s*(?:query\s*=\s*)?("(?:[^"\\]|\\.)*")')


@dataclass(slots=True)
class _Call:
    block: Block
    item: Json
    """The item as it will be in the end."""
    id: str = ""
    answered: bool = False


class HostedItems:
    """The hosted items of one answer. Those whose calls overlap end together."""

    def __init__(self, keep: Keep) -> None:
        self.searched = False
        """Whether parts told of searches, so that metadata need not."""
        self._keep = keep
        self._group: list[_Call] = []
        self._parts: list[Json] = []
        self._count = 0

    @property
    def busy(self) -> bool:
        """Whether a result is still awaited."""
        return bool(self._group)

    def feed(self, part: Json, out: list[Delta]) -> bool:
        """Take a part of a hosted tool; False where it is none, or one that makes no item."""
        match part:
            case {"executableCode": {} as told}:
                self._begin(_read_code(told), told, out)
            case {"toolCall": {} as told} if str(told.get("toolType")) in _TOOL_TYPES:
                self._begin(_read_call(told), told, out)
            case {"codeExecutionResult": {} as told} | {"toolResponse": {} as told} if self._group:
                self._answer(told)
            case _:
                return False
        self._parts.append(part)
        if all(call.answered for call in self._group):
            self.close(out)
        return True

    def tell(self, item: Json, kept: Json, out: list[Delta]) -> None:
        """An item of which all is known."""
        call = _Call(self._next_block(), item)
        self._announce(call, out)
        self._finish(call, kept, out)

    def close(self, out: list[Delta]) -> None:
        """Nothing more comes of what is open."""
        group, parts = self._group, self._parts
        self._group, self._parts = [], []
        for call in group:
            self._finish(call, {"parts": parts}, out)
            parts = []

    def _begin(self, item: Json, told: Json, out: list[Delta]) -> None:
        call = _Call(self._next_block(), item, str(told.get("id") or ""))
        self._group.append(call)
        self.searched = self.searched or item["type"] == "web_search_call"
        self._announce(call, out)

    def _answer(self, told: Json) -> None:
        waiting = [call for call in self._group if not call.answered]
        id = str(told.get("id") or "")
        call = next((call for call in waiting if call.id == id), waiting[0])
        call.answered = True
        if "outputs" in call.item:
            call.item["outputs"] = [{"type": "logs", "logs": str(told.get("output") or "")}]
            if told.get("outcome", "OUTCOME_OK") != "OUTCOME_OK":
                call.item["status"] = "failed"

    @staticmethod
    def _announce(call: _Call, out: list[Delta]) -> None:
        kind, code = call.item["type"], call.item.get("code")
        known = {name: call.item[name] for name in ("action", "queries") if name in call.item}
        opened: Json = {"type": kind, "status": "in_progress", **known}
        if code is not None:
            opened |= {"code": "", "container_id": "", "outputs": None}
        out.append(ItemOpened(call.block, opened))
        out.append(_event(call, f"{kind}.in_progress"))
        if code is not None:
            out.append(_event(call, "code_interpreter_call_code.delta", delta=code))
            out.append(_event(call, "code_interpreter_call_code.done", code=code))
        out.append(_event(call, f"{kind}.{_WORKING[kind]}"))

    def _finish(self, call: _Call, kept: Json, out: list[Delta]) -> None:
        kind = call.item["type"]
        out.append(_event(call, f"{kind}.completed"))
        self._keep(call.block, kind, kept, out)
        out.append(BlockEnded(call.block, call.item))

    def _next_block(self) -> Block:
        self._count += 1
        return "hosted", self._count


def _event(call: _Call, name: str, **fields: Any) -> ItemEvent:
    """An event whose item the emitter knows."""
    return ItemEvent(call.block, {"type": f"response.{name}", "item_id": "", "output_index": 0, **fields})


def _read_code(told: Json) -> Json:
    """Code that ran; where it does nothing but search files, that search."""
    code = str(told.get("code") or "")
    queries = [str(from_text(found)) for found in _FILE_QUERY.findall(code) if _parses(found)]
    if queries:
        return {"type": "file_search_call", "status": "completed", "queries": queries, "results": None}
    told_code: Json = {"code": code, "container_id": "", "outputs": []}
    return {"type": "code_interpreter_call", "status": "completed", **told_code}


def _parses(text: str) -> bool:
    try:
        from_text(text)
    except ValueError:
        return False
    return True


def _read_call(told: Json) -> Json:
    """A search of the web or of files, or the pages that were opened."""
    args = members(told.get("args"))
    asked = [text for value in args.values() for text in _texts(value)]
    if _TOOL_TYPES[str(told["toolType"])] == "file_search_call":
        return {"type": "file_search_call", "status": "completed", "queries": asked, "results": None}
    if told["toolType"] == "URL_CONTEXT":
        action: Json = {"type": "open_page", "url": asked[0] if asked else None}
    else:
        action = {"type": "search", "query": asked[0] if asked else "", "queries": asked}
    return {"type": "web_search_call", "status": "completed", "action": action}


def _texts(value: Any) -> Iterator[str]:
    for entry in cast("list[Any]", value) if isinstance(value, list) else [value]:
        if isinstance(entry, str):
            yield entry
