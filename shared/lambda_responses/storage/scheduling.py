"""How the work of this room is spread: requests at once, and what is heavy in threads beside the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

P = ParamSpec("P")
T = TypeVar("T")

HEAVY = 100_000
"""Characters, or bytes, from which packing and reading them would be felt by other streams."""


async def at_once(requests: Iterable[Awaitable[T]], *, most: int | None = None) -> list[T]:
    """The results of requests made at once, or at `most` so many; a single one is spared the tasks."""
    match list(requests):
        case []:
            return []
        case [request]:
            return [await request]
        case several if most is None or len(several) <= most:
            return await asyncio.gather(*several)
        case several:
            turns = asyncio.Semaphore(most)
            return await asyncio.gather(*(_in_turn(request, turns) for request in several))


async def off_the_loop(weight: int, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The result of work on that many characters or bytes; in a thread where they are many."""
    if weight < HEAVY:
        return work(*arguments, **options)
    return await asyncio.to_thread(work, *arguments, **options)


def weight_of(value: Any) -> int:
    """About how many characters a JSON value takes."""
    match value:
        case str():
            return len(value)
        case dict():
            members = cast("dict[str, Any]", value)
            return sum(len(name) + weight_of(member) for name, member in members.items())
        case list() | tuple():
            return sum(map(weight_of, cast("Sequence[Any]", value)))
        case _:
            return 4


async def _in_turn(request: Awaitable[T], turns: asyncio.Semaphore) -> T:
    async with turns:
        return await request
