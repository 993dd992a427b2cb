"""What makers of items want back and clients must not read: shown to them sealed, opened when it comes back.

An item's origin is what its maker said of it for itself (`Opaque`), with the maker's name under `maker`. The
store keeps it beside the item; a client that keeps the conversation itself gets it as `encrypted_content`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.base import SEAL
from lambda_responses.wire.compaction import COMPACTION, is_compaction
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.origins import SUPERSEDED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.wire.json import Json

MAKER = "maker"
"""In an origin: who made the item, and alone gets the rest of it back."""

_NO_SECRETS = frozenset({MAKER, "id", SUPERSEDED})
"""Members of an origin that are not worth a seal."""


def hold_seals(items: Iterable[Json]) -> bool:
    """Whether any of the items has been sealed by somebody."""
    return any("encrypted_content" in item for item in items)


def seal(origin: Json, sealer: Sealer) -> str | None:
    """An origin as a client may hold it; None where there is nothing in it to keep."""
    from lambda_responses.sealing.sealer import REASONING

    return sealer.seal(REASONING, origin) if origin.keys() - _NO_SECRETS else None


def seal_compaction(origin: Json, sealer: Sealer) -> str:
    """What a compaction item stands for, as a client may hold it."""
    from lambda_responses.sealing.sealer import COMPACTION as COMPACTED

    return sealer.seal(COMPACTED, origin)


def seal_shown(item_type: str, origin: Json, sealer: Sealer | None, *, reasoning: bool) -> str | None:
    """What the client is shown of an item's origin: of a compaction always, of all else if it asked."""
    if sealer is None:
        return None
    if item_type == COMPACTION:
        return seal_compaction(origin, sealer)
    return seal(origin, sealer) if reasoning else None


def opened(items: Sequence[Json], sealer: Sealer, *, native: bool, member: str = "input") -> dict[int, Json]:
    """The origins that a client brings back sealed, by the place of the item in that member of its request.

    What somebody else sealed is passed over: it may come from the provider itself. Of a compaction that can
    only be where the upstream is `native`, for others do not know what it stands for. Raises
    `InvalidRequestError` for what this server sealed for another tenant, or was changed since.
    """
    from lambda_responses.sealing.sealer import COMPACTION as COMPACTED
    from lambda_responses.sealing.sealer import REASONING, BrokenEnvelope, NotAnEnvelope

    origins: dict[int, Json] = {}
    for place, item in enumerate(items):
        envelope = item.get("encrypted_content")
        if not isinstance(envelope, str):
            continue
        compacts = is_compaction(item)
        try:
            origins[place] = sealer.open(COMPACTED if compacts else REASONING, envelope)
        except NotAnEnvelope:
            if compacts and not native:
                raise _unverified(member, place) from None
        except BrokenEnvelope:
            raise _unverified(member, place) from None
    return origins


def _unverified(member: str, place: int) -> InvalidRequestError:
    return InvalidRequestError(
        "The encrypted content could not be verified.",
        code="invalid_encrypted_content",
        param=f"{member}[{place}].encrypted_content",
    )


def with_seal(item: Json, origins: Mapping[str, Json], sealer: Sealer | None) -> Json:
    """A reasoning item with what its maker sealed, where that had been kept aside until somebody asks."""
    if sealer is None or item["type"] != "reasoning" or item.get("encrypted_content"):
        return item
    shown = seal(origins.get(item.get("id") or "", {}), sealer)
    return item if shown is None else {**item, "encrypted_content": shown}


def asked_for(include: Collection[str]) -> bool:
    """Whether seals are to be shown."""
    return SEAL in include
