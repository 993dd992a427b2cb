"""The rows of a background response, written again with all that was said so far.

Each revision replaces the one before in one transaction, under the fence of whoever makes it; its rows and
the control row have one number, by which readers know that they belong together. Blobs that only the revision
before named go once it is there: a revision names its new blobs after its fence, so nobody else ever writes
or names them while the response is being made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.holds import hold_in
from lambda_responses.storage.blobs.lifting import digest_in
from lambda_responses.storage.bundles import EXPIRY, TooLargeToStore, references
from lambda_responses.storage.chains import GENERATION, KeptBlob, addressed, placed_row
from lambda_responses.storage.conversations.rows import TRANSACTION_BYTES, payload_of
from lambda_responses.storage.keyed.conditions import Absent, equals
from lambda_responses.storage.keyed.port import Delete, Put, Row
from lambda_responses.storage.records import OUTPUT_ROOM, Reservation, Revision, keys_of
from lambda_responses.storage.table import TenantTable, tenant_in
from lambda_responses.wire.ids import ResponseId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.storage.chains import Place
    from lambda_responses.storage.conversations.leases import Hold
    from lambda_responses.storage.keyed.conditions import Test
    from lambda_responses.storage.keyed.port import Key
    from lambda_responses.storage.records import Record

OF_CONTROL = ("n", "env", "target", "cmp", GENERATION)
"""What a revision sets of a control row, or takes away where it has no such thing."""


@dataclass(frozen=True, slots=True)
class Named:
    """The blobs that the rows of a revision refer to."""

    names: frozenset[str]
    of_turn: Mapping[str, KeptBlob]
    """Those of its turn, by SHA-256."""


@dataclass(frozen=True, slots=True)
class Written:
    """A revision as it lies in the store, and what stays the same about its response."""

    control: Row
    """Its control row as it was when that was read."""
    expires: int
    number: int
    counts: Sequence[int]
    """Rows of turn, envelope and snapshot."""
    named: Named

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return tenant_in(self.control.key)

    @property
    def place(self) -> Place:
        """Where it stands."""
        return placed_row(self.control)

    @property
    def hold(self) -> Hold | None:
        """On the conversation that is locked for the response."""
        return hold_in(self.control)

    @property
    def secrets(self) -> int:
        """Rows of sealed secrets."""
        return self.control.values.get("sec", 0)

    @property
    def keys(self) -> list[Key]:
        """Where turn and envelope lie."""
        turn, pages, _ = self.counts
        return keys_of(TenantTable(self.tenant), self.place, (turn, pages, 0))

    @property
    def next(self) -> Revision:
        """What the next revision is to keep."""
        before = self.control.values.get("prev")
        previous = None if before is None else addressed(before)[1]
        return Revision(self.number + 1, previous, self.counts[2], self.named.of_turn)

    @property
    def unchanged(self) -> Test:
        """What holds of the control row as long as this is the revision that it tells of."""
        return equals(GENERATION, self.number) if self.number else Absent(GENERATION)

    def reservation(self, fence: int) -> Reservation:
        """The response's place, for whoever writes it again under that fence."""
        place = self.place
        writer = f"{place.own}{fence:04x}"
        return Reservation(ResponseId(place.response_id), self.tenant, place, self.expires, writer=writer)

    def is_own(self, name: str) -> bool:
        """Whether a blob is of this response, and not of a turn before."""
        return name.partition("-")[2].startswith(self.place.own)


def written(control: Row, turn: Sequence[Row], envelope: Sequence[Row]) -> Written:
    """What a control row, and the rows of turn and envelope, say is there."""
    values = control.values
    return Written(
        control,
        expires=values["ttl"],
        number=values.get(GENERATION, 0),
        counts=values["n"],
        named=_named(turn, envelope),
    )


def check_room(record: Record) -> None:
    """Raises `TooLargeToStore` where a transaction would not hold the response with an answer to it."""
    _check(record, TRANSACTION_BYTES - OUTPUT_ROOM)


def revised(before: Written, record: Record) -> tuple[Written, list[Put | Delete]]:
    """How the revision after `before` will lie there, and the writes besides the control row that make it so.

    Raises `TooLargeToStore` for more than one transaction holds.
    """
    _, control = record.control
    puts = [Put(*each) for each in record.others]
    _check(record, TRANSACTION_BYTES)
    rows = [Row(put.key, put.values) for put in puts]
    turn, _, _ = control["n"]
    named = _named(rows[:turn], rows[turn:])
    after = replace(before, number=before.number + 1, counts=control["n"], named=named)
    left = {put.key for put in puts}
    return after, [*puts, *(Delete(key) for key in before.keys if key not in left)]


def changes(record: Record) -> tuple[dict[str, Any], list[str]]:
    """What a revision sets of the control row, and what it takes away."""
    _, control = record.control
    changed = {name: control[name] for name in OF_CONTROL if name in control}
    return changed, [name for name in OF_CONTROL if name not in control]


def _check(record: Record, room: int) -> None:
    turn, pages, _ = record.control[1]["n"]
    if sum(payload_of(Put(*each)) for each in record.others[: turn + pages]) > room:
        raise TooLargeToStore(f"over {room} bytes of a background response")


def _named(turn: Sequence[Row], envelope: Sequence[Row]) -> Named:
    names = references(turn)
    expires: int = turn[0].values.get(EXPIRY, 0)
    of_envelope = references(envelope) if envelope else set[str]()
    return Named(
        frozenset(names | of_envelope),
        {digest_in(name): KeptBlob(name, expires) for name in names},
    )
