"""What a write may ask of the row it meets: a vocabulary small enough for every store to mean the same by it.

A condition is a sequence of tests that must all hold. A test sees a live row's attributes; where there is no
live row, every attribute is absent and so is `ROW` itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

ROW = "sk"
"""The name to test for the row as a whole: `Absent(ROW)`, `Present(ROW)`."""

Scalar: TypeAlias = str | int | float | bool | bytes | None
Operator: TypeAlias = Literal["=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Absent:
    """The row has no such attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Present:
    """The row has that attribute, be it null."""

    name: str


@dataclass(frozen=True, slots=True)
class Compare:
    """The attribute has the value's kind and compares so. Only numbers, text and bytes have order."""

    name: str
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """The attribute equals one of the values, of which there is at least one."""

    name: str
    values: Sequence[Scalar]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the tests holds; at least one is there."""

    tests: Sequence[Test]


Test: TypeAlias = Absent | Present | Compare | OneOf | AnyOf
Condition: TypeAlias = Sequence[Test]

COMPARISONS: dict[Operator, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def equals(name: str, value: Scalar) -> Compare:
    """The attribute is there and equals the value."""
    return Compare(name, "=", value)


def holds(condition: Condition, values: Mapping[str, Any] | None) -> bool:
    """Whether the condition holds for a row with these values; None stands for no live row."""
    return all(_holds(test, values) for test in condition)


def _holds(test: Test, values: Mapping[str, Any] | None) -> bool:
    match test:
        case Absent(name):
            return not _has(values, name)
        case Present(name):
            return _has(values, name)
        case AnyOf(tests):
            return any(_holds(each, values) for each in tests)
        case OneOf(name, candidates):
            return any(_holds(Compare(name, "=", each), values) for each in candidates)
        case Compare(name, sign, value):
            if values is None or name not in values or _kind(values[name]) != _kind(value):
                return False
            return COMPARISONS[sign](values[name], value)


def _has(values: Mapping[str, Any] | None, name: str) -> bool:
    return values is not None and (name == ROW or name in values)


def _kind(value: object) -> str:
    """DynamoDB's types: values of different kinds never compare, so `True` is not `1`."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "BOOL"
        case int() | float():
            return "N"
        case str():
            return "S"
        case bytes():
            return "B"
        case _:
            return type(value).__name__
