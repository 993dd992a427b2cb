"""A tenant's slots for background responses that are made at one time, where a deployment limits them."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.lifecycle.background.watch import Beat
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.background.slots import Slot

CROWDED_FOR = 10.0
"""Seconds after which a slot is looked for again, where nobody knows how many wait. By chance up to three
times as long: all of them would come at once."""


@asynccontextmanager
async def slot_for(tenant: str, using: Services, owner: str) -> AsyncGenerator[Sequence[Beat] | None]:
    """What has to be done to go on having one of a tenant's slots; None where all are taken."""
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


def until_one_is_free(tenant: str, using: Services) -> float:
    """Seconds for which somebody waits who found none."""
    if using.slots.turns is not None:
        return using.slots.turns.next(tenant)
    return CROWDED_FOR * (1 + 2 * int(using.entropy(4), 16) / 0xFFFF)


async def _renewed(slot: Slot, using: Services) -> None:
    await using.slots.renew(slot)
