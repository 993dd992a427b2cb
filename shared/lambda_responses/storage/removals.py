"""How responses go: at once for readers, and without a trace as soon as nothing stands on them.

Deleted but stood upon, a response leaves a tombstone: its control row, marked as gone, and what its turn
added to the context. The last to let go of a tombstone removes it. Those that may stand on a turn are the one
that continues it in its thread (`nxt`), the first that forked off it (`frk`), and other forks (`F#` rows).

Who forks writes its link first and looks for the mark afterwards; who removes marks first and looks for links
afterwards: one of them sees the other. With `erase`, the turn of a deleted response is emptied in spite of
its descendants, and cut out of the snapshots that they wrote and of what their compactions keep verbatim.

A blob goes when a row that named it has gone or named it for the last time, and a query that began afterwards
finds no other in the thread. Whatever else happens meanwhile, no row is left without its blob:

- Nobody writes a blob again under the name that is being removed: names have their writer's in them, and who
  writes puts each blob once, before the row. Whoever brings a response from elsewhere is a writer of its own.
- With `keep`, only turns that come later in the same thread name another's blob, and only one that a row of
  a turn before them names. That row stays for as long as they may, being stood upon: the query sees it.
- With `erase`, a blob is named by one row alone. What was written with `keep` may be named by several; those
  are all there, and none is added.

And no blob is left without a row: of several that let go of it at once, the last to change its row begins its
query after all of them. What a row names is read off the row as it was removed, or replaced on the condition
that it is as it was read. What a crash leaves behind expires.
"""

from __future__ import annotations

from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING

from lambda_responses.storage.blobs.lifting import MediaMissing, digest_in, keep
from lambda_responses.storage.bundles import EXPIRY, Bundle, bundle_of, grouped, read_bundles, references
from lambda_responses.storage.chains import (
    GENERATION,
    ResponseNotFound,
    addressed,
    is_deleted,
    placed_row,
)
from lambda_responses.storage.codec import unpack
from lambda_responses.storage.keyed.conditions import ROW, Absent, Present, equals
from lambda_responses.storage.keyed.port import ConditionFailed, Range
from lambda_responses.storage.parcels import from_rows, into_rows
from lambda_responses.storage.records import MAX_SNAPSHOT, envelope_keys, other_keys
from lambda_responses.storage.scheduling import at_once, off_the_loop, weight_of
from lambda_responses.storage.table import blobs_of, fork_of, response_of, thread_in, turn_of
from lambda_responses.wire.compaction import without_items

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.chains import Place
    from lambda_responses.storage.keyed.port import Key, KeyedStore, Row
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.ids import ThreadKey
    from lambda_responses.wire.json import Json

UNNEEDED = (Absent("nxt"), Absent("frk"))
"""No turn stands on this one, nor is any about to."""
_OF_ANY_BUNDLE = ("prev", "ttl", GENERATION)
NO_FORK = False
"""What `frk` is once the fork that it named is gone: unlike a missing one, it says that links may be left."""


class Removals:
    """Removes responses of one tenant. Every method may raise `StoreUnavailable`."""

    def __init__(self, store: KeyedStore, table: TenantTable, blobs: Blobs | None, *, erase: bool) -> None:
        self._store = store
        self._table = table
        self._blobs = blobs
        self._erase = erase

    async def delete(self, response_id: str) -> None:
        """Make the response unreadable. Raises `ResponseNotFound`."""
        thread, _ = addressed(response_id)
        key = self._table.control(thread, response_id)
        try:
            row = await self._store.delete(key, (Present(ROW), Absent("gone"), *UNNEEDED))
        except ConditionFailed as fact:
            if fact.old is None:
                raise ResponseNotFound from None
            if is_deleted(fact.old):  # where a delete was cut short
                await self._let_ask_again(fact.old)
                await self._erased(placed_row(fact.old))
                raise ResponseNotFound from None
            control, row = fact.old, await self._entombed(fact.old)
        else:
            control = row
        await self._sweep(row)
        await self._let_ask_again(control)  # At last, for a claim ends by itself, and rows in a long time.

    async def abandon(self, place: Place) -> None:
        """Remove what was written for a response that came to nothing. Its place is still held for it."""
        ranges = [
            self._table.turn_parts(place.thread, place.depth, place.own),
            self._table.envelopes(place.thread, place.response_id),
        ]
        if place.base is not None and place.base.own == place.own:
            ranges.append(self._table.snapshot_parts(place.thread, place.base.depth, place.own))
        found = await at_once(map(self._store.query, ranges))
        await self._remove(place.thread, [row.key for rows in found for row in rows])

    async def let_go(self, place: Place, previous: Key) -> None:
        """Keep the response of control row `previous` no more for the one at `place`: remove it where it was
        kept for nobody else.
        """
        await self._sweep(await self._released(place, previous))

    async def _let_ask_again(self, control: Row | None) -> None:
        """Have the request answered anew that a deleted response was the only answer to."""
        if control is not None and "req" in control.values:
            claim, its_own = self._table.claim(control.values["req"]), equals("rid", response_of(control.key))
            with suppress(ConditionFailed):  # Another response answers it by now.
                await self._store.delete(claim, (its_own,))

    async def _sweep(self, row: Row | None) -> None:
        """Remove what belongs to a removed control row, and the tombstones that stood for it alone."""
        while row is not None:
            place = placed_row(row)
            await self._remove(place.thread, other_keys(self._table, place, row))
            previous = row.values.get("prev")
            if previous is None:
                return
            thread, _ = addressed(previous)
            row = await self._released(place, self._table.control(thread, previous))

    async def _released(self, place: Place, previous: Key) -> Row | None:
        """Free what `place` holds of its predecessor; the removed control row, where only this kept it."""
        thread, own = addressed(response_of(previous))
        try:
            if thread == place.thread:
                row = await self._store.update(previous, remove=["nxt"], when=(equals("nxt", place.own),))
            else:
                await self._store.delete(self._table.fork(thread, own, place.response_id))
                named = (equals("frk", place.response_id),)
                row = await self._store.update(previous, set={"frk": NO_FORK}, when=named)
        except ConditionFailed as fact:
            row = fact.old  # It expired, or another one stands there.
        return await self._removed(row)

    async def _removed(self, row: Row | None) -> Row | None:
        """Remove a tombstone that nothing stands on, and return it."""
        if row is None or not is_deleted(row) or "nxt" in row.values or row.values.get("frk"):
            return None
        if "frk" in row.values:
            forks = self._table.forks(*addressed(response_of(row.key)))
            if await self._store.query(forks, limit=1):
                return None
        try:
            return await self._store.delete(row.key, (Present("gone"), Absent("nxt")))
        except ConditionFailed:
            return None

    async def _entombed(self, row: Row) -> Row | None:
        """Leave of a response only what its descendants need; the row, where there turn out to be none."""
        try:
            row = await self._store.update(
                row.key, set={"gone": True}, remove=["env", "wk", "wt"], when=(Absent("gone"),)
            )
        except ConditionFailed:
            raise ResponseNotFound from None
        place = placed_row(row)
        await self._remove(place.thread, envelope_keys(self._table, place, row))
        removed = await self._removed(row)
        if removed is None:
            await self._erased(place)
        return removed

    async def _erased(self, place: Place) -> None:
        """With `erase`, empty a turn that others stand on, once its items are cut out of their rows."""
        if not self._erase:
            return
        parts = self._table.turn_parts(place.thread, place.depth, place.own)
        rows = await self._store.query(parts)
        if not _hold_any(rows):
            return
        items = await self._items_of(rows)
        async for bundle in self._bundles_on(place):
            await self._cut(bundle, items)
        while _hold_any(rows) and not await self._rewritten(rows, Bundle({})):
            rows = await self._store.query(parts)  # Somebody has cut out of it meanwhile.

    async def _items_of(self, rows: Sequence[Row]) -> set[str]:
        """The ids of a turn's items; none where they are gone with their blob."""
        try:
            [values] = await read_bundles([rows], blobs=self._blobs)
        except MediaMissing:
            return set()
        return {item["id"] for item in (*values.get("in", ()), *values.get("out", ())) if "id" in item}

    async def _bundles_on(self, place: Place) -> AsyncGenerator[Sequence[Row], None]:
        """The turns that stand on that one, and all snapshots of it, thread after thread."""
        waiting: list[tuple[ThreadKey, int]] = [(place.thread, place.depth)]
        while waiting:
            thread, depth = waiting.pop()
            rows = await self._store.query(self._table.whole_thread(thread))
            for bundle in grouped(rows):
                kind = bundle[0].key.sk[0]
                if kind != "R" and turn_of(bundle[0].key)[0] >= depth + (kind == "C"):
                    yield bundle
            waiting += [(addressed(fork)[0], 0) for fork in _forks_from(rows, depth)]

    async def _cut(self, rows: Sequence[Row], items: Collection[str]) -> None:
        """Leave those items out of a bundle, whoever else is cutting it."""
        first = rows[0].key
        while rows and not await self._is_cut(rows, items):
            before, rows = rows, await self._store.query(Range(first.pk, first.sk, f"{first.sk}~"))
            if rows == before:  # Nobody is: it cannot be read, by anybody.
                return

    async def _is_cut(self, rows: Sequence[Row], items: Collection[str]) -> bool:
        """Whether the bundle is without those items now; not where somebody changed it meanwhile."""
        of_turn = rows[0].key.sk.startswith("C#")
        if of_turn and not _may_keep(rows, items):
            return True
        try:
            [values] = await read_bundles([rows], blobs=self._blobs)
        except MediaMissing:
            return False
        found: Json = {"in": [], "org": {}, **values}
        left: Json = {**found, "org": {id: without_items(each, items) for id, each in found["org"].items()}}
        if not of_turn:
            left["in"] = [item for item in found["in"] if item.get("id") not in items]
            left["org"] = {id: each for id, each in left["org"].items() if id not in items}
        if left == found:
            return True
        bundle = await off_the_loop(
            weight_of(left),
            bundle_of,
            left,
            room=MAX_SNAPSHOT,
            lifts=self._blobs is not None,
            bounded=False,
            name=_names_after(references(rows)),
        )
        return await self._rewritten(rows, bundle)

    async def _rewritten(self, rows: Sequence[Row], bundle: Bundle) -> bool:
        """Put another bundle in the place of one, which is smaller, unless somebody else has changed that."""
        first, before = rows[0], references(rows)
        values = {name: value for name, value in first.values.items() if name in _OF_ANY_BUNDLE}
        values["erased"] = first.values.get("erased", 0) + 1
        if self._blobs is not None and bundle.blobs:
            new = {name: data for name, data in bundle.blobs.items() if name not in before}
            expires: int = first.values.get(EXPIRY, first.values["ttl"])
            await keep(new, blobs=self._blobs, scope=blobs_of(first.key), expires=expires)
            values[EXPIRY] = expires
        counted = ("erased", GENERATION)  # once more by whoever changes it, or writes it again
        as_read = [equals(n, first.values[n]) if n in first.values else Absent(n) for n in counted]
        begun, *more = into_rows(bundle.parts)
        try:
            await self._store.put(first.key, {**begun, **values}, (Present(ROW), *as_read))
        except ConditionFailed:
            written = False
        else:
            written = True
            await at_once(self._store.delete(row.key) for row in rows[1 + len(more) :])
            of_all = {name: values[name] for name in ("ttl", GENERATION) if name in values}
            for row, part in zip(rows[1:], more, strict=False):
                await self._store.put(row.key, {**part, **of_all}, (Present(ROW),))
        await self._drop(thread_in(first.key), before | bundle.blobs.keys())
        return written

    async def _remove(self, thread: ThreadKey, keys: Iterable[Key]) -> None:
        """Remove rows, and the blobs that they named."""
        removed = await at_once(map(self._store.delete, keys))
        bundles = grouped(row for row in removed if row is not None)
        await self._drop(thread, set[str]().union(*map(references, bundles)))

    async def _drop(self, thread: ThreadKey, names: Collection[str]) -> None:
        """Remove blobs that no row of their thread refers to any more."""
        if not names or self._blobs is None:
            return
        bundles = grouped(await self._store.query(self._table.whole_thread(thread)))
        unused = set(names).difference(*map(references, bundles))
        await self._blobs.delete([f"{self._table.blobs(thread)}/{name}" for name in unused])


def _hold_any(rows: Sequence[Row]) -> bool:
    """Whether anything is left of a turn."""
    return bool(rows) and from_rows(row.values for row in rows) != {}


def _may_keep(rows: Sequence[Row], items: Collection[str]) -> bool:
    """Whether a compaction of that turn may keep one of the items; that is known without fetching blobs."""
    parts = from_rows(row.values for row in rows) or {}
    origins: Mapping[str, Json] = unpack(parts["org"]) if "org" in parts else {}
    return "big" in parts or any(without_items(each, items) is not each for each in origins.values())


def _names_after(before: Collection[str]) -> Callable[[str], str]:
    """Names for the blobs of a bundle that is written anew: those they had, or the writer's own."""
    known = {digest_in(name): name for name in before}
    writer = token_hex(8)
    return lambda digest: known.get(digest) or f"{digest}-{writer}"


def _forks_from(rows: Iterable[Row], depth: int) -> set[str]:
    """The responses of other threads that stand on turns of this one from that depth on."""
    controls = [row for row in rows if row.key.sk.startswith("R#") and row.values.get("depth", -1) >= depth]
    turns = {addressed(response_of(row.key))[1] for row in controls}
    links = [fork_of(row.key) for row in rows if row.key.sk.startswith("F#")]
    first = {row.values["frk"] for row in controls if isinstance(row.values.get("frk"), str)}
    return first | {fork for own, fork in links if own in turns}
