"""Log probabilities of tokens, in the shape of the Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_logprobs(given: Any) -> list[Json]:
    """Both shapes in use: OpenAI's list of tokens, and the older parallel lists (Together)."""
    match given:
        case {"content": [*tokens]}:
            return [_map_token(token) for token in tokens]
        case {"tokens": [*tokens], "token_logprobs": [*logprobs]}:
            alternatives: list[Any] = given.get("top_logprobs") or []
            return [
                _map_token({"token": token, "logprob": logprob, "top_logprobs": other})
                for token, logprob, other in zip(
                    tokens,
                    logprobs,
                    [*alternatives, *[None] * (len(tokens) - len(alternatives))],
                    strict=False,
                )
            ]
        case _:
            return []


def _map_token(token: Json) -> Json:
    alternatives = token.get("top_logprobs") or []
    if isinstance(alternatives, dict):
        alternatives = [{"token": word, "logprob": logprob} for word, logprob in alternatives.items()]
    return {**_map_one(token), "top_logprobs": [_map_one(alternative) for alternative in alternatives]}


def _map_one(token: Json) -> Json:
    text = str(token.get("token") or "")
    bytes_given = token.get("bytes")
    return {
        "token": text,
        "bytes": bytes_given if bytes_given is not None else list(text.encode("utf-8", "replace")),
        "logprob": token.get("logprob") or 0.0,
    }
