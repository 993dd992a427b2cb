"""What an upstream of this format says when it fails: as a body, or as an event in its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.failures import map_complaint, map_failure, read_envelope

if TYPE_CHECKING:
    from lambda_responses.transformers.base import UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Event


def map_error(failure: UpstreamFailure) -> APIError:
    """The envelope is OpenAI's own, so a fault of the client's keeps code and param as they are."""
    return map_failure(failure)


def map_event(event: Event) -> APIError:
    """The fault in an `error` event, nested as on the wire or flat as in the SDK, or in `response.failed`."""
    told: Any = event
    match event:
        case {"response": {"error": {} as error}}:
            told = error
        case {"response": _}:
            told = {}
        case _:
            pass
    return map_complaint(read_envelope(told))
