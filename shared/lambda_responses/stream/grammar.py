"""Which event may follow which, written down apart from the code that emits them.

The tables are read by the tests, by the debug switch of the server and by the page that draws them
(`docs/streaming.md`). Source: the event order of the live API, and the streaming chapter of the Open
Responses specification.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from lambda_responses.wire.json import Event, Json

Table: TypeAlias = "dict[str, dict[str, str]]"

RESPONSE: Table = {
    "new": {"response.created": "created"},
    "created": {
        "response.queued": "created",
        "response.in_progress": "running",
        "error": "failing",
        "response.failed": "ended",
    },
    "running": {
        "response.in_progress": "running",
        "response.completed": "ended",
        "response.incomplete": "ended",
        "error": "failing",
        "response.failed": "ended",
    },
    "failing": {"response.failed": "ended"},
    "ended": {},
}
"""The response as a whole. Between these, while it is running, items come and go. One that is cancelled fails
without a fault, and in the background both may happen before anybody has begun with it."""

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

COMPACTION: Table = {
    "new": {"response.output_item.added": "open"},
    "open": {"response.compaction.compacting": "open", "response.output_item.done": "closed"},
    "closed": {},
}

ITEMS: dict[str, Table] = {
    "message": MESSAGE,
    "reasoning": REASONING,
    "function_call": FUNCTION_CALL,
    "custom_tool_call": CUSTOM_TOOL_CALL,
    "compaction": COMPACTION,
}
"""Item types whose inner order is fixed. Others open, report progress in events of their own, and close."""

TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})

STATUSES: dict[str, frozenset[str]] = {
    "response.created": frozenset({"queued", "in_progress"}),
    "response.queued": frozenset({"queued"}),
    "response.in_progress": frozenset({"in_progress"}),
    "response.completed": frozenset({"completed"}),
    "response.incomplete": frozenset({"incomplete"}),
    "response.failed": frozenset({"failed", "cancelled"}),
}
"""The status of the response that an event shows."""

_ADDED = "response.output_item.added"
_DONE = "response.output_item.done"
_IDENTITY = ("type", "id", "call_id")


class OutOfOrder(Exception):
    """An event that the grammar does not allow at its place."""


@dataclass(slots=True)
class _Item:
    """How far one item has come."""

    type: str
    added: Json
    state: str = "new"
    parts: dict[str, int] = field(default_factory=dict[str, int])
    """By the member that numbers them, how many parts there have been."""


class StreamChecker:
    """Reads the events of one response and raises `OutOfOrder` at the first that breaks a rule."""

    def __init__(self, *, failed_by_others: bool = False) -> None:
        """`failed_by_others`: a failure may be theirs, as a cancellation always is."""
        self._ended_by_others = {"cancelled", "failed"} if failed_by_others else {"cancelled"}
        self._state = "new"
        self._next_sequence_number = 0
        self._response_id: str | None = None
        self._items: list[_Item] = []
        self._done: dict[int, Json] = {}

    def feed(self, event: Event) -> None:
        """Check one event."""
        name: str = event["type"]
        self._require(event.get("sequence_number") == self._next_sequence_number, name, "misnumbered")
        self._next_sequence_number += 1
        if name == "error" or "response" in event:
            before, self._state = self._state, _step(RESPONSE, self._state, name)
            if name == "response.failed" and before != "failing":
                self._require(event["response"]["status"] == "cancelled", name, "without an error")
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
        self._require(response["status"] in STATUSES[name], name, f"with status {response['status']}")
        if name not in TERMINAL:
            return
        still_open = [index for index, item in enumerate(self._items) if item.state != "closed"]
        self._require(not still_open, name, f"while items {still_open} are open")
        finished = [self._done[index] for index in sorted(self._done)]
        if response["status"] in self._ended_by_others:  # its maker may have said more than is kept
            finished = finished[: len(response["output"])]
        self._require(response["output"] == finished, name, "with an output that its items do not make")

    def _check_item(self, event: Event) -> None:
        name: str = event["type"]
        index: int = event["output_index"]
        if name == _ADDED:
            self._require(index == len(self._items), name, f"with output_index {index}")
            self._items.append(_Item(event["item"]["type"], event["item"]))
        self._require(index < len(self._items), name, f"for an unknown item {index}")
        item = self._items[index]
        self._require(event.get("item_id", item.added["id"]) == item.added["id"], name, "with another's id")
        table = ITEMS.get(item.type)
        if table is not None:
            item.state = _step(table, item.state, name)
            self._check_part(item, event)
        else:
            self._require(item.state != "closed", name, "after its item was done")
            item.state = "closed" if name == _DONE else "open"
        if name == _DONE:
            self._check_done(item, event["item"])
            self._done[index] = event["item"]

    def _check_part(self, item: _Item, event: Event) -> None:
        """Parts are numbered as they come, and events are about the open one."""
        name: str = event["type"]
        for member in ("content_index", "summary_index"):
            if member in event:
                opened = item.parts.get(member, 0)
                if name.endswith("_part.added"):
                    item.parts[member] = opened = opened + 1
                self._require(event[member] == opened - 1, name, f"with {member} {event[member]}")

    def _check_done(self, item: _Item, done: Json) -> None:
        for member in _IDENTITY:
            announced = item.added.get(member)
            self._require(announced is None or done.get(member) == announced, _DONE, f"with another {member}")
        self._require(
            item.type not in ITEMS or done.get("status") != "in_progress", _DONE, "with an item in progress"
        )

    @staticmethod
    def _require(holds: bool, name: str, complaint: str) -> None:
        if not holds:
            raise OutOfOrder(f"{name} {complaint}")


def _step(table: Table, state: str, name: str) -> str:
    try:
        return table[state][name]
    except KeyError:
        raise OutOfOrder(f"{name} while {state}") from None
