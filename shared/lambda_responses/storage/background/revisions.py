"""The rows of a background response, written again with all that was said so far.

Each revision replaces the one before in one transaction, under the fence of whoever makes it; its rows and
the control row have one number, by which readers know that they belong together. Blobs that only the revision
before named go once it is there: a revision names its new blobs after its fence, so nobody else ever writes
or names them while the response is being made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.blobs.lifting import digest_in
from lambda_responses.storage.bundles import EXPIRY, TooLargeToStore, references
from lambda_responses.storage.chains import GENERATION, KeptBlob, addressed, placed_row
from lambda_responses.storage.conversations.leases import Hold
from lambda_responses.storage.conversations.rows import TRANSACTION_BYTES, payload_of
from lambda_responses.storage.keyed.port import Delete, Put, Row
from lambda_responses.storage.records import Reservation, Revision, keys_of
from lambda_responses.storage.table import TenantTable, response_of, tenant_in
from lambda_responses.wire.ids import ResponseId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.storage.chains import Place
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

    tenant: str
    place: Place
    previous: str | None
    """Own part of the turn before."""
    expires: int
    hold: Hold | None
    """On the conversation that is locked for the response."""
    secrets: int
    """Rows of sealed secrets."""
    number: int
    counts: Sequence[int]
    """Rows of turn, envelope and snapshot."""
    named: Named

    @property
    def keys(self) -> list[Key]:
        """Where turn and envelope lie."""
        turn, pages, _ = self.counts
        return keys_of(TenantTable(self.tenant), self.place, (turn, pages, 0))

    @property
    def next(self) -> Revision:
        """What the next revision is to keep."""
        return Revision(self.number + 1, self.previous, self.counts[2], self.named.of_turn)

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
    before = values.get("prev")
    return Written(
        tenant=tenant_in(control.key),
        place=placed_row(control),
        previous=None if before is None else addressed(before)[1],
        expires=values["ttl"],
        hold=hold_in(control),
        secrets=values.get("sec", 0),
        number=values.get(GENERATION, 0),
        counts=values["n"],
        named=_named(turn, envelope),
    )


def hold_in(control: Row) -> Hold | None:
    """The lock of the conversation that a response is made in, where there is one."""
    stretch = placed_row(control).stretch
    if "held" not in control.values or stretch is None:
        return None
    return Hold(TenantTable(tenant_in(control.key)), stretch, response_of(control.key))


def revised(before: Written, record: Record) -> tuple[Written, list[Put | Delete]]:
    """How the revision after `before` will lie there, and the writes besides the control row that make it so.

    Raises `TooLargeToStore` for more than one transaction holds.
    """
    _, control = record.control
    puts = [Put(*each) for each in record.others]
    if sum(map(payload_of, puts)) > TRANSACTION_BYTES:
        raise TooLargeToStore(f"over {TRANSACTION_BYTES} bytes of one background response")
    rows = [Row(put.key, put.values) for put in puts]
    turn, _, _ = control["n"]
    named = _named(rows[:turn], rows[turn:])
    after = replace(before, number=before.number + 1, counts=control["n"], named=named)
    left = {put.key for put in puts}
    return after, [*puts, *(Delete(key) for key in before.keys if key not in left)]


def changes(record: Record) -> tuple[dict[str, Any], list[str]]:
    """What a revision sets of the control row, and what it takes away."""
    _, control = record.control
    set = {name: control[name] for name in OF_CONTROL if name in control}
    return set, [name for name in OF_CONTROL if name not in control]


def _named(turn: Sequence[Row], envelope: Sequence[Row]) -> Named:
    if not turn:  # and nobody is going to replace them
        return Named(frozenset(), {})
    names = references(turn)
    expires: int = turn[0].values.get(EXPIRY, 0)
    of_envelope = references(envelope) if envelope else set[str]()
    return Named(
        frozenset(names | of_envelope),
        {digest_in(name): KeptBlob(name, expires) for name in names},
    )
