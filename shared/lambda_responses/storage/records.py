"""How one response is laid into rows, and what the use cases hold in their hands meanwhile.

Attributes of a control row: `v` version, `st` status, `target`, `created`, `prev` the response before this
one, `depth`, `lo`, `anc`, `ctx0` its place, `env` the response object without its output, `n` how many rows
turn, envelope and snapshot take besides, `nxt` the turn that continues it in its thread, `frk` the first
response of another thread that may stand on it (`F#` rows lead to the others; false once it is gone), `req`
the request that it alone answers where that has a name, so that a delete gives back the claim to it, `gone`
set when it is deleted but still stood upon, `cmp` set where one of its items stands for all before it, so
that nobody who continues it needs that, `ttl`. Background work adds `fence`, `owner`, `lease`, `wk` and `wt`;
no row of a foreground response has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.bundles import EXPIRY, MAX_BUNDLE, TooLargeToStore, bundle_of
from lambda_responses.storage.chains import GENERATION
from lambda_responses.storage.codec import encoded, pack
from lambda_responses.storage.keyed.port import StoreFact
from lambda_responses.storage.parcels import ROW_BYTES, into_rows
from lambda_responses.storage.table import TenantTable
from lambda_responses.wire.compaction import stands_for_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.storage.bundles import Bundle
    from lambda_responses.storage.chains import Chain, KeptBlob, Place
    from lambda_responses.storage.keyed.port import Key, Row
    from lambda_responses.wire.ids import ResponseId
    from lambda_responses.wire.json import Json

RECORD_VERSION = 1
MAX_STORED = 10 * ROW_BYTES
MAX_SNAPSHOT = 99 * ROW_BYTES
"""The parts of a snapshot are counted with two digits."""
RUNNING = ("queued", "in_progress")
"""States of a response that has not ended: nobody knows yet what it says."""
OUTPUT_ROOM = 500_000
"""Kept free for a turn's output when its input is judged."""
ENVELOPE_INLINE = 1_536
"""A longer envelope gets rows of its own: whoever continues a response pays for its control row again."""


class ItemNotFound(StoreFact):
    """No item of that id was kept for this tenant, or its response is gone."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """One response as it ended."""

    response: Json
    """The object as the client saw it at the end, output included."""
    input: Sequence[Json]
    """This turn's own input items, with ids."""
    origins: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """By our item id, what the provider wants back verbatim."""
    target: str = ""
    """`provider/model` that answered."""
    request: str | None = None
    """The name of the request that it alone answers, as claims have it. It is kept, and not read back."""
    pending: Sequence[Json] = ()
    """Of one that is still being made, the calls of tools that are made next; kept with what was said."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One item of a stored response, input or output."""

    item: Json
    origin: Json


@dataclass(frozen=True, slots=True)
class Shown:
    """What a model was shown, oldest first."""

    items: Sequence[Json]
    origins: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Context:
    """All that a continuing turn stands on, oldest first: input and output of every turn."""

    items: Sequence[Json]
    origins: Mapping[str, Json]
    status: str
    """How the response ended that it was read from."""
    chain: Chain
    """Opaque outside this room."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place in a chain that is taken, and the id that goes with it. Nothing can be read there yet."""

    response_id: ResponseId
    tenant: str
    place: Place
    expires: int
    """When the response will expire, in seconds since 1970."""
    previous: Context | None = None
    writer: str | None = None
    """What its blobs are named after, where that is not the own part of its id; nobody else is called so."""

    @property
    def claims(self) -> bool:
        """Whether the previous response is held for this one, which continues its thread."""
        return self.previous is not None and self.previous.chain.place.thread == self.place.thread

    @property
    def flattens(self) -> bool:
        """Whether this turn writes a snapshot of what it stands on."""
        return self.place.base is not None and self.place.base.own == self.place.own


@dataclass(frozen=True, slots=True)
class Revision:
    """What a response keeps of the rows that it has, when it is written again while it is being made."""

    number: int
    """What its new rows are known by."""
    previous: str | None
    """Own part of the turn before."""
    snapshot: int
    """How many rows that takes, where it has one."""
    blobs: Mapping[str, KeptBlob]
    """What its turn refers to, by SHA-256."""


@dataclass(frozen=True, slots=True)
class Record:
    """The rows of one response. The control row commits; blobs, then the others, are written before it."""

    control: tuple[Key, dict[str, Any]]
    others: Sequence[tuple[Key, dict[str, Any]]]
    blobs: Mapping[str, bytes]
    """What the rows refer to, by name, but for what turns before this one keep for long enough."""
    blobs_expire: int


def check_storable(input: Sequence[Json], request: Json | None = None, *, lifts: bool = False) -> None:
    """Raises `TooLargeToStore` for a turn that no commit would take, before a model is asked."""
    for value, room in ((input, MAX_STORED - OUTPUT_ROOM), (request, MAX_STORED)):
        # Deflate grows nothing by more than a thousandth: what is short as text needs no second look.
        if value is None or len(text := encoded(value)) <= room * 0.99:
            continue
        if lifts:
            _check(len(text), MAX_BUNDLE - OUTPUT_ROOM)
        else:
            _check(len(pack(value)), room)


def record_of(
    reservation: Reservation,
    stored: StoredResponse,
    *,
    grace: int,
    lifts: bool = False,
    shares: bool = True,
    revision: Revision | None = None,
) -> Record:
    """Lay a response into rows; those of its turn outlive it by `grace` seconds. Raises `TooLargeToStore`.

    A `revision` leaves the snapshot as it is.

    `lifts` says whether there are blobs for what is large. They outlive the rows by another `grace`, so that
    a picture that is sent with every turn is written that seldom, where the turns of a thread `share` it.
    """
    place, previous = reservation.place, reservation.previous
    kept = _Kept(reservation, reservation.expires + grace, grace, shares=shares, revision=revision)
    values = {"in": stored.input, "out": stored.response.get("output"), "org": stored.origins}
    if stored.pending:
        values["wait"] = stored.pending
    turn = bundle_of(values, room=MAX_STORED, lifts=lifts, name=partial(kept.name, "c"))
    snapshot: list[dict[str, Any]] = []
    if reservation.flattens and previous is not None:
        # What was read in one piece can be written in one: with blobs, only turns are bounded.
        naming = partial(kept.name, "s")
        values = {"in": previous.items, "org": previous.origins}
        bundle = bundle_of(values, room=MAX_SNAPSHOT, lifts=lifts, bounded=False, name=naming)
        # Of nothing too: whoever stands on a snapshot looks for it.
        snapshot = kept.rows(bundle, reservation.expires + grace)
    # The output keeps its place among the keys, and is filled in again on reading.
    bare = dict(stored.response)
    if bare.get("output"):
        bare["output"] = []
    envelope = bundle_of({"env": bare}, room=MAX_STORED, lifts=lifts, name=partial(kept.name, "r"))

    control = _control(reservation, stored)
    inline = not envelope.blobs and len(envelope.parts["env"]) <= ENVELOPE_INLINE
    if inline:
        control |= envelope.parts
    rows = [
        kept.rows(turn, reservation.expires + grace),
        [] if inline else kept.rows(envelope, reservation.expires),
        snapshot,
    ]
    if previous is not None:
        rows[0][0]["prev"] = previous.chain.place.own
    counts = list(map(len, rows))
    control["n"] = counts
    if revision is not None:
        control |= _revised(revision, rows)
    table = TenantTable(reservation.tenant)
    others = zip(keys_of(table, place, counts), chain(*rows), strict=True)
    key = table.control(place.thread, place.response_id)
    return Record((key, control), list(others), kept.sent, kept.until)


def _revised(revision: Revision, rows: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Give rows what those of a revision have; what the control row says of them."""
    turn, pages, _ = rows
    for row in (*turn, *pages):
        row[GENERATION] = revision.number
    if revision.previous is not None:
        turn[0]["prev"] = revision.previous
    return {"n": [len(turn), len(pages), revision.snapshot], GENERATION: revision.number}


class _Kept:
    """The blobs of one record: what they are called, which are to be sent, until when they are there."""

    def __init__(
        self,
        reservation: Reservation,
        needed: int,
        grace: int,
        *,
        shares: bool,
        revision: Revision | None,
    ) -> None:
        previous = reservation.previous
        self._writer = reservation.writer or reservation.place.own
        self._shares = shares
        self._known: dict[str, str] = {}
        self._expiries: dict[str, int] = {}
        if previous is not None and reservation.claims and shares:
            kept = {digest: blob for digest, blob in previous.chain.blobs.items() if blob.expires >= needed}
            self._known = {digest: blob.name for digest, blob in kept.items()}
            self._expiries = {blob.name: blob.expires for blob in kept.values()}
        self._turn: dict[str, str] = {}
        if revision is not None:
            self._turn = {digest: blob.name for digest, blob in revision.blobs.items()}
            self._expiries |= {blob.name: blob.expires for blob in revision.blobs.values()}
        self.until = needed + grace
        self.sent: dict[str, bytes] = {}

    def name(self, kind: str, digest: str) -> str:
        """What is known of turns before, or this writer's own: nobody else ever writes under that name."""
        writer = self._writer if self._shares else f"{self._writer}{kind}"
        known = self._known.get(digest) or (self._turn.get(digest) if kind == "c" else None)
        return known or f"{digest}-{writer}"

    def rows(self, bundle: Bundle, expires: int) -> list[dict[str, Any]]:
        """The rows of a bundle."""
        rows = into_rows(bundle.parts)
        for row in rows:
            row["ttl"] = expires
        if bundle.blobs:
            rows[0][EXPIRY] = min(self._expiries.get(name, self.until) for name in bundle.blobs)
        self.sent |= {name: data for name, data in bundle.blobs.items() if name not in self._expiries}
        return rows


def envelope_keys(table: TenantTable, place: Place, control: Row) -> Sequence[Key]:
    """Where a long envelope lies, if there is one."""
    _, pages, _ = control.values["n"]
    return keys_of(table, place, [0, pages, 0])


def other_keys(table: TenantTable, place: Place, control: Row) -> Sequence[Key]:
    """Where all rows lie that belong to a control row."""
    return keys_of(table, place, control.values["n"])


def keys_of(table: TenantTable, place: Place, counts: Sequence[int]) -> list[Key]:
    """Where so many rows of turn, envelope and snapshot lie."""
    turn, pages, snapshot = counts
    thread, depth, own = place.thread, place.depth, place.own
    return [
        *(table.turn(thread, depth, own, part) for part in range(turn)),
        *(table.envelope(thread, place.response_id, part) for part in range(1, pages + 1)),
        *(table.snapshot(thread, depth - 1, own, part) for part in range(snapshot)),
    ]


def _control(reservation: Reservation, stored: StoredResponse) -> dict[str, Any]:
    values: dict[str, Any] = {
        "v": RECORD_VERSION,
        "st": stored.response.get("status", "completed"),
        "target": stored.target,
        "created": stored.response.get("created_at", 0),
        "ttl": reservation.expires,
        **reservation.place.as_values(),
    }
    if reservation.previous is not None:
        values["prev"] = reservation.previous.chain.place.response_id
    if stored.request is not None:
        values["req"] = stored.request
    output: Sequence[Json] = stored.response.get("output") or ()
    if any(stands_for_all(item, stored.origins) for item in (*stored.input, *output)):
        values["cmp"] = True
    return values


def _check(size: int, room: int) -> None:
    if size > room:
        raise TooLargeToStore(f"over {room} bytes")
