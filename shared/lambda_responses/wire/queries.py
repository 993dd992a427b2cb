"""Query strings of the reading operations.

`include` comes as `include[]=a`, as `include=a` several times, or as a list with commas: clients send all
three. Parameters that are not known here are left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from lambda_responses.wire.faults import out_of_limits, wrong_type, wrong_value
from lambda_responses.wire.includes import INCLUDABLE
from lambda_responses.wire.shapes import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

Order = Literal["asc", "desc"]
Choice = TypeVar("Choice", bound=str)

ORDERS: tuple[Order, ...] = ("asc", "desc")
FLAGS: dict[str, bool] = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which page of a list, and what its items show."""

    limit: int = 20
    order: Order = "desc"
    after: str | None = None
    include: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RetrieveQuery:
    """How a response is to be shown: at once, or as the events that made it."""

    include: frozenset[str] = frozenset()
    stream: bool = False
    starting_after: int | None = None
    include_obfuscation: bool = True


def read_list_query(pairs: Iterable[tuple[str, str]]) -> ListQuery:
    """From decoded query pairs. Raises `InvalidRequestError`."""
    given = _last_of_each(pairs := list(pairs))
    return ListQuery(
        limit=_integer(given, "limit", default=20, least=1, most=100) or 20,
        order=_choice(given, "order", ORDERS, default="desc"),
        after=given.get("after") or None,
        include=_include(pairs),
    )


def read_retrieve_query(pairs: Iterable[tuple[str, str]]) -> RetrieveQuery:
    """From decoded query pairs. Raises `InvalidRequestError`."""
    given = _last_of_each(pairs := list(pairs))
    return RetrieveQuery(
        include=_include(pairs),
        stream=_flag(given, "stream", default=False),
        starting_after=_integer(given, "starting_after", default=None),
        include_obfuscation=_flag(given, "include_obfuscation", default=True),
    )


def read_include_query(pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """What is to be shown besides, from decoded query pairs. Raises `InvalidRequestError`."""
    return _include(list(pairs))


def _last_of_each(pairs: list[tuple[str, str]]) -> dict[str, str]:
    return dict(pairs)


def _include(pairs: list[tuple[str, str]]) -> frozenset[str]:
    asked = [
        name
        for key, value in pairs
        if key == "include" or (key.startswith("include[") and key.endswith("]"))
        for name in value.split(",")
        if name
    ]
    for index, name in enumerate(asked):
        if name not in INCLUDABLE:
            raise wrong_value(f"include[{index}]", value=name, supported=quoted(INCLUDABLE))
    return frozenset(asked)


def _integer(
    given: dict[str, str],
    name: str,
    *,
    default: int | None,
    least: int | None = None,
    most: int | None = None,
) -> int | None:
    if name not in given:
        return default
    if not _INTEGER.fullmatch(given[name]):
        raise wrong_type(name, expected="an integer", value=given[name])
    value = int(given[name])
    if least is not None and value < least:
        detail = f"Expected a value >= {least}, but got {value} instead."
        raise out_of_limits(
            name, code="integer_below_min_value", what="integer below minimum value", detail=detail
        )
    if most is not None and value > most:
        detail = f"Expected a value <= {most}, but got {value} instead."
        raise out_of_limits(
            name, code="integer_above_max_value", what="integer above maximum value", detail=detail
        )
    return value


def _choice(given: dict[str, str], name: str, choices: tuple[Choice, ...], *, default: Choice) -> Choice:
    value = given.get(name, default)
    for choice in choices:
        if choice == value:
            return choice
    raise wrong_value(name, value=value, supported=quoted(choices))


def _flag(given: dict[str, str], name: str, *, default: bool) -> bool:
    if name not in given:
        return default
    value = FLAGS.get(given[name].lower())
    if value is None:
        raise wrong_type(name, expected="a boolean", value=given[name])
    return value
