"""Failures of chat-completions servers, in the words of the request that the client made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.failures import map_complaint, read_envelope, read_failure

if TYPE_CHECKING:
    from lambda_responses.transformers.base import UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

_SAME = (
    "model",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "temperature",
    "top_p",
    "top_logprobs",
    "reasoning",
    "service_tier",
    "prompt_cache_key",
    "safety_identifier",
    "user",
)

PARAMS: dict[str, str] = {
    **dict(zip(_SAME, _SAME, strict=True)),
    "messages": "input",
    "prompt": "input",
    "functions": "tools",
    "function_call": "tool_choice",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "logprobs": "include",
    "thinking": "reasoning.effort",
    "enable_thinking": "reasoning.effort",
}
"""What a client sent that became this parameter."""


def map_error(failure: UpstreamFailure) -> APIError:
    """What the client is told of that failure. Total."""
    return map_complaint(read_failure(failure).renamed(PARAMS), status=failure.status)


def map_error_in_stream(chunk: Json) -> APIError:
    """The same for an error that came inside an answer whose status was a success."""
    return map_complaint(read_envelope(chunk).renamed(PARAMS))
