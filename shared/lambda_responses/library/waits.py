"""How long a call waits for a model."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lambda_responses.library.exceptions import Timeout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def within(seconds: float | None) -> AsyncGenerator[None]:
    """Raises `Timeout` where that takes longer; None waits as long as it takes."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise Timeout(f"The model did not answer within {seconds:g} s.") from None
