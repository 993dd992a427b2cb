"""A value that obeys a JSON schema: always the same one, and as small as it may be.

`const`, the first of `enum`, required properties alone, `$ref`, `anyOf`, `oneOf`, `allOf`, bounds, formats
and patterns: https://json-schema.org/understanding-json-schema/reference.
"""

from __future__ import annotations

from itertools import chain, islice, repeat
from math import ceil
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.scripted.pattern import NoExample, matching

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIRED = 6
"""Levels below which nothing is said that need not be."""
_EXHAUSTED = 40
"""Levels below which a schema that never ends gets null."""
_LONGEST = 10_000
"""Characters of a string, and items of an array."""
_LARGEST = 100_000
"""Values and characters of the whole, after which there is only null."""

_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "idn-email": "someone@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "/",
    "iri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "/a",
    "regex": "a",
    "byte": "YQ==",
}
_KEYWORDS = {
    "object": "properties required additionalProperties",
    "array": "items prefixItems minItems",
    "string": "pattern format minLength maxLength",
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
}
"""By which a schema without a type says what it is about."""


def example(schema: Any) -> Any:
    """The value. Total: what no value can obey, or nobody can read, gets null or a plain string."""
    return _Examples(schema).of(schema, "text", 0)


class _Examples:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _LARGEST

    def of(self, schema: Any, name: str, depth: int) -> Any:
        """A value for that part of the schema; `name` is what strings say."""
        self._left -= 1
        if depth > _EXHAUSTED or self._left < 0:
            return None
        if not isinstance(schema, dict):
            return name if schema is True else None
        match whole := self._without_branches(cast("dict[str, Any]", schema), depth):
            case {"const": value} | {"enum": [value, *_]}:
                return value
            case _:
                return self._of_type(_type_of(whole), whole, name, depth)

    def _of_type(self, kind: str | None, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "string" | None:
                text = _string(schema, name)
                self._left -= len(text)
                return text
            case "integer":
                return int(_number(schema, whole=True))
            case "number":
                return _number(schema, whole=False)
            case "boolean":
                return True
            case _:
                return None

    def _without_branches(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """The schema with references followed and one branch of each choice taken."""
        for _ in range(_EXHAUSTED):
            if isinstance(ref := schema.get("$ref"), str):
                schema = _merged({k: v for k, v in schema.items() if k != "$ref"}, self._target(ref))
                continue
            key = next((k for k in ("anyOf", "oneOf", "allOf") if isinstance(schema.get(k), list)), None)
            if key is None:
                return schema
            branches = _list(schema[key])
            schema = {k: v for k, v in schema.items() if k != key}
            for branch in branches if key == "allOf" else self._branch(branches, depth):
                schema = _merged(schema, branch)
        return {}

    def _branch(self, branches: list[Any], depth: int) -> list[Any]:
        """The first that says something; deep down, one that ends."""
        nulls = [branch for branch in branches if _dict(branch).get("type") == "null"]
        ending = [branch for branch in branches if not {"$ref", "properties"} & _dict(branch).keys()]
        if depth >= _TIRED and (nulls or ending):
            return (nulls or ending)[:1]
        return [branch for branch in branches if _dict(branch).get("type") != "null"][:1] or nulls[:1]

    def _target(self, ref: str) -> Any:
        found = self._root
        for step in ref.removeprefix("#").split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~").replace("%24", "$").replace("%25", "%")
            match found:
                case {}:
                    found = found.get(step)
                case [*_] if step.isdecimal() and int(step) < len(found):
                    found = found[int(step)]
                case _:
                    return {}
        return found

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = _dict(schema.get("properties"))
        required = dict.fromkeys(key for key in _list(schema.get("required")) if isinstance(key, str))
        missing = (_whole_number(schema.get("minProperties")) or 0) - len(required)
        required |= dict.fromkeys([key for key in properties if key not in required][: max(missing, 0)])
        others = schema.get("additionalProperties", True)
        order = [key for key in properties if key in required] + [k for k in required if k not in properties]
        return {key: self.of(properties.get(key, others), key, depth + 1) for key in order}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        first: list[Any] = _list(schema.get("prefixItems"))
        items = schema.get("items", True)
        wanted = 0 if depth >= _TIRED or items is False else 1
        count = max(_whole_number(schema.get("minItems")) or 0, len(first) or wanted)
        if (most := _whole_number(schema.get("maxItems"))) is not None:
            count = min(count, most)
        parts = islice(chain(first, repeat(items)), min(count, _LONGEST, max(self._left, 0)))
        return [self.of(part, name, depth + 1) for part in parts]


def _type_of(schema: Mapping[str, Any]) -> str | None:
    """The type; the first of several that is not null; or the one whose keywords the schema uses."""
    match schema.get("type"):
        case str(kind):
            return kind
        case [*kinds]:
            named = [kind for kind in kinds if isinstance(kind, str)]
            return next((kind for kind in named if kind != "null"), "null")
        case _:
            return next(
                (kind for kind, words in _KEYWORDS.items() if schema.keys() & set(words.split())), None
            )


def _string(schema: Mapping[str, Any], name: str) -> str:
    least = min(_whole_number(schema.get("minLength")) or 0, _LONGEST)
    most = _whole_number(schema.get("maxLength"))
    if isinstance(pattern := schema.get("pattern"), str):
        for repeats in (1, max(least, 1)):
            try:
                text = matching(pattern, repeats=repeats)
            except NoExample:
                break
            if len(text) >= least:
                return text
    text = _FORMATS.get(str(schema.get("format")), name)
    if len(text) < least:
        text += "x" * (least - len(text))
    return text if most is None else text[:most]


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    """The number nearest to one that the bounds allow."""
    step = _finite(schema.get("multipleOf")) or (1 if whole else 0)
    beyond = 1 if whole else 0.5
    lows = [_finite(schema.get("minimum")), _moved(schema.get("exclusiveMinimum"), beyond)]
    highs = [_finite(schema.get("maximum")), _moved(schema.get("exclusiveMaximum"), -beyond)]
    low = max((low for low in lows if low is not None), default=None)
    high = min((high for high in highs if high is not None), default=None)
    value: float = step or 1
    if low is not None:
        value = max(value, low)
    if high is not None:
        value = min(value, high)
    if not step:
        return value
    above = ceil(value / step) * step
    return above if high is None or above <= high else value // step * step


def _moved(bound: Any, by: float) -> float | None:
    number = _finite(bound)
    return None if number is None else number + by


def _merged(one: dict[str, Any], other: Any) -> dict[str, Any]:
    """Both schemas at once, as far as objects go; elsewhere the second counts."""
    if not isinstance(other, dict):
        return one
    both: dict[str, Any] = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {**_dict(one["properties"]), **_dict(cast("Any", other["properties"]))}
    if "required" in one and "required" in other:
        both["required"] = [*_list(one["required"]), *_list(cast("Any", other["required"]))]
    return both


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e300:
        return None
    return value


def _whole_number(value: Any) -> int | None:
    number = _finite(value)
    return None if number is None else int(number)
