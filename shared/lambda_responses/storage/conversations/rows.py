"""How a conversation is laid into rows: a head, and each item by itself, to be taken away by itself.

Attributes of the head: `v` version, `created`, `meta` the metadata, `next` the number of the next item,
`live` how many items there are, `owner` and `until` (seconds since 1970) of the lease of whoever is adding to
it, `gone` set while it is being deleted. Those of an item's first row: `id`, `n` how many rows it has where
it is not one, `it` and `org` or what stands for them (see `bundles`), and once the conversation is deleted
`ttl` and `at`, the scope that its blobs are in by then.

Only items before `next` are there. What a writer that died has left beyond it is overwritten by the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.bundles import bundle_of
from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.keyed.port import MAX_TRANSACTION, Put, Update
from lambda_responses.storage.parcels import ROW_BYTES, into_rows
from lambda_responses.storage.table import seq_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lambda_responses.storage.bundles import Bundle
    from lambda_responses.storage.keyed.port import Key, Row, Write
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.ids import ConversationKey
    from lambda_responses.wire.json import Json

CONVERSATION_VERSION = 1
MAX_ITEM = 11 * ROW_BYTES
"""Payload of one item in rows: all that a turn may hold, and more because it stands behind no other here."""
TRANSACTION_BYTES = 3_000_000
"""Payload of one transaction: DynamoDB takes 4 MB, which count names and the other attributes too."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The items of a conversation before number `upto`: what a response in it was shown."""

    conversation: ConversationKey
    upto: int


def all_of(conversation: ConversationKey, head: Row) -> Stretch:
    """All that was ever added."""
    return Stretch(conversation, head.values["next"])


@dataclass(frozen=True, slots=True)
class KeptItem:
    """Where one item lies."""

    id: str
    rows: Sequence[Row]
    """Those that hold it, a bundle of `it` and `org`."""
    keys: Sequence[Key]
    """All that go when it goes."""


def head_values(created: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The head of a new conversation without items."""
    values: dict[str, Any] = {"v": CONVERSATION_VERSION, "created": created, "next": 0, "live": 0}
    return {**values, "meta": pack(metadata)} if metadata else values


def metadata_in(head: Row) -> dict[str, str]:
    """The metadata of a conversation."""
    return unpack(head.values["meta"]) if "meta" in head.values else {}


def item_bundles(
    items: Sequence[Json], origins: Mapping[str, Json], first: int, *, lifts: bool
) -> list[Bundle]:
    """Items with what their makers want back, each packed by itself, and numbered from `first` on.

    Each has blobs of its own, under names that no other ever has: they go with it, whoever adds what. Raises
    `TooLargeToStore`.
    """

    def bundle(seq: int, item: Json) -> Bundle:
        values = {"it": item, "org": origins.get(item["id"])}
        return bundle_of(values, room=MAX_ITEM, lifts=lifts, name=lambda digest: f"{digest}-{seq}")

    return [bundle(seq, item) for seq, item in enumerate(items, first)]


def item_puts(
    table: TenantTable,
    conversation: ConversationKey,
    first: int,
    items: Sequence[Json],
    bundles: Sequence[Bundle],
) -> list[Put]:
    """The rows of items, numbered from `first` on."""
    puts: list[Put] = []
    for seq, (item, bundle) in enumerate(zip(items, bundles, strict=True), first):
        rows = into_rows(bundle.parts)
        rows[0]["id"] = item["id"]
        if len(rows) > 1:
            rows[0]["n"] = len(rows)
        puts += [Put(table.item(conversation, seq, part), row) for part, row in enumerate(rows)]
    return puts


def batched(puts: Iterable[Put], *, beside: int) -> Iterator[list[Put]]:
    """As many at a time as a transaction holds `beside` so many other writes; the last batch may be empty."""
    batch: list[Put] = []
    size = 0
    for put in puts:
        if len(batch) + beside >= MAX_TRANSACTION or size + payload_of(put) > TRANSACTION_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(put)
        size += payload_of(put)
    yield batch


def fits(writes: Sequence[Write]) -> bool:
    """Whether a transaction holds all of them."""
    return len(writes) <= MAX_TRANSACTION and sum(map(payload_of, writes)) <= TRANSACTION_BYTES


def payload_of(write: Write) -> int:
    """The bytes that a row is written for."""
    match write:
        case Put(values=values) | Update(set=values):
            return sum(len(value) for value in values.values() if isinstance(value, bytes))
        case _:
            return 0


def items_in(rows: Iterable[Row]) -> list[KeptItem]:
    """The items that lie in these rows, in their order."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(seq_of(row.key), []).append(row)
    return [_item_in(each) for each in found.values() if "id" in each[0].values]


def _item_in(rows: Sequence[Row]) -> KeptItem:
    first = rows[0].values
    used = rows[: first.get("n", 1)]  # what follows was left by a longer item that came to nothing
    return KeptItem(first["id"], used, [row.key for row in rows])
