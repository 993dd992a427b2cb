"""How large DynamoDB counts a row, and what a row may hold.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.storage.keyed.port import ItemTooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.storage.keyed.port import Key, Values

MAX_ITEM = 409_600
_CONTAINER = 3
_MEMBER = 1


def item_size(key: Key, values: Values) -> int:
    """Bytes of the whole row, names included. Raises TypeError or ValueError for what a row cannot hold."""
    size = 4 + len(key.pk.encode()) + len(key.sk.encode())
    for name, value in values.items():
        size += len(name) + (len(value) if isinstance(value, bytes) else _value_size(value))
    return size


def checked_size(key: Key, values: Values) -> int:
    """The row's size. Raises `ItemTooLarge` where no store would take it."""
    size = item_size(key, values)
    if size > MAX_ITEM:
        raise ItemTooLarge(f"{size} bytes")
    return size


def _value_size(value: object) -> int:
    match value:
        case str():
            return len(value.encode())
        case bool() | None:
            return 1
        case int() | float():
            return _number_size(value)
        case list():
            members = cast("list[Any]", value)
            return _CONTAINER + sum(_MEMBER + _value_size(member) for member in members)
        case dict():
            entries = cast("Mapping[str, Any]", value)
            return _CONTAINER + sum(
                _MEMBER + len(name.encode()) + _value_size(member) for name, member in entries.items()
            )
        case _:
            raise TypeError(f"a row holds no {type(value).__name__} here")


def _number_size(number: float) -> int:
    # Beyond 2**53 a float is not the decimal number that it prints as, and would not come back equal.
    if isinstance(number, float) and number and not 1e-100 < abs(number) < 2**53:
        raise ValueError("a row holds floats between 1e-100 and 2**53")
    digits = repr(number).partition("e")[0].lstrip("-").replace(".", "").strip("0")
    if len(digits) > 38:
        raise ValueError("a row holds numbers of at most 38 digits")
    return (len(digits) + 1) // 2 + 1
