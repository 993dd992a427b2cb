"""What the model is shown: the chain so far and the request's own input, each item under its own id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.transformers.seals import label

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lambda_responses.wire.ids import ItemIds
    from lambda_responses.wire.json import Json

SEAL = "reasoning.encrypted_content"
"""What a client includes to see what makers of reasoning sealed."""

MAKER = "maker"
"""In an item's origin: the provider that made it, and the only one that gets its secrets back."""


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

    def shown_to(self, provider: str) -> tuple[list[Json], dict[str, Json]]:
        """Items and origins for one provider: what another one sealed is left out, never altered."""
        own_origins = {id: origin for id, origin in self.origins.items() if origin.get(MAKER) == provider}
        items = [
            _unsealed(item) if self._is_foreign(item, provider) and "encrypted_content" in item else item
            for item in self.items
        ]
        return items, own_origins

    def _is_foreign(self, item: Json, provider: str) -> bool:
        origin = self.origins.get(item.get("id") or "")
        return origin is not None and origin.get(MAKER) != provider


def assemble(
    request_items: Sequence[Json], *, history: Sequence[Json], origins: Mapping[str, Json], ids: ItemIds
) -> ModelContext:
    """Give every item of a request its id and put it after the history.

    Items keep the ids that clients gave them (replayed output above all) unless another item of the context
    has the same.
    """
    taken = {item["id"] for item in history if item.get("id")}
    own: list[Json] = []
    for item in request_items:
        item_id = item.get("id")
        if not item_id or item_id in taken:
            item_id = ids.next(item["type"])
        taken.add(item_id)
        own.append({"id": item_id, **item, **({"id": item_id} if "id" in item else {})})
    return ModelContext(history=history, own=own, origins=origins)


def _unsealed(item: Json) -> Json:
    return {key: value for key, value in item.items() if key != "encrypted_content"}


def with_seal(item: Json, origins: Mapping[str, Json], include: Collection[str]) -> Json:
    """A reasoning item with what its maker sealed, for those who ask and where it had been kept aside."""
    origin = origins.get(item.get("id") or "", {})
    if "encrypted_content" not in origin or item["type"] != "reasoning" or SEAL not in include:
        return item
    return {**item, "encrypted_content": label(origin["encrypted_content"], origin.get(MAKER, ""))}
