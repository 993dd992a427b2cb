"""What a conversation's own items change of its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.wire.json import Json


def with_updates(turn: Turn) -> Json:
    """The request with what `configuration_update` items changed along the way."""
    request = turn.request
    for item in turn.items:
        if item.get("type") == "configuration_update":
            for member in ("reasoning", "text"):
                before: Json = request.get(member) or {}
                changed: Json = item.get(member) or {}
                request: Json = {**request, member: {**before, **changed}}
    return request
