"""Log probabilities of tokens, in the shape of the Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


LOGPROBS = "message.output_text.logprobs"
"""What a request includes to have them."""


def asks_for_logprobs(request: Json) -> bool:
    """Whether they are part of the answer."""
    return bool(request.get("top_logprobs")) or LOGPROBS in (request.get("include") or ())


def map_logprobs(result: Any) -> list[Json]:
    """The chosen tokens, each with those that it was chosen from."""
    told = members(result)
    others = json_objects(told.get("topCandidates"))
    return [
        {
            **_map_token(chosen),
            "top_logprobs": [_map_token(other) for other in json_objects(members(top).get("candidates"))],
        }
        for chosen, top in zip(chosen_of(told), [*others, *[{}] * len(chosen_of(told))], strict=False)
    ]


def chosen_of(result: Json) -> list[Json]:
    """The tokens that were said."""
    return json_objects(result.get("chosenCandidates"))


def _map_token(token: Json) -> Json:
    word, logprob = token.get("token"), token.get("logProbability")
    text = word if isinstance(word, str) else ""
    return {
        "token": text,
        "bytes": list(text.encode("utf-8", "replace")),
        "logprob": float(logprob) if isinstance(logprob, (int, float)) else 0.0,
    }
