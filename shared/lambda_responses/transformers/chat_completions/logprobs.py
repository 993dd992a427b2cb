"""Log probabilities of tokens, in the shape of the Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_logprobs(given: Any) -> list[Json]:
    """Both shapes in use: OpenAI's list of tokens, and the older parallel lists (Together)."""
    match given:
        case {"content": [*tokens]}:
            return [_map_token(token) for token in tokens]
        case {"tokens": [*tokens], "token_logprobs": [*logprobs]}:
            told = given.get("top_logprobs")
            others = cast("list[Any]", told) if told and isinstance(told, list) else [None] * len(tokens)
            return [
                _map_token({"token": token, "logprob": logprob, "top_logprobs": other})
                for token, logprob, other in zip(tokens, logprobs, others, strict=False)
            ]
        case _:
            return []


def _map_token(token: Any) -> Json:
    match members(token).get("top_logprobs"):
        case [*alternatives]:
            others = [_map_one(other) for other in alternatives]
        case {**alternatives}:
            others = [_map_one({"token": word, "logprob": value}) for word, value in alternatives.items()]
        case _:
            others = []
    return {**_map_one(token), "top_logprobs": others}


def _map_one(token: Any) -> Json:
    told = members(token)
    word, logprob, given = told.get("token"), told.get("logprob"), told.get("bytes")
    text = word if isinstance(word, str) else ""
    return {
        "token": text,
        "bytes": given if isinstance(given, list) else list(text.encode("utf-8", "replace")),
        "logprob": logprob if isinstance(logprob, (int, float)) else 0.0,
    }
