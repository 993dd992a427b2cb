"""How the work of this room is spread: requests at once, and what is heavy in threads beside the loop."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

P = ParamSpec("P")
T = TypeVar("T")

HEAVY = 100_000
"""Characters, or bytes, from which packing and reading them would be felt by other streams."""


async def at_once(requests: Iterable[Awaitable[T]], *, most: int | None = None) -> list[T]:
    """The results of requests made at once, or at `most` so many; a single one is spared the tasks.

    Where one fails, those under way are waited for and no other begins: nothing happens once this has ended.
    """
    match list(requests):
        case []:
            return []
        case [request]:
            return [await request]
        case several:
            return await _in_turns(several, min(most or len(several), len(several)))


async def off_the_loop(weight: int, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The result of work on that many characters or bytes; in a thread where they are many."""
    if weight < HEAVY:
        return work(*arguments, **options)
    return await asyncio.to_thread(work, *arguments, **options)


def weight_of(value: Any, most: float = math.inf) -> int:
    """About how many characters a JSON value takes; from `most` on, nobody counts."""
    weight, left = 0, [value]
    while left and weight < most:
        match one := left.pop():
            case str():
                weight += len(one)
            case dict():
                members = cast("dict[str, Any]", one)
                weight += sum(map(len, members))
                left += members.values()
            case list() | tuple():
                left += cast("Sequence[Any]", one)
            case _:
                weight += 4
    return weight


async def _in_turns(requests: Sequence[Awaitable[T]], most: int) -> list[T]:
    left = iter(enumerate(requests))
    results: dict[int, T] = {}

    async def take() -> None:
        try:
            for place, request in left:
                results[place] = await request
        except BaseException:
            for _, request in left:
                asyncio.ensure_future(request).cancel()
            raise

    for fault in await asyncio.gather(*(take() for _ in range(most)), return_exceptions=True):
        if fault is not None:
            raise fault
    return [results[place] for place in range(len(requests))]
