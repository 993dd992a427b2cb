"""How an answer of a given form is had: by constrained decoding, by a call that must be made, or by words.

Models before Gemini 3 refuse a JSON format beside functions. There a function of that schema is offered
besides, some function must be called, and a call of this one is the answer.
https://ai.google.dev/gemini-api/docs/structured-output and …/function-calling
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.gemini_generate_content.logprobs import asks_for_logprobs
from lambda_responses.transformers.gemini_generate_content.schemas import plain_schema, subset_schema
from lambda_responses.transformers.tool_names import OfferedTool
from lambda_responses.transformers.updates import with_updates

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
    from lambda_responses.transformers.tool_choice import Offer
    from lambda_responses.wire.json import Json

ANSWER = "json_answer"
"""The name of the function whose arguments are the answer, unless the client has one of that name."""

_GIVES_THE_ANSWER = (
    "Gives the final answer to the user. Call it once, at the end, when no other call is needed."
)


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """One means, or none where any text will do."""

    config: Json = field(default_factory=dict[str, Any])
    """Members of `generationConfig`."""
    function: OfferedTool | None = None
    """A function that the model must call at the end, if it calls no other."""
    advice: str = ""
    """What the model is told in words."""


def plan_answer(turn: Turn, offer: Offer, profile: GeminiProfile) -> AnswerFormat:
    """The best means that the model has beside what it may call.

    A call that the client asked for comes before any answer, so no form is asked for then.
    """
    request = with_updates(turn)
    text: Json = request.get("text") or {}
    wanted: Json = text.get("format") or {}
    schema: Json | None = None
    match wanted:
        case {"type": "json_object"}:
            pass
        case {"type": "json_schema", "schema": {} as schema}:
            pass
        case _:
            return AnswerFormat()
    if profile.formats_with_functions or not offer.functions or offer.mode == "none":
        return AnswerFormat(config=_constrained(schema, profile))
    if offer.mode == "required":
        return AnswerFormat()
    if schema is None:
        return AnswerFormat(advice="Answer with one JSON object, and nothing before or after it.")
    if schema.get("properties") and not asks_for_logprobs(request):  # a call has none to tell
        return AnswerFormat(function=_function(wanted, schema, offer))
    told = json.dumps(schema, ensure_ascii=False)
    return AnswerFormat(
        advice=f"Answer with JSON that fits this schema, and nothing before or after it:\n{told}"
    )


def _constrained(schema: Json | None, profile: GeminiProfile) -> Json:
    config: Json = {"responseMimeType": "application/json"}
    if schema is None:
        return config
    if profile.json_schemas:
        return {**config, "responseJsonSchema": plain_schema(schema)}
    return {**config, "responseSchema": subset_schema(schema)}


def _function(wanted: Json, schema: Json, offer: Offer) -> OfferedTool:
    taken = {tool.flat for tool in offer.declared}
    names = (ANSWER if number == 1 else f"{ANSWER}_{number}" for number in count(1))
    name = next(name for name in names if name not in taken)
    described = " ".join(filter(None, (_GIVES_THE_ANSWER, wanted.get("description"))))
    tool: Json = {"type": "function", "description": described, "parameters": {"type": "object", **schema}}
    return OfferedTool("text.format", name, None, tool)
