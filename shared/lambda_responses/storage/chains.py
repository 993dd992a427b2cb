"""A response's place in its chain, and how a whole chain is read in two requests.

Turns that continue one another lie in one thread at rising depth. A turn whose predecessor was continued
before goes to a thread of its own and names the older stretches it stands on (segments). Every turn names
its predecessor, and reading walks those names back: rows that an abandoned or a parallel turn left in a
thread are never taken for history.

Rows of a turn outlive its response by a grace. A turn that would outlive a row it stands on, or that would
stand on too many segments, writes a snapshot of its context, so what can be read can be read whole.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.codec import unpack
from lambda_responses.storage.conversation_rows import Stretch, items_in
from lambda_responses.storage.parcels import from_rows
from lambda_responses.storage.table import response_of, turn_of
from lambda_responses.wire.ids import ThreadKey, own_part_of, thread_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambda_responses.storage.keyed import KeyedStore, Row, Values
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.json import Json

MAX_SEGMENTS = 8


class ResponseNotFound(Exception):
    """No such response: never stored, deleted, expired, or another tenant's. All look the same."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of another thread that a chain stands on, both depths included."""

    thread: ThreadKey
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Base:
    """A snapshot that a chain begins with: the context up to `depth`, written by turn `own` of `thread`."""

    thread: ThreadKey
    depth: int
    own: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a response stands. `low` is the first depth of its own thread that its context needs."""

    response_id: str
    thread: ThreadKey
    own: str
    depth: int
    low: int
    segments: tuple[Segment, ...] = ()
    base: Base | None = None
    stretch: Stretch | None = None
    """Of the conversation that it was said in, or began in; a snapshot takes its place."""

    def as_values(self) -> dict[str, Any]:
        """The attributes of the control row that say so."""
        values: dict[str, Any] = {"depth": self.depth, "lo": self.low}
        if self.segments:
            values["anc"] = [[each.thread, each.low, each.high] for each in self.segments]
        if self.base is not None:
            values["ctx0"] = [self.base.thread, self.base.depth, self.base.own]
        if self.stretch is not None:
            values["conv"] = [self.stretch.conversation, self.stretch.upto]
        return values


def placed_row(control: Row) -> Place:
    """The place that a control row tells of."""
    response_id, values = response_of(control.key), control.values
    thread, own = addressed(response_id)
    segments = (Segment(ThreadKey(each), low, high) for each, low, high in values.get("anc", ()))
    base = Base(*values["ctx0"]) if "ctx0" in values else None
    stretch = Stretch(*values["conv"]) if "conv" in values else None
    return Place(response_id, thread, own, values["depth"], values["lo"], tuple(segments), base, stretch)


def addressed(response_id: str) -> tuple[ThreadKey, str]:
    """Thread and own part of a response's id. Raises `ResponseNotFound` for ids that are none of ours."""
    thread, own = thread_of(response_id), own_part_of(response_id)
    if not response_id.startswith("resp_") or thread is None or own is None:
        raise ResponseNotFound
    return thread, own


def is_deleted(control: Row | None) -> bool:
    """Whether a control row is missing, or only stands for descendants."""
    return control is None or "gone" in control.values


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn added to the context."""

    input: Sequence[Json]
    output: Sequence[Json]
    origins: Json


@dataclass(frozen=True, slots=True)
class Chain:
    """A response with all that it stands on."""

    control: Row
    place: Place
    turns: Sequence[Turn]
    """Oldest first, the response's own last. A snapshot, or a stretch of a conversation, counts as one turn
    whose items are all input."""
    expires: int
    """When the first row it stands on expires, in seconds since 1970."""
    stored: int
    """Bytes that its context takes in the store."""


async def read_chain(
    store: KeyedStore, table: TenantTable, response_id: str, *, deleted: bool = False
) -> Chain:
    """Raises `ResponseNotFound`, also where a part of the history is gone: half a context is none.

    What a `deleted` response stands on is read for those alone who move its descendants elsewhere.
    """
    thread, own = addressed(response_id)
    control, rows = await asyncio.gather(
        store.get(table.control(thread, response_id)), store.query(table.turns(thread))
    )
    if control is None or (is_deleted(control) and not deleted):
        raise ResponseNotFound
    place = placed_row(control)
    if not any(turn_of(row.key) == (place.depth, own) for row in rows):
        # Committed between the two reads. Turns are written before their control row, so now it is there.
        rows = await store.query(table.turns(thread))
    ranges = [table.turns(each.thread, each.low, each.high) for each in place.segments]
    if place.base is not None:
        ranges.append(table.snapshot_parts(place.base.thread, place.base.depth, place.base.own))
    if place.stretch is not None and place.stretch.upto:
        ranges.append(table.items(place.stretch.conversation, upto=place.stretch.upto))
    more = await asyncio.gather(*map(store.query, ranges)) if ranges else []
    return _assembled(control, place, [*rows, *(row for found in more for row in found)])


def _assembled(control: Row, place: Place, rows: Iterable[Row]) -> Chain:
    """Walk from the response's own turn back to the beginning, by the names that turns give of each other."""
    parts: dict[tuple[str, int, str], list[Values]] = {}
    said: list[Row] = []
    for row in rows:
        if row.key.sk.startswith("I#"):
            said.append(row)
            continue
        parts.setdefault((row.key.sk[0], *turn_of(row.key)), []).append(row.values)
    turns: list[Turn] = []
    used: list[Values] = []
    own: str | None = place.own
    for depth in range(place.depth, place.base.depth if place.base else -1, -1):
        found = parts.get(("C", depth, own)) if own is not None else None
        if found is None:
            raise ResponseNotFound
        turns.append(read_turn(found))
        used += found
        own = found[0].get("prev")
    if place.base is not None:
        found = parts.get(("S", place.base.depth, place.base.own))
        if found is None:
            raise ResponseNotFound
        turns.append(read_turn(found))
        used += found
    if said:  # what was deleted from the conversation since is missing
        turns.append(_said_in(said))
        used += [row.values for row in said]
    expires = min(values["ttl"] for values in used if "ttl" in values)
    stored = sum(len(value) for values in used for value in values.values() if isinstance(value, bytes))
    return Chain(control, place, turns[::-1], expires, stored)


def read_turn(rows: Sequence[Values]) -> Turn:
    """A turn from its rows. Raises `ResponseNotFound` where one is missing: a delete is under way."""
    parts = from_rows(rows)
    if parts is None:
        raise ResponseNotFound
    return Turn(
        input=unpack(parts["in"]) if "in" in parts else [],
        output=unpack(parts["out"]) if "out" in parts else [],
        origins=unpack(parts["org"]) if "org" in parts else {},
    )


def _said_in(rows: Sequence[Row]) -> Turn:
    """The items of a stretch of a conversation."""
    items = items_in(rows)
    origins = {each.item["id"]: each.origin for each in items if each.origin}
    return Turn([each.item for each in items], [], origins)
