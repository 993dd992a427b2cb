"""What a server that searches the web tells of it, as items of the Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.deltas import BlockEnded, Delta, ItemEvent, ItemOpened
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.readings import members, read_count, read_objects, read_text
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

SOURCES = "web_search_call.action.sources"
"""What a client includes to see the addresses that a search found."""

_STEPS = ("in_progress", "searching", "completed")
_SEARCHED = frozenset({"search", "web_search", "browser_search", "browser.search"})
_OPENED = frozenset({"visit", "visit_website", "browser.open"})
_SOUGHT = frozenset({"browser.find"})
_ELSEWHERE = frozenset({"python", "code_interpreter", "wolfram_alpha", "wolfram", "browser_automation"})
"""Tools that Groq's systems run besides; what they did is told in the reasoning."""


class Searches:
    """Tells of each search once. `shows_sources`: whether the client asked for their addresses."""

    def __init__(self, *, shows_sources: bool) -> None:
        self._shows_sources = shows_sources
        self._told: set[Any] = set()
        self.made = False
        """Whether the upstream said, in whatever way, that it searched."""

    @property
    def told(self) -> bool:
        """Whether the client knows of a search."""
        return bool(self._told)

    def executed(self, tools: Any) -> list[Delta]:
        """Groq's `executed_tools`; in a stream an entry without its output yet is told when it has one."""
        out: list[Delta] = []
        for place, tool in enumerate(read_objects(tools, "chat_completions", "executed_tools")):
            index = tool.get("index")
            key = index if isinstance(index, (int, str)) else place
            kind = tool.get("name") or tool.get("type")
            if key in self._told or kind in _ELSEWHERE or "output" not in tool:
                continue
            action = self._action(kind, tool)
            if action is None:
                unknown("chat_completions", f"executed tool {kind!r}")
                continue
            out += self._tell(key, action)
        return out

    def found(self, sources: list[Any]) -> list[Delta]:
        """One search, of which nothing but what it found is known."""
        return self._tell(None, self._search({}, sources))

    def count(self, usage: Json) -> None:
        """The number of searches, where a router counts them."""
        counted = members(usage.get("server_tool_use_details") or usage.get("server_tool_use"))
        self.made = self.made or read_count(counted.get("web_search_requests")) > 0

    def _action(self, kind: Any, tool: Json) -> Json | None:
        arguments = _arguments(tool.get("arguments"))
        results = members(tool.get("search_results")).get("results")
        found = cast("list[Any]", results) if isinstance(results, list) else []
        if kind in _SEARCHED:
            query = _text(arguments.get("query"))
            return self._search({"query": query, "queries": [query]} if query else {}, found)
        url = _text(arguments.get("url")) or next(iter(_addresses(found)), "")
        if kind in _OPENED:
            return {"type": "open_page"} | ({"url": url} if url else {})
        if kind in _SOUGHT:
            return {"type": "find_in_page", "pattern": _text(arguments.get("pattern")), "url": url}
        return None

    def _search(self, asked: Json, found: list[Any]) -> Json:
        if not self._shows_sources:
            return {"type": "search", **asked}
        return {"type": "search", **asked, "sources": [{"type": "url", "url": u} for u in _addresses(found)]}

    def _tell(self, key: Any, action: Json) -> list[Delta]:
        self._told.add(key)
        block = ("search", len(self._told))
        item = {"type": "web_search_call", "status": "in_progress", "action": action}
        events = [
            {"type": f"response.web_search_call.{step}", "item_id": "", "output_index": 0} for step in _STEPS
        ]
        return [
            ItemOpened(block, item),
            *(ItemEvent(block, event) for event in events),
            BlockEnded(block, {**item, "status": "completed"}),
        ]


def _addresses(found: list[Any]) -> list[str]:
    """The addresses of sources, each once; vendors give objects with `url` or `link`, or bare addresses."""
    told: dict[str, None] = {}
    for source in found:
        about = members(source)
        if url := _text(about.get("url") or about.get("link") or source):
            told[url] = None
    return list(told)


def _arguments(given: Any) -> Json:
    try:
        return members(from_text(given)) if isinstance(given, str) else members(given)
    except ValueError:  # some are written by the model itself, and no JSON
        return {}


def _text(value: Any) -> str:
    return read_text(value, "chat_completions", "what was searched") if not isinstance(value, dict) else ""
