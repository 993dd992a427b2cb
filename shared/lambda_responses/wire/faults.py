"""Faults in a request, worded, coded and placed as the live API does.

Codes and message patterns: https://platform.openai.com/docs/guides/error-codes and answers of the live API.
Texts and params are bounded: whatever a client sent, at most a short piece of it comes back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.shapes import NOT_ONE_OF_KINDS, NOT_ONE_OF_TYPES, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic_core import ErrorDetails, ValidationError

    from lambda_responses.wire.json import Json

ECHO_LIMIT = 100
"""Characters of a client's own text that an error may repeat."""

PARAM_LIMIT = 300
FAULT_LIMIT = 1000

KINDS: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}

EXPECTED_KINDS: dict[str, str] = {
    "string_type": "a string",
    "bool_type": "a boolean",
    "int_type": "an integer",
    "float_type": "a decimal number",
    "list_type": "an array",
    "dict_type": "an object",
}


def clip(text: str, limit: int = ECHO_LIMIT) -> str:
    """That text, or its beginning."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def kind_of(value: object) -> str:
    """What the API calls a value of that JSON kind."""
    return KINDS.get(type(value), "an object")


def missing(path: str) -> InvalidRequestError:
    """A required parameter is absent."""
    return _fault(f"Missing required parameter: '{path}'.", "missing_required_parameter", path)


def wrong_type(path: str, *, expected: str, value: object) -> InvalidRequestError:
    """A value of the wrong JSON kind."""
    message = f"Invalid type for '{path}': expected {expected}, but got {kind_of(value)} instead."
    return _fault(message, "invalid_type", path)


def wrong_value(path: str, *, value: object, supported: str) -> InvalidRequestError:
    """A string outside its closed list."""
    shown = clip(value) if isinstance(value, str) else "null" if value is None else kind_of(value)
    message = f"Invalid value: '{shown}'. Supported values are: {supported}."
    return _fault(message, "invalid_value", path)


def out_of_limits(path: str, *, code: str, what: str, detail: str) -> InvalidRequestError:
    """A value that is too small, too large, too long, or of the wrong form."""
    return _fault(f"Invalid '{path}': {what}. {detail}", code, path)


def unknown_key(path: str, *, suggestion: str | None = None) -> InvalidRequestError:
    """A key that the API does not have."""
    path = clip(path)
    hint = f" Did you mean '{suggestion}'?" if suggestion else ""
    return _fault(f"Unknown parameter: '{path}'.{hint}", "unknown_parameter", path)


def _fault(message: str, code: str, path: str) -> InvalidRequestError:
    return InvalidRequestError(clip(message, 2000), code=code, param=clip(path, PARAM_LIMIT))


def nearest(key: str, names: Iterable[str]) -> str | None:
    """The name within two edits of `key` that is nearest to it, the first of several."""
    near = [name for name in names if abs(len(name) - len(key)) <= 2]
    distance, name = min(((edit_distance(key, name), name) for name in near), default=(3, None), key=_first)
    return name if distance <= 2 else None


def _first(pair: tuple[int, str | None]) -> int:
    return pair[0]


def edit_distance(left: str, right: str) -> int:
    """How many characters must be put in, taken out or replaced to make one of the other."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def path_to(root: str, location: Iterable[int | str]) -> str:
    """`root[0].name` for a location inside `root`; negative numbers are choices and no part of it."""
    path = root
    for step in location:
        if isinstance(step, str):
            path += f".{clip(step)}"
        elif step >= 0:
            path += f"[{step}]"
    return path


def first_fault(root: str, error: ValidationError) -> InvalidRequestError:
    """The first thing that pydantic found wrong below `root`, in the API's words."""
    if error.error_count() > FAULT_LIMIT:
        detail = f"More than {FAULT_LIMIT} were found."
        return out_of_limits(root, code="invalid_value", what="too many faults", detail=detail)
    details = error.errors(include_url=False)[0]
    location = details["loc"]
    if location and location[-1] == "[key]":
        return _key_too_long(path_to(root, location[:-2]), details)
    path = path_to(root, location)
    kind = details["type"]
    if kind in EXPECTED_KINDS:
        return wrong_type(path, expected=EXPECTED_KINDS[kind], value=details["input"])
    return RENDERERS.get(kind, _unforeseen)(path, details)


def _missing(path: str, details: ErrorDetails) -> InvalidRequestError:
    return missing(path)


def _unknown_key(path: str, details: ErrorDetails) -> InvalidRequestError:
    return unknown_key(path)


def _not_in_list(path: str, details: ErrorDetails) -> InvalidRequestError:
    expected, value = details.get("ctx", {})["expected"], details["input"]
    if not isinstance(value, str):
        return wrong_type(path, expected=f"one of {expected}", value=value)
    supported = quoted(dict.fromkeys(re.findall("'([^']*)'", expected)))
    return wrong_value(path, value=value, supported=supported)


def _no_such_type(path: str, details: ErrorDetails) -> InvalidRequestError:
    if not isinstance(details["input"], dict):
        return wrong_type(path, expected="an object", value=details["input"])
    value = cast("Json", details["input"])
    context = details.get("ctx", {})
    # The live API points at the type of a tool or a format, but at the whole of an item or a content part.
    path += context["at"]
    if context["at"] and "type" not in value:
        return missing(path)
    return wrong_value(path, value=value.get("type", ""), supported=context["expected"])


def _no_such_kind(path: str, details: ErrorDetails) -> InvalidRequestError:
    return wrong_type(path, expected=details.get("ctx", {})["expected"], value=details["input"])


def _too_small(path: str, details: ErrorDetails) -> InvalidRequestError:
    return _beyond(path, details, "below_min_value", "below minimum value", ">=", "ge")


def _too_large(path: str, details: ErrorDetails) -> InvalidRequestError:
    return _beyond(path, details, "above_max_value", "above maximum value", "<=", "le")


def _beyond(
    path: str, details: ErrorDetails, code: str, what: str, sign: str, key: str
) -> InvalidRequestError:
    value: Any = details["input"]
    noun = "integer" if isinstance(value, int) else "decimal"
    detail = f"Expected a value {sign} {details.get('ctx', {})[key]:g}, but got {clip(str(value))} instead."
    return out_of_limits(path, code=f"{noun}_{code}", what=f"{noun} {what}", detail=detail)


def _too_long_text(path: str, details: ErrorDetails) -> InvalidRequestError:
    most, length = details.get("ctx", {})["max_length"], len(details["input"])
    detail = f"Expected a string with maximum length {most}, but got a string with length {length} instead."
    return out_of_limits(path, code="string_above_max_length", what="string too long", detail=detail)


def _too_short_text(path: str, details: ErrorDetails) -> InvalidRequestError:
    least = details.get("ctx", {})["min_length"]
    detail = f"Expected a string with minimum length {least}, but got an empty string instead."
    return out_of_limits(path, code="empty_string", what="empty string", detail=detail)


def _wrong_form(path: str, details: ErrorDetails) -> InvalidRequestError:
    pattern = details.get("ctx", {})["pattern"]
    detail = f"Expected a string that matches the pattern '{pattern}'."
    return out_of_limits(path, code="invalid_value", what="string does not match pattern", detail=detail)


def _too_many(path: str, details: ErrorDetails) -> InvalidRequestError:
    most, length = details.get("ctx", {})["max_length"], len(details["input"])
    if isinstance(details["input"], dict):
        detail = (
            f"Expected an object with at most {most} properties, but got an object with {length} instead."
        )
        return out_of_limits(
            path, code="object_above_max_properties", what="too many properties", detail=detail
        )
    detail = f"Expected an array with maximum length {most}, but got an array with length {length} instead."
    return out_of_limits(path, code="array_above_max_length", what="array too long", detail=detail)


def _too_few(path: str, details: ErrorDetails) -> InvalidRequestError:
    least = details.get("ctx", {})["min_length"]
    detail = f"Expected an array with minimum length {least}, but got an empty array instead."
    return out_of_limits(path, code="empty_array", what="empty array", detail=detail)


def _key_too_long(path: str, details: ErrorDetails) -> InvalidRequestError:
    most, length = details.get("ctx", {})["max_length"], len(details["input"])
    detail = f"Expected property names of at most {most} characters, but got one with {length} instead."
    return out_of_limits(
        path, code="property_name_above_max_length", what="property name too long", detail=detail
    )


def _unforeseen(path: str, details: ErrorDetails) -> InvalidRequestError:
    return out_of_limits(path, code="invalid_value", what="not acceptable", detail=clip(details["msg"]))


RENDERERS: dict[str, Callable[[str, ErrorDetails], InvalidRequestError]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _not_in_list,
    NOT_ONE_OF_TYPES: _no_such_type,
    NOT_ONE_OF_KINDS: _no_such_kind,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "string_too_long": _too_long_text,
    "string_too_short": _too_short_text,
    "string_pattern_mismatch": _wrong_form,
    "too_long": _too_many,
    "too_short": _too_few,
}
