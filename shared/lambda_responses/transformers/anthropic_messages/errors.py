"""Failures of Messages servers, in the words of the request that the client made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambda_responses.transformers.failures import Complaint, map_complaint, read_envelope, read_failure

if TYPE_CHECKING:
    from lambda_responses.transformers.base import UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

PARAMS: dict[str, str] = {
    "messages": "input",
    "system": "instructions",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "max_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "thinking": "reasoning.effort",
    "output_config.effort": "reasoning.effort",
    "output_config.format": "text.format",
    "service_tier": "service_tier",
    "metadata": "safety_identifier",
    "model": "model",
}
"""What a client sent that became this parameter."""

_PATH = re.compile(r"([a-z_]+(?:\.[A-Za-z0-9_]+)*): ")
"""The place with which a complaint begins: `tools.0.custom.input_schema.type: Field required`."""


def map_error(failure: UpstreamFailure) -> APIError:
    """What the client is told of that failure. Total."""
    return map_complaint(_placed(read_failure(failure)), status=failure.status)


def map_error_in_stream(chunk: Json) -> APIError:
    """The same for an error that came inside an answer whose status was a success."""
    return map_complaint(_placed(read_envelope(chunk)))


def map_exception(name: str, told: Json) -> APIError:
    """The same for an AWS exception, by the name that its frame has (`throttlingException`)."""
    complaint = read_envelope(told)._replace(type=f"{name[:1].upper()}{name[1:]}", code=None)
    return map_complaint(_placed(complaint), status=400 if name == "validationException" else 500)


def _placed(complaint: Complaint) -> Complaint:
    """With the param named. Messages and tools are numbered otherwise upstream, so only heads are kept."""
    found = _PATH.match(complaint.message)
    path = complaint.param or (found[1] if found else "")
    head, _, rest = path.partition(".")
    return complaint._replace(param=PARAMS.get(f"{head}.{rest.partition('.')[0]}") or PARAMS.get(head))
