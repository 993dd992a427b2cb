"""Token counts in the wire's shape. They come from providers alone; nothing here counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def usage(
    input_tokens: int,
    output_tokens: int,
    *,
    cached_tokens: int = 0,
    cache_write_tokens: int = 0,
    reasoning_tokens: int = 0,
) -> Json:
    """`input_tokens` includes what was cached, `output_tokens` what was reasoned, as the API counts."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": cache_write_tokens},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        "total_tokens": input_tokens + output_tokens,
    }


def add_usage(one: Json | None, other: Json | None) -> Json | None:
    """The sum over two steps, number by number; what only one of them counts is kept."""
    if one is None or other is None:
        return one if other is None else other
    total: Json = dict(one)
    for key, value in other.items():
        before = total.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            total[key] = add_usage(cast("Json", before), cast("Json", value))
        elif isinstance(value, (int, float)) and isinstance(before, (int, float)):
            total[key] = before + value
        else:
            total[key] = value
    return total
