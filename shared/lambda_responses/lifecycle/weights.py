"""How many tokens a run's items are likely to be: weighed once, and beside the loop where they are long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.storage.scheduling import off_the_loop, weight_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.wire.json import Json

_OF_REQUESTS = ("instructions", "tools", "text")
"""Members of a request that its tokens come from."""


class TokenWeights:
    """Estimates that are kept over the steps and tries of one run.

    An item is known again by being the same object: a context is shown anew at each step, and most of its
    items as they are. It is held for as long as its weight, and nobody may change it meanwhile.
    """

    def __init__(self) -> None:
        self._weighed: dict[int, tuple[Json, float]] = {}

    async def of(self, items: Sequence[Json]) -> list[float]:
        """Tokens of each of the items."""
        new = [item for item in items if id(item) not in self._weighed]
        weights = await off_the_loop(weight_of(new), _weights_of, new)
        self._weighed.update((id(item), (item, weight)) for item, weight in zip(new, weights, strict=True))
        return [self._weighed[id(item)][1] for item in items]

    async def tokens(self, request: Json, items: Sequence[Json]) -> int:
        """Input tokens of a checked request whose whole context is `items`: see `wire.token_estimates`."""
        from lambda_responses.wire.token_estimates import request_tokens

        weights = await self.of(items)
        around = weight_of([request.get(member) for member in _OF_REQUESTS])
        return round(await off_the_loop(around, request_tokens, request) + sum(weights))


def _weights_of(items: Sequence[Json]) -> list[float]:
    from lambda_responses.wire.token_estimates import item_tokens

    return [item_tokens(item) for item in items]
