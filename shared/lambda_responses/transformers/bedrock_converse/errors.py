"""Failures of Bedrock, before an answer and inside of one.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.failures import map_complaint, read_envelope, read_failure
from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from lambda_responses.transformers.base import UpstreamFailure
    from lambda_responses.wire.errors import APIError

STATUSES: dict[str, int] = {
    "accessDeniedException": 403,
    "internalServerException": 500,
    "modelErrorException": 502,  # 424 as HTTP has it: the model failed, and nothing that the request named
    "modelNotReadyException": 503,
    "modelStreamErrorException": 502,
    "modelTimeoutException": 503,
    "resourceNotFoundException": 404,
    "serviceQuotaExceededException": 429,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}
"""What each exception amounts to, be it a frame of a stream or an HTTP status that says less."""


def map_error(failure: UpstreamFailure) -> APIError:
    """What the client is told of that failure. Total."""
    complaint = read_failure(failure)
    return map_complaint(complaint, status=_status_of(complaint.type or "", failure.status))


def is_exception(kind: str) -> bool:
    """Whether an event of that kind is a fault."""
    return kind == "error" or kind.endswith("Exception")


def map_exception(kind: str, told: Any) -> APIError:
    """The same for an exception inside an answer whose status was a success; `kind` is the event's."""
    complaint = read_envelope(told)
    code = members(told).get("code")
    named = code if kind == "error" and isinstance(code, str) else kind
    return map_complaint(complaint._replace(type=named), status=_status_of(named, 500))


def _status_of(name: str, status: int) -> int:
    name = name.rpartition("#")[2]
    return STATUSES.get(name[:1].lower() + name[1:], status)
