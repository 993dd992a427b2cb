"""Which output item of the upstream an event is about, whatever of its names the event carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Event, Json

CALLS = frozenset({"function_call", "custom_tool_call"})
"""Types of the calls that a client answers."""


@dataclass(slots=True)
class UpstreamItem:
    """One output item, under whatever names the upstream gives it."""

    block: int
    type: str
    announced: Json
    opened: bool = False
    ended: bool = False
    said: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    """The parts of which a delta has come."""
    first_part: int | None = None

    def part(self, index: Any) -> int:
        """The place of a part in the finished item: some servers do not count an item's parts from 0."""
        named = index if isinstance(index, int) else 0
        if self.first_part is None:
            self.first_part = named
        return named - self.first_part


class UpstreamItems:
    """The output items of one response, in the order in which they were first heard of."""

    def __init__(self) -> None:
        self._items: list[UpstreamItem] = []
        self._named: dict[str | int, UpstreamItem] = {}

    def __iter__(self) -> Iterator[UpstreamItem]:
        return iter(self._items)

    def announce(self, announced: Json, event: Event) -> UpstreamItem:
        """A new item, known from now on by the names that it and the event give."""
        item = UpstreamItem(len(self._items), announced["type"], announced)
        self._items.append(item)
        for name in (announced.get("id"), event.get("item_id"), event.get("output_index")):
            if isinstance(name, (str, int)) and name != "":
                self._named[name] = item
        return item

    def named(self, item_id: Any) -> UpstreamItem | None:
        """The item of that id. An empty one, which some servers give to every item, names none."""
        return self._named.get(item_id) if isinstance(item_id, str) else None

    def about(self, event: Event) -> UpstreamItem | None:
        """The item that an event is about: by id where that is known (some rotate it), else by index.

        An event that names nothing is about the latest item.
        """
        item_id, index = event.get("item_id") or None, event.get("output_index")
        item = self.named(item_id)
        if item is None and isinstance(index, int):
            item = self._named.get(index)
        if item is None and item_id is None and index is None and self._items:
            item = self._items[-1]
        return item

    def spoken_to(self, event: Event, kind: str) -> UpstreamItem:
        """The item of that type that a delta adds to; announced by this very delta if by nothing before.

        Where every item has the same index, the latest open one of the type is meant.
        """
        item = self.about(event)
        if item is not None and item.type == kind:
            return item
        if item is not None:
            for other in reversed(self._items):
                if other.type == kind and not other.ended:
                    return other
        return self.announce(_IMPLIED[kind], event)

    def finished_by(self, final: Json, event: Event) -> UpstreamItem | None:
        """The item that an `output_item.done` finishes; None if it had not been announced."""
        item = self.named(final.get("id")) or self.about(event)
        return item if item is not None and item.type == final.get("type") else None

    def match(self, output: Any) -> Iterator[tuple[Json, UpstreamItem | None]]:
        """The items of a finished response, each with the streamed one that it is: by id, place or type."""
        streamed = list(self._items)
        entries = cast("list[Any]", output) if isinstance(output, list) else []
        for index, entry in enumerate(entries):
            final = members(entry)
            if not isinstance(final.get("type"), str):
                continue
            candidates = (self.named(final.get("id")), self._named.get(index), *streamed)
            found = next(
                (item for item in candidates if item in streamed and item.type == final.get("type")), None
            )
            if found is not None:
                streamed.remove(found)
            yield final, found


_IMPLIED: dict[str, Json] = {
    "message": {"type": "message", "role": "assistant", "status": "in_progress", "content": []},
    "reasoning": {"type": "reasoning", "summary": []},
}
