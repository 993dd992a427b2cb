"""Asking a store that may falter for a moment, on behalf of a stream that has hours to go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

PAUSES = (0.1, 0.4, 1.0)
"""Seconds between tries while the store does not answer."""


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What the store answers. Raises `StoreUnavailable` where it does not for a while."""
    for pause in PAUSES:
        try:
            return await ask()
        except StoreUnavailable:
            await asyncio.sleep(pause)
    return await ask()
