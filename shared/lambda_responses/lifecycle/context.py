"""What the model is shown: the chain so far and the request's own input, each item under its own id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.seals import MAKER
from lambda_responses.lifecycle.unshown import UNSHOWN, with_asked, without_unshown
from lambda_responses.wire.compaction import (
    INSTRUCTING,
    beginning,
    is_compaction,
    kept_messages,
    told,
    told_otherwise,
)
from lambda_responses.wire.context import call_answered_by, call_made_by
from lambda_responses.wire.includes import INCLUDABLE
from lambda_responses.wire.origins import FUNCTION, SUPERSEDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lambda_responses.wire.ids import ItemIds
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class ShownContext:
    """A context as one maker is shown it."""

    items: list[Json]
    origins: dict[str, Json]
    """What that maker wants back, and of all others' calls that were run here by what name they were made."""
    places: list[int | None]
    """By item, where in the request's own input it comes from; None for what was said before or after."""


@dataclass(frozen=True, slots=True)
class ModelContext:
    """History and own input, oldest first, with what the makers of the items want back."""

    history: Sequence[Json]
    own: Sequence[Json]
    origins: Mapping[str, Json]

    @property
    def items(self) -> list[Json]:
        """All that is known, whether a model still has to see it or not."""
        return [*self.history, *self.own]

    @property
    def call_ids(self) -> set[str]:
        """Call ids that are taken, those included that are kept beside items."""
        holders = (*self.items, *self.origins.values())
        return {each["call_id"] for each in holders if isinstance(each.get("call_id"), str)}

    @property
    def own_origins(self) -> dict[str, Json]:
        """The origins of the request's own items, as a client brought them back."""
        ids = {item["id"] for item in self.own}
        return {id: origin for id, origin in self.origins.items() if id in ids}

    def shown_to(
        self, maker: str | None, said: Sequence[Json] = (), made: Mapping[str, Json] | None = None
    ) -> ShownContext:
        """The context, with what has been `said` since, for one maker; for None, as it is told to anybody.

        It begins at the newest item that stands for all before it. Compactions are told as their maker has
        them or as what they stand for. Items have no seals.
        """
        known = {**self.origins, **(made or {})}
        own = {item["id"]: item for item in self.own}
        origins = {
            id: without_unshown(origin) if origin.get(MAKER) == maker else {FUNCTION: origin[FUNCTION]}
            for id, origin in known.items()
            if (origin.get(MAKER) == maker and origin.keys() - {MAKER, UNSHOWN}) or FUNCTION in origin
        }
        shown = ShownContext([], origins, [])
        for item, place in self._current(said, known):
            origin = known.get(item.get("id") or "")
            if origin is not None and is_compaction(item):
                native = maker is not None and origin.get(MAKER) == maker
                items = list(told(unsealed(item), origin, native=native, live=own))
            else:
                items = [item if origin is None else with_asked(unsealed(item), known, INCLUDABLE)]
            shown.items.extend(items)
            shown.places.extend([place] * len(items))
        return shown

    def stood_for(self, said: Sequence[Json], made: Mapping[str, Json]) -> Json:
        """What an item stands for that an upstream made of all this by itself, should another one go on."""
        return told_otherwise(self.shown_to(None, said, made).items, whole=True)

    def current(self, said: Sequence[Json] = (), made: Mapping[str, Json] | None = None) -> list[Json]:
        """What of it, and of what was `said` since, a model still has to see; compactions as they are."""
        return [item for item, _ in self._current(said, {**self.origins, **(made or {})})]

    def _current(self, said: Sequence[Json], known: Mapping[str, Json]) -> Iterator[tuple[Json, int | None]]:
        """What is not superfluous, each with its place in the request."""
        past = len(self.history)
        items = [*self.items, *said]
        start = beginning(items, known)
        if start > past:  # A client may go on giving instructions where they always stood.
            newest = items[start]
            kept = [_gist(each) for each in kept_messages(newest, known.get(newest.get("id") or "", {}))]
            for index in range(past, min(start, past + len(self.own))):
                if items[index].get("role") in INSTRUCTING and _gist(items[index]) not in kept:
                    yield items[index], index - past
        void = _void_calls(items, known)
        for index in range(start, len(items)):
            if is_superseded(items[index], known) or call_answered_by(items[index]) in void:
                continue
            own = past <= index < past + len(self.own)
            yield items[index], index - past if own else None


def assemble(
    request_items: Sequence[Json],
    *,
    history: Sequence[Json],
    origins: Mapping[str, Json],
    brought: Mapping[int, Json],
    ids: ItemIds,
) -> ModelContext:
    """Give every item of a request its id and put it after the history.

    Items keep the ids that clients gave them (replayed output above all) unless another item of the context
    has the same. `origins` are known by an item's id, those that the client `brought` by its place.
    """
    taken = {item["id"] for item in history if item.get("id")}
    known = dict(origins)
    own: list[Json] = []
    for place, item in enumerate(request_items):
        item_id = item.get("id")
        if not item_id or item_id in taken:
            item_id = ids.next(item["type"])
        taken.add(item_id)
        if place in brought:
            known[item_id] = brought[place]
        own.append({"id": item_id, **item, **({"id": item_id} if "id" in item else {})})
    return ModelContext(history=history, own=own, origins=known)


def is_superseded(item: Json, origins: Mapping[str, Json]) -> bool:
    """Whether the item was cut by an interruption and said anew: clients have seen it, models do not."""
    origin = origins.get(item.get("id") or "")
    return origin is not None and SUPERSEDED in origin


def _void_calls(items: Sequence[Json], known: Mapping[str, Json]) -> set[tuple[str, str] | None]:
    """Calls that were cut and said anew: what a client answers them is for no call that a model sees."""
    cut = {call_made_by(item) for item in items if is_superseded(item, known)} - {None}
    if cut:
        cut -= {call_made_by(item) for item in items if not is_superseded(item, known)}
    return cut


def unsealed(item: Json) -> Json:
    """The item without the seal by which a client keeps its origin."""
    if "encrypted_content" not in item:
        return item
    return {key: value for key, value in item.items() if key != "encrypted_content"}


def _gist(message: Json) -> tuple[object, str]:
    return message.get("role"), str(message.get("content"))
