"""JSON schemas as Google takes them: as JSON Schema but for a few words, or as a subset of OpenAPI's.

https://ai.google.dev/gemini-api/docs/structured-output lists the words; older models know the subset alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.wire.json import Json

_REFUSED = frozenset({"$schema", "discriminator", "examples", "exclusiveMinimum", "exclusiveMaximum"})
"""Words that make a schema be refused rather than ignored."""

_SUBSET = frozenset(
    {
        "type",
        "format",
        "description",
        "nullable",
        "enum",
        "items",
        "minItems",
        "maxItems",
        "properties",
        "required",
        "minProperties",
        "maxProperties",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "anyOf",
        "propertyOrdering",
    }
)
_FORMATS = frozenset({"date-time", "enum", "float", "double", "int32", "int64"})
_MOST = 1_000
"""Schemas to make of one; definitions that refer to one another many times over are cut there."""
_ANYTHING: Json = {"type": "object"}
"""What stands for a schema inside of itself, since the subset has no references."""


def plain_schema(schema: Json) -> Json:
    """The same schema without words that are refused; a constant is a choice of one."""

    def plain(here: Json) -> Json:
        kept = {key: value for key, value in here.items() if key not in _REFUSED}
        if "const" in kept:
            kept["enum"] = [kept.pop("const")]
        return _within(kept, plain)

    return plain(schema)


def subset_schema(schema: Json) -> Json:
    """The same schema in the subset: references resolved, alternatives as `anyOf`, the rest left out."""
    definitions = {
        f"#/{member}/{name}": members(inner)
        for member in ("$defs", "definitions")
        for name, inner in members(schema.get(member)).items()
    }
    left = [_MOST]

    def reduce(here: Json, inside: frozenset[str] = frozenset()) -> Json:
        left[0] -= 1
        while isinstance(name := here.get("$ref"), str):
            if name in inside or name not in definitions or left[0] < 0:
                return dict(_ANYTHING)
            inside |= {name}
            here = {**definitions[name], **{key: here[key] for key in here if key != "$ref"}}
        kept = _in_subset(here)
        return _within(kept, lambda inner: reduce(inner, inside))

    return reduce(schema)


def _in_subset(schema: Json) -> Json:
    """One schema in the subset's words, those inside of it as they were."""
    merged = dict(schema)
    for part in json_objects(merged.pop("allOf", None)):
        merged = _merged(merged, part)
    if "oneOf" in merged:
        merged.setdefault("anyOf", merged.pop("oneOf"))
    if "const" in merged:
        merged["enum"] = [merged.pop("const")]
    kept = {key: value for key, value in _nullable(merged).items() if key in _SUBSET}
    if isinstance(kept.get("enum"), list):
        kept = {**kept, "type": "string", "enum": [str(value) for value in kept["enum"]]}
    if str(kept.get("format")) not in _FORMATS:
        kept.pop("format", None)
    return kept


def _within(schema: Json, change: Callable[[Json], Json]) -> Json:
    """The schema with all schemas inside of it changed."""
    changed = dict(schema)
    for key, value in schema.items():
        if isinstance(value, dict) and key in ("properties", "$defs", "definitions"):
            named = cast("Json", value)
            changed[key] = {name: _changed(inner, change) for name, inner in named.items()}
        elif isinstance(value, list) and key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            changed[key] = [_changed(inner, change) for inner in cast("list[Any]", value)]
        elif key in ("items", "additionalProperties"):
            changed[key] = _changed(value, change)
    return changed


def _changed(schema: Any, change: Callable[[Json], Json]) -> Any:
    return change(cast("Json", schema)) if isinstance(schema, dict) else schema


def _merged(one: Json, other: Json) -> Json:
    """Both at once, as far as objects go."""
    properties = members(one.get("properties")) | members(other.get("properties"))
    required = [name for each in (one, other) for name in _list(each.get("required"))]
    merged = {**other, **one}
    if properties:
        merged["properties"] = properties
    if required:
        merged["required"] = [name for place, name in enumerate(required) if name not in required[:place]]
    return merged


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _nullable(schema: Json) -> Json:
    """A type or nothing, in the subset's words."""
    match schema:
        case {"type": [*types]}:
            named = [kind for kind in types if kind != "null"]
            told = {**schema, "type": named[0]} if len(named) == 1 else _without_type(schema, named)
            return {**told, "nullable": True} if "null" in types else told
        case {"anyOf": [*options]} if {"type": "null"} in options:
            rest = [option for option in options if option != {"type": "null"}]
            others = {key: value for key, value in schema.items() if key != "anyOf"}
            return {**others, **(rest[0] if len(rest) == 1 else {"anyOf": rest}), "nullable": True}
        case _:
            return schema


def _without_type(schema: Json, types: list[Any]) -> Json:
    others = {key: value for key, value in schema.items() if key != "type"}
    return {**others, "anyOf": [{"type": kind} for kind in types]}
