"""What OpenAI documents and this server does not offer yet: one row each.

What a native upstream does by itself is passed on to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lambda_responses.wire.json import Json

    Finder: TypeAlias = Callable[[Json], Iterator[str]]
    """Yields the params by which a well-formed request asks for something."""


def setting(name: str) -> Finder:
    """Finds a setting that is given and not false."""

    def find(request: Json) -> Iterator[str]:
        if request.get(name):
            yield name

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


NOT_YET: tuple[tuple[str, Finder], ...] = (
    ("moderation", setting("moderation")),
    ("multi-agent work", setting("multi_agent")),
    ("uploaded files", file_ids),
)
"""What is not offered, and how it is asked for."""


def check_supported(request: Json) -> None:
    """Raises `UnsupportedError`, naming the param, for the first thing that is not offered yet."""
    for what, find in NOT_YET:
        for param in find(request):
            message = f"'{param}' is not supported yet: this server does not offer {what}."
            raise UnsupportedError(message, param=param)
