"""Searching the web, as chat servers do it that can: how it is asked for, and what an answer says of it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lambda_responses.transformers.readings import members
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lambda_responses.wire.json import Json

_BINDING = frozenset({"filters.allowed_domains", "filters.blocked_domains"})
"""What must not be left out: without it the answer could rest on what the client ruled out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WebSearch:
    """How a server is told to search the web by itself."""

    tool: Mapping[str, Any] | None = None
    """The entry among `tools` that asks for it; none where members of the body do, or nothing needs to."""
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Members of the body that ask for it."""
    off: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Members of the body that rule it out, where the server would search unasked."""
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where a member of our tool goes: both are paths with dots, theirs from the tool or from the body."""
    forced: Literal["always", "required", "refused"] = "refused"
    """Whether it searches in any case, or is made to by `tool_choice: "required"`, or cannot be made to."""


def render_search(tool: Json, search: WebSearch, *, at: str) -> tuple[Json | None, Json, list[str]]:
    """The entry among the tools, the members of the body, and the paths of what found no place.

    Raises `UnsupportedError` for limits on the sources that this server cannot keep.
    """
    entry = None if search.tool is None else deepcopy(dict(search.tool))
    body = deepcopy(dict(search.body))
    dropped: list[str] = []
    for path, value in _members(tool):
        if place := search.places.get(path):
            _put(body if entry is None else entry, place.split("."), value)
        elif path in _BINDING:
            raise UnsupportedError(
                "This model's provider cannot limit a web search so.", param=f"{at}.{path}"
            )
        else:
            dropped.append(f"{at}.{path}")
    return entry, body, dropped


def _members(tool: Json) -> Iterator[tuple[str, Any]]:
    """What the tool says beside its type, by path."""
    for name, value in tool.items():
        if name in ("filters", "user_location"):
            for inner, said in members(value).items():
                if said not in (None, []):
                    yield f"{name}.{inner}", said
        elif name != "type" and value is not None:
            yield name, value


def _put(target: Json, path: list[str], value: Any) -> None:
    for step in path[:-1]:
        target = target.setdefault(step, {})
    target[path[-1]] = value
