"""The keyed port: rows under a partition and a sort key, changed only under conditions.

Two stores keep this promise, SQLite and DynamoDB; everything durable is written once on top of it. Its rules
are DynamoDB's, minus the traps:

- a row whose `ttl` (seconds since 1970) has passed is absent, for reads and for conditions alike;
- `update` never creates a row, so a late writer cannot bring half a deleted row back;
- `bytes` stand at a row's top level only, and `add` takes integers: both stores then agree to the last bit;
- numbers come back equal but not always of the same type (`1.0` may return as `1`);
- a `wk` (text) and a `wt` (number) put a row into the sparse work index, which may lag behind by moments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.storage.keyed.conditions import Condition

Values: TypeAlias = "Mapping[str, Any]"
"""A row's attributes without its key: str, int, float, bool, None, list, dict; bytes at the top level."""

MAX_TRANSACTION = 25
WORK_INDEX_VALUES = ("t", "st", "lease", "ttl")
"""What the work index carries of a row besides `wk` and `wt`."""


class StoreFact(Exception):
    """Something that a store found to be so."""


class ConditionFailed(StoreFact):
    """A condition did not hold; nothing was written. `old` is the live row as it was found, if any."""

    def __init__(self, old: Row | None, *, index: int = 0) -> None:
        super().__init__(f"condition of write {index} does not hold")
        self.old = old
        self.index = index


class StoreUnavailable(StoreFact):
    """The store did not answer, or not in time. A write may or may not have happened."""


class WriteConflict(StoreUnavailable):
    """Somebody else was writing one of the rows at that moment; nothing was written."""


class ItemTooLarge(StoreFact):
    """A row would exceed 409,600 bytes, the most that DynamoDB holds; nothing was written."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where one row lies."""

    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Range:
    """Rows of one partition with `low <= sk <= high`."""

    pk: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Row:
    """One live row."""

    key: Key
    values: Values


@dataclass(frozen=True, slots=True)
class Put:
    """Write the whole row, replacing what is there."""

    key: Key
    values: Values
    when: Condition = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Change named attributes of a live row. One attribute, one change."""

    key: Key
    set: Values = field(default_factory=dict[str, Any])
    remove: Sequence[str] = ()
    add: Mapping[str, int] = field(default_factory=dict[str, int])
    when: Condition = ()

    def __post_init__(self) -> None:
        names = [*self.set, *self.remove, *self.add]
        if not names or len(names) != len({*names, "pk", "sk"}) - 2:
            raise ValueError("an update changes at least one attribute, each once, and never the key")

    def applied_to(self, values: Values) -> dict[str, Any]:
        """What these values become."""
        changed = {name: value for name, value in values.items() if name not in self.remove}
        changed |= self.set
        for name, amount in self.add.items():
            changed[name] = changed.get(name, 0) + amount
        return changed


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the row; no row is no fault unless the condition asks for one."""

    key: Key
    when: Condition = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but only if this holds too. In transactions."""

    key: Key
    when: Condition


Write: TypeAlias = Put | Update | Delete | Check


def checked_transaction(writes: Sequence[Write]) -> Sequence[Write]:
    """The same writes. Raises ValueError for none, for more than 25, and for two on one row."""
    if not 0 < len(writes) <= MAX_TRANSACTION:
        raise ValueError(f"a transaction holds 1 to {MAX_TRANSACTION} writes")
    if len({write.key for write in writes}) != len(writes):
        raise ValueError("a transaction touches a row once")
    return writes


class KeyedStore(Protocol):
    """Rows, by key. Every method may raise `StoreUnavailable`."""

    async def get(self, key: Key, *, consistent: bool = True) -> Row | None:
        """The live row. An inconsistent read may be moments old, at half the price."""
        ...

    async def query(
        self, within: Range, *, descending: bool = False, limit: int | None = None, consistent: bool = True
    ) -> Sequence[Row]:
        """The live rows of a range in the byte order of their sort keys, at most `limit` of them."""
        ...

    async def put(self, key: Key, values: Values, when: Condition = ()) -> None:
        """Raises `ConditionFailed`, `ItemTooLarge`."""
        ...

    async def update(
        self,
        key: Key,
        *,
        set: Values | None = None,
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition = (),
    ) -> Row:
        """The row as it is now. Raises `ConditionFailed` (also where no live row is), `ItemTooLarge`."""
        ...

    async def delete(self, key: Key, when: Condition = ()) -> Row | None:
        """The live row that was removed. Raises `ConditionFailed`."""
        ...

    async def transact(self, writes: Sequence[Write]) -> None:
        """All or nothing. Raises `ConditionFailed` with the first failing write's index, `ItemTooLarge`."""
        ...

    async def due(self, wk: str, before: float, *, limit: int = 100) -> Sequence[Row]:
        """Rows of the work index with `wt <= before`, earliest first; values of `WORK_INDEX_VALUES` only."""
        ...

    def close(self) -> None:
        """Let go of files, threads and connections."""
        ...
