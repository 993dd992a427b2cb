"""Conversations, on any keyed store: items in an order, to which one writer at a time adds.

A response that is made in a conversation holds its lease for as long as that takes, and its record is written
together with the items that it adds. See `leases` for how that is one, `additions` for how items come there
whole and once, `deletions` for what a delete leaves, `rows` for the rows.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lambda_responses.storage.blobs.lifting import MediaMissing
from lambda_responses.storage.bundles import read_bundles, references
from lambda_responses.storage.codec import pack
from lambda_responses.storage.conversations.additions import Additions, Commitment
from lambda_responses.storage.conversations.deletions import Deletions
from lambda_responses.storage.conversations.leases import (
    THERE,
    ConversationLocked,
    ConversationNotFound,
    Hold,
    Leases,
    insist,
)
from lambda_responses.storage.conversations.rows import all_of, head_values, items_in, metadata_in
from lambda_responses.storage.keyed.conditions import Present
from lambda_responses.storage.keyed.port import ConditionFailed, Delete, Update
from lambda_responses.storage.records import ItemNotFound, Shown
from lambda_responses.storage.scheduling import at_once
from lambda_responses.storage.table import TenantTable, seq_of
from lambda_responses.wire.ids import conversation_key_of, new_conversation_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.conversations.rows import KeptItem, Stretch
    from lambda_responses.storage.keyed.port import Key, KeyedStore, Put, Row
    from lambda_responses.wire.ids import ConversationKey, Entropy
    from lambda_responses.wire.json import Json

__all__ = [
    "Conversation",
    "ConversationContext",
    "ConversationLocked",
    "ConversationNotFound",
    "ConversationStore",
    "Hold",
]

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation without its items."""

    id: str
    created: int
    """Seconds since 1970."""
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ConversationContext:
    """All that was said in a conversation, oldest first."""

    id: str
    items: Sequence[Json]
    origins: Mapping[str, Json]
    stretch: Stretch
    """The same, as the chain of a response refers to it."""


class ConversationStore:
    """Keeps conversations, until they are deleted. Every method may raise `StoreUnavailable`, and those that
    name a conversation `ConversationNotFound`; tenants come from credentials only.
    """

    def __init__(
        self,
        store: KeyedStore,
        *,
        blobs: Blobs | None = None,
        now: Callable[[], float] = time.time,
        retention_days: float = 30,
        delete_mode: Literal["keep", "erase"] = "keep",
    ) -> None:
        """With `erase` the items of a deleted conversation go with it. Else they stay for as long as
        responses that were made in it may, `retention_days`.
        """
        self._store = store
        self._blobs = blobs
        self._now = now
        retention, erases = retention_days * DAY, delete_mode == "erase"
        self._deletions = Deletions(store, blobs, now=now, retention=retention, erases=erases)
        self._leases = Leases(store, now)
        self._additions = Additions(store, blobs, self._leases, self._deletions)

    async def create(
        self,
        tenant: str,
        metadata: Mapping[str, str],
        items: Sequence[Json] = (),
        origins: Mapping[str, Json] | None = None,
        *,
        entropy: Entropy,
    ) -> Conversation:
        """A new conversation that begins with these items, which have ids. Raises `TooLargeToStore`."""
        id, created = new_conversation_id(entropy), int(self._now())
        table, key = _addressed(tenant, id)
        values = head_values(created, metadata)
        await self._additions.begin(table, key, values, items, origins or {})
        return Conversation(id, created, metadata)

    async def get(self, tenant: str, id: str) -> Conversation:
        """The conversation."""
        table, key = _addressed(tenant, id)
        return _conversation(id, await self._head(table.conversation(key)))

    async def update(self, tenant: str, id: str, metadata: Mapping[str, str]) -> Conversation:
        """The conversation, with other metadata."""
        table, key = _addressed(tenant, id)
        head = table.conversation(key)
        set, remove = ({"meta": pack(metadata)}, ()) if metadata else ({}, ("meta",))
        try:
            row = await insist(lambda: self._store.update(head, set=set, remove=remove, when=THERE))
        except ConditionFailed:
            raise ConversationNotFound from None
        return _conversation(id, row)

    async def context(self, tenant: str, id: str) -> ConversationContext:
        """All that was said. One request, for as much as a page of the store holds, besides its blobs."""
        table, key = _addressed(tenant, id)
        head, said = await self._shown(table, key, lambda kept: kept)
        return ConversationContext(id, said.items, said.origins, all_of(key, head))

    async def ids(self, tenant: str, id: str) -> Sequence[str]:
        """The ids of all items, oldest first."""
        _, kept = await self._read(*_addressed(tenant, id))
        return [each.id for each in kept]

    async def chosen(self, tenant: str, id: str, choose: Callable[[Sequence[str]], Sequence[str]]) -> Shown:
        """Those items that are chosen by their ids, of which all are given, oldest first."""

        def chosen(kept: Sequence[KeptItem]) -> list[KeptItem]:
            by_id = {each.id: each for each in kept}
            return [by_id[each] for each in choose(list(by_id))]

        _, shown = await self._shown(*_addressed(tenant, id), chosen)
        return shown

    async def append(
        self, tenant: str, id: str, items: Sequence[Json], origins: Mapping[str, Json], *, writer: str
    ) -> None:
        """Add items, which have ids; `writer` is a name that nobody else has.

        Raises `ConversationLocked`, `TooLargeToStore`.
        """
        await self._additions.append(*_addressed(tenant, id), items, origins, writer=writer)

    async def remove(self, tenant: str, id: str, item_id: str) -> Conversation:
        """Take one item away, while nobody has the lease.

        Raises `ItemNotFound`, `ConversationLocked`.
        """
        table, key = _addressed(tenant, id)
        head, items = await self._read(table, key)
        item = next((each for each in items if each.id == item_id), None)
        if item is None:
            raise ItemNotFound
        await self._leave(head.key, Delete(item.keys[0], (Present("id"),)))
        await at_once(map(self._store.delete, item.keys[1:]))
        if self._blobs is not None:
            scope = table.conversation_blobs(key)
            await self._blobs.delete([f"{scope}/{name}" for name in references(item.rows)])
        return _conversation(id, head)

    async def delete(self, tenant: str, id: str) -> None:
        """Make the conversation unreadable at once, whoever is adding to it.

        What was said goes with it, or stays until no response refers to it. Where that is cut short, to
        delete it again goes on from there.
        """
        await self._deletions.delete(*_addressed(tenant, id))

    async def lock(self, tenant: str, context: ConversationContext, owner: str) -> Hold:
        """Have the conversation for oneself, from what was read of it on.

        Raises `ConversationLocked`, also where something was added since.
        """
        hold = Hold(TenantTable(tenant), context.stretch, owner)
        await self._leases.take(hold)
        return hold

    async def renew(self, hold: Hold) -> None:
        """Go on holding it. Raises `ConversationLocked` where somebody else has it by now."""
        await self._leases.renew(hold)

    async def release(self, hold: Hold) -> None:
        """Let others have it. Safe after a commit of unknown outcome."""
        await self._leases.release(hold)

    async def commit(
        self, hold: Hold, items: Sequence[Json], origins: Mapping[str, Json], *, record: Put
    ) -> None:
        """Add items and write the row that commits the response that they came with, both or neither.

        Raises `ConversationLocked` where the lease was lost meanwhile.
        """

        async def is_there() -> bool:
            row = await self._store.get(record.key)
            return row is not None and row.values == record.values

        try:
            await self.commit_with(hold, items, origins, record=Commitment([record], is_there))
        except ConditionFailed:
            raise ConversationLocked from None

    async def commit_with(
        self,
        hold: Hold,
        items: Sequence[Json],
        origins: Mapping[str, Json],
        *,
        record: Commitment,
    ) -> None:
        """Add items and do the writes that commit the response that they came with, all or none.

        Raises `ConversationLocked` where the lease was lost meanwhile, `ConditionFailed` for one of those
        writes, or for their fence.
        """
        await self._additions.commit(hold, items, origins, record)

    async def _leave(self, head: Key, gone: Delete) -> None:
        """Have an item gone, and counted no more. Raises `ItemNotFound`, `ConversationLocked`."""
        counted = Update(head, add={"live": -1}, when=(*THERE, self._leases.free()))
        try:
            await insist(lambda: self._store.transact([counted, gone]))
        except ConditionFailed as fact:
            if fact.index == 1:
                raise ItemNotFound from None
            self._leases.unlocked(fact.old)
            raise ConversationLocked from None

    async def _head(self, key: Key) -> Row:
        head = await self._store.get(key)
        if head is None or "gone" in head.values:
            raise ConversationNotFound
        return head

    async def _read(self, table: TenantTable, key: ConversationKey) -> tuple[Row, Sequence[KeptItem]]:
        """The head, and the items that it knows of."""
        head, items = await self._read_once(table, key)
        if len(items) != head.values["live"]:
            # A query may see half a transaction. What its head knew of is there by now.
            head, items = await self._read_once(table, key)
        return head, items

    async def _read_once(self, table: TenantTable, key: ConversationKey) -> tuple[Row, Sequence[KeptItem]]:
        rows = await self._store.query(table.whole_conversation(key))
        if not rows or rows[0].key != table.conversation(key) or "gone" in rows[0].values:
            raise ConversationNotFound
        head, *rows = rows
        return head, items_in(row for row in rows if seq_of(row.key) < head.values["next"])

    async def _shown(
        self,
        table: TenantTable,
        key: ConversationKey,
        choose: Callable[[Sequence[KeptItem]], Sequence[KeptItem]],
    ) -> tuple[Row, Shown]:
        """The head, and chosen items with what their makers want back."""
        for _ in range(2):
            head, kept = await self._read(table, key)
            with suppress(MediaMissing):  # An item, or all of it, was deleted since its rows were read.
                found = await read_bundles([each.rows for each in choose(kept)], blobs=self._blobs)
                origins = {values["it"]["id"]: values["org"] for values in found if "org" in values}
                return head, Shown([values["it"] for values in found], origins)
        raise ConversationNotFound


def _addressed(tenant: str, id: str) -> tuple[TenantTable, ConversationKey]:
    """The tenant's keys, and the conversation's. Raises `ConversationNotFound` for ids that are not ours."""
    key = conversation_key_of(id)
    if key is None:
        raise ConversationNotFound
    return TenantTable(tenant), key


def _conversation(id: str, head: Row) -> Conversation:
    return Conversation(id, head.values["created"], metadata_in(head))
