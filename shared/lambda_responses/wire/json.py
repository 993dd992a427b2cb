"""JSON values as the API and its upstreams exchange them."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pydantic_core

Json: TypeAlias = dict[str, Any]
"""One JSON object. What comes in is validated by `wire.requests`; what goes out looks like the wire."""

Event: TypeAlias = dict[str, Any]
"""One stream event of the Responses API: `type`, `sequence_number` and the fields of its type."""


def to_bytes(value: Any) -> bytes:
    """The one serialisation of everything that leaves, so that a stored object equals the streamed one.

    What is no number (infinite, or NaN) leaves as null: JSON has no word for it.
    """
    try:
        return pydantic_core.to_json(value, inf_nan_mode="null")
    except ValueError:  # a lone surrogate in a model's text: escaped, which JSON allows and UTF-8 does not
        finite = json.loads(json.dumps(value), parse_constant=_null)
        return json.dumps(finite, separators=(",", ":")).encode()


def is_portable(value: Any) -> bool:
    """Whether others can write it down as JSON, who know no halves of a character, nor any depth."""
    try:
        pydantic_core.to_json(value)
    except ValueError:
        return False
    return True


def from_text(text: str | bytes) -> Any:
    """A JSON value from text. Raises `ValueError`, never `RecursionError`.

    `NaN` and `Infinity`, which are not JSON but which some servers write for a log probability, are null.
    """
    try:
        return pydantic_core.from_json(text, cache_strings="keys", allow_inf_nan=False)
    except (ValueError, TypeError):
        # Lone surrogates, which some upstreams send as halves of a pair, are legal JSON to the stdlib alone;
        # in a text they are of the wrong type to the other.
        try:
            return json.loads(text, parse_constant=_null)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _null(constant: str) -> None:
    """What `NaN` and its like stand for."""
