"""Which response answers a request that may be sent again, while it is made and for some time after.

A claim is one row, written once, when the response has its id: whether it is done shows in the response's
record. It is alive as long as its lease, which the run that made it renews; one whose lease has run out
without a record belonged to a process that died. Two kinds lie under a request:

- the only claim, for a request that its client named: whoever has it answers, and nobody else;
- any number of marks, for requests that name nothing: equal ones are answered each by a response of its own,
  and one that is sent again takes the mark of a response that no other repetition has taken.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.keyed.conditions import ROW, Absent, Compare, equals
from lambda_responses.storage.keyed.port import ConditionFailed
from lambda_responses.storage.parcels import from_rows, into_rows
from lambda_responses.storage.table import TenantTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.storage.keyed.port import Key, KeyedStore, Row
    from lambda_responses.wire.json import Json

RECORD_VERSION = 1
LEASE = 15
"""Seconds that a claim is alive without being renewed: what a repetition waits at most for a dead process."""
KEPT = 86_400
"""Seconds that the only claim stays, and with it what was answered."""
MARK_KEPT = 60
"""Seconds that a mark stays after its lease, which is the end of its use."""
NEWEST = 16
"""So many marks are looked at: those before them are of requests that were repeated or need not be."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as far as it is known again. Both texts are hashes."""

    tenant: str
    name: str
    """What its repetitions have in common."""
    body: str = ""
    """What it asks for, where its name does not say that."""


@dataclass(frozen=True, slots=True)
class RequestClaim:
    """A response's claim to answer a request."""

    request: Request
    response_id: str
    tries: int = 0
    """How often the request had been sent before, as the last repetition that took this claim knew it."""
    only: bool = True
    lease: int = 0
    """Until when it is alive, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered, for repetitions alone, where no record may be kept."""

    response: Json
    target: str


class RequestClaims:
    """Claims in a store. Every method may raise `StoreUnavailable`; tenants come from credentials only."""

    def __init__(self, store: KeyedStore, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    def is_alive(self, claim: RequestClaim) -> bool:
        """Whether its run may still be going on, or has just ended."""
        return claim.lease > self._now()

    async def only(self, request: Request) -> tuple[RequestClaim | None, KeptAnswer | None]:
        """The only claim to a request, and what it answered where that is kept beside it."""
        rows = await self._store.query(TenantTable(request.tenant).only_claim(request.name))
        if not rows or "lease" not in rows[0].values:
            return None, None
        claim = _claim(rows[0], request, only=True)
        parts = [row.values for row in rows[1:] if row.values["rid"] == claim.response_id]
        packed = from_rows(parts) if parts else None
        return claim, KeptAnswer(*unpack(packed["ans"])) if packed else None

    async def current(self, claim: RequestClaim) -> RequestClaim | None:
        """The claim as it is now; None where it was given back or is another response's."""
        row = await self._store.get(_key(claim))
        if row is None or row.values["rid"] != claim.response_id:
            return None
        return _claim(row, claim.request, only=claim.only)

    async def hold(self, claim: RequestClaim, *, instead_of: RequestClaim | None = None) -> None:
        """Write a claim. The only one is written where none is, or where `instead_of` still stands.

        Raises `ConditionFailed` where another response has it.
        """
        when = ()
        if claim.only and instead_of is None:
            when = (Absent(ROW),)
        elif claim.only and instead_of is not None:
            when = (equals("rid", instead_of.response_id), equals("lease", instead_of.lease))
        values = {
            "v": RECORD_VERSION,
            "rid": claim.response_id,
            "body": claim.request.body,
            "n": claim.tries,
            **self._life(claim),
        }
        try:
            await self._store.put(_key(claim), values, when)
        except ConditionFailed as fact:
            # A store may repeat a write whose answer was lost, and then meet its own first try.
            if fact.old is None or fact.old.values["rid"] != claim.response_id:
                raise

    async def take(self, request: Request, *, tries: int, taker: str) -> RequestClaim | None:
        """A living mark that no other repetition of this order has taken; None where there is none.

        `tries` says how often the request had been sent before, `taker` is a word that nobody else uses.
        Preferred are marks that an earlier repetition of perhaps the same request took, then the newest.
        """
        rows = await self._store.query(
            TenantTable(request.tenant).claims(request.name), descending=True, limit=NEWEST
        )
        marks = [_claim(row, request, only=False) for row in rows]
        free = [mark for mark in marks if self.is_alive(mark) and mark.tries < tries]
        for mark in sorted(free, key=lambda mark: mark.tries, reverse=True):
            try:
                await self._store.update(
                    _key(mark), set={"n": tries, "by": taker}, when=(Compare("n", "<", tries),)
                )
            except ConditionFailed as fact:
                if fact.old is None or fact.old.values.get("by") != taker:
                    continue
            return replace(mark, tries=tries)
        return None

    async def renew(self, claim: RequestClaim) -> None:
        """Let it live on. Raises `ConditionFailed` where it is no longer this response's."""
        when = (equals("rid", claim.response_id),)
        await self._store.update(_key(claim), set=self._life(claim), when=when)

    async def release(self, claim: RequestClaim) -> None:
        """Give it back, so that the request is answered anew; another response's claim stays."""
        with suppress(ConditionFailed):
            await self._store.delete(_key(claim), (equals("rid", claim.response_id),))

    async def keep(self, claim: RequestClaim, answer: KeptAnswer) -> None:
        """Keep what was answered beside the only claim, for as long as that stays."""
        table, request = TenantTable(claim.request.tenant), claim.request
        own = {"rid": claim.response_id, "ttl": math.ceil(self._now()) + KEPT}
        rows = into_rows({"ans": pack([answer.response, answer.target])})
        await asyncio.gather(
            *(
                self._store.put(table.claim(request.name, part=part), {**own, **row})
                for part, row in enumerate(rows, start=1)
            )
        )

    def _life(self, claim: RequestClaim) -> dict[str, Any]:
        lease = math.ceil(self._now()) + LEASE
        return {"lease": lease, "ttl": lease + (KEPT if claim.only else MARK_KEPT)}


def _key(claim: RequestClaim) -> Key:
    own = None if claim.only else claim.response_id
    return TenantTable(claim.request.tenant).claim(claim.request.name, own)


def _claim(row: Row, request: Request, *, only: bool) -> RequestClaim:
    values = row.values
    return RequestClaim(
        replace(request, body=values["body"]),
        values["rid"],
        tries=int(values["n"]),
        only=only,
        lease=values["lease"],
    )
