"""Why a model stopped. The list is open: https://ai.google.dev/api/generate-content#FinishReason"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.failures import Complaint, map_complaint

if TYPE_CHECKING:
    from lambda_responses.stream.deltas import StopReason
    from lambda_responses.wire.errors import APIError

REASONS: dict[str, StopReason] = {
    "STOP": "end",
    "MAX_TOKENS": "max_output_tokens",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "IMAGE_OTHER",
        ),
        "content_filter",
    ),
}
"""Reasons for which an answer is one, be it cut. Whether tools were called is seen from the calls alone."""

FAULTS: dict[str, str] = {
    "MALFORMED_FUNCTION_CALL": "The model made a call that cannot be read.",
    "UNEXPECTED_TOOL_CALL": "The model called a tool that was not offered.",
    "TOO_MANY_TOOL_CALLS": "The model called too many tools in a row.",
    "MALFORMED_RESPONSE": "The model's answer cannot be read.",
    "MISSING_THOUGHT_SIGNATURE": "The model missed a signature in the conversation.",
    "LANGUAGE": "The model does not speak this language.",
    "NO_IMAGE": "The model was to make an image and made none.",
    "OTHER": "The model failed to answer.",
}
"""Reasons for which there is no answer, and what is said of them where the upstream has no words itself."""


def fault(reason: str, message: str) -> APIError:
    """The failure that such a reason is."""
    return map_complaint(Complaint(message or FAULTS[reason]))
