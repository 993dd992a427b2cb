"""The key ring of an installation whose operator gave none: one row, made when it is first needed.

It holds the text of the setting that takes its place. Why in this table: docs/adr/0008-key-ring.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.sealing.keys import KeyRing, new_key, parse_key_ring
from lambda_responses.storage.keyed.conditions import ROW, Absent
from lambda_responses.storage.keyed.port import ConditionFailed, StoreUnavailable
from lambda_responses.storage.table import KEY_RING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.storage.keyed.port import KeyedStore, Row

RECORD_VERSION = 1


class UnusableKeyRing(StoreUnavailable):
    """The row of the ring holds none. It is read again by whoever asks next, so that it can be mended."""


async def key_ring(store: KeyedStore, entropy: Callable[[int], bytes]) -> KeyRing:
    """The installation's ring, the same for every process; `entropy` gives that many random bytes.

    Raises `StoreUnavailable`, of which an `UnusableKeyRing` names the row and quotes nothing of it.
    """
    row = await store.get(KEY_RING)
    if row is not None:
        return _ring_of(row)
    made = KeyRing([new_key(entropy)])
    try:
        await store.put(KEY_RING, {"v": RECORD_VERSION, "ring": made.as_text()}, (Absent(ROW),))
    except ConditionFailed as failed:
        if failed.old is None:
            raise
        return _ring_of(failed.old)  # somebody was faster
    return made


def _ring_of(row: Row) -> KeyRing:
    try:
        return parse_key_ring(row.values["ring"])
    except (KeyError, ValueError) as fault:
        why = "it has no ring" if isinstance(fault, KeyError) else str(fault)
        place = f"{KEY_RING.pk} / {KEY_RING.sk}"
        raise UnusableKeyRing(f"the sealing keys in the row {place} cannot be used: {why}") from None
