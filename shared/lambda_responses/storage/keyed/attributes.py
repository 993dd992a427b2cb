"""Rows in DynamoDB's typed JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping


def to_attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a": 1}` as `{"a": {"N": "1"}}`."""
    return {name: to_attribute(value) for name, value in values.items()}


def from_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a": {"N": "1"}}` as `{"a": 1}`."""
    return {name: _value(attribute) for name, attribute in attributes.items()}


def to_attribute(value: Any) -> dict[str, Any]:
    """One value with its type. `sizes` says what a row may hold."""
    match value:
        case str():
            return {"S": value}
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": value}
        case list():
            return {"L": [to_attribute(member) for member in cast("list[Any]", value)]}
        case _:
            return {"M": to_attributes(value)}


def _value(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return _number(value)
        case "NULL":
            return None
        case "L":
            return [_value(member) for member in value]
        case "M":
            return from_attributes(value)
        case _:  # S, BOOL and B are themselves.
            return value


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
