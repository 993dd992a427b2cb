"""Conversations, on any keyed store: items in an order, to which one writer at a time adds.

Whoever adds items writes them and the head in one transaction, or where there are too many for one, in
several of which the last moves the head; each of them checks that nobody else has the lease. So an append is
there whole or not at all, and a writer that was given up for dead changes nothing any more. A response that
is made in a conversation holds the lease for as long as it takes, and its record is part of that transaction.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from lambda_responses.storage.bundles import TooLargeToStore, read_bundles, references
from lambda_responses.storage.codec import pack
from lambda_responses.storage.conditions import ROW, Absent, AnyOf, Compare, Present, equals
from lambda_responses.storage.conversation_ends import erase, let_expire, referred_by, resting_place
from lambda_responses.storage.conversation_rows import (
    Stretch,
    batched,
    head_values,
    item_bundles,
    item_puts,
    items_in,
    metadata_in,
)
from lambda_responses.storage.keyed import (
    Check,
    ConditionFailed,
    Delete,
    Put,
    StoreFact,
    Update,
    WriteConflict,
)
from lambda_responses.storage.lifting import MediaMissing, keep
from lambda_responses.storage.records import MAX_STORED, ItemNotFound, Shown
from lambda_responses.storage.scheduling import off_the_loop, weight_of
from lambda_responses.storage.table import TenantTable, seq_of
from lambda_responses.wire.ids import conversation_key_of, new_conversation_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from lambda_responses.storage.blobs import Blobs
    from lambda_responses.storage.bundles import Bundle
    from lambda_responses.storage.conditions import Condition
    from lambda_responses.storage.conversation_rows import KeptItem
    from lambda_responses.storage.keyed import Key, KeyedStore, Row, Write
    from lambda_responses.wire.ids import ConversationKey, Entropy
    from lambda_responses.wire.json import Json

DAY = 86_400
LEASE = 60
"""Seconds for which whoever adds items has a conversation for itself, unless it asks for more in time."""
PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds to wait before writing again what another writer was in the way of."""
THERE = (Absent("gone"),)

ResultT = TypeVar("ResultT")


class ConversationNotFound(StoreFact):
    """No such conversation: never made, deleted, or another tenant's. All look the same."""


class ConversationLocked(StoreFact):
    """Somebody else is adding to it, or has just done so."""


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


@dataclass(frozen=True, slots=True)
class Added:
    """Items on their way into a conversation, packed."""

    items: Sequence[Json]
    bundles: Sequence[Bundle]

    @property
    def blobs(self) -> dict[str, bytes]:
        """What they refer to, by SHA-256."""
        return {name: data for bundle in self.bundles for name, data in bundle.blobs.items()}


@dataclass(frozen=True, slots=True)
class Hold:
    """A lease on a conversation, and where its holder adds items."""

    head: Key
    table: TenantTable
    stretch: Stretch
    owner: str


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
        self._retention = retention_days * DAY
        self._erases = delete_mode == "erase"

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
        added = await self._packed(items, origins or {})
        await self._keep_blobs(table, key, added)
        puts = item_puts(table, key, 0, added.items, added.bundles)
        values = {**head_values(created, metadata), "next": len(items), "live": len(items)}
        head = Put(table.conversation(key), values, (Absent(ROW),))
        *early, last = batched(puts, beside=1)
        for batch in early:
            await self._transact(batch)
        if last:
            await self._transact([head, *last])
        else:
            await self._store.put(head.key, head.values, head.when)
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
            row = await _insist(lambda: self._store.update(head, set=set, remove=remove, when=THERE))
        except ConditionFailed:
            raise ConversationNotFound from None
        return _conversation(id, row)

    async def context(self, tenant: str, id: str) -> ConversationContext:
        """All that was said. One request, for as much as a page of the store holds, besides its blobs."""
        table, key = _addressed(tenant, id)
        head, kept = await self._read(table, key)
        items, origins = await self._opened(kept)
        return ConversationContext(id, items, origins, Stretch(key, head.values["next"]))

    async def ids(self, tenant: str, id: str) -> Sequence[str]:
        """The ids of all items, oldest first."""
        _, kept = await self._read(*_addressed(tenant, id))
        return [each.id for each in kept]

    async def chosen(self, tenant: str, id: str, choose: Callable[[Sequence[str]], Sequence[str]]) -> Shown:
        """Those items that are chosen by their ids, of which all are given, oldest first."""
        _, kept = await self._read(*_addressed(tenant, id))
        by_id = {each.id: each for each in kept}
        items, origins = await self._opened([by_id[each] for each in choose(list(by_id))])
        return Shown(items, origins)

    async def append(
        self, tenant: str, id: str, items: Sequence[Json], origins: Mapping[str, Json], *, writer: str
    ) -> None:
        """Add items, which have ids; `writer` is a name that nobody else has.

        Raises `ConversationLocked`, `TooLargeToStore`.
        """
        table, key = _addressed(tenant, id)
        added = await self._packed(items, origins)
        head = await self._head(table.conversation(key))
        for pause in PAUSES:
            stretch = Stretch(key, head.values["next"])
            puts = item_puts(table, key, stretch.upto, items, added.bundles)
            first, *more = batched(puts, beside=1)
            if more or added.blobs:
                await self._append_at_length(Hold(head.key, table, stretch, writer), added)
                return
            unchanged = (*THERE, equals("next", stretch.upto), self._free())
            try:
                await self._transact([_moved(head.key, len(items), unchanged), *first])
            except ConditionFailed as fact:
                head = self._unlocked(fact.old)
                await asyncio.sleep(pause)
            else:
                return
        raise ConversationLocked

    async def remove(self, tenant: str, id: str, item_id: str, *, writer: str) -> Conversation:
        """Take one item away; `writer` is a name that nobody else has.

        Raises `ItemNotFound`, `ConversationLocked`.
        """
        table, key = _addressed(tenant, id)
        head, items = await self._read(table, key)
        item, _ = _found(items, item_id)
        if references(item.rows):
            hold = Hold(head.key, table, Stretch(key, head.values["next"]), writer)
            await self._remove_with_blobs(hold, item_id)
        else:
            await self._leave(head.key, (*THERE, self._free()), Delete(item.keys[0], (Present("id"),)))
            await asyncio.gather(*map(self._store.delete, item.keys[1:]))
        return _conversation(id, head)

    async def delete(self, tenant: str, id: str) -> None:
        """Make the conversation unreadable at once, whoever is adding to it.

        What was said goes with it, or stays until no response refers to it. Where that is cut short, to
        delete it again goes on from there.
        """
        table, key = _addressed(tenant, id)
        head = table.conversation(key)
        ended = _insist(
            lambda: self._store.update(head, set={"gone": True}, remove=("meta", "owner", "until"))
        )
        try:
            await ended
        except ConditionFailed:
            raise ConversationNotFound from None
        rows = [row for row in await self._store.query(table.whole_conversation(key)) if row.key != head]
        scope = table.conversation_blobs(key)
        if self._erases:
            await erase(self._store, rows, blobs=self._blobs, scope=scope)
        else:
            expires, onward = math.ceil(self._now() + self._retention), resting_place(table, key)
            await let_expire(self._store, rows, expires, blobs=self._blobs, scope=scope, onward=onward)
        await self._store.delete(head)

    async def lock(self, tenant: str, context: ConversationContext, owner: str) -> Hold:
        """Have the conversation for oneself, from what was read of it on.

        Raises `ConversationLocked`, also where something was added since.
        """
        table = TenantTable(tenant)
        hold = Hold(table.conversation(context.stretch.conversation), table, context.stretch, owner)
        await self._take(hold)
        return hold

    async def renew(self, hold: Hold) -> None:
        """Go on holding it. Raises `ConversationLocked` where somebody else has it by now."""
        mine = (equals("owner", hold.owner),)
        try:
            await _insist(lambda: self._store.update(hold.head, set={"until": self._until()}, when=mine))
        except ConditionFailed:
            raise ConversationLocked from None

    async def release(self, hold: Hold) -> None:
        """Let others have it. Safe after a commit of unknown outcome."""
        mine = (equals("owner", hold.owner),)
        with suppress(ConditionFailed):  # It was committed, lapsed, or the conversation is gone.
            await _insist(lambda: self._store.update(hold.head, remove=("owner", "until"), when=mine))

    async def commit(
        self, hold: Hold, items: Sequence[Json], origins: Mapping[str, Json], *, record: Put
    ) -> None:
        """Add items and write the row that commits the response that they came with, both or neither.

        Raises `ConversationLocked` where the lease was lost, or the conversation deleted, meanwhile.
        """
        added = await self._packed(items, origins)
        try:
            await self._commit(hold, added, record)
        except ConditionFailed as fact:
            # A store may repeat a write whose answer was lost, and then meet its own first try.
            if fact.index or fact.old is None or fact.old.values != record.values:
                raise ConversationLocked from None

    async def _append_at_length(self, hold: Hold, added: Added) -> None:
        """Add more than one transaction holds, or what refers to blobs: nobody must remove those meanwhile."""
        await self._take(hold)
        try:
            await self._commit(hold, added)
        except ConditionFailed:
            raise ConversationLocked from None
        finally:
            await self.release(hold)

    async def _commit(self, hold: Hold, added: Added, record: Put | None = None) -> None:
        mine = (equals("owner", hold.owner),)
        with_it = [] if record is None else [record]
        key, first = hold.stretch.conversation, hold.stretch.upto
        await self._keep_blobs(hold.table, key, added)
        puts = item_puts(hold.table, key, first, added.items, added.bundles)
        *early, last = batched(puts, beside=1 + len(with_it))
        for batch in early:
            await self._transact([Check(hold.head, mine), *batch])
        await self._transact([*with_it, _moved(hold.head, len(added.items), mine), *last])

    async def _remove_with_blobs(self, hold: Hold, item_id: str) -> None:
        """Take an item away, and those of its blobs that no other refers to, while nobody adds any."""
        await self._take(hold)
        try:
            key = hold.stretch.conversation
            _, items = await self._read(hold.table, key)
            item, others = _found(items, item_id)
            mine, first = (equals("owner", hold.owner),), item.keys[0]
            await self._leave(hold.head, mine, Update(first, remove=("id",), when=(Present("id"),)))
            if self._blobs is not None:
                scope = hold.table.conversation_blobs(key)
                await self._blobs.delete([f"{scope}/{name}" for name in referred_by(item, others)])
            await asyncio.gather(*map(self._store.delete, item.keys))
        finally:
            await self.release(hold)

    async def _leave(self, head: Key, when: Condition, gone: Delete | Update) -> None:
        """Have an item gone, and counted no more. Raises `ItemNotFound`, `ConversationLocked`."""
        try:
            await self._transact([Update(head, add={"live": -1}, when=when), gone])
        except ConditionFailed as fact:
            if fact.index == 1:
                raise ItemNotFound from None
            self._unlocked(fact.old)
            raise ConversationLocked from None

    async def _packed(self, items: Sequence[Json], origins: Mapping[str, Json]) -> Added:
        """Raises `TooLargeToStore`."""
        lifts = self._blobs is not None
        bundles = await off_the_loop(weight_of(items), item_bundles, items, origins, lifts=lifts)
        if sum(len(part) for bundle in bundles for part in bundle.parts.values()) > MAX_STORED:
            raise TooLargeToStore(f"over {MAX_STORED} bytes after compression")
        return Added(items, bundles)

    async def _keep_blobs(self, table: TenantTable, key: ConversationKey, added: Added) -> None:
        if self._blobs is not None:
            scope = table.conversation_blobs(key)
            await keep(added.blobs, blobs=self._blobs, scope=scope, expires=None)

    async def _opened(self, kept: Sequence[KeptItem]) -> tuple[list[Json], dict[str, Json]]:
        """The items, and what their makers want back."""
        try:
            found = await read_bundles([each.rows for each in kept], blobs=self._blobs)
        except MediaMissing:  # A delete is under way.
            raise ConversationNotFound from None
        origins = {values["it"]["id"]: values["org"] for values in found if "org" in values}
        return [values["it"] for values in found], origins

    async def _take(self, hold: Hold) -> None:
        ours = AnyOf((Absent("owner"), equals("owner", hold.owner), Compare("until", "<=", self._now())))
        when = (*THERE, equals("next", hold.stretch.upto), ours)
        values = {"owner": hold.owner, "until": self._until()}
        try:
            await _insist(lambda: self._store.update(hold.head, set=values, when=when))
        except ConditionFailed as fact:
            self._unlocked(fact.old)
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

    def _unlocked(self, head: Row | None) -> Row:
        """The head, where somebody may add to it."""
        if head is None or "gone" in head.values:
            raise ConversationNotFound
        if "owner" in head.values and head.values["until"] > self._now():
            raise ConversationLocked
        return head

    def _free(self) -> AnyOf:
        return AnyOf((Absent("owner"), Compare("until", "<=", self._now())))

    def _until(self) -> int:
        return math.ceil(self._now() + LEASE)

    async def _transact(self, writes: Sequence[Write]) -> None:
        await _insist(lambda: self._store.transact(writes))


def _addressed(tenant: str, id: str) -> tuple[TenantTable, ConversationKey]:
    """The tenant's keys, and the conversation's. Raises `ConversationNotFound` for ids that are not ours."""
    key = conversation_key_of(id)
    if key is None:
        raise ConversationNotFound
    return TenantTable(tenant), key


def _conversation(id: str, head: Row) -> Conversation:
    return Conversation(id, head.values["created"], metadata_in(head))


def _found(items: Sequence[KeptItem], item_id: str) -> tuple[KeptItem, list[KeptItem]]:
    """The item of that id, and all others. Raises `ItemNotFound`."""
    for item in items:
        if item.id == item_id:
            return item, [each for each in items if each is not item]
    raise ItemNotFound


def _moved(head: Key, count: int, when: Condition) -> Update:
    """The head after so many more items; whatever lease there was is over."""
    return Update(head, add={"next": count, "live": count}, remove=("owner", "until"), when=when)


async def _insist(write: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Do it again while another writer is in the way. Raises `WriteConflict` where it stays there."""
    for pause in PAUSES:
        try:
            return await write()
        except WriteConflict:
            await asyncio.sleep(pause)
    return await write()
