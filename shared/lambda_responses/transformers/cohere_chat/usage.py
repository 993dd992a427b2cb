"""Cohere's token counts, in the wire's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.readings import members, read_count
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_usage(counted: Json) -> Json:
    """What the model read and wrote (`tokens`), not what is charged for (`billed_units`).

    What was cached is part of what was read, and what was reasoned of what was written, as the API counts.
    """
    tokens = members(counted.get("tokens"))
    read, written = read_count(tokens.get("input_tokens")), read_count(tokens.get("output_tokens"))
    return usage(
        read,
        written,
        cached_tokens=min(read_count(counted.get("cached_tokens")), read),
        reasoning_tokens=min(read_count(tokens.get("reasoning_tokens")), written),
    )
