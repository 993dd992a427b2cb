"""Which event may follow which, written down apart from the code that emits them.

The tables are read by the tests, by the debug switch of the server and by the page that draws them
(`docs/streaming.md`). Source: the event order of the live API, and the streaming chapter of the Open
Responses specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from lambda_responses.wire.json import Event, Json

Table: TypeAlias = "dict[str, dict[str, str]]"

RESPONSE: Table = {
    "new": {"response.created": "created"},
    "created": {"response.queued": "created", "response.in_progress": "running"},
    "running": {
        "response.in_progress": "running",
        "response.completed": "ended",
        "response.incomplete": "ended",
        "error": "failing",
    },
    "failing": {"response.failed": "ended"},
    "ended": {},
}
"""The response as a whole. Between these, while it is running, items come and go."""

MESSAGE: Table = {
    "new": {"response.output_item.added": "open"},
    "open": {"response.content_part.added": "part", "response.output_item.done": "closed"},
    "part": {
        "response.output_text.delta": "text",
        "response.refusal.delta": "refusal",
        "response.output_text.annotation.added": "text",
        "response.output_text.done": "said",
        "response.refusal.done": "said",
    },
    "text": {
        "response.output_text.delta": "text",
        "response.output_text.annotation.added": "text",
        "response.output_text.done": "said",
    },
    "refusal": {"response.refusal.delta": "refusal", "response.refusal.done": "said"},
    "said": {"response.content_part.done": "open"},
    "closed": {},
}

REASONING: Table = {
    "new": {"response.output_item.added": "open"},
    "open": {
        "response.reasoning_summary_part.added": "summary",
        "response.content_part.added": "text",
        "response.output_item.done": "closed",
    },
    "summary": {
        "response.reasoning_summary_text.delta": "summary",
        "response.reasoning_summary_text.done": "summarised",
    },
    "summarised": {"response.reasoning_summary_part.done": "open"},
    "text": {"response.reasoning_text.delta": "text", "response.reasoning_text.done": "said"},
    "said": {"response.content_part.done": "open"},
    "closed": {},
}

FUNCTION_CALL: Table = {
    "new": {"response.output_item.added": "open"},
    "open": {
        "response.function_call_arguments.delta": "open",
        "response.function_call_arguments.done": "said",
    },
    "said": {"response.output_item.done": "closed"},
    "closed": {},
}

CUSTOM_TOOL_CALL: Table = {
    "new": {"response.output_item.added": "open"},
    "open": {
        "response.custom_tool_call_input.delta": "open",
        "response.custom_tool_call_input.done": "said",
    },
    "said": {"response.output_item.done": "closed"},
    "closed": {},
}

ITEMS: dict[str, Table] = {
    "message": MESSAGE,
    "reasoning": REASONING,
    "function_call": FUNCTION_CALL,
    "custom_tool_call": CUSTOM_TOOL_CALL,
}
"""Item types whose inner order is fixed. Others open, report progress in events of their own, and close."""

TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})

_ADDED = "response.output_item.added"
_DONE = "response.output_item.done"


class OutOfOrder(Exception):
    """An event that the grammar does not allow at its place."""


class StreamChecker:
    """Reads the events of one response and raises `OutOfOrder` at the first that breaks a rule."""

    def __init__(self) -> None:
        self._state = "new"
        self._next_sequence_number = 0
        self._response_id: str | None = None
        self._items: dict[int, tuple[str, str, str]] = {}  # by output index: type, id, state
        self._done: dict[int, Json] = {}

    def feed(self, event: Event) -> None:
        """Check one event."""
        name: str = event["type"]
        self._require(event.get("sequence_number") == self._next_sequence_number, name, "misnumbered")
        self._next_sequence_number += 1
        if name == "error" or "response" in event:
            self._state = _step(RESPONSE, self._state, name)
            self._check_response(event)
        else:
            self._require(self._state == "running", name, f"while {self._state}")
            self._check_item(event)

    def end(self) -> None:
        """The stream is over. Raises `OutOfOrder` when its terminal event is missing."""
        self._require(self._state == "ended", "the end", f"while {self._state}")

    def _check_response(self, event: Event) -> None:
        response: Json | None = event.get("response")
        if response is None:
            return
        name: str = event["type"]
        self._response_id = self._response_id or response["id"]
        self._require(response["id"] == self._response_id, name, "about another response")
        if name not in TERMINAL:
            return
        still_open = [index for index, (_, _, state) in self._items.items() if state != "closed"]
        self._require(not still_open, name, f"while items {still_open} are open")
        finished = [self._done[index] for index in sorted(self._done)]
        self._require(response["output"] == finished, name, "with an output that its items do not make")

    def _check_item(self, event: Event) -> None:
        name: str = event["type"]
        index: int = event["output_index"]
        if name == _ADDED:
            self._require(index == len(self._items), name, f"with output_index {index}")
            self._items[index] = (event["item"]["type"], event["item"]["id"], "new")
        self._require(index in self._items, name, f"for an unknown item {index}")
        kind, item_id, state = self._items[index]
        told = event["item"]["id"] if "item" in event else event.get("item_id", item_id)
        self._require(told == item_id, name, "with another item's id")
        table = ITEMS.get(kind)
        if table is not None:
            state = _step(table, state, name)
        else:
            self._require(state != "closed", name, "after its item was done")
            state = "closed" if name == _DONE else "open"
        if name == _DONE:
            self._done[index] = event["item"]
        self._items[index] = (kind, item_id, state)

    @staticmethod
    def _require(holds: bool, name: str, complaint: str) -> None:
        if not holds:
            raise OutOfOrder(f"{name} {complaint}")


def _step(table: Table, state: str, name: str) -> str:
    try:
        return table[state][name]
    except KeyError:
        raise OutOfOrder(f"{name} while {state}") from None
