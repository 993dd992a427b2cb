"""A beat that goes on for as long as something is held, such as a lease that somebody else may wait for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable


@asynccontextmanager
async def beating(beat: Callable[[], Awaitable[None]], *, every: float) -> AsyncGenerator[None]:
    """Call `beat` every so many seconds until the block is left; one that fails is the last."""

    async def go_on() -> None:
        while True:
            await asyncio.sleep(every)
            await beat()

    beating = asyncio.ensure_future(go_on())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
