"""A response's place in a conversation, which is held for it alone while it is made."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.heartbeat import beating
from lambda_responses.lifecycle.placement import Placement
from lambda_responses.lifecycle.waiting import uninterrupted
from lambda_responses.storage.conversations.additions import ADDED
from lambda_responses.storage.conversations.store import ConversationLocked, ConversationNotFound
from lambda_responses.storage.keyed.port import StoreFact, StoreUnavailable
from lambda_responses.wire.conversations import conversation_locked
from lambda_responses.wire.not_found import conversation_not_found

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.conversations.store import ConversationContext, ConversationStore, Hold
    from lambda_responses.storage.responses import Reservation, ResponseStore, StoredResponse
    from lambda_responses.wire.json import Event

RENEWED_EVERY = 20.0
"""Seconds. The lease on a conversation lasts for three of these: two may be missed."""


@asynccontextmanager
async def placed_in(
    tenant: str, context: ConversationContext, *, created_at: int, using: Services, until: float = 0
) -> AsyncGenerator[Placement]:
    """A place at the start of a thread of its own, which stands on what was said in the conversation.

    Raises `APIError` where the conversation is gone by now or somebody else adds to it; so does a commit.
    """
    responses, conversations = using.responses, using.conversations
    reservation = await responses.reserve(
        tenant, None, epoch=created_at, entropy=using.entropy, stretch=context.stretch, until=until
    )
    locking = asyncio.ensure_future(conversations.lock(tenant, context, reservation.response_id))
    placement: Placement | None = None
    try:
        with _told(context.id):
            hold = await asyncio.shield(locking)
        keep = partial(_keep_in, conversations, responses, hold, reservation, context.id)
        placement = Placement(reservation.response_id, keep, reservation=reservation, hold=hold)
        async with beating(partial(_renew, conversations, hold), every=RENEWED_EVERY):
            yield placement
    finally:
        if placement is None or not placement.committed:
            await uninterrupted(_unlock(conversations, locking))
            await uninterrupted(_give_back(responses, reservation))


@contextmanager
def _told(id: str) -> Generator[None]:
    try:
        yield
    except ConversationNotFound:  # deleted since it was read
        raise conversation_not_found(id) from None
    except ConversationLocked:
        raise conversation_locked() from None


async def _renew(conversations: ConversationStore, hold: Hold) -> None:
    """Go on holding it; where the store does not answer, there is time for another try."""
    with suppress(StoreUnavailable):
        await conversations.renew(hold)


async def _unlock(conversations: ConversationStore, locking: asyncio.Future[Hold]) -> None:
    """Let others have what was, or still is being, locked. Where the store does not answer, it lapses."""
    with suppress(StoreFact):
        await conversations.release(await locking)


async def _give_back(responses: ResponseStore, reservation: Reservation) -> None:
    """Leave nothing of a response that came to nothing; what stays without the store's answer expires."""
    with suppress(StoreFact):
        await responses.release(reservation)


async def _keep_in(
    conversations: ConversationStore,
    responses: ResponseStore,
    hold: Hold,
    reservation: Reservation,
    id: str,
    stored: StoredResponse,
    ending: Sequence[Event],
) -> None:
    """Keep the response and what it adds to its conversation, at one instant."""
    record = await responses.prepare(reservation, stored)
    ended = stored.response
    added = [*stored.input, *ended["output"]] if ended["status"] in ADDED else []
    with _told(id):
        await conversations.commit(hold, added, stored.origins, record=record)
