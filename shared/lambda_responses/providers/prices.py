"""What a model's tokens cost, as far as the operator has said."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.wire.json import Json

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """Of what the provider had read before; None where that costs what all input does."""

    def cost(self, usage: Json | None) -> float:
        """US dollars for that usage, as the API counts: what was cached is part of the input."""
        if usage is None:
            return 0.0
        details: Json = usage.get("input_tokens_details") or {}
        read, said = int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0)
        cached = min(read, int(details.get("cached_tokens") or 0))
        again = self.input if self.cached_input is None else self.cached_input
        return ((read - cached) * self.input + cached * again + said * self.output) / _MILLION


def price_of(target: str, prices: Mapping[str, Price]) -> Price | None:
    """Of `provider/model`: by that very name, or else by the first pattern (`acme/*`) that it fits."""
    if target in prices:
        return prices[target]
    return next((price for pattern, price in prices.items() if fnmatchcase(target, pattern)), None)
