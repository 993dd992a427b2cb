"""Processes that work beside a server: started with it, started again when they die, and gone when it is.

Each has a pipe from the server as its input. What comes through it means that there is something to do. That
it ends is how a process knows that the server has gone, whatever ended it: `kill -9` closes pipes as well.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from lambda_responses.runtime.logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds before a process that died is started again; each that dies young doubles them."""
YOUNG = 5.0
"""Seconds that a process has to live for its death not to look like the next one's."""
GRACE = 2.0
"""Seconds that a process has to put its work down when the server goes."""
_NUDGE = b"."
_MOST_NUDGES = 4_096
"""So many are one, if they come together."""


class Processes:
    """So many processes of one command, for as long as the context lasts."""

    def __init__(self, command: Sequence[str], count: int, environment: Mapping[str, str]) -> None:
        self._command = command
        self._count = count
        self._environment = environment
        self._keepers: list[asyncio.Task[None]] = []
        self._running: set[asyncio.subprocess.Process] = set()

    def nudge(self) -> None:
        """Tell all of them that there is something to do."""
        for process in self._running:
            assert process.stdin is not None
            process.stdin.write(_NUDGE)

    async def __aenter__(self) -> None:
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._count)]

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self) -> None:
        """Have one process running, always."""
        pause = SHORTEST_PAUSE
        while True:
            began = time.monotonic()
            status = await self._run()
            if time.monotonic() - began >= YOUNG:
                pause = SHORTEST_PAUSE
            logger.warning("worker ended", status=status)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _run(self) -> int:
        """The status of one process, when it has ended. Ends it when this is cancelled."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            env=dict(self._environment),
            process_group=0,  # Ctrl-C is for the server, which ends the others in good order
        )
        self._running.add(process)
        try:
            return await process.wait()
        finally:
            self._running.discard(process)
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), GRACE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def listen(*, nudged: Callable[[], object], left_alone: Callable[[], object]) -> None:
    """In such a process: call these, on a thread, when the server says so, and when it has gone.

    After that, seconds are left to end in.
    """

    def hear() -> None:
        with suppress(OSError):
            while os.read(0, _MOST_NUDGES):
                nudged()
        left_alone()
        time.sleep(GRACE)
        os._exit(1)

    threading.Thread(target=hear, name="server", daemon=True).start()
