"""Items that a request names instead of repeating them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.not_found import item_not_found

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Json


async def resolved(
    items: Sequence[Json], *, known: Collection[str], principal: Principal, using: Services
) -> tuple[list[Json], dict[str, Json]]:
    """The items with every reference replaced by what it names, and what the makers of those want back.

    An item whose id is `known` is in the chain already, where the model sees it: its reference goes. Raises
    `NotFoundError` for one that names nothing that was kept for this tenant.
    """
    named = [item["id"] for item in items if item["type"] == "item_reference" and item["id"] not in known]
    if not named and not any(item["type"] == "item_reference" for item in items):
        return list(items), {}
    found = await using.responses.items(principal.tenant, named)
    for id in named:
        if id not in found:
            raise item_not_found(id)
    shown = [
        found[item["id"]].item if item["type"] == "item_reference" else item
        for item in items
        if item["type"] != "item_reference" or item["id"] in found
    ]
    return shown, {id: each.origin for id, each in found.items() if each.origin}
