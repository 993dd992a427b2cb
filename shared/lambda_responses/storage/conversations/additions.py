"""Items on their way into a conversation: they are there whole or not at all, and once.

Whoever adds items writes them and the head in one transaction, or where there are too many for one, in
several of which the last moves the head; each of them checks that nobody else has the lease. So a writer that
was given up for dead changes nothing any more.

Where the answer to a write is lost it may have been done all the same, and whoever is told now is told for
good. So it is written again, and where that is refused, looked for.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.storage.blobs.lifting import keep
from lambda_responses.storage.bundles import MAX_BUNDLE, TooLargeToStore
from lambda_responses.storage.conversations.leases import (
    PAUSES,
    THERE,
    ConversationLocked,
    Hold,
    insist,
    twice,
)
from lambda_responses.storage.conversations.rows import (
    Stretch,
    all_of,
    batched,
    fits,
    item_bundles,
    item_puts,
)
from lambda_responses.storage.keyed.conditions import ROW, Absent, equals
from lambda_responses.storage.keyed.port import Check, ConditionFailed, Put, StoreFact, Update
from lambda_responses.storage.records import MAX_STORED
from lambda_responses.storage.scheduling import at_once, off_the_loop, weight_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.bundles import Bundle
    from lambda_responses.storage.conversations.deletions import Deletions
    from lambda_responses.storage.conversations.leases import Leases
    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import Key, KeyedStore, Values, Write
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.ids import ConversationKey
    from lambda_responses.wire.json import Json

ADDED = frozenset({"completed", "incomplete"})
"""How a response may end so that its conversation goes on from it. What failed can be tried again."""


@dataclass(frozen=True, slots=True)
class Added:
    """Items, packed."""

    items: Sequence[Json]
    bundles: Sequence[Bundle]

    @property
    def blobs(self) -> dict[str, bytes]:
        """What they refer to, by the last part of its name."""
        return {name: data for bundle in self.bundles for name, data in bundle.blobs.items()}

    @property
    def size(self) -> int:
        """Bytes of all that."""
        in_rows = sum(len(part) for bundle in self.bundles for part in bundle.parts.values())
        return in_rows + sum(map(len, self.blobs.values()))

    def puts(self, table: TenantTable, stretch: Stretch) -> list[Put]:
        """Their rows, after that stretch."""
        return item_puts(table, stretch.conversation, stretch.upto, self.items, self.bundles)


@dataclass(frozen=True, slots=True)
class Commitment:
    """The writes of a response, which are done with what it adds to its conversation."""

    writes: Sequence[Write]
    is_done: Callable[[], Awaitable[bool]]
    """Whether they were done already, where an answer was lost."""
    fence: Sequence[Check] = ()
    """What has to hold, besides the lease, before any of the items is written: where several may make the
    response in turn, the lease is that of all of them."""


class Additions:
    """Adds items to conversations."""

    def __init__(self, store: KeyedStore, blobs: Blobs | None, leases: Leases, deletions: Deletions) -> None:
        self._store = store
        self._blobs = blobs
        self._leases = leases
        self._deletions = deletions

    async def begin(
        self,
        table: TenantTable,
        conversation: ConversationKey,
        values: Values,
        items: Sequence[Json],
        origins: Mapping[str, Json],
    ) -> None:
        """Make a conversation whose head has these values and that begins with these items.

        Where that fails nothing of it is left, for nobody knows its id. Raises `TooLargeToStore`.
        """
        added = await self._packed(items, origins, Stretch(conversation, 0))
        counted = {**values, "next": len(items), "live": len(items)}
        head = Put(table.conversation(conversation), counted, (Absent(ROW),))
        puts = added.puts(table, Stretch(conversation, 0))
        *early, last = batched(puts, beside=1)

        async def write() -> None:
            await self._keep_blobs(table, conversation, added)
            for batch in early:
                await self._transact(batch)
            if last:
                await self._transact([head, *last])
            else:
                await self._store.put(head.key, head.values, head.when)

        try:
            await settled(write, lambda: self._holds(head))
        except StoreFact:
            with suppress(StoreFact):
                await at_once(self._store.delete(put.key) for put in (head, *puts))
            if self._blobs is not None and added.blobs:
                with suppress(StoreFact):
                    await self._blobs.clear(table.conversation_blobs(conversation))
            raise

    async def append(
        self,
        table: TenantTable,
        conversation: ConversationKey,
        items: Sequence[Json],
        origins: Mapping[str, Json],
        *,
        writer: str,
    ) -> None:
        """Add items after all that is there, while nobody has the lease.

        Raises `ConversationNotFound`, `ConversationLocked`, `TooLargeToStore`.
        """
        for pause in PAUSES:
            head = self._leases.unlocked(await self._store.get(table.conversation(conversation)))
            hold = Hold(table, all_of(conversation, head), writer)
            added = await self._packed(items, origins, hold.stretch)
            first, *more = batched(added.puts(table, hold.stretch), beside=1)
            if more or added.blobs:  # whose names say where their item is to be
                await self._append_at_length(hold, added)
                return
            if await self._append(hold, added, first):
                return
            await asyncio.sleep(pause)
        raise ConversationLocked

    async def commit(
        self,
        hold: Hold,
        items: Sequence[Json],
        origins: Mapping[str, Json],
        record: Commitment,
    ) -> None:
        """Add items and do the writes of the record that is to be there when they are, and let go.

        There may be as many as the turn that they belong to may have. Raises `ConversationLocked`, and
        `ConversationNotFound` where it was deleted meanwhile; `ConditionFailed` for a write of the record, or
        its fence.
        """
        added = await self._packed(items, origins, hold.stretch, bounded=False)
        try:
            await self._add_once(hold, added, record)
        except ConditionFailed as fact:
            if fact.index:  # which the head never is
                raise
            self._leases.unlocked(fact.old)
            raise ConversationLocked from None

    async def _append(self, hold: Hold, added: Added, puts: Sequence[Put]) -> bool:
        """Add what one transaction holds, unless somebody else adds something first."""
        unchanged = (*THERE, equals("next", hold.stretch.upto), self._leases.free())
        writes = [_moved(hold.head, len(added.items), unchanged), *puts]
        try:
            await settled(lambda: self._transact(writes), lambda: self._is_there(hold, added))
        except ConditionFailed:
            return False
        return True

    async def _append_at_length(self, hold: Hold, added: Added) -> None:
        async with self._leases.held(hold):
            try:
                await self._add_once(hold, added)
            except ConditionFailed:
                raise ConversationLocked from None

    async def _add_once(
        self,
        hold: Hold,
        added: Added,
        record: Commitment | None = None,
    ) -> None:
        """Add items under a lease. Raises `ConditionFailed` where it was lost."""

        async def is_there() -> bool:
            return await self._is_there(hold, added)

        try:
            if record is None:
                await settled(lambda: self._add(hold, added), is_there)
            else:
                await settled(lambda: self._add(hold, added, record.writes, record.fence), record.is_done)
        except StoreFact:
            if added.blobs:
                with suppress(StoreFact):
                    await self._deletions.complete(hold.table, hold.stretch.conversation)
            raise

    async def _add(
        self, hold: Hold, added: Added, record: Sequence[Write] = (), fence: Sequence[Check] = ()
    ) -> None:
        await self._keep_blobs(hold.table, hold.stretch.conversation, added)
        held = [Check(hold.head, hold.mine), *fence]
        moved = [_moved(hold.head, len(added.items), hold.mine), *record]
        *early, last = batched(added.puts(hold.table, hold.stretch), beside=len(held))
        if not fits([*moved, *last]):
            early, last = [*early, last], []
        for batch in early:
            await self._transact([*held, *batch])
        await self._transact([*moved, *last])

    async def _keep_blobs(self, table: TenantTable, conversation: ConversationKey, added: Added) -> None:
        """Before the rows that refer to them."""
        if self._blobs is not None:
            scope = table.conversation_blobs(conversation)
            await keep(added.blobs, blobs=self._blobs, scope=scope, expires=None)

    async def _is_there(self, hold: Hold, added: Added) -> bool:
        """Whether these items were added where they were to be."""
        head = await self._store.get(hold.head)
        if head is None or head.values["next"] < hold.stretch.upto + len(added.items):
            return False
        return all([await self._holds(put) for put in added.puts(hold.table, hold.stretch)[-1:]])

    async def _holds(self, put: Put) -> bool:
        row = await self._store.get(put.key)
        return row is not None and row.values == put.values

    async def _packed(
        self, items: Sequence[Json], origins: Mapping[str, Json], stretch: Stretch, *, bounded: bool = True
    ) -> Added:
        """Items that are to stand after that stretch. Raises `TooLargeToStore`."""
        lifts, first = self._blobs is not None, stretch.upto
        bundles = await off_the_loop(weight_of(items), item_bundles, items, origins, first, lifts=lifts)
        added, room = Added(items, bundles), MAX_BUNDLE if lifts else MAX_STORED
        if bounded and added.size > room:
            raise TooLargeToStore(f"over {room} bytes after compression")
        return added

    async def _transact(self, writes: Sequence[Write]) -> None:
        await insist(lambda: self._store.transact(writes))


def _moved(head: Key, count: int, when: Condition) -> Update:
    """The head after so many more items; whatever lease there was is over."""
    return Update(head, add={"next": count, "live": count}, remove=("owner", "until"), when=when)


async def settled(write: Callable[[], Awaitable[None]], is_done: Callable[[], Awaitable[bool]]) -> None:
    """Write, and again where the answer was lost. Raises `ConditionFailed` for what was never done."""
    try:
        await twice(write)
    except ConditionFailed:
        if not await is_done():
            raise
