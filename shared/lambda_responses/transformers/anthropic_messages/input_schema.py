"""Parameters of functions as the API takes them: one object, without alternatives at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.readings import members
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_ALTERNATIVES = ("anyOf", "oneOf", "allOf")


def render_input_schema(parameters: Json) -> Json:
    """The same schema as one object, in which the members of alternatives are joined, and described.

    What must be there is what every alternative demands; with `allOf`, what any of them does.
    """
    alternatives = {name: json_objects(parameters[name]) for name in _ALTERNATIVES if name in parameters}
    if not alternatives:
        return {**parameters, "type": "object"}
    joined: Json = {**members(parameters.get("properties"))}
    required = _required(parameters)
    for name, schemas in alternatives.items():
        demanded = [_required(schema) for schema in schemas]
        for schema in schemas:
            joined |= members(schema.get("properties"))
        everywhere = {each for each in set[str]().union(*demanded) if all(each in some for some in demanded)}
        required |= set[str]().union(*demanded) if name == "allOf" else everywhere
    rest = {name: value for name, value in parameters.items() if name not in _ALTERNATIVES}
    told = to_bytes(alternatives).decode()
    described = f"{rest.get('description') or ''}\n{told}".strip()
    return {
        **rest,
        "type": "object",
        "description": described,
        "properties": joined,
        "required": sorted(required),
    }


def _required(schema: Json) -> set[str]:
    required: Any = schema.get("required")
    return {str(name) for name in cast("list[Any]", required)} if isinstance(required, list) else set()
