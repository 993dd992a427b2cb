"""JSON schemas as Google takes them: as JSON Schema but for a few words, or as a subset of OpenAPI's.

https://ai.google.dev/gemini-api/docs/structured-output lists the words; older models know the subset alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

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
_DEEPEST = 24
"""How far references are followed: a schema that refers to itself has no end."""


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
        f"#/{member}/{name}": inner
        for member in ("$defs", "definitions")
        for name, inner in cast("Json", schema.get(member) or {}).items()
    }

    def reduce(here: Json, depth: int = 0) -> Json:
        merged = dict(here)
        while (target := definitions.get(str(merged.pop("$ref", "")))) is not None and depth < _DEEPEST:
            merged, depth = {**target, **merged}, depth + 1
        for part in cast("list[Json]", merged.pop("allOf", None) or ()):
            merged = _merged(merged, part)
        if "oneOf" in merged:
            merged.setdefault("anyOf", merged.pop("oneOf"))
        if "const" in merged:
            merged["enum"] = [merged.pop("const")]
        kept = {key: value for key, value in _nullable(merged).items() if key in _SUBSET}
        if "enum" in kept:
            kept = {**kept, "type": "string", "enum": [str(value) for value in kept["enum"]]}
        if kept.get("format") not in _FORMATS:
            kept.pop("format", None)
        return (
            _within(kept, lambda inner: reduce(inner, depth + 1)) if depth < _DEEPEST else {"type": "object"}
        )

    return reduce(schema)


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
    properties = {**one.get("properties", {}), **other.get("properties", {})}
    required = [*one.get("required", ()), *other.get("required", ())]
    merged = {**other, **one}
    if properties:
        merged["properties"] = properties
    if required:
        merged["required"] = list(dict.fromkeys(required))
    return merged


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
