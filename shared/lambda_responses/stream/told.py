"""What events have told of items that nobody has made to their end: read back from them, to be gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambda_responses.stream.open_items import KINDS, OpenHostedItem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.stream.open_items import OpenItem
    from lambda_responses.wire.json import Event, Json


@dataclass(slots=True)
class ToldItems:
    """The items that some events began, by output index."""

    finished: dict[int, Json] = field(default_factory=dict[int, "Json"])
    open: dict[int, OpenItem] = field(default_factory=dict[int, "OpenItem"])
    """Those that are not done, as far as they have come: closing one says what was not told of it."""

    def hear(self, event: Event) -> None:
        """Take in one more event."""
        index: int | None = event.get("output_index")
        if index is None:
            return
        match event["type"]:
            case "response.output_item.added":
                announced: Json = event["item"]
                kind = KINDS.get(announced["type"], OpenHostedItem)
                self.open[index] = kind(announced["id"], index, index, announced, True)
            case "response.output_item.done":
                self.finished[index] = event["item"]
                del self.open[index]
            case _:
                self.open[index].recall(event)


def told_by(events: Iterable[Event]) -> ToldItems:
    """The items that these events tell of, beginning where none is open."""
    items = ToldItems()
    for event in events:
        items.hear(event)
    return items
