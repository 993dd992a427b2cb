"""Log probabilities of tokens, in the shape of the Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_logprobs(given: Any) -> list[Json]:
    """Both shapes in use: OpenAI's list of tokens, and the older parallel lists (Together)."""
    match given:
        case {"content": [*tokens]}:
            return [_map_token(token) for token in tokens]
        case {"tokens": [*tokens], "token_logprobs": [*logprobs]}:
            others: list[Any] = given.get("top_logprobs") or [None] * len(tokens)
            return [
                _map_token({"token": token, "logprob": logprob, "top_logprobs": other})
                for token, logprob, other in zip(tokens, logprobs, others, strict=False)
            ]
        case _:
            return []


def _map_token(token: Json) -> Json:
    match token.get("top_logprobs"):
        case [*alternatives]:
            others = [_map_one(cast("Json", other)) for other in alternatives]
        case {**alternatives}:
            others = [_map_one({"token": word, "logprob": value}) for word, value in alternatives.items()]
        case _:
            others = []
    return {**_map_one(token), "top_logprobs": others}


def _map_one(token: Json) -> Json:
    text = str(token.get("token") or "")
    given: list[int] | None = token.get("bytes")
    own = list(text.encode("utf-8", "replace")) if given is None else given
    return {"token": text, "bytes": own, "logprob": token.get("logprob") or 0.0}
