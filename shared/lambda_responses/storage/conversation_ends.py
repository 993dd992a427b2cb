"""What becomes of a deleted conversation's items, and of the blobs that they refer to.

Responses that were made in it refer to its items. So those stay for as long as such a response may, and then
expire; their blobs are moved to where blobs expire. Where deleting is to erase, all goes at once.

Everything here can be done twice: a delete that was cut short is taken up again by the next.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lambda_responses.storage.bundles import references
from lambda_responses.storage.conversation_rows import items_in
from lambda_responses.storage.keyed import ConditionFailed
from lambda_responses.storage.lifting import AT_ONCE
from lambda_responses.storage.scheduling import at_once
from lambda_responses.wire.ids import ThreadKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambda_responses.storage.blobs import Blobs
    from lambda_responses.storage.conversation_rows import KeptItem
    from lambda_responses.storage.keyed import KeyedStore, Row, Values
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.ids import ConversationKey


async def erase(store: KeyedStore, rows: Sequence[Row], *, blobs: Blobs | None, scope: str) -> None:
    """Remove the rows of items, and what they refer to."""
    if blobs is not None and (names := _referred(rows)):
        await blobs.delete([f"{scope}/{name}" for name in names])
    await at_once(store.delete(row.key) for row in rows)


async def let_expire(
    store: KeyedStore, rows: Sequence[Row], expires: int, *, blobs: Blobs | None, scope: str, onward: str
) -> None:
    """Give the rows of items an end, and move what they refer to `onward`, a scope in which blobs have one.

    What was left of items that are no more is removed.
    """
    kept = {row.key for item in items_in(rows) for row in item.rows}
    names = _referred(row for row in rows if row.key in kept)
    if blobs is not None:
        await at_once((_copy(blobs, name, scope, onward, expires) for name in names), most=AT_ONCE)
    ending = {"ttl": expires, **({"at": onward} if names else {})}
    await at_once(_end(store, row, ending if row.key in kept else None) for row in rows)
    if blobs is not None and (every := _referred(rows)):
        await blobs.delete([f"{scope}/{name}" for name in every])


def resting_place(table: TenantTable, conversation: ConversationKey) -> str:
    """The scope in which blobs of a deleted conversation expire."""
    return table.blobs(ThreadKey(conversation[:24]))


def referred_by(item: KeptItem, others: Iterable[KeptItem]) -> set[str]:
    """The blobs that this item refers to, and none of the others."""
    return references(item.rows) - {name for other in others for name in references(other.rows)}


def _referred(rows: Iterable[Row]) -> set[str]:
    """The blobs that these rows refer to, also those of an item that is being deleted."""
    bundles: dict[str, list[Row]] = {}
    for row in rows:
        bundles.setdefault("#".join(row.key.sk.split("#")[:2]), []).append(row)
    return {
        name for bundle in bundles.values() for name in references(bundle[: bundle[0].values.get("n", 1)])
    }


async def _copy(blobs: Blobs, name: str, scope: str, onward: str, expires: int) -> None:
    data = await blobs.get(f"{scope}/{name}")
    if data is not None:  # or it has been moved already
        await blobs.put(f"{onward}/{name}", data, expires=expires)


async def _end(store: KeyedStore, row: Row, ending: Values | None) -> None:
    if ending is None:
        await store.delete(row.key)
        return
    with suppress(ConditionFailed):  # It was deleted meanwhile.
        await store.update(row.key, set=ending)
