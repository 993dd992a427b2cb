"""`truncation: auto`: what is left out of a context that is too long for a model, the oldest first.

Nothing is torn apart: calls go with their outputs, and what a model said in one turn goes together, so that
no reasoning stays without what followed from it. Instructions stay, and so does what the answer is for: the
last thing that a user said, and the end of the context.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambda_responses.wire.compaction import INSTRUCTING
from lambda_responses.wire.context import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

MOST_TRIES = 6
"""How often a context is shortened for one target: the last try asks with a sixty-fourth at most."""

_MARGIN = 0.9
"""Of what an upstream says that it takes: it counts otherwise than we do."""

_LIMIT = re.compile(
    r"(?i)(?:maximum|limit|max|allowed|at most|window|size)\D{0,40}?(\d{3,9})|> ?(\d{3,9})|(\d{3,9}) maximum"
)
_NUMBER = re.compile(r"\d{3,9}")


def is_too_long(fault: APIError) -> bool:
    """Whether an upstream says that the context is more than its model takes."""
    return fault.code == "context_length_exceeded"


def shortened(
    items: Sequence[Json],
    places: Sequence[int | None],
    fault: APIError,
    *,
    weights: Sequence[float],
    halve: bool,
) -> list[int] | None:
    """The indexes of what stays; None where there is nothing to leave out.

    As much goes as the fault's own figures ask for, half of the context where it has none, or where it was
    shortened by them before (`halve`). `places` say which items are the request's own, `weights` how much
    each item is.
    """
    share = 0.5 if halve else _share(fault.message)
    surplus = sum(weights) * (1 - share)
    fixed = _fixed(items, places)
    gone: set[int] = set()
    for unit in units(items):
        if surplus <= 0:
            break
        if fixed.isdisjoint(unit):
            gone.update(unit)
            surplus -= sum(weights[index] for index in unit)
    return [index for index in range(len(items)) if index not in gone] if gone else None


def units(items: Sequence[Json]) -> list[list[int]]:
    """The indexes of what belongs together, in the order of their beginnings.

    A model's turn is one unit, with the outputs that answer its calls, however far away they are.
    """
    found: list[list[int]] = []
    calls: dict[str, list[int]] = {}
    turn: list[int] | None = None
    for index, item in enumerate(items):
        call_id = item.get("call_id") or (item.get("id") if item.get("type") in ANSWERS else None)
        if not _is_said(item):
            turn = None
            answered = calls.get(call_id) if isinstance(call_id, str) else None
            if item.get("type") in ANSWERS and answered is not None:
                answered.append(index)
            else:
                found.append([index])
            continue
        if turn is None:
            turn = []
            found.append(turn)
        turn.append(index)
        if isinstance(call_id, str):
            calls[call_id] = turn
    return found


def _is_said(item: Json) -> bool:
    """Whether a model said it."""
    kind = item.get("type", "message")
    return item.get("role") == "assistant" if kind == "message" else kind not in ANSWERS


def _fixed(items: Sequence[Json], places: Sequence[int | None]) -> set[int]:
    asked = [index for index, item in enumerate(items) if item.get("role") == "user"]
    own = [index for index in asked if places[index] is not None]
    instructions = (index for index, item in enumerate(items) if item.get("role") in INSTRUCTING)
    return {*instructions, *(own or asked)[-1:], len(items) - 1}


def _share(message: str) -> float:
    """Which part of the context may stay, by the figures in a complaint such as `210000 tokens > 200000`."""
    said = message.replace(",", "")
    limit = _LIMIT.search(said)
    numbers = [int(number) for number in _NUMBER.findall(said)]
    if limit is None or not numbers:
        return 0.5
    most, given = int(next(filter(None, limit.groups()))), max(numbers)
    return max(most / given * _MARGIN, 0.1) if most < given else 0.5
