"""What an upstream sends need not be what its format promises: readings that never fail.

Each takes any JSON value and gives what can be made of it; what says something and cannot be read is noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.base import unknown

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_MOST = 2**53 - 1
"""The largest integer that every JSON reader keeps exact; no model has said so much."""
_DIGITS = len(str(_MOST))


def members(value: Any) -> Json:
    """A JSON object's members; none of anything else."""
    return cast("Json", value) if isinstance(value, dict) else {}


def read_text(value: Any, format_name: str, what: str) -> str:
    """Text; a number as it is written, since some servers parse what looks like one."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if value:
        unknown(format_name, f"{what} that is {type(value).__name__}")
    return ""


def read_objects(value: Any, format_name: str, what: str) -> list[Json]:
    """The objects of a list."""
    found = json_objects(value)
    if value and (not isinstance(value, list) or len(found) < len(cast("list[Any]", value))):
        unknown(format_name, f"{what} that are no list of objects")
    return found


def read_count(value: Any) -> int:
    """A number of tokens, be it in digits; 0 where it is none."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= _DIGITS:
        value = int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _MOST:
        return int(value)
    return 0
