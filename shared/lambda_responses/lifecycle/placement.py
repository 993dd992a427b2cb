"""A response's place in its chain, held while it is made and given back when nothing comes of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.waiting import uninterrupted
from lambda_responses.storage.keyed.port import StoreFact
from lambda_responses.storage.responses import ResponseNotFound, TooLargeToStore
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.ids import new_response_id
from lambda_responses.wire.not_found import previous_response_not_found

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from typing import TypeAlias

    from lambda_responses.lifecycle.known import Known
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.conversations.leases import Hold
    from lambda_responses.storage.responses import Context, Reservation, ResponseStore, StoredResponse
    from lambda_responses.wire.json import Event

    Keep: TypeAlias = Callable[[StoredResponse, Sequence[Event]], Awaitable[None]]


@dataclass(slots=True)
class Placement:
    """Where a response will be kept, if anywhere. Nothing can be read there before `commit`."""

    response_id: str
    _keep: Keep | None = None
    committed: bool = False
    request: str | None = None
    """The name of the request that the response alone answers."""
    reservation: Reservation | None = None
    """What is taken in the store, where the response will be kept."""
    hold: Hold | None = None
    """What is taken of a conversation, where the response adds to one."""

    async def commit(self, stored: StoredResponse, ending: Sequence[Event]) -> None:
        """Keep the response, all of it or nothing; to the end, even if whoever waits is cancelled.

        `ending` are the events that no sink has been given yet, the terminal one last: who logs events keeps
        them in the same write.
        """
        if self._keep is not None:
            await uninterrupted(self._commit(self._keep, stored, ending))

    async def _commit(self, keep: Keep, stored: StoredResponse, ending: Sequence[Event]) -> None:
        await keep(replace(stored, request=self.request), ending)
        self.committed = True


@asynccontextmanager
async def placed(
    tenant: str, known: Known, *, created_at: int, keep: bool, using: Services, until: float = 0
) -> AsyncGenerator[Placement]:
    """Take a place after what is known for the time of a run; without `keep`, an id and nothing else.

    What is kept there does not expire before `until`, in seconds since 1970.

    Raises `APIError` where the previous response is gone by now, or too large to be continued, and where
    somebody else adds to the conversation.
    """
    if not keep:
        yield Placement(new_response_id(epoch=created_at, thread=None, entropy=using.entropy))
        return
    if known.conversation is None:
        taken = placed_after(tenant, known, created_at=created_at, using=using, until=until)
    else:
        from lambda_responses.lifecycle.conversing import placed_in  # which few requests need

        taken = placed_in(tenant, known.conversation, created_at=created_at, using=using, until=until)
    async with taken as placement:
        yield placement


@asynccontextmanager
async def placed_after(
    tenant: str, known: Known, *, created_at: int, using: Services, until: float = 0
) -> AsyncGenerator[Placement]:
    """Take a place after what is known. To a conversation nothing is added. Raises like `placed`."""
    store, previous = using.responses, known.previous
    stretch = None if known.conversation is None else known.conversation.stretch
    reserving = asyncio.ensure_future(
        store.reserve(tenant, previous, epoch=created_at, entropy=using.entropy, stretch=stretch, until=until)
    )
    placement: Placement | None = None
    try:
        reservation = await _told(asyncio.shield(reserving), previous)
        placement = Placement(
            reservation.response_id, partial(_keep, store, reservation), reservation=reservation
        )
        yield placement
    finally:
        if placement is None or not placement.committed:
            await uninterrupted(_give_back(store, reserving))


async def _keep(
    store: ResponseStore, reservation: Reservation, stored: StoredResponse, ending: Sequence[Event]
) -> None:
    """Keep what a foreground run came to. Its events are kept nowhere."""
    await store.commit(reservation, stored)


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
