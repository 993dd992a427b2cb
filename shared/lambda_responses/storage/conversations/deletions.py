"""What becomes of a deleted conversation's items, and of the blobs that they refer to.

Responses that were made in it refer to its items. So those stay for as long as such a response may, and then
expire; their blobs are moved to where blobs expire. Where deleting is to erase, all goes at once.

Nobody else has anything in a conversation's scope, so it is cleared at the end, whoever put there what. A
writer that comes after that finds the conversation gone, and clears it again.

Everything here can be done twice, and by several at a time: a delete that was cut short is taken up again by
the next.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

from lambda_responses.storage.blobs.lifting import AT_ONCE
from lambda_responses.storage.bundles import references
from lambda_responses.storage.conversations.leases import ConversationNotFound, insist
from lambda_responses.storage.conversations.rows import items_in
from lambda_responses.storage.keyed.port import ConditionFailed
from lambda_responses.storage.scheduling import at_once
from lambda_responses.wire.ids import ThreadKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore, Row, Values
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.ids import ConversationKey


class Deletions:
    """Deletes them. `retention`, in seconds, is for how long responses that refer to them may stay."""

    def __init__(
        self,
        store: KeyedStore,
        blobs: Blobs | None,
        *,
        now: Callable[[], float],
        retention: float,
        erases: bool,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._now = now
        self._retention = retention
        self._erases = erases

    async def delete(self, table: TenantTable, conversation: ConversationKey) -> None:
        """Have it gone for everybody at once, and then all of it. Raises `ConversationNotFound`."""
        head, lost = table.conversation(conversation), ("meta", "owner", "until")
        try:
            await insist(lambda: self._store.update(head, set={"gone": True}, remove=lost))
        except ConditionFailed:
            raise ConversationNotFound from None
        await self._finish(table, conversation)

    async def complete(self, table: TenantTable, conversation: ConversationKey) -> None:
        """Where it has ended, or is about to, take along what was written for it meanwhile."""
        head = await self._store.get(table.conversation(conversation))
        if head is None or "gone" in head.values:
            await self._finish(table, conversation)

    async def _finish(self, table: TenantTable, conversation: ConversationKey) -> None:
        """Its head goes last: until then to delete it again takes up what was cut short."""
        head = table.conversation(conversation)
        found = await self._store.query(table.whole_conversation(conversation))
        rows = [row for row in found if row.key != head]
        if self._erases:
            await at_once(self._store.delete(row.key) for row in rows)
        else:
            await self._let_expire(rows, table, conversation)
        if self._blobs is not None:
            await self._blobs.clear(table.conversation_blobs(conversation))
        await self._store.delete(head)

    async def _let_expire(
        self, rows: Sequence[Row], table: TenantTable, conversation: ConversationKey
    ) -> None:
        """Give the rows of items an end, and copy what they refer to where blobs have one.

        What was left of items that are no more is removed.
        """
        expires = math.ceil(self._now() + self._retention)
        scope, onward = table.conversation_blobs(conversation), _resting_place(table, conversation)
        items = items_in(rows)
        names = {name for item in items for name in references(item.rows)}
        if self._blobs is not None:
            copies = (_copy(self._blobs, name, scope, onward, expires) for name in names)
            await at_once(copies, most=AT_ONCE)
        kept = {row.key for item in items for row in item.rows}
        ending = {"ttl": expires, **({"at": onward} if names else {})}
        await at_once(self._end(row, ending if row.key in kept else None) for row in rows)

    async def _end(self, row: Row, ending: Values | None) -> None:
        if ending is None:
            await self._store.delete(row.key)
            return
        with suppress(ConditionFailed):  # It was deleted meanwhile.
            await self._store.update(row.key, set=ending)


def _resting_place(table: TenantTable, conversation: ConversationKey) -> str:
    """The scope in which blobs of a deleted conversation expire."""
    return table.blobs(ThreadKey(conversation[:24]))


async def _copy(blobs: Blobs, name: str, scope: str, onward: str, expires: int) -> None:
    data = await blobs.get(f"{scope}/{name}")
    if data is not None:  # or it has been moved already
        await blobs.put(f"{onward}/{name}", data, expires=expires)
