"""Failures of Cohere's API, in the words of the request that the client made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.failures import map_complaint, read_envelope, read_failure

if TYPE_CHECKING:
    from lambda_responses.transformers.base import UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

PARAMS: dict[str, str] = {
    "model": "model",
    "messages": "input",
    "documents": "input",
    "tools": "tools",
    "strict_tools": "tools",
    "tool_choice": "tool_choice",
    "temperature": "temperature",
    "p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "thinking": "reasoning.effort",
    "logprobs": "include",
}
"""What a client sent that became this parameter."""


def map_error(failure: UpstreamFailure) -> APIError:
    """What the client is told of that failure. Total."""
    return map_complaint(read_failure(failure).renamed(PARAMS), status=failure.status)


def map_error_in_stream(chunk: Json) -> APIError:
    """The same for an error that came inside an answer whose status was a success."""
    return map_complaint(read_envelope(chunk).renamed(PARAMS))
