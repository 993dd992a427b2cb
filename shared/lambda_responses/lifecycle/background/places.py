"""A tenant's places for background responses that are made at one time, where a deployment limits them."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.lifecycle.background.watch import Beat
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.background.slots import Slot


@asynccontextmanager
async def place_for(tenant: str, using: Services, owner: str) -> AsyncGenerator[Sequence[Beat] | None]:
    """What has to be done to go on having one of the places that a tenant has; None where all are taken."""
    most = using.tenant_concurrency
    if not most:
        yield ()
        return
    slot = await using.slots.take(tenant, most, owner)
    if slot is None:
        yield None
        return
    try:
        yield (lambda: _renewed(slot, using),)
    finally:
        with suppress(StoreUnavailable):  # it lapses
            await using.slots.release(slot)


async def _renewed(slot: Slot, using: Services) -> None:
    await using.slots.renew(slot)
