"""Stored responses and the contexts they form, on any keyed store.

A response is one control row and the rows of its turn. The control row is written last, and only where none
is: what no control row names does not exist, so nothing half-written is ever read. See `table` for the keys,
`records` for the rows, `chains` for how a context is read.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from lambda_responses.storage.chains import (
    MAX_SEGMENTS,
    Base,
    Place,
    ResponseNotFound,
    Segment,
    addressed,
    is_deleted,
    placed_row,
    read_chain,
    read_turn,
)
from lambda_responses.storage.codec import unpack
from lambda_responses.storage.conditions import ROW, Absent, Present, equals
from lambda_responses.storage.keyed import ConditionFailed, Put, StoreUnavailable
from lambda_responses.storage.parcels import from_rows
from lambda_responses.storage.records import (
    MAX_SNAPSHOT,
    Context,
    ItemNotFound,
    Reservation,
    Shown,
    StoredItem,
    StoredResponse,
    TooLargeToStore,
    check_storable,
    envelope_keys,
    other_keys,
    record_of,
)
from lambda_responses.storage.table import TenantTable, turn_of
from lambda_responses.wire.ids import new_response_id, own_part_of, thread_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from lambda_responses.storage.chains import Chain
    from lambda_responses.storage.conversation_rows import Stretch
    from lambda_responses.storage.keyed import Key, KeyedStore, Row
    from lambda_responses.wire.ids import Entropy, ResponseId
    from lambda_responses.wire.json import Json

__all__ = [
    "Context",
    "ItemNotFound",
    "Reservation",
    "ResponseNotFound",
    "ResponseStore",
    "Shown",
    "StoredItem",
    "StoredResponse",
    "TooLargeToStore",
    "check_storable",
]

DAY = 86_400
GRACE = 7 * DAY
"""How much longer a turn's rows live than its response. A chain in use is rewritten about that often."""
UNNEEDED = (Absent("nxt"), Absent("frk"))
"""No turn stands on this one."""

ResultT = TypeVar("ResultT")


class ResponseStore:
    """Keeps responses. Every method may raise `StoreUnavailable`; tenants come from credentials only."""

    def __init__(
        self, store: KeyedStore, *, now: Callable[[], float] = time.time, retention_days: float = 30
    ) -> None:
        self._store = store
        self._now = now
        self._retention = retention_days * DAY
        self._grace = math.ceil(min(GRACE, self._retention / 4))

    async def context(self, tenant: str, response_id: str, *, deleted: bool = False) -> Context:
        """What a turn that continues this response stands on. Raises `ResponseNotFound`.

        Also of a `deleted` one, for those who move its descendants to another store.
        """
        found = await read_chain(self._store, TenantTable(tenant), response_id, deleted=deleted)
        items = [item for turn in found.turns for item in (*turn.input, *turn.output)]
        return Context(items, _origins_in(found), found.control.values["st"], found)

    async def reserve(
        self,
        tenant: str,
        previous: Context | None,
        *,
        epoch: int,
        entropy: Entropy,
        stretch: Stretch | None = None,
    ) -> Reservation:
        """Take a place after `previous`, or at the start of a new thread; the latter asks the store nothing.

        A new thread may stand on a `stretch` of a conversation.
        The first to continue a response goes on in its thread, every other forks into a new one. Raises
        `ResponseNotFound` where `previous` was deleted meanwhile, `TooLargeToStore` where the turn would have
        to write a snapshot and the context is too large for one.
        """
        expires = self.expiry()
        thread = previous.chain.place.thread if previous else None
        response_id = new_response_id(epoch=epoch, thread=thread, entropy=entropy)
        if previous is None:
            place = Place(response_id, *addressed(response_id), 0, 0, stretch=stretch)
            return Reservation(response_id, tenant, place, expires)
        if previous.chain.expires < expires:
            _check_snapshot(previous)
        claimed, control = await self._claim(tenant, previous, response_id)
        links = False
        if not claimed:
            response_id = new_response_id(epoch=epoch, thread=None, entropy=entropy)
            links = not await self._named_fork(control, response_id)
        place = _based(_placed_after(previous.chain.place, response_id), previous, expires)
        return Reservation(response_id, tenant, place, expires, previous, links)

    async def resettle(self, tenant: str, previous: Context | None, response_id: ResponseId) -> Reservation:
        """Take the place after `previous` for a response that has an id: it comes from another store.

        As it did there it goes on in the thread of `previous`, or forks. Raises like `reserve`.
        """
        expires = self.expiry()
        if previous is None:
            return Reservation(
                response_id, tenant, Place(response_id, *addressed(response_id), 0, 0), expires
            )
        before, control, links = previous.chain.place, previous.chain.control, False
        place = _based(_placed_after(before, response_id), previous, expires)
        if place.thread != before.thread:
            links = not await self._named_fork(control, response_id)
        elif not is_deleted(control):
            claimed, control = await self._claim(tenant, previous, response_id)
            if not claimed:  # Two turns of one thread: what they stand on is kept for both.
                await self._named_fork(control, response_id)
        return Reservation(response_id, tenant, place, expires, previous, links)

    def expiry(self) -> int:
        """When a response that is stored now expires, in seconds since 1970."""
        return math.ceil(self._now() + self._retention)

    async def release(self, reservation: Reservation) -> None:
        """Give the place back: the turn ended without a record. Safe after a commit of unknown outcome."""
        previous, place = reservation.previous, reservation.place
        if previous is None or not reservation.claims:
            return
        table = TenantTable(reservation.tenant)
        if await self._store.get(table.control(place.thread, place.response_id)) is None:
            await self._sweep(table, await self._let_go(previous.chain.control.key, place.own))

    async def commit(self, reservation: Reservation, stored: StoredResponse) -> None:
        """Keep what was answered; once this returns, every reader finds it. Raises `TooLargeToStore`."""
        last = await self.prepare(reservation, stored)
        try:
            await self._put_once(last)
        except StoreUnavailable:
            # It may be there all the same. Whoever is told now is told for good, so the store is asked again.
            await self._put_once(last)

    async def _put_once(self, last: Put) -> None:
        try:
            await self._store.put(last.key, last.values, last.when)
        except ConditionFailed as fact:
            # A store may repeat a write whose answer was lost, and then meet its own first try.
            if fact.old is None or fact.old.values != last.values:
                raise

    async def prepare(self, reservation: Reservation, stored: StoredResponse) -> Put:
        """Write all of a response but the row by which it is there, and give that: for whoever has something
        else to say in the same breath. Raises `TooLargeToStore`.
        """
        record = record_of(reservation, stored, grace=self._grace)
        await _all(self._store.put(key, values) for key, values in record.others)
        return Put(*record.control, (Absent(ROW),))

    async def get(self, tenant: str, response_id: str) -> StoredResponse:
        """The response as it ended. Raises `ResponseNotFound`."""
        table = TenantTable(tenant)
        thread, own = addressed(response_id)
        row = await self._store.get(table.control(thread, response_id))
        if row is None or is_deleted(row):
            raise ResponseNotFound
        ranges = [table.turn_parts(thread, row.values["depth"], own)]
        if "env" not in row.values:
            ranges.append(table.envelopes(thread, response_id))
        parts = await _all(map(self._store.query, ranges))
        turn, *envelope = ([part.values for part in found] for found in parts)
        if not turn or not all(envelope):
            raise ResponseNotFound  # Deleted between the two reads.
        packed = from_rows(envelope[0]) if envelope else row.values
        if packed is None:
            raise ResponseNotFound
        added = read_turn(turn)
        response = unpack(packed["env"])
        if added.output:
            response["output"] = added.output
        return StoredResponse(response, added.input, added.origins, row.values["target"])

    async def shown(self, tenant: str, response_id: str) -> Shown:
        """The whole context that the model saw: history, then the turn's own input.

        Raises `ResponseNotFound`.
        """
        found = await read_chain(self._store, TenantTable(tenant), response_id)
        *history, own = found.turns
        items = [*(item for turn in history for item in (*turn.input, *turn.output)), *own.input]
        return Shown(items, _origins_in(found))

    async def item(self, tenant: str, item_id: str) -> StoredItem:
        """An item of a stored response, by its own id. Raises `ItemNotFound`.

        Two requests: the id names thread and response, and the response must still be readable.
        """
        thread, own = thread_of(item_id), own_part_of(item_id)
        if thread is None or own is None:
            raise ItemNotFound
        table = TenantTable(tenant)
        controls, rows = await asyncio.gather(
            self._store.query(table.controls(thread)), self._store.query(table.turns(thread))
        )
        control = next((row for row in controls if row.key.sk.endswith(f"{thread}{own}")), None)
        if is_deleted(control):
            raise ItemNotFound
        try:
            turn = read_turn([row.values for row in rows if turn_of(row.key)[1] == own])
        except ResponseNotFound:
            raise ItemNotFound from None
        for item in (*turn.input, *turn.output):
            if item.get("id") == item_id:
                return StoredItem(item, turn.origins.get(item_id, {}))
        raise ItemNotFound

    async def delete(self, tenant: str, response_id: str) -> None:
        """Make the response unreadable at once. Raises `ResponseNotFound`.

        What it added to the context stays while turns stand on it: until the last of those in its own thread
        is deleted, or until it expires.
        """
        table = TenantTable(tenant)
        thread, _ = addressed(response_id)
        key = table.control(thread, response_id)
        try:
            row = await self._store.delete(key, (Present(ROW), Absent("gone"), *UNNEEDED))
        except ConditionFailed as fact:
            if fact.old is None or is_deleted(fact.old):
                raise ResponseNotFound from None
            await self._entomb(table, fact.old)
        else:
            await self._sweep(table, row)

    async def _claim(self, tenant: str, previous: Context, response_id: ResponseId) -> tuple[bool, Row]:
        """Whether the place after `previous` in its thread is taken now, and the control row as last seen."""
        before, known = previous.chain.place, previous.chain.control
        # Made anew: the tenant is the caller's, whoever's context this is.
        known = replace(known, key=TenantTable(tenant).control(before.thread, before.response_id))
        _, own = addressed(response_id)
        if "nxt" not in known.values:
            try:
                await self._store.update(known.key, set={"nxt": own}, when=(Absent("nxt"), Absent("gone")))
            except ConditionFailed as fact:
                known = _still_there(fact.old)
            else:
                return True, known
        # Where it is ours, the answer to our own first try was lost.
        return known.values["nxt"] == own, known

    async def _named_fork(self, control: Row, response_id: ResponseId) -> bool:
        """Keep what a fork stands on; whether the control row names it, as it does the first one.

        One update does both, and only the first fork pays for it.
        """
        if "frk" not in control.values:
            try:
                await self._store.update(
                    control.key, set={"frk": response_id}, when=(Absent("gone"), Absent("frk"))
                )
            except ConditionFailed as fact:
                control = _still_there(fact.old)
            else:
                return True
        return control.values["frk"] == response_id

    async def _let_go(self, key: Key, own: str) -> Row | None:
        """Free what turn `own` claimed; where that was only kept for its sake, remove and return it."""
        try:
            row = await self._store.update(key, remove=["nxt"], when=(equals("nxt", own),))
            if is_deleted(row) and "frk" not in row.values:
                return await self._store.delete(key, (Present("gone"), *UNNEEDED))
        except ConditionFailed:
            pass  # It expired, or was never ours.
        return None

    async def _entomb(self, table: TenantTable, row: Row) -> None:
        """Leave of a response only what its descendants need."""
        try:
            await self._store.update(row.key, set={"gone": True}, remove=["env"], when=(Absent("gone"),))
        except ConditionFailed:
            raise ResponseNotFound from None
        await _all(map(self._store.delete, envelope_keys(table, placed_row(row), row)))

    async def _sweep(self, table: TenantTable, row: Row | None) -> None:
        """Remove what belongs to a removed control row, and the tombstones that stood for it alone."""
        while row is not None:
            place = placed_row(row)
            keys = list(other_keys(table, place, row))
            previous = row.values.get("prev")
            if previous is not None and thread_of(previous) != place.thread:
                keys.append(table.fork(*addressed(previous), place.response_id))
            await _all(map(self._store.delete, keys))
            if previous is None or thread_of(previous) != place.thread:
                return
            row = await self._let_go(table.control(place.thread, previous), place.own)


def _placed_after(before: Place, response_id: ResponseId) -> Place:
    """The place after `before`, in its thread or in the new one that the id names."""
    thread, own = addressed(response_id)
    depth = before.depth + 1
    if thread == before.thread:
        return replace(before, response_id=response_id, own=own, depth=depth)
    segments = (*before.segments, Segment(before.thread, before.low, before.depth))
    return Place(response_id, thread, own, depth, depth, segments, before.base, before.stretch)


def _based(place: Place, previous: Context, expires: int) -> Place:
    """The place, on a snapshot where the turn would outlive its history or stand on too many segments."""
    if previous.chain.expires >= expires and len(place.segments) <= MAX_SEGMENTS:
        return place
    _check_snapshot(previous)
    base = Base(place.thread, place.depth - 1, place.own)
    return replace(place, low=place.depth, segments=(), base=base, stretch=None)


def _still_there(control: Row | None) -> Row:
    """The row. Raises `ResponseNotFound` where it was deleted meanwhile."""
    if control is None or is_deleted(control):
        raise ResponseNotFound
    return control


def _check_snapshot(previous: Context) -> None:
    if previous.chain.stored > MAX_SNAPSHOT:
        raise TooLargeToStore(f"a context over {MAX_SNAPSHOT} bytes")


async def _all(requests: Iterable[Awaitable[ResultT]]) -> list[ResultT]:
    """The results of requests made at once; a single one is spared the tasks."""
    match list(requests):
        case []:
            return []
        case [request]:
            return [await request]
        case several:
            return await asyncio.gather(*several)


def _origins_in(found: Chain) -> Mapping[str, Json]:
    return {id: origin for turn in found.turns for id, origin in turn.origins.items()}
