"""Token counts in the wire's shape. https://ai.google.dev/api/generate-content#UsageMetadata"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.readings import read_count
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_usage(counted: Json) -> Json:
    """Counts of all that was said so far: what a hosted tool read is input, what was thought is output.

    Where an address was read, the prompt is counted in the total alone.
    """
    read = read_count(counted.get("toolUsePromptTokenCount"))
    thought = read_count(counted.get("thoughtsTokenCount"))
    said = read_count(counted.get("candidatesTokenCount")) + thought
    if "promptTokenCount" in counted:
        given = read_count(counted["promptTokenCount"]) + read
    else:
        given = max(read_count(counted.get("totalTokenCount")) - said, read)
    return usage(
        given,
        said,
        cached_tokens=min(read_count(counted.get("cachedContentTokenCount")), given),
        reasoning_tokens=thought,
    )
