"""How a stream ends whose maker was stopped by somebody else, and so has not ended it.

A pure function of what was told and of the response as it is stored: whoever needs the end makes it, and
everybody makes the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.stream.emitter import ending_as
from lambda_responses.stream.replay import at_the_start
from lambda_responses.stream.told import ToldItems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.wire.json import Event, Json


class CutLog:
    """What was told of such a response, taken in event by event."""

    def __init__(self) -> None:
        self.next = 0
        """The number of the event after those."""
        self._items = ToldItems()

    def hear(self, events: Iterable[Event]) -> None:
        """Take in what was told next."""
        for event in events:
            self._items.hear(event)
            self.next = event["sequence_number"] + 1

    def ending(self, response: Json) -> list[Event]:
        """The events that follow, if no end was told: what is open is closed as incomplete, and the response
        has ended as the object that is stored of it.
        """
        items = [item for _, item in sorted(self._items.open.items())]
        events = [] if self.next else _beginning(response)
        for place, item in enumerate(items, start=1):
            is_cut = place == len(items) or not item.whole
            events += item.closed("incomplete" if is_cut else "completed", None)
        events += ending_as(response)
        return [{**event, "sequence_number": self.next + place} for place, event in enumerate(events)]


def _beginning(response: Json) -> list[Event]:
    """What a client is told first of a response that it has been told nothing of."""
    queued = at_the_start(response, status="queued")
    return [{"type": name, "response": queued} for name in ("response.created", "response.queued")]
