"""What a tool takes, as every provider lets a function's parameters be described: an object with properties.

Servers describe it in all of JSON Schema. Providers refuse a whole request for a schema that is, at its root,
a choice of schemas, a reference, or no object. Such a root is restated, more loosely where that cannot be
helped: the server checks what it is called with anyway.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lambda_responses.wire.json import Json

DEEPEST = 8
"""So many schemas may lie in each other at the root."""

_NOT_AT_ROOT = frozenset(
    {
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "enum",
        "const",
        "if",
        "then",
        "else",
        "required",
        "properties",
    }
)


def parameters_of(schema: Json) -> Json:
    """The schema as a function's `parameters`. Of alternatives, what is required in all of them is."""
    kept = {name: value for name, value in schema.items() if name not in _NOT_AT_ROOT}
    properties, required = _members(schema, schema, DEEPEST, set())
    shown: Json = {**kept, "type": "object", "properties": properties}
    return {**shown, "required": required} if required else shown


def _members(schema: Json, root: Json, depth: int, seen: set[int]) -> tuple[Json, list[str]]:
    """The properties of an object, and the names of those that it has to have.

    `seen` are the schemas that were looked at: each is once, however often others refer to it.
    """
    properties: Json = dict(_object(schema.get("properties")))
    required = [name for name in _list(schema.get("required")) if isinstance(name, str)]
    if depth == 0 or id(schema) in seen:
        return properties, required
    seen.add(id(schema))
    for part in (_referred(schema, root), *_objects(schema.get("allOf"))):
        inner, needed = _members(part, root, depth - 1, seen)
        _add(properties, inner)
        required += needed
    for choice in ("anyOf", "oneOf"):
        branches = [_members(part, root, depth - 1, seen) for part in _objects(schema.get(choice))]
        _add(properties, _any_of([inner for inner, _ in branches]))
        required += _in_all([needed for _, needed in branches])
    return properties, list(dict.fromkeys(required))


def _add(properties: Json, more: Json) -> None:
    """More of them, where nothing nearer has said what they are."""
    for name, schema in more.items():
        properties.setdefault(name, schema)


def _any_of(branches: Iterable[Json]) -> Json:
    """The properties that any of the branches has, each as it is there or as a flat choice of what it is."""
    found: dict[str, dict[str, Any]] = {}
    for properties in branches:
        for name, schema in properties.items():
            alternatives = found.setdefault(name, {})
            for each in _alternatives(schema):
                alternatives.setdefault(json.dumps(each, sort_keys=True), each)
    return {name: _choice(list(alternatives.values())) for name, alternatives in found.items()}


def _alternatives(schema: Any) -> Sequence[Any]:
    match schema:
        case {"anyOf": [*several], **more} if several and not more:
            return several
        case _:
            return (schema,)


def _choice(alternatives: Sequence[Any]) -> Any:
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def _in_all(required: Sequence[Iterable[str]]) -> Iterator[str]:
    """The names that are in each of several lists."""
    counts = Counter(name for names in required for name in dict.fromkeys(names))
    return (name for name, count in counts.items() if count == len(required))


def _referred(schema: Json, root: Json) -> Json:
    """What a reference within the same schema leads to: https://www.rfc-editor.org/rfc/rfc6901"""
    reference: Any = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return {}
    found: Any = root
    for step in reference[2:].split("/"):
        found = _object(found).get(step.replace("~1", "/").replace("~0", "~"))
    return _object(found)


def _object(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _objects(value: Any) -> Iterator[Json]:
    return (cast("Json", each) for each in _list(value) if isinstance(each, dict))
