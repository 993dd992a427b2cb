"""The JSON Schema subset that strict functions and strict answers must keep to.

https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json

NOT_PERMITTED = (
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
)
FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"},
)
TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
MOST_PROPERTIES, MOST_LEVELS, MOST_ENUM_VALUES, MOST_CHARACTERS = 5000, 10, 1000, 120_000


def check_strict_schema(schema: Json, *, what: str, param: str, code: str) -> None:
    """Raises `InvalidRequestError` with that param and code for the first thing outside the subset."""
    fault = next(_faults(schema), None)
    if fault is not None:
        message = f"Invalid schema for {clip(what)}: {clip(fault, 500)}"
        raise InvalidRequestError(message, code=code, param=param)


def strict_form(schema: Json) -> Json | None:
    """The same schema, closed to further properties throughout; None where it cannot be made strict."""
    closed = _closed(schema)
    return closed if next(_faults(closed), None) is None else None


def _closed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    schema: Json = {**cast("Json", node)}
    if _is_object(schema):
        schema.setdefault("additionalProperties", False)
        schema.setdefault("required", [])
    for key in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(key), dict):
            schema[key] = {name: _closed(inner) for name, inner in schema[key].items()}
    if isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [_closed(inner) for inner in schema["anyOf"]]
    if "items" in schema:
        schema["items"] = _closed(schema["items"])
    return schema


def _faults(schema: Json) -> Iterator[str]:
    if schema.get("type") != "object" or "anyOf" in schema:
        yield "In context=(), the root must be of type 'object' and not 'anyOf'."
    properties = enum_values = characters = 0
    for context, level, node in _subschemas(schema):
        where = f"In context={context}"
        if level > MOST_LEVELS:
            yield f"{where}, the schema is nested deeper than {MOST_LEVELS} levels."
        yield from (f"{where}, {fault}" for fault in _node_faults(node))
        if isinstance(reference := node.get("$ref"), str) and not _is_defined(reference, schema):
            yield f"{where}, reference '{clip(reference)}' points at nothing."
        names = list(_properties(node))
        values: list[Any] = node["enum"] if isinstance(node.get("enum"), list) else []
        properties += len(names)
        enum_values += len(values)
        characters += sum(map(len, names)) + sum(len(value) for value in values if isinstance(value, str))
    if properties > MOST_PROPERTIES:
        yield f"it has {properties} properties; {MOST_PROPERTIES} are permitted."
    if enum_values > MOST_ENUM_VALUES:
        yield f"it has {enum_values} enum values; {MOST_ENUM_VALUES} are permitted."
    if characters > MOST_CHARACTERS:
        yield f"its names and values have {characters} characters; {MOST_CHARACTERS} are permitted."


def _node_faults(node: Json) -> Iterator[str]:
    for key in NOT_PERMITTED:
        if key in node:
            yield f"'{key}' is not permitted."
    kinds: Any = node.get("type")
    for kind in cast("list[Any]", kinds) if isinstance(kinds, list) else [kinds]:
        if kind is not None and kind not in TYPES:
            yield f"'{clip(str(kind))}' is not a valid type."
    for key, expected, name in (("properties", dict, "an object"), ("required", list, "an array")):
        if key in node and not isinstance(node[key], expected):
            yield f"'{key}' is not {name}."
    if isinstance(node.get("format"), str) and node["format"] not in FORMATS:
        yield f"'{clip(node['format'])}' is not a valid format."
    if not _is_object(node):
        return
    if node.get("additionalProperties") is not False:
        yield "'additionalProperties' is required to be supplied and to be false."
    required: Any = node.get("required")
    named: list[Any] = cast("list[Any]", required) if isinstance(required, list) else []
    absent = next((name for name in _properties(node) if name not in named), None)
    if absent is not None:
        yield (
            "'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{clip(absent)}'."
        )


def _is_defined(reference: str, schema: Json) -> bool:
    """Whether a reference points into this schema, as JSON pointers do."""
    place: Any = schema
    root, *steps = reference.split("/")
    for step in steps:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or name not in place:
            return False
        place = cast("Json", place)[name]
    return root == "#"


def _subschemas(schema: Json) -> Iterator[tuple[tuple[str, ...], int, Json]]:
    """Every schema inside a schema with its place and its level of objects and arrays, itself first."""
    waiting: list[tuple[tuple[str, ...], int, Any]] = [((), 1, schema)]
    while waiting:
        context, level, candidate = waiting.pop()
        if not isinstance(candidate, dict):
            continue
        node = cast("Json", candidate)
        yield context, level, node
        inner: list[tuple[tuple[str, ...], int, Any]] = []
        for key in ("$defs", "definitions"):
            if isinstance(node.get(key), dict):
                inner += [((*context, key, name), level, value) for name, value in node[key].items()]
        inner += [
            ((*context, "properties", name), level + 1, value) for name, value in _properties(node).items()
        ]
        if "items" in node:
            inner.append(((*context, "items"), level + 1, node["items"]))
        if isinstance(node.get("anyOf"), list):
            inner += [((*context, "anyOf", str(i)), level, value) for i, value in enumerate(node["anyOf"])]
        waiting += reversed(inner)


def _is_object(node: Json) -> bool:
    kind = node.get("type")
    return kind == "object" or "properties" in node or (isinstance(kind, list) and "object" in kind)


def _properties(node: Json) -> Json:
    properties: Any = node.get("properties")
    return cast("Json", properties) if isinstance(properties, dict) else {}
