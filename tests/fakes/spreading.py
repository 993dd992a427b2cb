"""A keyed store whose transactions become visible row by row, as DynamoDB lets its queries see them.

Two requests in a row may thus find one row as it is and another as it was, but no row goes back in time. All
conditions hold of what is: a transaction is done when it begins to be seen.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.port import Check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lambda_responses.storage.keyed.port import Key, KeyedStore, Range, Row, Write


class Spreading:
    """That store, around another one."""

    def __init__(self, store: KeyedStore) -> None:
        self._store = store
        self._as_they_were: dict[Key, Row | None] = {}
        self.order: Callable[[Sequence[Key]], Sequence[Key]] | None = None
        """In which order the rows of a transaction are to be seen; None where all are to be at once."""
        self.meanwhile: Callable[[], Awaitable[None]] = nothing
        """What others do before each of them can be."""

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)

    async def transact(self, writes: Sequence[Write]) -> None:
        keys = [write.key for write in writes if not isinstance(write, Check)]
        order = None if self.order is None else self.order(keys)
        before = {key: await self._store.get(key) for key in order or ()}
        await self._store.transact(writes)
        self._as_they_were = before
        for key in order or ():
            await self.meanwhile()
            del self._as_they_were[key]

    async def get(self, key: Key, **options: Any) -> Row | None:
        if key in self._as_they_were:
            return self._as_they_were[key]
        return await self._store.get(key, **options)

    async def query(
        self, within: Range, *, descending: bool = False, limit: int | None = None, **options: Any
    ) -> Sequence[Row]:
        rows = {row.key: row for row in await self._store.query(within, **options)}
        hidden = [
            key for key in self._as_they_were if key.pk == within.pk and within.low <= key.sk <= within.high
        ]
        seen = {**rows, **{key: self._as_they_were[key] for key in hidden}}
        found = [row for row in seen.values() if row is not None]
        return sorted(found, key=lambda row: row.key.sk, reverse=descending)[:limit]


async def nothing() -> None:
    """What others usually do meanwhile."""
