"""A plain (not streamed) answer, restated as the chunk that it would have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json


def as_chunks(body: Json) -> Iterator[Json]:
    """One chunk. A whole body is its own end, whether or not its answer says why it ended.

    Raises `ValueError` for a body that holds no answer, nor why there is none.
    """
    candidates = body.get("candidates")
    told = cast("list[Any]", candidates) if isinstance(candidates, list) else []
    if not (told or body.get("promptFeedback") or body.get("error")):
        raise ValueError("The body holds no answer, and no fault.")
    yield {**body, "candidates": [_ended(candidate) for candidate in told]} if told else body


def _ended(candidate: Any) -> Any:
    if not isinstance(candidate, dict):
        return candidate
    return {"finishReason": "STOP", **cast("Json", candidate)}
