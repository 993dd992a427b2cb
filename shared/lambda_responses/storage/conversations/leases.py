"""One writer at a time: the lease on a conversation's head."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from lambda_responses.storage.keyed.conditions import Absent, AnyOf, Compare, equals
from lambda_responses.storage.keyed.port import (
    ConditionFailed,
    StoreFact,
    StoreUnavailable,
    Update,
    WriteConflict,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from lambda_responses.storage.conversations.rows import Stretch
    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import Key, KeyedStore, Row
    from lambda_responses.storage.table import TenantTable

LEASE = 60
"""Seconds for which whoever adds items has a conversation for itself, unless it asks for more in time."""
PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds to wait before writing again what another writer was in the way of."""
THERE: Condition = (Absent("gone"),)

ResultT = TypeVar("ResultT")


class ConversationNotFound(StoreFact):
    """No such conversation: never made, deleted, or another tenant's. All look the same."""


class ConversationLocked(StoreFact):
    """Somebody else is adding to it, or has just done so."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A lease on a conversation, and where its holder adds items: after all that it has read."""

    table: TenantTable
    stretch: Stretch
    owner: str

    @property
    def head(self) -> Key:
        """The row that the lease is on."""
        return self.table.conversation(self.stretch.conversation)

    @property
    def mine(self) -> Condition:
        """What holds as long as it does."""
        return (equals("owner", self.owner),)


def freed(hold: Hold) -> Update:
    """Hold it no more."""
    return Update(hold.head, remove=("owner", "until"), when=hold.mine)


class Leases:
    """Takes them."""

    def __init__(self, store: KeyedStore, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    async def take(self, hold: Hold) -> None:
        """Raises `ConversationLocked`, also where something was added since, and `ConversationNotFound`."""
        ours = AnyOf((equals("owner", hold.owner), *self.free().tests))
        when = (*THERE, equals("next", hold.stretch.upto), ours)
        values = {"owner": hold.owner, "until": self._until()}
        try:
            await twice(lambda: insist(lambda: self._store.update(hold.head, set=values, when=when)))
        except ConditionFailed as fact:
            self.unlocked(fact.old)
            raise ConversationLocked from None

    async def renew(self, hold: Hold) -> None:
        """Raises `ConversationLocked` where somebody else has it by now."""
        try:
            await insist(lambda: self._store.update(hold.head, set={"until": self._until()}, when=hold.mine))
        except ConditionFailed:
            raise ConversationLocked from None

    async def release(self, hold: Hold) -> None:
        """Let others have it. Safe after a write of unknown outcome."""
        with suppress(ConditionFailed):  # It ended with what was added, lapsed, or the conversation is gone.
            await insist(lambda: self._store.update(hold.head, remove=freed(hold).remove, when=hold.mine))

    @asynccontextmanager
    async def held(self, hold: Hold) -> AsyncGenerator[None]:
        """Have it for the time of a block. Raises like `take`."""
        await self.take(hold)
        try:
            yield
        finally:
            with suppress(StoreUnavailable):  # It lapses, and what was done is done.
                await self.release(hold)

    def unlocked(self, head: Row | None) -> Row:
        """The head, where somebody may add to it. Raises `ConversationNotFound`, `ConversationLocked`."""
        if head is None or "gone" in head.values:
            raise ConversationNotFound
        if "owner" in head.values and head.values["until"] > self._now():
            raise ConversationLocked
        return head

    def free(self) -> AnyOf:
        """Holds where nobody has the lease, or it has lapsed."""
        return AnyOf((Absent("owner"), Compare("until", "<=", self._now())))

    def _until(self) -> int:
        return math.ceil(self._now() + LEASE)


async def insist(write: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Do it again while another writer is in the way. Raises `WriteConflict` where it stays there."""
    for pause in PAUSES:
        try:
            return await write()
        except WriteConflict:
            await asyncio.sleep(pause)
    return await write()


async def twice(write: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Do what may be done twice again where it is not known whether it was done."""
    try:
        return await write()
    except StoreUnavailable:
        return await write()
