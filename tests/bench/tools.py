"""What tools of servers cost: to list and to call them over loopback, and to import what speaks to them."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from lambda_responses.outbound.client import Outbound
from lambda_responses.tools.servers.connections import Connections
from lambda_responses.tools.servers.server import Http, Server
from tests.bench.table import BEST, OURS, Figure
from tests.fakes.mcp_servers.serving import serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

LIMIT = 12.0
"""Milliseconds for a list and a call."""

_ROUNDS = 60
_WARMUP = 10
_STARTS = 5
_AT_ONCE = 8
_IMPORT = """
import time
import lambda_responses.lifecycle.create, lambda_responses.tools.servers.connections
started = time.process_time()
import mcp
print(time.process_time() - started)
"""


def figures() -> Sequence[Figure]:
    """Medians; a connection is new where nothing else is said, as each response has its own."""
    imports = [_import_seconds() for _ in range(_STARTS + 1)][1:]  # the first one wrote the byte code
    with serving() as current, serving("session") as older:
        measures = asyncio.run(_measured(_server(current.url), _server(older.url)))
    lines = [
        Figure(name, {OURS: statistics.median(taken), BEST: min(taken)}, "ms", limit)
        for name, (taken, limit) in measures.items()
    ]
    best = {OURS: statistics.median(imports), BEST: min(imports)}
    return [*lines, Figure("import of the SDK, by the first of a process", best, "s")]


def _server(url: str) -> Server:
    return Server(label="tools", where=Http(url), operators=True)


async def _measured(current: Server, older: Server) -> dict[str, tuple[list[float], float | None]]:
    outbound = Outbound()

    async def at_once() -> None:
        await asyncio.gather(*(_call(kept, current) for _ in range(_AT_ONCE)))

    async with Connections(outbound) as kept:
        await _list_and_call(kept, current)
        return {
            "list and one call": (await _times(lambda: _alone(outbound, current)), LIMIT),
            "list and one call, in a session": (await _times(lambda: _alone(outbound, older)), None),
            "one call over a connection that is there": (await _times(lambda: _call(kept, current)), None),
            f"{_AT_ONCE} calls at once over it": (await _times(at_once), None),
        }


async def _times(once: Callable[[], Awaitable[object]]) -> list[float]:
    """Milliseconds of each time."""
    taken: list[float] = []
    for _ in range(_ROUNDS + _WARMUP):
        began = time.perf_counter()
        await once()
        taken.append((time.perf_counter() - began) * 1000)
    return taken[_WARMUP:]


async def _alone(outbound: Outbound, server: Server) -> None:
    async with Connections(outbound) as connections:
        await _list_and_call(connections, server)


async def _list_and_call(connections: Connections, server: Server) -> None:
    if not await connections.list_tools(server):
        raise RuntimeError("the server of tools has none")
    await _call(connections, server)


async def _call(connections: Connections, server: Server) -> None:
    outcome = await connections.call(server, "add", {"a": 1, "b": 2})
    if outcome.output != "3":
        raise RuntimeError(f"a call came to {outcome}")


def _import_seconds() -> float:
    run = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
    return float(run.stdout)
