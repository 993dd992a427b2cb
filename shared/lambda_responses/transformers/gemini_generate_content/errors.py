"""Google's failures, in the words of the request that the client made. https://google.aip.dev/193"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.failures import Complaint, map_complaint, read_envelope, read_failure
from lambda_responses.transformers.readings import members
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from lambda_responses.transformers.base import UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

PARAMS: dict[str, str] = {
    "contents": "input",
    "system_instruction": "instructions",
    "tools": "tools",
    "tool_config": "tool_choice",
    "service_tier": "service_tier",
    "generation_config.temperature": "temperature",
    "generation_config.top_p": "top_p",
    "generation_config.max_output_tokens": "max_output_tokens",
    "generation_config.logprobs": "top_logprobs",
    "generation_config.response_logprobs": "include",
    "generation_config.response_mime_type": "text.format",
    "generation_config.response_schema": "text.format",
    "generation_config.response_json_schema": "text.format",
    "generation_config.thinking_config": "reasoning.effort",
}
"""What a client sent that became this field; what lies deeper is numbered otherwise."""

_REFUSED_KEY = frozenset(
    {"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED", "SERVICE_DISABLED"}
)
"""Reasons that speak of this server's own key, although the status blames the request."""

_FIELD = re.compile(r"'([a-z][a-z_.\[\]0-9]*)'")


def map_error(failure: UpstreamFailure) -> APIError:
    """What the client is told of that failure. Total."""
    try:
        body = from_text(failure.body)
    except ValueError:
        body = None
    return map_complaint(_explained(read_failure(failure), body), status=failure.status)


def map_error_in_stream(chunk: Json) -> APIError:
    """The same for an error that came inside an answer whose status was a success."""
    return map_complaint(_explained(read_envelope(chunk), chunk))


def _explained(complaint: Complaint, body: Any) -> Complaint:
    """With what stands beside the words: the reason, and the field that they are about."""
    first = body[0] if isinstance(body, list) and body else body  # pyright: ignore[reportUnknownVariableType]
    details = json_objects(members(members(first).get("error")).get("details"))
    if any(str(detail.get("reason")) in _REFUSED_KEY for detail in details):
        return complaint._replace(code="invalid_api_key")
    fields = [
        str(violation.get("field"))
        for detail in details
        for violation in json_objects(detail.get("fieldViolations"))
    ]
    return complaint._replace(param=_param([*fields, *_FIELD.findall(complaint.message)]))


def _param(fields: list[str]) -> str | None:
    for field in fields:
        steps = re.sub(r"\[\d+\]", "", field).split(".")
        for length in (2, 1):
            if (param := PARAMS.get(".".join(steps[:length]))) is not None:
                return param
    return None
