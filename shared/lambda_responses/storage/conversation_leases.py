"""One writer at a time: the lease on a conversation's head, and what is added under it.

Whoever adds items writes them and the head in one transaction, or where there are too many for one, in
several of which the last moves the head; each of them checks that nobody else has the lease. So what is added
is there whole or not at all, and a writer that was given up for dead changes nothing any more.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from lambda_responses.storage.conditions import Absent, AnyOf, Compare, equals
from lambda_responses.storage.conversation_rows import Stretch, batched, item_puts
from lambda_responses.storage.keyed import Check, ConditionFailed, StoreFact, Update, WriteConflict
from lambda_responses.storage.lifting import keep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lambda_responses.storage.blobs import Blobs
    from lambda_responses.storage.bundles import Bundle
    from lambda_responses.storage.conditions import Condition
    from lambda_responses.storage.keyed import Key, KeyedStore, Put, Row, Write
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.ids import ConversationKey
    from lambda_responses.wire.json import Json

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


@dataclass(frozen=True, slots=True)
class Added:
    """Items on their way into a conversation, packed."""

    items: Sequence[Json]
    bundles: Sequence[Bundle]

    @property
    def blobs(self) -> dict[str, bytes]:
        """What they refer to, by SHA-256."""
        return {name: data for bundle in self.bundles for name, data in bundle.blobs.items()}

    def puts(self, table: TenantTable, stretch: Stretch) -> list[Put]:
        """Their rows, after that stretch."""
        return item_puts(table, stretch.conversation, stretch.upto, self.items, self.bundles)


class Leases:
    """Takes them, and writes under them."""

    def __init__(self, store: KeyedStore, blobs: Blobs | None, now: Callable[[], float]) -> None:
        self._store = store
        self._blobs = blobs
        self._now = now

    async def take(self, hold: Hold) -> None:
        """Raises `ConversationLocked`, also where something was added since, and `ConversationNotFound`."""
        ours = AnyOf((equals("owner", hold.owner), *self.free().tests))
        when = (*THERE, equals("next", hold.stretch.upto), ours)
        values = {"owner": hold.owner, "until": self._until()}
        try:
            await insist(lambda: self._store.update(hold.head, set=values, when=when))
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
            await insist(lambda: self._store.update(hold.head, remove=("owner", "until"), when=hold.mine))

    async def add(self, hold: Hold, added: Added, record: Put | None = None) -> None:
        """Add items, with a row that is to be there when they are, and let go.

        Raises `ConditionFailed`, of index 0 where the record is there already.
        """
        await self.keep_blobs(hold.table, hold.stretch.conversation, added)
        with_it = [] if record is None else [record]
        *early, last = batched(added.puts(hold.table, hold.stretch), beside=1 + len(with_it))
        for batch in early:
            await self.transact([Check(hold.head, hold.mine), *batch])
        await self.transact([*with_it, moved(hold.head, len(added.items), hold.mine), *last])

    async def keep_blobs(self, table: TenantTable, conversation: ConversationKey, added: Added) -> None:
        """Before the rows that refer to them."""
        if self._blobs is not None:
            scope = table.conversation_blobs(conversation)
            await keep(added.blobs, blobs=self._blobs, scope=scope, expires=None)

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

    async def transact(self, writes: Sequence[Write]) -> None:
        """See `KeyedStore`."""
        await insist(lambda: self._store.transact(writes))

    def _until(self) -> int:
        return math.ceil(self._now() + LEASE)


def moved(head: Key, count: int, when: Condition) -> Update:
    """The head after so many more items; whatever lease there was is over."""
    return Update(head, add={"next": count, "live": count}, remove=("owner", "until"), when=when)


async def insist(write: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Do it again while another writer is in the way. Raises `WriteConflict` where it stays there."""
    for pause in PAUSES:
        try:
            return await write()
        except WriteConflict:
            await asyncio.sleep(pause)
    return await write()
