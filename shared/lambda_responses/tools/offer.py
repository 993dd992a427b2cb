"""A request as the targets of one step get it: with functions in the place of servers, and its choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.wire.json import Json

_OURS = frozenset({"bounds", "tools", "tool_choice"})
"""Members that targets do not get as the client sent them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the targets of one step are asked."""

    request: Json
    places: Sequence[int | None] | None = None
    """By tool of that request, its place in the client's; None of all where they are the same."""


def asked_of_targets(request: Json, tools: Sequence[Json], choice: Any) -> Asked:
    """The request with those tools, some of which are its own, and that choice among them."""
    asked: Json = {name: value for name, value in request.items() if name not in _OURS}
    if tools:
        asked["tools"] = tools
        if choice is not None:
            asked["tool_choice"] = choice
    own = {id(tool): place for place, tool in enumerate(request.get("tools") or ())}
    return Asked(asked, [own.get(id(tool)) for tool in tools])
