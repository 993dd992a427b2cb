"""What a provider said in an item and nobody asked to see: kept beside it, for readers and models that may.

It lies in the item's origin, under `unshown`: the members of the item that it shows less of, whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.seals import MAKER
from lambda_responses.wire.includes import apply_include

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lambda_responses.wire.json import Json

UNSHOWN = "unshown"


def with_asked(item: Json, origins: Mapping[str, Json], include: Collection[str]) -> Json:
    """The item with what `include` asks for besides. Nothing that it shows is taken away."""
    unshown = origins.get(item.get("id") or "", {}).get(UNSHOWN)
    if not unshown:
        return item
    return {**item, **apply_include({"type": item["type"], **unshown}, include)}


def kept(origins: Mapping[str, Json], unshown: Mapping[str, Json], *, maker: str) -> dict[str, Json]:
    """What is stored beside the items that a response has said, by their ids."""
    made = {id: {MAKER: maker, **origin} for id, origin in origins.items()}
    for id, members in unshown.items():
        made[id] = {**made.get(id, {MAKER: maker}), UNSHOWN: members}
    return made


@dataclass(frozen=True, slots=True)
class Made:
    """What is kept beside the items that a response has said, by their ids: `kept`, taken apart again."""

    origins: Mapping[str, Json]
    unshown: Mapping[str, Json]


def made_of(output: Sequence[Json], stored: Mapping[str, Json]) -> Made:
    """Of those items."""
    own = {item["id"]: stored[item["id"]] for item in output if item["id"] in stored}
    origins = {id: without_unshown(origin) for id, origin in own.items()}
    return Made(origins, {id: origin[UNSHOWN] for id, origin in own.items() if UNSHOWN in origin})


def without_unshown(origin: Json) -> Json:
    """An origin as its maker knows it."""
    return {name: value for name, value in origin.items() if name != UNSHOWN} if UNSHOWN in origin else origin
