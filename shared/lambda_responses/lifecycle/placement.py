"""A response's place in its chain, held while it is made and given back when nothing comes of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.waiting import uninterrupted
from lambda_responses.storage.keyed import StoreFact
from lambda_responses.storage.responses import ResponseNotFound, TooLargeToStore
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.ids import new_response_id
from lambda_responses.wire.not_found import previous_response_not_found

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.responses import Context, Reservation, ResponseStore, StoredResponse


@dataclass(slots=True)
class Placement:
    """Where a response will be kept, if anywhere. Nothing can be read there before `commit`."""

    response_id: str
    _store: ResponseStore | None = None
    _reservation: Reservation | None = None
    committed: bool = False

    async def commit(self, stored: StoredResponse) -> None:
        """Keep the response, all of it or nothing; to the end, even if whoever waits is cancelled."""
        if self._store is not None and self._reservation is not None:
            await uninterrupted(self._commit(self._store, self._reservation, stored))

    async def _commit(self, store: ResponseStore, reservation: Reservation, stored: StoredResponse) -> None:
        await store.commit(reservation, stored)
        self.committed = True


@asynccontextmanager
async def placed(
    tenant: str, previous: Context | None, *, created_at: int, keep: bool, using: Services
) -> AsyncGenerator[Placement]:
    """Take a place after `previous` for the time of a run; without `keep`, an id and nothing else.

    Raises `InvalidRequestError` where `previous` is gone by now, or too large to be continued.
    """
    if not keep:
        yield Placement(new_response_id(epoch=created_at, thread=None, entropy=using.entropy))
        return
    store = using.responses
    reserving = asyncio.ensure_future(
        store.reserve(tenant, previous, epoch=created_at, entropy=using.entropy)
    )
    placement: Placement | None = None
    try:
        reservation = await _told(asyncio.shield(reserving), previous)
        placement = Placement(reservation.response_id, store, reservation)
        yield placement
    finally:
        if placement is None or not placement.committed:
            await uninterrupted(_give_back(store, reserving))


async def _told(reserving: asyncio.Future[Reservation], previous: Context | None) -> Reservation:
    try:
        return await reserving
    except ResponseNotFound:  # deleted since it was read
        raise previous_response_not_found(previous.chain.place.response_id if previous else "") from None
    except TooLargeToStore:
        raise too_large_to_store() from None


async def _give_back(store: ResponseStore, reserving: asyncio.Future[Reservation]) -> None:
    """Release what was, or still is being, reserved. A store that does not answer keeps the claim: a fork."""
    with suppress(StoreFact, ResponseNotFound):
        await store.release(await reserving)


def too_large_to_store() -> InvalidRequestError:
    """400: more than one response may keep."""
    message = "The input is too large to be stored. Send less of it, or set 'store' to false."
    return InvalidRequestError(message, code="input_too_large_to_store", param="input")
