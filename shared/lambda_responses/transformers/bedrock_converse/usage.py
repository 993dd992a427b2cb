"""Token counts of Converse, in the wire's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.readings import read_count
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_usage(counted: Json) -> Json:
    """What was read from a cache or written to it is input too, and is counted beside `inputTokens`."""
    read = read_count(counted.get("cacheReadInputTokens"))
    written = read_count(counted.get("cacheWriteInputTokens"))
    return usage(
        read_count(counted.get("inputTokens")) + read + written,
        read_count(counted.get("outputTokens")),
        cached_tokens=read,
        cache_write_tokens=written,
    )
