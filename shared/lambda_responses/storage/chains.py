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
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from lambda_responses.storage.blobs.lifting import MediaMissing, digest_in
from lambda_responses.storage.bundles import EXPIRY, RowsApart, read_bundles, references
from lambda_responses.storage.conversations.rows import Stretch, items_in
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.table import response_of, turn_of
from lambda_responses.wire.context import without_torn_calls
from lambda_responses.wire.ids import ThreadKey, own_part_of, thread_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore, Row
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.json import Json

T = TypeVar("T")

MAX_SEGMENTS = 8
PAUSES = (0.01, 0.03, 0.1)
"""Seconds between readings of what changes under one's hands."""
GENERATION = "gen"
"""Attribute of a control row and of the rows of its turn and envelope: which revision they are of, if any."""


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
    erased: bool = False
    """Whether something was taken out of it, or all of it, by a delete."""


@dataclass(frozen=True, slots=True)
class KeptBlob:
    """A blob that a turn refers to."""

    name: str
    expires: int
    """Until then it is there at least, in seconds since 1970."""


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
    """Bytes that its context takes in the store's rows."""
    blobs: Mapping[str, KeptBlob] = field(default_factory=dict[str, KeptBlob])
    """What turns of its own thread refer to, by SHA-256."""


async def read_chain(
    store: KeyedStore,
    table: TenantTable,
    response_id: str,
    *,
    blobs: Blobs | None = None,
    deleted: bool = False,
    current: bool = False,
) -> Chain:
    """Raises `ResponseNotFound`, also where a part of the history is gone: half a context is none.

    The `current` chain begins with the response itself where that holds all that there was in a compacted
    form; it is all that is needed to go on.

    What a `deleted` response stands on is read for those alone who move its descendants elsewhere.
    """
    reading = partial(_read_chain, store, table, response_id, blobs, deleted=deleted, current=current)
    return await read_again(reading)


async def read_again(read: Callable[[], Awaitable[T]]) -> T:
    """What `read` gives, asked again where a blob was gone before it was fetched, or rows did not fit.

    The rows tell by then what there is instead: a delete has changed or removed them, or all of a revision
    can be seen of which half was. Where that does not end, a blob that stays away is a `ResponseNotFound`;
    rows that stay apart are not: their response is there, and the store `StoreUnavailable`.
    """
    for pause in PAUSES:
        try:
            return await read()
        except MediaMissing:
            await asyncio.sleep(pause)
    try:
        return await read()
    except RowsApart as fact:
        raise StoreUnavailable("rows that were written together stay apart") from fact
    except MediaMissing:
        raise ResponseNotFound from None


def check_revision(control: Row, rows: Iterable[Row]) -> None:
    """Raises `RowsApart` where one of the rows, of turn or envelope, is of another revision than the control
    row tells of. Only the control row is read by itself, and so in step with transactions: it decides.
    """
    if any(row.values.get(GENERATION) != control.values.get(GENERATION) for row in rows):
        raise RowsApart


async def _read_chain(
    store: KeyedStore,
    table: TenantTable,
    response_id: str,
    blobs: Blobs | None,
    *,
    deleted: bool,
    current: bool,
) -> Chain:
    """Raises `ResponseNotFound`, `MediaMissing`."""
    thread, _ = addressed(response_id)
    control, rows = await asyncio.gather(
        store.get(table.control(thread, response_id)), store.query(table.turns(thread))
    )
    if control is None or (is_deleted(control) and not deleted):
        raise ResponseNotFound
    if current and "eph" in control.values:  # It is there to be fetched, and not to be continued.
        raise ResponseNotFound
    place = placed_row(control)
    if current and "cmp" in control.values:
        place = replace(place, low=place.depth, segments=(), base=None, stretch=None)
    if not any(_is_at(place, row) for row in rows):
        # Committed between the two reads. Turns are written before their control row, so now it is there.
        rows = await store.query(table.turns(thread))
    check_revision(control, (row for row in rows if _is_at(place, row)))
    ranges = [table.turns(each.thread, each.low, each.high) for each in place.segments]
    if place.base is not None:
        ranges.append(table.snapshot_parts(place.base.thread, place.base.depth, place.base.own))
    if place.stretch is not None and place.stretch.upto:
        ranges.append(table.items(place.stretch.conversation, upto=place.stretch.upto))
    more = await asyncio.gather(*map(store.query, ranges)) if ranges else []
    return await _assembled(control, place, [*rows, *(row for found in more for row in found)], blobs)


def _is_at(place: Place, row: Row) -> bool:
    """Whether a `C#` row is of the turn of that very response."""
    return turn_of(row.key) == (place.depth, place.own)


async def _assembled(control: Row, place: Place, rows: Iterable[Row], blobs: Blobs | None) -> Chain:
    """Read what the response stands on, and that alone."""
    said = [row for row in rows if row.key.sk.startswith("I#")]
    bundles = _walked(place, (row for row in rows if not row.key.sk.startswith("I#")))
    turns = await read_turns(bundles, blobs=blobs)
    used = [row for bundle in bundles for row in bundle]
    if place.stretch is not None and place.stretch.upto:
        turns.append(await _said_in(said, place.stretch, blobs))
        used += said
    return Chain(
        control,
        place,
        turns[::-1],
        expires=min(row.values["ttl"] for row in used if "ttl" in row.values),
        stored=sum(len(value) for row in used for value in row.values.values() if isinstance(value, bytes)),
        blobs=_blobs_of(bundles, control.key.pk),
    )


def _walked(place: Place, rows: Iterable[Row]) -> list[list[Row]]:
    """From the response's own turn back to the beginning, by the names that turns give of each other."""
    found: dict[tuple[str, int, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.key.sk[0], *turn_of(row.key)), []).append(row)
    bundles: list[list[Row]] = []
    own: str | None = place.own
    first = min([place.low, *(each.low for each in place.segments)])
    for depth in range(place.depth, place.base.depth if place.base else first - 1, -1):
        bundle = found.get(("C", depth, own)) if own is not None else None
        if bundle is None:
            raise ResponseNotFound
        bundles.append(bundle)
        own = bundle[0].values.get("prev")
    if place.base is not None:
        bundle = found.get(("S", place.base.depth, place.base.own))
        if bundle is None:
            raise ResponseNotFound
        bundles.append(bundle)
    return bundles


async def read_turns(bundles: Sequence[Sequence[Row]], *, blobs: Blobs | None) -> list[Turn]:
    """Turns, from the rows of each in order.

    Raises `MediaMissing` like `read_bundles`.
    """
    found = await read_bundles(bundles, blobs=blobs)
    return [
        Turn(
            input=values.get("in", []),
            output=values.get("out", []),
            origins=values.get("org", {}),
            # One that was brought from elsewhere is as empty, and says nothing of it.
            erased="erased" in rows[0].values or not (values.get("in") or values.get("out")),
        )
        for rows, values in zip(bundles, found, strict=True)
    ]


def said_in(turns: Sequence[Turn]) -> list[Json]:
    """The items of turns, oldest first, without what makes no sense once other turns were erased."""
    items = [item for turn in turns for item in (*turn.input, *turn.output)]
    if not any(turn.erased for turn in turns):
        return items
    last = turns[-1]
    return without_torn_calls(items, settled=len(items) - len(last.input) - len(last.output))


def _blobs_of(bundles: Iterable[Sequence[Row]], pk: str) -> dict[str, KeptBlob]:
    """What the bundles of one partition refer to; of several copies, the one that is sure to stay longest."""
    kept: dict[str, KeptBlob] = {}
    for rows in bundles:
        first = rows[0]
        if EXPIRY not in first.values or first.key.pk != pk:
            continue
        for name in references(rows):
            digest, blob = digest_in(name), KeptBlob(name, first.values[EXPIRY])
            kept[digest] = max(blob, kept.get(digest, blob), key=lambda each: each.expires)
    return kept


async def _said_in(rows: Sequence[Row], stretch: Stretch, blobs: Blobs | None) -> Turn:
    """What is left of a stretch of a conversation: what was deleted there since is missing.

    Raises `MediaMissing`.
    """
    found = await read_bundles([item.rows for item in items_in(rows)], blobs=blobs)
    origins = {values["it"]["id"]: values["org"] for values in found if "org" in values}
    return Turn([values["it"] for values in found], [], origins, erased=len(found) < stretch.upto)
