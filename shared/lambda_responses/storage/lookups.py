"""One response, or single items of some, as they are kept: by ids, without what they stand on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lambda_responses.storage.blobs.lifting import AT_ONCE
from lambda_responses.storage.bundles import RowsApart, read_bundles
from lambda_responses.storage.chains import (
    ResponseNotFound,
    addressed,
    check_revision,
    is_deleted,
    read_again,
    read_turns,
)
from lambda_responses.storage.records import StoredItem, StoredResponse
from lambda_responses.storage.scheduling import at_once
from lambda_responses.storage.table import response_of, turn_of
from lambda_responses.wire.ids import own_part_of, thread_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore, Row, Values
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.ids import ThreadKey
    from lambda_responses.wire.json import Json


class Lookups:
    """Finds what one tenant kept. Every method may raise `StoreUnavailable`."""

    def __init__(self, store: KeyedStore, table: TenantTable, blobs: Blobs | None) -> None:
        self._store = store
        self._table = table
        self._blobs = blobs

    async def response(self, response_id: str) -> StoredResponse:
        """The response as it ended. Raises `ResponseNotFound`."""
        return await read_again(partial(self._response, response_id))

    async def _response(self, response_id: str) -> StoredResponse:
        thread, own = addressed(response_id)
        row = await self._store.get(self._table.control(thread, response_id))
        if row is None or is_deleted(row):
            raise ResponseNotFound
        ranges = [self._table.turn_parts(thread, row.values["depth"], own)]
        if "env" not in row.values:
            ranges.append(self._table.envelopes(thread, response_id))
        bundles = await at_once(map(self._store.query, ranges))
        if not all(bundles):
            raise RowsApart  # Deleted between the two reads; or its envelope has just got rows of its own.
        for rows in bundles:
            check_revision(row, rows)  # which may have been written again between the two reads
        bundles.append([row])  # Which is the envelope's where that has no rows of its own.
        added, envelope = await read_bundles(bundles[:2], blobs=self._blobs)
        response = _as_it_is_now(envelope["env"], row.values)
        if added.get("out"):
            response["output"] = added["out"]
        return StoredResponse(
            response,
            added.get("in", []),
            added.get("org", {}),
            row.values["target"],
            pending=added.get("wait", ()),
        )

    async def items(self, ids: Iterable[str]) -> dict[str, StoredItem]:
        """The items of stored responses that have these ids; of other ids, nothing.

        An id names thread and response, which must still be readable. Two requests for each thread, a few
        threads at a time; of a thread's turns, those from the first to the last that is named are read.
        """
        named: dict[ThreadKey, set[str]] = {}
        wanted = set(ids)
        for id in wanted:
            thread, own = thread_of(id), own_part_of(id)
            if thread is not None and own is not None:
                named.setdefault(thread, set()).add(own)
        found = await at_once((self._in_thread(*each) for each in named.items()), most=AT_ONCE)
        return {id: item for items in found for id, item in items.items() if id in wanted}

    async def _in_thread(self, thread: ThreadKey, owns: Collection[str]) -> Mapping[str, StoredItem]:
        """All items of the turns of a thread that have these own parts; none where one of them is broken."""
        try:
            return await read_again(partial(self._of_turns, thread, owns))
        except ResponseNotFound:
            return {}

    async def _of_turns(self, thread: ThreadKey, owns: Collection[str]) -> Mapping[str, StoredItem]:
        controls = [
            row
            for row in await self._store.query(self._table.controls(thread))
            if own_part_of(response_of(row.key)) in owns and "v" in row.values and not is_deleted(row)
        ]
        if not controls:
            return {}
        named = {(row.values["depth"], own_part_of(response_of(row.key))): row for row in controls}
        depths = [depth for depth, _ in named]
        bundles: dict[tuple[int, str], list[Row]] = {}
        for row in await self._store.query(self._table.turns(thread, min(depths), max(depths))):
            if (turn := turn_of(row.key)) in named:
                bundles.setdefault(turn, []).append(row)
        for turn, rows in bundles.items():
            check_revision(named[turn], rows)
        read = await read_turns(list(bundles.values()), blobs=self._blobs)
        return {
            item["id"]: StoredItem(item, turn.origins.get(item["id"], {}))
            for (_, own), turn in zip(bundles, read, strict=True)
            for item in (*turn.input, *turn.output)
            if own_part_of(item.get("id") or "") == own  # and not what was sent again with another turn
        }


def _as_it_is_now(response: Json, control: Values) -> Json:
    """The stored object of a background response, which may have moved on, or ended, since it was written."""
    if "bg" not in control:
        return response
    ended = {"error": control["err"]} if "err" in control else {}
    return {**response, "status": control["st"], **ended}
