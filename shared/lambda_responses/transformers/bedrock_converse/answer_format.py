"""How an answer of a given form is had: by constrained decoding, by a call that must be made, or by words.

Both of the first want a schema of one object. What is no object at its root is asked for in words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from lambda_responses.transformers.bedrock_converse.schemas import (
    has_alternatives,
    inlined,
    is_object,
    rooted,
    strict_schema,
)
from lambda_responses.transformers.readings import members
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.wire.json import Json

ANSWER = "final_answer"
"""The name of the function whose arguments are the answer, unless the client has one of that name."""

_JSON_ADVICE = "Answer with one JSON object and nothing else: no prose before or after it, no code fence."
_SCHEMA_ADVICE = "Answer with JSON that fits this schema, and nothing before or after it:\n"


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """One means, or none where any text will do."""

    config: Json | None = None
    """`outputConfig`."""
    tool: Json | None = None
    """A `toolSpec` that the model must call instead of answering."""
    advice: str = ""
    """What the model is told in words."""


def plan_answer(
    wanted: Json | None, profile: ConverseProfile, *, may_force: bool, taken: Collection[str]
) -> AnswerFormat:
    """The best means that the model has. `may_force`: whether a call may be forced; `taken`: tools' names.

    A call that the client insists on comes before any answer. Raises `UnsupportedError`, naming
    `text.format`, for a form that the model cannot be held to.
    """
    match wanted:
        case None | {"type": "text"}:
            return AnswerFormat()
        case {"type": "json_object"}:
            return AnswerFormat(advice=_JSON_ADVICE)
        case {"type": "json_schema"} if profile.json_schema != "refused":
            pass
        case _:
            message = f"This model cannot be held to the format '{wanted.get('type')}'."
            raise UnsupportedError(message, param="text.format")
    asked = members(wanted.get("schema"))
    schema = rooted(asked)
    by_call = profile.json_schema == "tool"
    if by_call and not may_force:
        return AnswerFormat()
    if not is_object(schema) or (by_call and has_alternatives(schema)):
        return AnswerFormat(advice=_SCHEMA_ADVICE + json.dumps(asked, ensure_ascii=False))
    schema = {**schema, "type": "object"}
    if not by_call:
        return AnswerFormat(config=_render_config(wanted, schema))
    if profile.inlines_references:
        schema = inlined(schema)
    names = (ANSWER if number == 1 else f"{ANSWER}_{number}" for number in count(1))
    tool: Json = {"name": next(name for name in names if name not in taken)}
    tool["description"] = "Gives the final answer to the user. Call it once, at the end."
    return AnswerFormat(tool={**tool, "inputSchema": {"json": schema}})


def _render_config(wanted: Json, schema: Json) -> Json:
    """The schema goes as text."""
    rendered: Json = {"schema": json.dumps(strict_schema(schema), ensure_ascii=False)}
    for name in ("name", "description"):
        if wanted.get(name):
            rendered[name] = wanted[name]
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": rendered}}}
