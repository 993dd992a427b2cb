"""Responses on their way from one store to another, ids, chains and forks as they were.

What a response stands on comes before it. It takes the place in its chain that its ids tell of, under the
retention of the store that it comes to, and is committed like any other: all of it, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from secrets import token_hex
from typing import TYPE_CHECKING

from lambda_responses.storage.chains import Base, Chain, Place, ResponseNotFound, addressed, is_deleted
from lambda_responses.storage.keyed.conditions import ROW, Absent
from lambda_responses.storage.keyed.port import ConditionFailed, Row, StoreFact
from lambda_responses.storage.removals import NO_FORK
from lambda_responses.storage.responses import Context, Reservation, StoredResponse, TooLargeToStore
from lambda_responses.storage.table import TenantTable
from lambda_responses.wire.ids import ResponseId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.storage.chains import Turn
    from lambda_responses.storage.keyed.port import KeyedStore, Put
    from lambda_responses.storage.responses import ResponseStore
    from lambda_responses.storage.threads import TreeNode
    from lambda_responses.wire.json import Json


class AnotherResponse(StoreFact):
    """The store has a response of that id, which is not this one."""


@dataclass(frozen=True, slots=True)
class Before:
    """What a response stands on that is no response any more: its items, oldest first, and their origins."""

    items: Sequence[Json]
    origins: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class MovedResponse:
    """One response as it travels, media inline."""

    response_id: str
    previous_id: str | None
    """The response before it, which travels too."""
    deleted: bool
    """It is moved for the sake of those that stand on it; `stored.response` has `output` and little else."""
    stored: StoredResponse
    before: Before | None = None
    """Where nothing travels before it: what it stands on all the same."""
    with_origins: bool = True


class Transfers:
    """Takes responses out of a store, and into one. Every method may raise `StoreUnavailable`."""

    def __init__(self, store: KeyedStore, responses: ResponseStore) -> None:
        self._store = store
        self._responses = responses

    async def taken_out(self, tenant: str, node: TreeNode, *, first: bool) -> MovedResponse:
        """A response of a tree; `first` says that nothing of the tree comes before it.

        Raises `ResponseNotFound` where it was deleted or expired meanwhile.
        """
        turns: Sequence[Turn] = await self._turns(tenant, node) if first or node.gone else []
        stored = _stood_upon(node, turns[-1]) if node.gone else None
        stored = stored or await self._responses.get(tenant, node.response_id)
        if not first:
            return MovedResponse(node.response_id, node.previous_id, node.gone, stored)
        return MovedResponse(node.response_id, None, node.gone, stored, _before(turns[:-1]))

    async def _turns(self, tenant: str, node: TreeNode) -> Sequence[Turn]:
        return (await self._responses.context(tenant, node.response_id, deleted=True)).chain.turns

    async def taken_in(self, tenant: str, moved: MovedResponse) -> bool:
        """Keep the response, unless it is here already; whether it was not.

        Raises `ResponseNotFound` where the one before it is missing, `AnotherResponse`, `TooLargeToStore`.
        """
        response_id = ResponseId(moved.response_id)
        thread, _ = addressed(response_id)
        here = await self._store.get(TenantTable(tenant).control(thread, response_id))
        if here is not None:
            await self._compare(tenant, moved, here)
            return False
        last = await self._prepared(tenant, moved)
        try:
            await self._store.put(last.key, last.values, last.when)
        except ConditionFailed as fact:  # somebody else brought it at the same time
            if fact.old is None:
                raise
            await self._compare(tenant, moved, fact.old)
            return False
        return True

    async def _prepared(self, tenant: str, moved: MovedResponse) -> Put:
        """All rows are written but this one."""
        response_id = ResponseId(moved.response_id)
        previous = None
        if moved.previous_id is not None:
            previous = await self._responses.context(tenant, moved.previous_id, deleted=True)
        if moved.before is None:
            reservation = await self._responses.resettle(tenant, previous, response_id)
            dropped: set[str] = set()
        else:
            reservation = self._first(tenant, response_id, moved.before)
            dropped = {"prev"}
        # A delete of the same response may be on its way, and take what lies under the names of its turn.
        writer = f"{reservation.place.own}{token_hex(4)}"
        try:
            last = await self._responses.prepare(replace(reservation, writer=writer), moved.stored)
        except TooLargeToStore:  # whoever brings it; an import that was cut short will want its place again
            await self._responses.release(reservation)
            raise
        values = dict(last.values)
        if moved.deleted:
            # As if its forks had gone: those that come say so themselves.
            values |= {"gone": True, "frk": NO_FORK}
            dropped.add("env")
        kept = {name: value for name, value in values.items() if name not in dropped}
        return replace(last, values=kept, when=(Absent(ROW),))

    def _first(self, tenant: str, response_id: ResponseId, before: Before) -> Reservation:
        """A place on a snapshot of what was said before the first response that travels."""
        thread, own = addressed(response_id)
        place = Place(response_id, thread, own, 1, 1, base=Base(thread, 0, own))
        control = Row(TenantTable(tenant).control(thread, response_id), {})
        chain = Chain(control, replace(place, depth=0), (), 0, 0)
        context = Context(before.items, before.origins, "completed", chain)
        return Reservation(response_id, tenant, place, self._responses.expiry(), context)

    async def _compare(self, tenant: str, moved: MovedResponse, here: Row) -> None:
        """Raises `AnotherResponse` unless it is the same."""
        if moved.deleted or is_deleted(here):
            return  # Each place deletes for itself: what went in one stays as it is in the other.
        try:
            found = await self._responses.get(tenant, moved.response_id)
        except ResponseNotFound:
            return
        same = (
            found.response == moved.stored.response
            and list(found.input) == list(moved.stored.input)
            and (not moved.with_origins or found.origins == moved.stored.origins)
            and (moved.before is not None or here.values.get("prev") == moved.previous_id)
        )
        if not same:
            raise AnotherResponse


def _stood_upon(node: TreeNode, turn: Turn) -> StoredResponse:
    """What others need of a deleted response."""
    response = {"id": node.response_id, "status": node.status, "created_at": node.created_at}
    return StoredResponse({**response, "output": turn.output}, turn.input, turn.origins, node.target)


def _before(turns: Sequence[Turn]) -> Before | None:
    if not turns:
        return None
    items = [item for turn in turns for item in (*turn.input, *turn.output)]
    return Before(items, {id: origin for turn in turns for id, origin in turn.origins.items()})
