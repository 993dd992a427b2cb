"""Token counts of Messages, in the wire's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.readings import members, read_count
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_usage(counted: Json) -> Json:
    """Counts as the API counts: what was read from the cache, or written to it, is part of the input.

    How often hosted tools were used is no count of tokens and stays out.
    """
    read = read_count(counted.get("cache_read_input_tokens"))
    written = read_count(counted.get("cache_creation_input_tokens"))
    output = read_count(counted.get("output_tokens"))
    thought = read_count(members(counted.get("output_tokens_details")).get("thinking_tokens"))
    return usage(
        read_count(counted.get("input_tokens")) + read + written,
        output,
        cached_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=min(thought, output),
    )
