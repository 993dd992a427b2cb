"""Log probabilities of tokens, in the shape of the Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.readings import read_objects

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_logprobs(given: Any) -> list[Json]:
    """One entry for each piece of text; where that is several tokens, their probabilities multiply."""
    pieces = read_objects([given] if isinstance(given, dict) else given, "cohere_chat", "logprobs")
    return [_map_piece(piece) for piece in pieces]


def _map_piece(piece: Json) -> Json:
    text, told = piece.get("text"), piece.get("logprobs")
    token = text if isinstance(text, str) else ""
    numbers = cast("list[Any]", told) if isinstance(told, list) else []
    logprob = sum((number for number in numbers if isinstance(number, (int, float))), 0.0)
    spelt = list(token.encode("utf-8", "replace"))
    return {"token": token, "bytes": spelt, "logprob": logprob, "top_logprobs": []}
