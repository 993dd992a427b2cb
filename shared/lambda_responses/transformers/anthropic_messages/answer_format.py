"""How an answer of a given form is had: by constrained decoding, by a forced call, or by words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from lambda_responses.transformers.anthropic_messages.input_schema import render_input_schema
from lambda_responses.transformers.anthropic_messages.native_schema import fit
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.wire.json import Json

ANSWER = "json_answer"
"""The name of the tool whose arguments are the answer, unless the client has one of that name."""


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """One means, or none where any text will do."""

    schema: Json | None = None
    """The schema for `output_config.format`."""
    tool: Json | None = None
    """A tool that the model must call instead of answering."""
    advice: str = ""
    """What the model is told in words."""


def plan_answer(
    wanted: Json | None, profile: MessagesProfile, *, may_force: bool, taken: Collection[str]
) -> AnswerFormat:
    """The best means that the model has. `may_force`: whether a call may be forced; `taken`: tools' names.

    Raises `UnsupportedError`, naming `text.format`, for a form that nobody knows.
    """
    match wanted:
        case None | {"type": "text"}:
            return AnswerFormat()
        case {"type": "json_object"}:
            return AnswerFormat(advice="Answer with one JSON object, and nothing before or after it.")
        case {"type": "json_schema", "schema": {} as schema}:
            return _plan_schema(wanted, schema, profile, may_force=may_force, taken=taken)
        case _:
            message = f"This model's provider cannot answer in the format '{wanted.get('type')}'."
            raise UnsupportedError(message, param="text.format")


def _plan_schema(
    wanted: Json, schema: Json, profile: MessagesProfile, *, may_force: bool, taken: Collection[str]
) -> AnswerFormat:
    if profile.json_schema == "native" and (fitted := fit(schema)) is not None:
        return AnswerFormat(schema=fitted)
    if profile.json_schema != "told" and may_force and schema.get("properties"):
        names = (ANSWER if number == 1 else f"{ANSWER}_{number}" for number in count(1))
        tool: Json = {"name": next(name for name in names if name not in taken)}
        tool["description"] = wanted.get("description") or "Gives the final answer to the user."
        return AnswerFormat(tool={**tool, "input_schema": render_input_schema(schema)})
    told = json.dumps(schema, ensure_ascii=False)
    return AnswerFormat(
        advice=f"Answer with one JSON object that fits this schema, and nothing before or after it:\n{told}"
    )
