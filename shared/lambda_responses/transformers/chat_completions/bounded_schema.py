"""JSON schemas under which a tiny model, held by a grammar, comes to an end.

llama.cpp turns a schema into a grammar: what the grammar leaves open, a small model may fill without end.
https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md lists the keywords it knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

LONGEST_STRING = 80
LARGEST_INTEGER = 9999
LONGEST_ARRAY = 4

_KEPT = frozenset(
    {
        "type",
        "description",
        "enum",
        "const",
        "properties",
        "required",
        "items",
        "prefixItems",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "definitions",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "format",
        "pattern",
    }
)
_FORMATS = frozenset({"date", "time", "date-time", "uuid"})


def bounded(schema: Any) -> Json:
    """The same schema with a length, limit or closed end wherever it had none."""
    if not isinstance(schema, dict) or not schema:
        return {"type": "string", "maxLength": LONGEST_STRING}
    kept: Json = {key: value for key, value in cast("Json", schema).items() if key in _KEPT}
    for key, value in kept.items():
        if key in ("properties", "$defs", "definitions"):
            kept[key] = {name: bounded(inner) for name, inner in cast("Json", value).items()}
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            kept[key] = [bounded(inner) for inner in cast("list[Json]", value)]
    if kept.get("format") not in _FORMATS:
        kept.pop("format", None)
    if not (isinstance(pattern := kept.get("pattern"), str) and pattern[:1] == "^" and pattern[-1:] == "$"):
        kept.pop("pattern", None)  # the grammar knows whole patterns alone
    if not kept.keys() & {"enum", "const", "$ref", "anyOf", "oneOf", "allOf"}:
        _bound_type(kept)
    return kept


def _bound_type(schema: Json) -> None:
    said: Any = schema.setdefault("type", "object" if "properties" in schema else "string")
    types = cast("list[str]", said) if isinstance(said, list) else [str(said)]
    if "string" in types and not schema.keys() & {"format", "pattern"}:
        schema["maxLength"] = min(schema.get("maxLength", LONGEST_STRING), LONGEST_STRING)
        schema["maxLength"] = max(schema["maxLength"], schema.get("minLength", 0))
    if "integer" in types:
        greatest = schema.get("maximum", LARGEST_INTEGER)
        least = schema.setdefault("minimum", min(0, greatest))
        schema["maximum"] = max(least, min(greatest, least + LARGEST_INTEGER))
    if "array" in types:
        schema["items"] = bounded(schema.get("items"))
        least = schema.get("minItems", 0)
        schema["maxItems"] = max(least, min(schema.get("maxItems", LONGEST_ARRAY), LONGEST_ARRAY))
    if "object" in types:
        schema.setdefault("properties", {})
        schema["additionalProperties"] = False
