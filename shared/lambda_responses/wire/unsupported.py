"""What OpenAI documents and this server does not offer yet: one row each.

A row is a param and how to find it in a well-formed request. What a native upstream does by itself is passed
on to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class Absent:
    """Something that is not offered yet."""

    what: str
    find: Callable[[Json], Iterator[str]]
    """Where a request asks for it: the paths of the params."""
    native_does_it: bool


def setting(name: str) -> Callable[[Json], Iterator[str]]:
    """Finds a setting that is given and not false."""

    def find(request: Json) -> Iterator[str]:
        if request.get(name):
            yield name

    return find


def tools_of_type(kind: str) -> Callable[[Json], Iterator[str]]:
    """Finds tools of a type."""

    def find(request: Json) -> Iterator[str]:
        for index, tool in enumerate(request.get("tools", [])):
            if tool.get("type") == kind:
                yield f"tools[{index}]"

    return find


def items_of_type(kind: str) -> Callable[[Json], Iterator[str]]:
    """Finds input items of a type."""

    def find(request: Json) -> Iterator[str]:
        for index, item in enumerate(request["input"]):
            if item["type"] == kind:
                yield f"input[{index}]"

    return find


def file_ids(request: Json) -> Iterator[str]:
    """Finds files and images that name an uploaded file."""
    for index, item in enumerate(request["input"]):
        for member in ("content", "output"):
            held: Any = item.get(member)
            if isinstance(held, dict) and cast("Json", held).get("file_id"):
                yield f"input[{index}].{member}.file_id"
            for at, part in enumerate(cast("list[Any]", held) if isinstance(held, list) else []):
                if isinstance(part, dict) and cast("Json", part).get("file_id"):
                    yield f"input[{index}].{member}[{at}].file_id"


NOT_YET: tuple[Absent, ...] = (
    Absent("background responses", setting("background"), native_does_it=False),
    Absent("background options", setting("background_options"), native_does_it=False),
    Absent("moderation", setting("moderation"), native_does_it=True),
    Absent("context management", setting("context_management"), native_does_it=True),
    Absent("multi-agent work", setting("multi_agent"), native_does_it=True),
    Absent("MCP tools", tools_of_type("mcp"), native_does_it=True),
    Absent("compaction on request", items_of_type("compaction_trigger"), native_does_it=True),
    Absent("uploaded files", file_ids, native_does_it=True),
)


def check_supported(request: Json, *, native: bool) -> None:
    """Raises `UnsupportedError`, naming the param, for the first thing that is not offered yet."""
    for absent in NOT_YET:
        if native and absent.native_does_it:
            continue
        for param in absent.find(request):
            message = f"'{param}' is not supported yet: this server does not offer {absent.what}."
            raise UnsupportedError(message, param=param)
