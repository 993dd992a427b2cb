"""A step that is taken again after some of it was told: what in it is news, and what stands already.

What was finished before stands as it was told. An item of the new step that says the same is not told: a call
with the same name and arguments, the outcome of the same call. A message or a thought, which no model puts
twice in the same words, is the one that had its place. All else is news, and follows on what stands.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.output import CALLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lambda_responses.stream.output import Finished
    from lambda_responses.wire.json import Event, Json

_SWALLOWED = -1


class Retelling:
    """Lets events of a step pass that is taken again.

    They come with the output indexes that the step would have if nothing of it had been told, and leave with
    those of the response. `output` is the response's own; `told` are those of its items that stand, by type
    and in the order of the step, with None for those that were cut.
    """

    def __init__(self, output: Finished, told: Mapping[str, Sequence[Json | None]]) -> None:
        self.known: set[str] = set()
        """Ids of the items that are not told."""
        self._output = output
        self._told = defaultdict[str, "deque[Json | None]"](deque)
        self._told.update({type: deque(items) for type, items in told.items()})
        self._next_index = len(output.items)
        self._places: dict[int, int] = {}
        """By index in the step, that in the response."""
        self._final: dict[int, Json] = {}
        self._waiting: deque[Event] = deque()

    def news(self, events: Iterable[Event]) -> Iterator[Event]:
        """Those of the events that are to be told now, and of those before them that had to wait.

        A call waits until it is whole, and everything that begins after it.
        """
        for event in events:
            if "output_index" not in event:
                yield event
                continue
            if event["type"] == "response.output_item.done":
                self._final[event["output_index"]] = event["item"]
            self._waiting.append(event)
            while self._waiting and (place := self._place_of(self._waiting[0])) is not None:
                ready = self._waiting.popleft()
                if place != _SWALLOWED:
                    yield self._moved(ready, place)

    def _moved(self, event: Event, place: int) -> Event:
        event["output_index"] = place
        if event["type"] == "response.output_item.done":
            self._output.add(place, event["item"])
        return event

    def _place_of(self, event: Event) -> int | None:
        """Where the item of that event is told; None as long as that cannot be said."""
        index = event["output_index"]
        if index not in self._places:
            begun, told = event["item"], self._told[event["item"]["type"]]
            if told and _says_what(begun) is None:
                repeated = told.popleft()
            elif any(told) and index not in self._final:
                return None
            else:
                repeated = _take(told, _says_what(self._final[index])) if any(told) else None
            self._places[index] = self._next_index if repeated is None else _SWALLOWED
            if repeated is None:
                self._next_index += 1
            else:
                self.known.add(begun["id"])
        return self._places[index]


def _take(told: deque[Json | None], said: Any) -> Json | None:
    """The call, or the outcome of one, that says the same."""
    same = next((item for item in told if item is not None and _says_what(item) == said), None)
    if same is not None:
        told.remove(same)
    return same


def _says_what(item: Json) -> tuple[Any, ...] | None:
    """By what calls, and outcomes of calls, are known again; None for items that are known by their order."""
    if item["type"] in CALLS or "name" in item:
        said = item.get("arguments", item.get("input"))
        return item.get("name"), item.get("namespace"), item.get("server_label"), said
    return (item["call_id"],) if "call_id" in item else None
