"""Stored responses and the contexts they form, on any keyed store.

A response is one control row and the rows of its turn. The control row is written last, and only where none
is: what no control row names does not exist, so nothing half-written is ever read. See `table` for the keys,
`records` for the rows, `chains` for how a context is read.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from lambda_responses.storage.blobs.lifting import keep
from lambda_responses.storage.bundles import TooLargeToStore
from lambda_responses.storage.chains import (
    MAX_SEGMENTS,
    Base,
    Place,
    ResponseNotFound,
    Segment,
    addressed,
    is_deleted,
    read_chain,
    said_in,
)
from lambda_responses.storage.keyed.conditions import ROW, Absent, Present
from lambda_responses.storage.keyed.port import ConditionFailed, Put, StoreFact, StoreUnavailable
from lambda_responses.storage.records import (
    MAX_SNAPSHOT,
    Context,
    ItemNotFound,
    Reservation,
    Shown,
    StoredItem,
    StoredResponse,
    check_storable,
    record_of,
)
from lambda_responses.storage.scheduling import at_once, off_the_loop, weight_of
from lambda_responses.storage.table import TenantTable, blobs_of, response_of
from lambda_responses.wire.ids import new_response_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.chains import Chain
    from lambda_responses.storage.conversations.rows import Stretch
    from lambda_responses.storage.keyed.port import KeyedStore, Row
    from lambda_responses.storage.lookups import Lookups
    from lambda_responses.storage.records import Record, Revision
    from lambda_responses.storage.removals import Removals
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
]

DAY = 86_400
GRACE = 7 * DAY
"""How much longer a turn's rows live than its response. A chain in use is rewritten about that often."""

DeleteMode: TypeAlias = Literal["keep", "erase"]
"""What becomes of a deleted response's part in the history of others: it stays, or it goes at once."""


class ResponseStore:
    """Keeps responses. Every method may raise `StoreUnavailable`; tenants come from credentials only."""

    def __init__(
        self,
        store: KeyedStore,
        *,
        now: Callable[[], float] = time.time,
        retention_days: float = 30,
        blobs: Blobs | None = None,
        delete_mode: DeleteMode = "keep",
    ) -> None:
        """Without `blobs`, media stay in the rows, and what is too long for those is refused."""
        self._store = store
        self._blobs = blobs
        self._erase = delete_mode == "erase"
        self._now = now
        self._retention = retention_days * DAY
        self._grace = math.ceil(min(GRACE, self._retention / 4))

    async def context(self, tenant: str, response_id: str, *, deleted: bool = False) -> Context:
        """What a turn that continues this response stands on. Raises `ResponseNotFound`.

        Also of a `deleted` one, for those who move its descendants to another store.
        """
        found = await self._chain(tenant, response_id, deleted=deleted, current=True)
        items = said_in(found.turns)
        return Context(items, _origins_in(found), found.control.values["st"], found)

    async def reserve(
        self,
        tenant: str,
        previous: Context | None,
        *,
        epoch: int,
        entropy: Entropy,
        stretch: Stretch | None = None,
        until: float = 0,
    ) -> Reservation:
        """Take a place after `previous`, or at the start of a new thread; the latter asks the store nothing.

        A new thread may stand on a `stretch` of a conversation. A response that has to be there `until` then,
        in seconds since 1970, expires no sooner.
        The first to continue a response goes on in its thread, every other forks into a new one. Raises
        `ResponseNotFound` where `previous` was deleted meanwhile, `TooLargeToStore` where the turn would have
        to write a snapshot and the context is too large for one.
        """
        expires = max(self.expiry(), math.ceil(until))
        thread = previous.chain.place.thread if previous else None
        response_id = new_response_id(epoch=epoch, thread=thread, entropy=entropy)
        if previous is None:
            place = Place(response_id, *addressed(response_id), 0, 0, stretch=stretch)
            return Reservation(response_id, tenant, place, expires)
        before = previous.chain.place
        # What is too large says so before anything is claimed.
        self._based(_placed_after(before, response_id), previous, expires)
        claimed, control = await self._claim(tenant, previous, response_id)
        if not claimed:
            response_id = new_response_id(epoch=epoch, thread=None, entropy=entropy)
        place = self._based(_placed_after(before, response_id), previous, expires)
        if not claimed:
            await self._link(tenant, control, response_id, expires)
        return Reservation(response_id, tenant, place, expires, previous)

    async def resettle(self, tenant: str, previous: Context | None, response_id: ResponseId) -> Reservation:
        """Take the place after `previous` for a response that has an id: it comes from another store.

        As it did there it goes on in the thread of `previous`, or forks. Raises like `reserve`.
        """
        expires = self.expiry()
        if previous is None:
            return Reservation(
                response_id, tenant, Place(response_id, *addressed(response_id), 0, 0), expires
            )
        before, control = previous.chain.place, previous.chain.control
        place = self._based(_placed_after(before, response_id), previous, expires)
        claimed = False
        if place.thread == before.thread:
            deleted = is_deleted(control)
            claimed, control = await self._claim(tenant, previous, response_id, deleted=deleted)
        if not claimed:  # A fork; or two turns of one thread, and what they stand on is kept for both.
            await self._link(tenant, control, response_id, expires)
        return Reservation(response_id, tenant, place, expires, previous)

    def expiry(self) -> int:
        """When a response that is stored now expires, in seconds since 1970."""
        return math.ceil(self._now() + self._retention)

    async def release(self, reservation: Reservation) -> None:
        """Give the place back: the turn ended without a record. After a commit of unknown outcome, its record
        stays if it is there by now.
        """
        previous, place = reservation.previous, reservation.place
        table = TenantTable(reservation.tenant)
        if await self._store.get(table.control(place.thread, place.response_id)) is not None:
            return
        removals = self._removals(table)
        with suppress(StoreFact):  # What stays has an end.
            await removals.abandon(place)
        if previous is not None:
            before = previous.chain.place
            await removals.let_go(place, table.control(before.thread, before.response_id))

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

    async def prepare(self, reservation: Reservation, stored: StoredResponse, *, lasting: bool = True) -> Put:
        """Write all of a response but the row by which it is there, and give that: for whoever has something
        else to say in the same breath. Raises like `laid_out`.
        """
        record = await self.laid_out(reservation, stored, lasting=lasting)
        key, values = record.control
        await at_once(self._store.put(*each) for each in record.others)
        return Put(key, values, (Absent(ROW),))

    async def laid_out(
        self,
        reservation: Reservation,
        stored: StoredResponse,
        *,
        revision: Revision | None = None,
        lasting: bool = True,
    ) -> Record:
        """The rows of a response, once what they refer to is written; for whoever writes the rows.

        Unless it is `lasting`, its turn expires when it does. Raises `TooLargeToStore`.
        """
        weight = weight_of([stored.input, stored.response])
        if reservation.flattens and reservation.previous is not None:
            weight += weight_of(reservation.previous.items)
        grace = self._grace if lasting else 0
        lifts, shares = self._blobs is not None, not self._erase
        record = await off_the_loop(
            weight,
            record_of,
            reservation,
            stored,
            grace=grace,
            lifts=lifts,
            shares=shares,
            revision=revision,
        )
        if self._blobs is not None:
            scope = blobs_of(record.control[0])
            await keep(record.blobs, blobs=self._blobs, scope=scope, expires=record.blobs_expire)
        return record

    async def drop(self, tenant: str, response_id: str, names: Iterable[str]) -> None:
        """Remove blobs of a response that no row refers to any more."""
        if self._blobs is not None:
            thread, _ = addressed(response_id)
            scope = TenantTable(tenant).blobs(thread)
            await self._blobs.delete([f"{scope}/{name}" for name in names])

    async def let_go(self, tenant: str, place: Place, previous_id: str) -> None:
        """Keep a response no more for the one at `place`: it can be continued as if that had never been."""
        table = TenantTable(tenant)
        thread, _ = addressed(previous_id)
        await self._removals(table).let_go(place, table.control(thread, previous_id))

    async def taken_up(self, tenant: str, response_id: str) -> tuple[Shown, StoredResponse]:
        """What a response stands on, and the response as far as it is made. Raises `ResponseNotFound`."""
        found, stored = await asyncio.gather(self._chain(tenant, response_id), self.get(tenant, response_id))
        *history, own = found.turns
        before = replace(found, turns=[*history, replace(own, input=[], output=[], origins={})])
        return Shown(said_in(before.turns), _origins_in(before)), stored

    async def get(self, tenant: str, response_id: str) -> StoredResponse:
        """The response as it ended. Raises `ResponseNotFound`."""
        return await self._lookups(tenant).response(response_id)

    async def shown(self, tenant: str, response_id: str) -> Shown:
        """The whole context that the model saw: history, then the turn's own input.

        Raises `ResponseNotFound`.
        """
        found = await self._chain(tenant, response_id)
        *history, own = found.turns
        return Shown(said_in([*history, replace(own, output=[])]), _origins_in(found))

    async def items(self, tenant: str, ids: Iterable[str]) -> Mapping[str, StoredItem]:
        """The items of stored responses that have these ids; none where there is none, or none any more."""
        return await self._lookups(tenant).items(ids)

    async def delete(self, tenant: str, response_id: str) -> None:
        """Make the response unreadable at once. Raises `ResponseNotFound`.

        What it added to the context stays while turns stand on it, until the last of them is deleted, or
        until it expires. Where deletes erase, it goes at once, and the context of those turns lacks it.
        """
        await self._removals(TenantTable(tenant)).delete(response_id)

    async def check_storable(self, input: Sequence[Json], request: Json) -> None:
        """Raises `TooLargeToStore` for a turn that no commit would take, before a model is asked."""
        weight = weight_of([input, request])
        await off_the_loop(weight, check_storable, input, request, lifts=self._blobs is not None)

    def _lookups(self, tenant: str) -> Lookups:
        from lambda_responses.storage.lookups import Lookups

        return Lookups(self._store, TenantTable(tenant), self._blobs)

    def _removals(self, table: TenantTable) -> Removals:
        from lambda_responses.storage.removals import Removals

        return Removals(self._store, table, self._blobs, erase=self._erase)

    async def _chain(
        self, tenant: str, response_id: str, *, deleted: bool = False, current: bool = False
    ) -> Chain:
        table = TenantTable(tenant)
        return await read_chain(
            self._store, table, response_id, blobs=self._blobs, deleted=deleted, current=current
        )

    async def _claim(
        self, tenant: str, previous: Context, response_id: ResponseId, *, deleted: bool = False
    ) -> tuple[bool, Row]:
        """Whether the place after `previous` in its thread is taken now, and the control row as last seen.

        `deleted` says that `previous` is a tombstone.
        """
        before, known = previous.chain.place, previous.chain.control
        # Made anew: the tenant is the caller's, whoever's context this is.
        known = replace(known, key=TenantTable(tenant).control(before.thread, before.response_id))
        _, own = addressed(response_id)
        if "nxt" not in known.values:
            try:
                free = (Absent("nxt"), Present("gone") if deleted else Absent("gone"))
                await self._store.update(known.key, set={"nxt": own}, when=free)
            except ConditionFailed as fact:
                known = fact.old if deleted and fact.old is not None else _still_there(fact.old)
            else:
                return True, known
        # Where it is ours, the answer to our own first try was lost.
        return known.values["nxt"] == own, known

    async def _link(self, tenant: str, control: Row, response_id: ResponseId, expires: int) -> None:
        """Have a turn kept for a fork that is about to stand on it. Raises `ResponseNotFound`.

        Its control row names the first, which costs one update; rows of their own lead to the others.
        """
        if "frk" not in control.values:
            first = (Absent("gone"), Absent("frk"))
            try:
                await self._store.update(control.key, set={"frk": response_id}, when=first)
            except ConditionFailed as fact:
                control = _still_there(fact.old)
            else:
                return
        if control.values["frk"] == response_id:  # The answer to our own first try was lost.
            return
        table = TenantTable(tenant)
        link = table.fork(*addressed(response_of(control.key)), response_id)
        await self._store.put(link, {"ttl": expires})
        # Whoever removes it marks it first and looks for links afterwards.
        if not is_deleted(control) and is_deleted(await self._store.get(control.key)):
            fork = Place(response_id, *addressed(response_id), 0, 0)
            await self._removals(table).let_go(fork, control.key)
            raise ResponseNotFound

    def _based(self, place: Place, previous: Context, expires: int) -> Place:
        """The place, on a snapshot where the turn would outlive its history or stand on too many segments."""
        if previous.chain.expires >= expires and len(place.segments) <= MAX_SEGMENTS:
            return place
        # With blobs, what can be read can be kept. Together it never deflates much worse than turn by turn.
        if self._blobs is None and previous.chain.stored > MAX_SNAPSHOT * 0.99:
            raise TooLargeToStore(f"a context over {MAX_SNAPSHOT} bytes")
        base = Base(place.thread, place.depth - 1, place.own)
        return replace(place, low=place.depth, segments=(), base=base, stretch=None)


def _placed_after(before: Place, response_id: ResponseId) -> Place:
    """The place after `before`, in its thread or in the new one that the id names."""
    thread, own = addressed(response_id)
    depth = before.depth + 1
    if thread == before.thread:
        return replace(before, response_id=response_id, own=own, depth=depth)
    segments = (*before.segments, Segment(before.thread, before.low, before.depth))
    return Place(response_id, thread, own, depth, depth, segments, before.base, before.stretch)


def _still_there(control: Row | None) -> Row:
    """The row. Raises `ResponseNotFound` where it was deleted meanwhile."""
    if control is None or is_deleted(control):
        raise ResponseNotFound
    return control


def _origins_in(found: Chain) -> Mapping[str, Json]:
    return {id: origin for turn in found.turns for id, origin in turn.origins.items()}
