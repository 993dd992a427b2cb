"""The form that an answer should have, from a type or a dict to `text.format`, and back from text.

A strict schema names every property as required and closes every object.
https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lambda_responses.library.objects import Parse
    from lambda_responses.wire.json import Json

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_NAME = 64
_FORMATS = ("text", "json_object", "json_schema")


def text_format_of(given: Any) -> tuple[Json, Parse]:
    """`text.format`, and what reads an answer in it.

    A pydantic model, a dataclass or a TypedDict gives its instances. A dict is a format of this API
    (`{"type": "json_schema", "name": …, "schema": …}`), one of chat completions (`{"type": "json_schema",
    "json_schema": {…}}`) or a bare JSON Schema, and gives what the JSON says. Raises `TypeError`.
    """
    if isinstance(given, dict):
        return _format_in(cast("Json", given)), json.loads
    if not isinstance(given, type):
        raise TypeError("text_format is a type (a pydantic model, for one) or a dict.")
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(cast("type[Any]", given))
    return _strict_format(given.__name__, adapter.json_schema()), adapter.validate_json


def _format_in(given: Json) -> Json:
    if given.get("type") not in _FORMATS:
        return _strict_format(str(given.get("title") or "answer"), given)
    nested = given.get("json_schema")
    return {"type": "json_schema", **cast("Json", nested)} if isinstance(nested, dict) else given


def _strict_format(name: str, schema: Json) -> Json:
    name = _NOT_IN_A_NAME.sub("_", name)[:_LONGEST_NAME] or "answer"
    return {"type": "json_schema", "name": name, "schema": strict(schema, schema), "strict": True}


def strict(node: Any, root: Json) -> Any:
    """The schema in the strict subset, as far as it can be said there."""
    if isinstance(node, list):
        return [strict(each, root) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = _unfolded(cast("Json", node), root)
    for keyword in ("properties", "$defs", "definitions"):
        if isinstance(members := schema.get(keyword), dict):
            named = cast("Json", members).items()
            schema[keyword] = {name: strict(each, root) for name, each in named}
    for keyword in ("items", "anyOf", "allOf", "prefixItems"):
        if keyword in schema:
            schema[keyword] = strict(schema[keyword], root)
    if schema.get("type") == "object" or "properties" in schema:
        schema.setdefault("additionalProperties", False)
        schema["required"] = list(schema.get("properties") or ())
    return schema


def _unfolded(node: Json, root: Json) -> Json:
    """A copy without what strict schemas have other words for, or none: defaults, tags, a lone `allOf`."""
    schema = {name: value for name, value in node.items() if name not in ("default", "discriminator")}
    if "oneOf" in schema:
        schema["anyOf"] = schema.pop("oneOf")
    if isinstance(parts := schema.get("allOf"), list) and len(cast("list[Any]", parts)) == 1:
        del schema["allOf"]
        schema = {**cast("Json", parts[0]), **schema}
    if "$ref" in schema and len(schema) > 1:  # a reference takes no neighbours
        pointed = _defined(schema.pop("$ref"), root)
        schema = _unfolded({**pointed, **schema}, root)
    return schema


def _defined(reference: str, root: Json) -> Json:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found
