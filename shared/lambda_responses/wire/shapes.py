"""A small vocabulary for the shape of JSON that comes in, in terms of pydantic's core schemas.

A shape is data: making one costs microseconds and no class. Pydantic's compiled validators are built from
shapes when a request first needs them. Measured on the same 120 records: 1.5 ms for core schemas, 73 ms for
type adapters over typed dicts; and loading pydantic's models, which shapes do without, takes 35 ms more.

Whoever walks into a choice (`by_type`, `by_kind`) leaves a negative number in an error's location. List
indexes are never negative, so a path for the client is the location without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic_core import SchemaValidator

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from pydantic_core import CoreSchema

Shape: TypeAlias = dict[str, Any]

ANY: Shape = {"type": "any"}
TEXT: Shape = {"type": "str", "strict": True}
NAMED: Shape = {"type": "str", "strict": True, "min_length": 1}
FLAG: Shape = {"type": "bool", "strict": True}
WHOLE: Shape = {"type": "int", "strict": True}
NUMBER: Shape = {"type": "float", "strict": True}
OBJECT: Shape = {"type": "dict", "strict": True}

NOT_ONE_OF_TYPES = "not_one_of_types"
NOT_ONE_OF_KINDS = "not_one_of_kinds"

KIND_NAMES: dict[type, str] = {str: "a string", list: "an array", dict: "an object", bool: "a boolean"}


def text(*, least: int = 0, most: int | None = None, pattern: str | None = None) -> Shape:
    """A string within lengths, counted in characters."""
    limits = {"min_length": least, "max_length": most, "pattern": pattern}
    return TEXT | {name: limit for name, limit in limits.items() if limit is not None}


def whole(*, least: int | None = None, most: int | None = None) -> Shape:
    """An integer between bounds, both included."""
    return _bounded(WHOLE, least, most)


def number(*, least: float | None = None, most: float | None = None) -> Shape:
    """A number between bounds, both included."""
    return _bounded(NUMBER, least, most)


def _bounded(shape: Shape, least: float | None, most: float | None) -> Shape:
    bounds = {"ge": least, "le": most}
    return shape | {name: bound for name, bound in bounds.items() if bound is not None}


def one_of(*values: str) -> Shape:
    """One string of a closed list."""
    return {"type": "literal", "expected": list(values)}


def list_of(shape: Shape, *, least: int | None = None, most: int | None = None) -> Shape:
    """An array; the first faulty member ends its validation."""
    listed: Shape = {"type": "list", "strict": True, "items_schema": shape, "fail_fast": True}
    limits = {"min_length": least, "max_length": most}
    return listed | {name: limit for name, limit in limits.items() if limit is not None}


def map_of(values: Shape, *, keys: Shape = TEXT, most: int | None = None) -> Shape:
    """An object with free keys."""
    mapped: Shape = {"type": "dict", "strict": True, "keys_schema": keys, "values_schema": values}
    return mapped if most is None else mapped | {"max_length": most}


def need(shape: Shape) -> Shape:
    """Marks a member of a record as required; null is then a fault of type."""
    return {"type": "typed-dict-field", "required": True, "schema": shape}


def or_null(shape: Shape) -> Shape:
    """That shape, or null."""
    return {"type": "nullable", "schema": shape}


def record(members: Mapping[str, Shape] | None = None, /, **more: Shape) -> Shape:
    """An object with known members and no others. A member is optional, and then nullable, unless needed.

    Faults are reported in the order of the members, unknown keys last. `type` is always known.
    """
    fields: dict[str, Shape] = {"type": _optional(ANY)}
    for name, shape in {**(members or {}), **more}.items():
        fields[name] = shape if shape["type"] == "typed-dict-field" else _optional(shape)
    return {"type": "typed-dict", "extra_behavior": "forbid", "fields": fields, "strict": True}


def loose(**members: Shape) -> Shape:
    """An object that may have members besides these."""
    return {**record(members), "extra_behavior": "ignore"}


_OPTIONAL: dict[int, Shape] = {}


def _optional(shape: Shape) -> Shape:
    """One object for each shape: most members of most records are optional strings."""
    member = _OPTIONAL.get(id(shape))
    if member is None:
        member = {"type": "typed-dict-field", "required": False, "schema": or_null(shape)}
        _OPTIONAL[id(shape)] = member  # holds the shape, so that its id stays its own
    return member


def by_type(choices: Mapping[str, Shape], *, at: str = ".type") -> Shape:
    """An object whose `type` names its shape; `at` is where the API puts the fault of an unknown one."""
    return by_key(choices, lambda value: value.get("type"), expected=choices, at=at)


def by_key(
    choices: Mapping[str, Shape],
    key: Callable[[dict[str, Any]], object],
    *,
    expected: Iterable[str],
    at: str = "",
) -> Shape:
    """An object whose shape is found by `key`; `expected` are the types to name when there is none."""
    tags: dict[Hashable, int] = {name: -1 - index for index, name in enumerate(choices)}

    def tag_of(value: object) -> int | None:
        found = key(cast("dict[str, Any]", value)) if isinstance(value, dict) else None
        return tags.get(found) if isinstance(found, str) else None

    return _choice(tag_of, choices, tags, NOT_ONE_OF_TYPES, quoted(expected), at)


def by_kind(choices: Mapping[type, Shape]) -> Shape:
    """A value whose JSON kind (string, array, object) decides its shape."""
    tags: dict[Hashable, int] = {kind: -1 - index for index, kind in enumerate(choices)}
    names = " or ".join(KIND_NAMES[kind] for kind in choices)
    return _choice(lambda value: tags.get(type(value)), choices, tags, NOT_ONE_OF_KINDS, f"one of {names}")


def _choice(
    tag_of: Callable[[object], int | None],
    choices: Mapping[Any, Shape],
    tags: Mapping[Hashable, int],
    fault: str,
    expected: str,
    at: str = "",
) -> Shape:
    return {
        "type": "tagged-union",
        "discriminator": tag_of,
        "choices": {tags[name]: shape for name, shape in choices.items()},
        "custom_error_type": fault,
        "custom_error_message": fault,
        "custom_error_context": {"expected": expected, "at": at},
    }


def quoted(names: Iterable[str]) -> str:
    """Names as the API lists them: 'a', 'b', and 'c'."""
    marked = [f"'{name}'" for name in names]
    if len(marked) > 2:
        return ", ".join(marked[:-1]) + f", and {marked[-1]}"
    return " and ".join(marked)


def validator(shape: Shape) -> SchemaValidator:
    """The compiled judge of a shape."""
    return SchemaValidator(cast("CoreSchema", shape))
