"""A plain (not streamed) answer, restated as the chunks that it would have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json


def as_chunks(body: Json) -> Iterator[Json]:
    """The message's start, its blocks whole, and its end; a fault, or text of the first models, as it is.

    Raises `ValueError` for a body that is none of these.
    """
    content = body.get("content")
    if not isinstance(content, list):
        if not (body.get("error") or "completion" in body):
            raise ValueError("The body holds no answer, and no fault.")
        yield body
        return
    yield {"type": "message_start", "message": {**body, "content": [], "stop_reason": None}}
    for index, block in enumerate(cast("list[Any]", content)):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    ended = {name: body.get(name) for name in ("stop_reason", "stop_sequence", "stop_details", "container")}
    yield {"type": "message_delta", "delta": ended, "usage": body.get("usage")}
    yield {"type": "message_stop"}
