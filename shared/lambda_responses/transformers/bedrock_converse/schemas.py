"""JSON schemas as Bedrock's models take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_REFUSED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("maxItems",),
}
"""Keywords by type for which a schema that must be kept to the letter is refused."""
_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
"""Keywords under which schemas have names."""


def strict_schema(schema: Any) -> Any:
    """The same schema in the subset to which answers can be held.

    Objects are closed; bounds for which the schema would be refused are told in its description.
    """
    if isinstance(schema, list):
        return [strict_schema(inner) for inner in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("Json", schema)
    kept: Json = {name: _strict_member(name, value) for name, value in given.items()}
    kind = given.get("type")
    if kind == "object" or "properties" in given:
        kept["additionalProperties"] = False
    refused = [name for name in _REFUSED.get(kind if isinstance(kind, str) else "", ()) if name in kept]
    least = kept.get("minItems")
    if isinstance(least, int) and least > 1:
        refused.append("minItems")
    if refused:
        bounds = ", ".join(f"{name}: {kept.pop(name)}" for name in refused)
        kept["description"] = f"{kept['description']} ({bounds})" if kept.get("description") else bounds
    return kept


def _strict_member(name: str, value: Any) -> Any:
    if name in _NAMED and isinstance(value, dict):
        return {key: strict_schema(inner) for key, inner in cast("Json", value).items()}
    return value if name in ("enum", "const", "default", "examples", "required") else strict_schema(value)


def inlined(schema: Json) -> Json:
    """The same schema with each local `$ref` replaced by what it names; one inside of itself is left open."""
    definitions: Json = {}
    for place in ("$defs", "definitions"):
        for name, definition in cast("Json", schema.get(place) or {}).items():
            definitions[f"#/{place}/{name}"] = definition
    if not definitions:
        return schema
    rest = {name: value for name, value in schema.items() if name not in ("$defs", "definitions")}
    return _resolved(rest, definitions, ())


def _resolved(schema: Any, definitions: Json, inside: tuple[str, ...]) -> Any:
    if isinstance(schema, list):
        return [_resolved(inner, definitions, inside) for inner in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("Json", schema)
    reference = given.get("$ref")
    if not (isinstance(reference, str) and reference in definitions):
        return {name: _resolved(value, definitions, inside) for name, value in given.items()}
    beside = {name: value for name, value in given.items() if name != "$ref"}
    if reference in inside:
        return beside
    return {**_resolved(definitions[reference], definitions, (*inside, reference)), **beside}
