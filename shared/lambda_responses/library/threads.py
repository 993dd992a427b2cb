"""Threads as trees: listed, exported as JSON Lines, and imported into another store.

Any response can be continued more than once, so that what stands on one first response is a tree. OpenAI's
API has no route for that; these functions, and `python -m lambda_responses threads`, read all of it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING

from lambda_responses.library.engine import crossing_to, wait_for
from lambda_responses.library.hooks import CallRecord, observed, record_about
from lambda_responses.library.objects import JsonObject
from lambda_responses.lifecycle import thread_moves, threads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable

    from lambda_responses.library.home import Home

    Export = AsyncGenerator[str, None]

AT_ONCE = 8
"""Lines that cross over at a time."""


def list_thread(response_id: str) -> JsonObject:
    """The tree that a response is part of. Raises `NotFoundError`.

    `.data` is a list of turns, each continuing the one before it, with `.id`, `.previous_response_id`,
    `.created_at`, `.expires_at`, `.status` (`deleted` where others stand on it), `.model`, `.preview`, and
    `.forks`: more such lists, each beginning with another continuation of that turn.
    """
    return wait_for(lambda home: _listed(home, response_id))


async def alist_thread(response_id: str) -> JsonObject:
    """`list_thread`, for a coroutine."""
    return await crossing_to(lambda home: _listed(home, response_id))


def export_thread(response_id: str, *, origins: bool = True) -> Generator[str, None, None]:
    """The tree as JSON Lines, one response each and none before what it stands on. Raises `NotFoundError`.

    `origins=False` leaves out what providers gave for themselves alone, such as signed reasoning.
    """
    export, lines = wait_for(lambda home: _opened(home, response_id, origins))
    try:
        while lines:
            yield from lines
            lines = wait_for(lambda home: _next_lines(export))
    finally:
        wait_for(lambda home: export.aclose())


async def aexport_thread(response_id: str, *, origins: bool = True) -> AsyncGenerator[str, None]:
    """`export_thread`, for a coroutine."""
    export, lines = await crossing_to(lambda home: _opened(home, response_id, origins))
    try:
        while lines:
            for line in lines:
                yield line
            lines = await crossing_to(lambda home: _next_lines(export))
    finally:
        await crossing_to(lambda home: export.aclose())


def import_thread(lines: Iterable[str | bytes]) -> JsonObject:
    """Keep what was exported, and tell how many responses were `.imported` and how many `.present` before.

    Ids, chains and forks stay as they were; what is kept expires as if it had been made now. An import may be
    run again. Raises `BadRequestError`, which names the line that cannot be kept; those before it are kept.
    """
    return wait_for(lambda home: _imported(home, lines))


async def aimport_thread(lines: Iterable[str | bytes]) -> JsonObject:
    """`import_thread`, for a coroutine."""
    return await crossing_to(lambda home: _imported(home, lines))


async def _listed(home: Home, response_id: str) -> JsonObject:
    async with observed(record_about("list_thread", response_id)) as record:
        found = await threads.list_thread(response_id, principal=home.principal, using=home.services)
        record.response = shown = JsonObject(found)
    return shown


async def _opened(home: Home, response_id: str, origins: bool) -> tuple[Export, list[str]]:
    export = _exported(home, response_id, origins)
    return export, await _next_lines(export)


async def _exported(home: Home, response_id: str, origins: bool) -> Export:
    async with observed(record_about("export_thread", response_id, streamed=True, origins=origins)):
        export = thread_moves.export_thread(
            response_id, origins=origins, principal=home.principal, using=home.services
        )
        async with aclosing(export) as lines:
            async for line in lines:
                yield line


async def _next_lines(export: Export) -> list[str]:
    lines: list[str] = []
    async for line in export:
        lines.append(line)
        if len(lines) == AT_ONCE:
            break
    return lines


async def _imported(home: Home, lines: Iterable[str | bytes]) -> JsonObject:
    async with observed(CallRecord("import_thread", {})) as record:
        found = await thread_moves.import_thread(
            read_elsewhere(lines), principal=home.principal, using=home.services
        )
        record.response = shown = JsonObject(found)
    return shown


async def read_elsewhere(lines: Iterable[str | bytes]) -> AsyncGenerator[str | bytes, None]:
    """Lines whose source may block: a file, a pipe, another store. It is read in a thread, some at a time."""
    source = iter(lines)
    while some := await asyncio.to_thread(lambda: list(islice(source, AT_ONCE))):
        for line in some:
            yield line
