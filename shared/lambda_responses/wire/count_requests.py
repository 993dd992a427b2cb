"""A request that asks how many tokens another one would be.

It says what a model would be shown and nothing of the answer, and may stand on a conversation or a response
alone. https://platform.openai.com/docs/api-reference/responses/input-tokens
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pydantic_core import ValidationError

from lambda_responses.wire.faults import first_fault
from lambda_responses.wire.requests import check_create_request, check_keys, read_model
from lambda_responses.wire.shapes import text, validator

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

    from lambda_responses.wire.json import Json

COUNT_KEYS = (
    *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text"),
    *("previous_response_id", "conversation", "truncation", "personality"),
)


def check_count_request(body: Json, *, native: bool = False) -> Json:
    """What would be asked, in the form of a checked create request.

    Raises `InvalidRequestError`, and in the order that `check_create_request` does.
    """
    read_model(body)
    if not native:
        check_keys(body, COUNT_KEYS)
    given = {name: value for name, value in body.items() if value is not None and name != "personality"}
    request = check_create_request({"input": [], **given}, native=native)
    if body.get("personality") is not None:
        try:
            _personality().validate_python(body["personality"])
        except ValidationError as error:
            raise first_fault("personality", error) from None
        request["personality"] = body["personality"]
    return request


@cache
def _personality() -> SchemaValidator:
    return validator(text(most=64))
