"""Token counts of chat servers, in the wire's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.readings import members, read_count
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_CACHED = (
    "prompt_tokens_details.cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cached_tokens",
)
_WRITTEN = ("prompt_tokens_details.cache_write_tokens", "cache_creation_input_tokens")
_REASONED = ("completion_tokens_details.reasoning_tokens", "reasoning_tokens")


def map_usage(counted: Json) -> Json:
    """Counts as the API counts: what was cached is part of the input, what was reasoned of the output.

    Some vendors (xAI) count reasoning beside the completion, and some (Gemini) in the total alone: the total
    tells. Costs and speeds are no tokens and stay out.
    """
    prompt, completion = (
        read_count(counted.get("prompt_tokens")),
        read_count(counted.get("completion_tokens")),
    )
    reasoned = _first(counted, _REASONED)
    beside = read_count(counted.get("total_tokens")) - prompt - completion
    if beside > 0 and (reasoned is None or beside == reasoned):
        completion += beside
        reasoned = beside
    return usage(
        prompt,
        completion,
        # A part is never more than the whole, whatever Grok on Azure and Together count.
        cached_tokens=min(_first(counted, _CACHED) or 0, prompt),
        cache_write_tokens=_first(counted, _WRITTEN) or 0,
        reasoning_tokens=min(reasoned or 0, completion),
    )


def _first(counted: Json, paths: tuple[str, ...]) -> int | None:
    """The first of those members that counts something; None where no such member is."""
    found: int | None = None
    for path in paths:
        value: Any = counted
        for step in path.split("."):
            value = members(value).get(step)
        if isinstance(value, (int, float, str)):
            found = found or read_count(value)
    return found
