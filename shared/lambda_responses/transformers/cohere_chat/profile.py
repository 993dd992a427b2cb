"""What a server of Cohere's format takes, model by model, as data.

Sources: recorded traffic and https://docs.cohere.com/v2/reference/chat.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.model_rules import ModelRule, as_spoken_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CohereProfile:
    """A server's dialect. The defaults describe models that do not think before they answer."""

    path: str = "v2/chat"
    """Relative to the base URL."""
    efforts: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """What each `reasoning.effort` adds to the body; one without a row is left out and named."""
    inputs: frozenset[str] = frozenset({"input_image", "input_file"})
    """Kinds of content that a user's message may hold besides text."""
    takes_thinking: bool = False
    """Whether an assistant's message may hold what other models thought before it."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, Any])
    """Least and greatest value of a sampling setting, by our name; beyond them it is left out and named."""
    models: tuple[ModelRule, ...] = ()
    """How models differ; every rule that matches is applied, in order."""

    def for_model(self, model: str) -> CohereProfile:
        """This dialect as that model speaks it."""
        return as_spoken_by(model, self)


def _thinking(budget: int | None = None) -> Json:
    told: Json = {"type": "enabled"} | ({"token_budget": budget} if budget else {})
    return {"thinking": told}


_EFFORTS: dict[str, Json] = {
    "none": {"thinking": {"type": "disabled"}},
    "minimal": _thinking(512),
    "low": _thinking(2_048),
    "medium": _thinking(8_192),
    "high": _thinking(24_576),
    "xhigh": _thinking(),
    "max": _thinking(),
}

COHERE = CohereProfile(
    ranges={"top_p": (0.01, 0.99), "frequency_penalty": (0, 1), "presence_penalty": (0, 1)},
    models=(
        ModelRule(r"reasoning|command-a-plus|north", {"efforts": _EFFORTS, "takes_thinking": True}),
        ModelRule(
            r"command-(?:r|light|nightly|a-(?:\d|reasoning|translate))|aya-expanse",
            {"inputs": frozenset({"input_file"})},
        ),
    ),
)
"""Cohere's own platform."""

DEFAULT = COHERE
"""A server that nobody has told us anything about serves Cohere's models."""
