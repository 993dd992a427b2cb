"""A plain (not streamed) answer, restated as the chunks that it would have been."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.failures import read_envelope
from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json


def as_chunks(body: Json) -> Iterator[Json]:
    """One chunk, calls whole and the end included. Raises ValueError for neither an answer nor an error."""
    choices = body.get("choices")
    if not (isinstance(choices, list) or body.get("error") or read_envelope(body).message):
        raise ValueError("neither an answer nor an error")
    told = cast("list[Any]", choices) if isinstance(choices, list) else []
    yield {**body, "choices": [_restate(members(choice)) for choice in told]}


def _restate(choice: Json) -> Json:
    message = dict(members(choice.get("message")) or members(choice.get("delta")))
    content: Any = message.get("content")
    if isinstance(content, dict):  # Cloudflare parses what it was told to write as JSON
        message["content"] = json.dumps(content, ensure_ascii=False)
    restated = {key: value for key, value in choice.items() if key not in ("message", "delta")}
    return {**restated, "delta": message, "finish_reason": choice.get("finish_reason") or "stop"}
