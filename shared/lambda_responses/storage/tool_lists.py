"""The tools of MCP servers, as they were listed: a memory that all processes of an installation share.

A row for each tenant and server, the server with what it is shown to let that tenant in: so nobody learns of
tools by another's rights. `fresh` says until when the list counts as known, in seconds since 1970; until
`ttl` it is better than nothing where the server does not answer. `tools` is packed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.codec import UnknownCodec, pack, unpack
from lambda_responses.storage.parcels import ROW_BYTES
from lambda_responses.storage.scheduling import off_the_loop
from lambda_responses.storage.table import TenantTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.storage.keyed.port import KeyedStore

RECORD_VERSION = 2
STALE = 86_400
"""Seconds for which a list is kept that does not count as known any more."""


@dataclass(frozen=True, slots=True)
class KeptList:
    """A server's tools, each as a list of JSON values, and until when they count as known."""

    tools: Sequence[Sequence[Any]]
    fresh: float
    weight: int = 0
    """About how many characters the tools take."""


class ToolLists:
    """The lists in a store. Every method may raise `StoreUnavailable`; tenants come from credentials only."""

    def __init__(self, store: KeyedStore, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    async def get(self, tenant: str, server: str) -> KeptList | None:
        """What that server listed, fresh or not; None where nobody knows. `server` is its digest."""
        row = await self._store.get(TenantTable(tenant).tool_list(server), consistent=False)
        if row is None or row.values["v"] != RECORD_VERSION:
            return None
        packed: bytes = row.values["tools"]
        try:
            tools = await off_the_loop(row.values["weight"], unpack, packed)
            return KeptList(tools, row.values["fresh"], row.values["weight"])
        except UnknownCodec:
            return None

    async def keep(self, tenant: str, server: str, kept: KeptList) -> None:
        """Keep it in the place of what is there. A list too long for one row is not kept."""
        packed = await off_the_loop(kept.weight, pack, kept.tools)
        if len(packed) <= ROW_BYTES:
            fresh = math.ceil(kept.fresh)
            values = {
                "v": RECORD_VERSION,
                "fresh": fresh,
                "tools": packed,
                "weight": kept.weight,
                "ttl": fresh + STALE,
            }
            await self._store.put(TenantTable(tenant).tool_list(server), values)
