"""A client's own tools, taken apart into those that models are offered and those that they look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.tools import is_deferred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.wire.json import Json


def ready(tool: Json) -> Iterator[Json]:
    """What is left of a client's tool without what of it is deferred."""
    if tool.get("type") != "namespace":
        yield from () if is_deferred(tool) else (tool,)
    elif left := [inner for inner in tool["tools"] if not is_deferred(inner)]:
        yield {**tool, "tools": left}


def deferred(tool: Json) -> Iterator[tuple[str, Json]]:
    """What of a client's tool is deferred, by what models call it; each as it is offered once it is found."""
    if tool.get("type") == "namespace":
        for inner in filter(is_deferred, tool["tools"]):
            yield f"{tool['name']}__{inner['name']}", {**tool, "tools": [_undeferred(inner)]}
    elif is_deferred(tool):
        yield tool["name"], _undeferred(tool)


def _undeferred(tool: Json) -> Json:
    return {name: value for name, value in tool.items() if name != "defer_loading"}


def as_deferred(tool: Json) -> Json:
    """The same, as items show it that tell what a search has found."""
    if tool["type"] == "namespace":
        return {**tool, "tools": [as_deferred(inner) for inner in tool["tools"]]}
    return {**tool, "defer_loading": True}


def names_of(tools: Iterable[Json]) -> Iterator[str]:
    """The names of functions as models are told of them."""
    for tool in tools:
        match tool:
            case {"type": "namespace", "name": str(namespace), "tools": [*inner]}:
                yield from (f"{namespace}__{name}" for name in names_of(inner))
            case {"type": "function" | "custom", "name": str(name)}:
                yield name
            case _:
                pass


def inner_names(tool: Json) -> Iterator[str]:
    """The names by which a namespace knows its functions, which calls of them bear too."""
    for inner in tool.get("tools") or () if tool.get("type") == "namespace" else ():
        yield inner["name"]
