"""Named pieces of bytes laid into rows: into one where they fit, else cut over several.

fits: {"in": b…, "out": b…}
does not: {"cut": [["in", 700123], ["out", 12]], "d": b…}, {"d": b…}, {"d": b…}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lambda_responses.storage.keyed.port import Values

ROW_BYTES = 350_000
"""Payload of one row: well below DynamoDB's 409,600, which count names and the other attributes too."""


def into_rows(parts: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The attributes of one row, or of as many as it takes."""
    if sum(map(len, parts.values())) <= ROW_BYTES:
        return [dict(parts)]
    whole = b"".join(parts.values())
    rows: list[dict[str, Any]] = [
        {"d": whole[start : start + ROW_BYTES]} for start in range(0, len(whole), ROW_BYTES)
    ]
    rows[0]["cut"] = [[name, len(part)] for name, part in parts.items()]
    return rows


def from_rows(rows: Iterable[Values]) -> dict[str, bytes] | None:
    """The pieces again, from the rows in order; None where a row is missing."""
    first, *more = rows
    if "cut" not in first and "d" in first:
        return None
    if "cut" not in first:
        return {name: value for name, value in first.items() if isinstance(value, bytes)}
    whole = b"".join(row["d"] for row in (first, *more))
    parts: dict[str, bytes] = {}
    start = 0
    for name, length in first["cut"]:
        parts[name] = whole[start : start + length]
        start += length
    return parts if start == len(whole) else None
