"""What events have told of items that nobody has made to their end, read back from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambda_responses.stream.open_items import KINDS, OpenHostedItem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from lambda_responses.stream.open_items import OpenItem
    from lambda_responses.wire.json import Event, Json


@dataclass(slots=True)
class ToldItems:
    """The items that some events began, by output index."""

    superseded: Collection[str] = ()
    """Ids of those that were cut by an earlier interruption already."""
    finished: dict[int, Json] = field(default_factory=dict[int, "Json"])
    open: dict[int, OpenItem] = field(default_factory=dict[int, "OpenItem"])
    """Those that are not done, as far as they have come: closing one says what was not told of it."""
    _series: dict[str, list[int]] = field(default_factory=dict[str, "list[int]"])

    @property
    def series(self) -> dict[str, list[Json | None]]:
        """By type, the items in the order in which their step says them; None for those that were cut."""
        return {type: [self._standing(index) for index in of_it] for type, of_it in self._series.items()}

    def hear(self, event: Event) -> None:
        """Take in one more event."""
        index: int | None = event.get("output_index")
        if index is None:
            return
        match event["type"]:
            case "response.output_item.added":
                self._begin(index, event["item"])
            case "response.output_item.done":
                self.finished[index] = event["item"]
                del self.open[index]
            case _:
                self.open[index].recall(event)

    def _begin(self, index: int, announced: Json) -> None:
        kind = KINDS.get(announced["type"], OpenHostedItem)
        self.open[index] = kind(announced["id"], index, index, announced, True)
        series = self._series.setdefault(announced["type"], [])
        for place, before in enumerate(series):
            if before not in self.open and self._standing(before) is None:
                series[place] = index  # which was cut by then: this is it, said anew
                return
        series.append(index)

    def _standing(self, index: int) -> Json | None:
        item = self.finished.get(index)
        return None if item is None or item["id"] in self.superseded else item


def told_by(events: Iterable[Event], superseded: Collection[str] = ()) -> ToldItems:
    """The items that these events tell of, beginning where none is open."""
    items = ToldItems(superseded)
    for event in events:
        items.hear(event)
    return items
