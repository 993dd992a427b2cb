"""What the model is shown: the chain so far and the request's own input, each item under its own id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.seals import MAKER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.wire.ids import ItemIds
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class ModelContext:
    """History and own input, oldest first, with what the makers of the items want back."""

    history: Sequence[Json]
    own: Sequence[Json]
    origins: Mapping[str, Json]

    @property
    def items(self) -> list[Json]:
        """The whole of what the model sees."""
        return [*self.history, *self.own]

    @property
    def call_ids(self) -> set[str]:
        """Call ids that are taken."""
        return {item["call_id"] for item in self.items if isinstance(item.get("call_id"), str)}

    @property
    def own_origins(self) -> dict[str, Json]:
        """The origins of the request's own items, as a client brought them back."""
        ids = {item["id"] for item in self.own}
        return {id: origin for id, origin in self.origins.items() if id in ids}

    def shown_to(self, maker: str) -> tuple[list[Json], dict[str, Json]]:
        """Items, without our seals, and origins for one maker: what another wants back is left out."""
        origins = {id: origin for id, origin in self.origins.items() if origin.get(MAKER) == maker}
        items = [unsealed(item) if item.get("id") in self.origins else item for item in self.items]
        return items, origins


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


def unsealed(item: Json) -> Json:
    """The item without the seal by which a client keeps its origin."""
    if "encrypted_content" not in item:
        return item
    return {key: value for key, value in item.items() if key != "encrypted_content"}
