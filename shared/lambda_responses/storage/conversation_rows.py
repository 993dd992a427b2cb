"""How a conversation is laid into rows: a head, and each item by itself, to be taken away by itself.

Attributes of the head: `v` version, `created`, `meta` the metadata, `next` the number of the next item,
`live` how many items there are, `owner` and `until` (seconds since 1970) of the lease of whoever is adding to
it, `gone` set while it is being deleted. Of an item's first row: `it` the item, `org` what its maker wants
back, `n` how many rows it takes, if more than one.

Only items before `next` are there. What a writer that died has left beyond it is overwritten by the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.keyed import MAX_TRANSACTION, Put
from lambda_responses.storage.parcels import from_rows, into_rows
from lambda_responses.storage.table import seq_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lambda_responses.storage.keyed import Key, Row
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.ids import ConversationKey
    from lambda_responses.wire.json import Json

CONVERSATION_VERSION = 1
TRANSACTION_BYTES = 3_000_000
"""Payload of one transaction: DynamoDB takes 4 MB, which count names and the other attributes too."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The items of a conversation before number `upto`: what a response in it was shown."""

    conversation: ConversationKey
    upto: int


@dataclass(frozen=True, slots=True)
class KeptItem:
    """One item, and the rows that it takes."""

    seq: int
    item: Json
    origin: Json
    keys: Sequence[Key]
    bytes: int
    expires: int | None
    """In seconds since 1970, once its conversation has been deleted."""


def head_values(created: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The head of a new conversation without items."""
    values: dict[str, Any] = {"v": CONVERSATION_VERSION, "created": created, "next": 0, "live": 0}
    return {**values, "meta": pack(metadata)} if metadata else values


def metadata_in(head: Row) -> dict[str, str]:
    """The metadata of a conversation."""
    return unpack(head.values["meta"]) if "meta" in head.values else {}


def item_puts(
    table: TenantTable,
    conversation: ConversationKey,
    first: int,
    items: Sequence[Json],
    origins: Mapping[str, Json],
) -> list[Put]:
    """The rows of items, numbered from `first` on."""
    puts: list[Put] = []
    for seq, item in enumerate(items, first):
        parts = {"it": pack(item)}
        if origin := origins.get(item["id"]):
            parts["org"] = pack(origin)
        rows = into_rows(parts)
        if len(rows) > 1:
            rows[0]["n"] = len(rows)
        puts += [Put(table.item(conversation, seq, part), row) for part, row in enumerate(rows)]
    return puts


def batched(puts: Iterable[Put], *, beside: int) -> Iterator[list[Put]]:
    """As many at a time as a transaction holds `beside` so many other writes; the last batch may be empty."""
    batch: list[Put] = []
    size = 0
    for put in puts:
        if len(batch) + beside == MAX_TRANSACTION or size + payload_of(put) > TRANSACTION_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(put)
        size += payload_of(put)
    yield batch


def payload_of(put: Put) -> int:
    """The bytes that a row is written for."""
    return sum(len(value) for value in put.values.values() if isinstance(value, bytes))


def items_in(rows: Iterable[Row]) -> list[KeptItem]:
    """The items that are whole in these rows, in their order."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(seq_of(row.key), []).append(row)
    kept = (_item_in(seq, rows) for seq, rows in found.items())
    return [item for item in kept if item is not None]


def _item_in(seq: int, rows: Sequence[Row]) -> KeptItem | None:
    """The item; None where its first row was deleted, and others are about to be."""
    first = rows[0]
    used = rows[: first.values.get("n", 1)]  # what follows was left by a longer item that came to nothing
    parts = from_rows(row.values for row in used)
    if parts is None:
        return None
    origin: Json = unpack(parts["org"]) if "org" in parts else {}
    size = sum(map(len, parts.values()))
    return KeptItem(
        seq, unpack(parts["it"]), origin, [row.key for row in rows], size, first.values.get("ttl")
    )
