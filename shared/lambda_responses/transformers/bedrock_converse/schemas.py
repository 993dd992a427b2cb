"""JSON schemas as Bedrock's models take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.readings import members
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_REFUSED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("maxItems",),
}
"""Keywords by type for which a schema that must be kept to the letter is refused."""
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_DEFINITIONS = ("$defs", "definitions")
_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
"""Keywords under which schemas have names."""


def is_object(schema: Json) -> bool:
    """Whether what fits the schema is an object, as its root says."""
    return schema.get("type") == "object" or ("type" not in schema and "properties" in schema)


def has_alternatives(schema: Json) -> bool:
    """Whether the root is put together of other schemas, which is refused of a function."""
    return any(name in schema for name in _ALTERNATIVES)


def rooted(schema: Json) -> Json:
    """The same schema with what its root refers to at the root; other references stay as they are."""
    seen = set[str]()
    while isinstance(reference := schema.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        place, _, name = reference.removeprefix("#/").partition("/")
        named = members(members(schema.get(place)).get(name)) if place in _DEFINITIONS else {}
        if not named:
            break
        schema = {**named, **{member: value for member, value in schema.items() if member != "$ref"}}
    return schema


def object_schema(schema: Json) -> Json:
    """The same schema as one object, which a function's arguments are.

    The members of alternatives are joined; one that differs among them may be either, or must be all with
    `allOf`. The alternatives are described, too. What must be there is what every alternative demands, or any
    of them with `allOf`.
    """
    schema = rooted(schema)
    if not has_alternatives(schema):
        return {**({} if is_object(schema) else {"properties": {}}), **schema, "type": "object"}
    told: Json = {name: schema[name] for name in _ALTERNATIVES if name in schema}
    properties = {**members(schema.get("properties"))}
    required = _required(schema)
    for name, given in told.items():
        demanded: list[set[str]] = []
        joint: dict[str, list[Any]] = {}
        for alternative in json_objects(given):
            part = rooted(
                {**{place: schema[place] for place in _DEFINITIONS if place in schema}, **alternative}
            )
            for member, schema_of_it in members(part.get("properties")).items():
                known = joint.setdefault(member, [])
                if schema_of_it not in known:
                    known.append(schema_of_it)
            demanded.append(_required(part))
        together = "allOf" if name == "allOf" else "anyOf"
        for member, schemas in joint.items():
            properties[member] = schemas[0] if len(schemas) == 1 else {together: schemas}
        if demanded:
            required |= (
                set[str]().union(*demanded) if name == "allOf" else demanded[0].intersection(*demanded)
            )
    rest = {name: value for name, value in schema.items() if name not in _ALTERNATIVES}
    described = f"{rest.get('description') or ''}\n{to_bytes(told).decode()}".strip()
    joined: Json = {**rest, "type": "object", "description": described, "properties": properties}
    return joined | ({"required": sorted(required)} if required else {})


def _required(schema: Json) -> set[str]:
    required: Any = schema.get("required")
    return {str(name) for name in cast("list[Any]", required)} if isinstance(required, list) else set()


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
    for place in _DEFINITIONS:
        for name, definition in cast("Json", schema.get(place) or {}).items():
            definitions[f"#/{place}/{name}"] = definition
    if not definitions:
        return schema
    rest = {name: value for name, value in schema.items() if name not in _DEFINITIONS}
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
