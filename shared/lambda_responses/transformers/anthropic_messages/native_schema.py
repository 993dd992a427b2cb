"""JSON schemas as Anthropic's constrained decoding takes them.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations: objects are
closed, nothing recurs, and most bounds are unknown. A bound is told in the description instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_KEPT = frozenset({"type", "enum", "const", "description", "title", "default", "$ref", "required"})
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_SCHEMAS = {"anyOf": "anyOf", "allOf": "allOf", "oneOf": "anyOf"}
"""Lists of schemas, under the names that are known."""
_NAMED_SCHEMAS = ("properties", "$defs", "definitions")
_REFUSED = ("patternProperties", "dependentSchemas", "prefixItems", "not", "if")


class _Inexpressible(Exception):
    """The schema asks for what constrained decoding does not know."""


def fit(schema: Json) -> Json | None:
    """The same schema in the words that are known; None where it cannot be said in them."""
    try:
        fitted = _fit(schema)
        _refuse_recursion(fitted)
    except _Inexpressible:
        return None
    return fitted if fitted.get("type") == "object" else None


def _fit(schema: Any) -> Json:
    fitted: Json = {}
    told: Json = {}
    for key, value in _object(schema).items():
        if key in _KEPT or (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1)):
            fitted[key] = value
        elif key in _NAMED_SCHEMAS:
            fitted[key] = {name: _fit(inner) for name, inner in _object(value).items()}
        elif key in _SCHEMAS:
            fitted[_SCHEMAS[key]] = [_fit(inner) for inner in _list(value)]
        elif key == "items":
            fitted[key] = _fit(value)
        elif key == "additionalProperties":
            if value is not False:
                raise _Inexpressible
            fitted[key] = value
        elif key in _REFUSED:
            raise _Inexpressible
        elif key != "$schema":
            told[key] = value
    _close(fitted)
    if told:
        words = f"{fitted.get('description') or ''}\n{to_bytes(told).decode()}"
        fitted["description"] = words.strip()
    return fitted


def _close(schema: Json) -> None:
    """Objects say that they are closed; one that says nothing of its members cannot be."""
    if schema.get("type") == "object" or "properties" in schema:
        if not schema.get("properties") and "additionalProperties" not in schema:
            raise _Inexpressible
        schema.setdefault("type", "object")
        schema.setdefault("additionalProperties", False)
    elif not schema.keys() & {"type", "enum", "const", "$ref", "anyOf", "allOf"}:
        raise _Inexpressible


def _refuse_recursion(schema: Json) -> None:
    """Raises where a definition leads back to itself, or to what is not there."""
    leads = {
        f"#/{place}/{name}": _refs(inner)
        for place in ("$defs", "definitions")
        for name, inner in _object(schema.get(place, {})).items()
    }
    sound: set[str] = set()

    def follow(ref: str, above: frozenset[str]) -> None:
        if ref in above or ref not in leads:
            raise _Inexpressible
        if ref not in sound:
            for further in leads[ref]:
                follow(further, above | {ref})
            sound.add(ref)

    for ref in _refs(schema):
        follow(ref, frozenset())


def _refs(value: Any) -> set[str]:
    if isinstance(value, list):
        return {ref for inner in cast("list[Any]", value) for ref in _refs(inner)}
    if not isinstance(value, dict):
        return set()
    members = cast("Json", value)
    found = {ref for inner in members.values() for ref in _refs(inner)}
    return found | {members["$ref"]} if isinstance(members.get("$ref"), str) else found


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise _Inexpressible
    return cast("Json", value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Inexpressible
    return cast("list[Any]", value)
