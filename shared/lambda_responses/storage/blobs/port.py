"""Large bytes beside the rows: written whole or not at all, under names that say what is in them.

A name is `{scope}/{sha256}`, or `{scope}/{sha256}-{writer}` where writers have copies of their own; `table`
builds scopes. What lies under a name is always the same bytes, so to write it again changes nothing but how
long it stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection


class Blobs(Protocol):
    """Bytes, by name. Every method may raise `StoreUnavailable`."""

    async def put(self, name: str, data: bytes, *, expires: int | None) -> None:
        """Keep the bytes until `expires`, in seconds since 1970; None keeps them until they are deleted.

        A store that removes by age alone may keep them longer, never shorter.
        """
        ...

    async def get(self, name: str) -> bytes | None:
        """The bytes; None where there are none."""
        ...

    async def delete(self, names: Collection[str]) -> None:
        """Remove them, those that are there."""
        ...

    async def clear(self, scope: str) -> None:
        """Remove all that is in a scope. What is being written there at this moment may come after."""
        ...

    def close(self) -> None:
        """Let go of threads and connections."""
        ...
