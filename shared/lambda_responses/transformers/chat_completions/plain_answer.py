"""A plain (not streamed) answer, restated as the chunks that it would have been."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json


def as_chunks(body: Json) -> Iterator[Json]:
    """One chunk: calls whole, the end included. A body without an answer or an error is not an end."""
    yield {**body, "choices": [_restate(choice) for choice in body.get("choices") or ()]}


def _restate(choice: Json) -> Json:
    message: Json = dict(choice.get("message") or choice.get("delta") or {})
    content: Any = message.get("content")
    if isinstance(content, dict):  # Cloudflare parses what it was told to write as JSON
        message["content"] = json.dumps(content, ensure_ascii=False)
    restated = {key: value for key, value in choice.items() if key not in ("message", "delta")}
    return {**restated, "delta": message, "finish_reason": choice.get("finish_reason") or "stop"}
