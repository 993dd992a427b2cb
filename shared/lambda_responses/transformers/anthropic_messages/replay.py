"""What is kept of an answer's blocks beside the items that they made, and how it is read again.

A block is kept as it came, under its number in its message, so that a later request holds the same blocks in
the same order, to the byte: signatures are checked against what stood before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lambda_responses.wire.json import Json

MESSAGE = "message"
"""The member that names the message to which the blocks belong."""
CONTAINER = "container"
"""The member that names the machine on which the message's programs ran."""


def origin_of(message_id: str, blocks: Iterable[tuple[int, Json]]) -> Json:
    """What `Opaque` says of those numbered blocks."""
    return {MESSAGE: message_id, **{str(number): block for number, block in blocks}}


def blocks_of(origin: Mapping[str, Any]) -> list[tuple[int, Json]]:
    """The numbered blocks of an item, in order; none where another format made it."""
    return sorted(
        (
            (int(number), cast("Json", block))
            for number, block in origin.items()
            if number.isdecimal() and isinstance(block, dict)
        ),
        key=lambda numbered: numbered[0],
    )


def is_kept(item: Json, origins: Mapping[str, Json]) -> bool:
    """Whether an item's blocks are known as they came."""
    return bool(blocks_of(origins.get(item.get("id") or "", {})))
