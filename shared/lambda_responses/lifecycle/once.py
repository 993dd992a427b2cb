"""A request that is sent again is answered once: the first answer is given again, and paid once.

Who sends a request again says so in one of two ways. A client that names it (`Idempotency-Key`) wants one
answer under that name for a day. An SDK that counts its tries (`x-stainless-retry-count`) has lost the answer
to one of them a moment ago: the next one attaches to the response that the lost one began. Either way that
response runs to its end although its client has gone. Why, and what it costs: docs/adr/0016-paying-once.md.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from lambda_responses.lifecycle.ports import Claim, Unclaimed
from lambda_responses.lifecycle.waiting import uninterrupted
from lambda_responses.storage.keyed.port import ConditionFailed, StoreFact, StoreUnavailable
from lambda_responses.storage.request_claims import KeptAnswer, Request, RequestClaim
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.errors import ConflictError, InvalidRequestError
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lambda_responses.lifecycle.placement import Placement
    from lambda_responses.lifecycle.ports import Deadline, Principal, Services
    from lambda_responses.storage.responses import StoredResponse
    from lambda_responses.wire.json import Json

LONGEST_KEY = 255
DELIVERY = frozenset({"stream", "stream_options"})
"""How an answer is told, which makes no other request of one that was named."""

BEAT = 6.0
"""Seconds between two renewals of a claim: one may fail, and the lease is still alive."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
"""Seconds between two looks at what another run has come to."""

FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 8.0
"""Seconds that an SDK waits before its first, and at most before a later try; it doubles them in between."""
ON_ITS_WAY = 0.3
"""Seconds that a try may take to reach us, and to be seen."""
LOOK_EVERY = 0.1
"""Seconds between two looks whether a try has come."""
MARKED_WITHIN = 2.0
"""Seconds that a mark may still take when the response that it stands for has been told."""


class ClaimLost(Exception):
    """While this request was being read, the same one began to be answered elsewhere."""


class Once(Claim, Protocol):
    """How one request is kept from being answered twice. It is also the claim of the run that answers it."""

    @property
    def lasts(self) -> bool:
        """Whether a run goes on although its client goes before it has been told anything."""
        ...

    @property
    def waits(self) -> bool:
        """Whether `answer` may wait for another run."""
        ...

    async def answer(self, deadline: Deadline) -> KeptAnswer | None:
        """What this request was answered before.

        None: it is to be answered now. Raises `APIError`.
        """
        ...

    async def stays(self, *, begun: bool) -> bool:
        """Whether the run goes on although its client has gone, after it was told something if `begun`."""
        ...


def once(
    sent: bytes,
    body: Json,
    *,
    key: str | None,
    tries: str | None,
    principal: Principal,
    using: Services,
    attach: bool,
) -> Once:
    """By what that request is known again: its `Idempotency-Key`, its `x-stainless-retry-count`, or nothing.

    With `attach` unset, SDKs are clients like any other. Raises `InvalidRequestError` for what is no key.
    """
    count = int(tries) if tries and len(tries) < 5 and tries.isascii() and tries.isdigit() else None
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        message = f"An 'Idempotency-Key' has 1 to {LONGEST_KEY} characters; this one has {len(key)}."
        raise InvalidRequestError(message, code="invalid_idempotency_key")
    if not _is_sound(body):
        return EachTime()  # which is refused
    if key is not None:
        request = Request(principal.tenant, _hash("key", key), _canonical_hash(body))
        return OncePerKey(request, count or 0, using)
    if count is None or not attach or body.get("store") is False:
        return EachTime()
    name = _hash("tries", principal.key_id or "", sha256(sent).hexdigest())
    return OncePerTry(Request(principal.tenant, name), count, using)


def once_per_job(key: str, body: Json, *, principal: Principal, using: Services) -> Once:
    """For a job from a queue, which is known by `key` in whatever message it comes."""
    return OncePerKey(Request(principal.tenant, _hash("job", key), _canonical_hash(body)), 0, using)


class EachTime(Unclaimed):
    """A request that nothing is known again by: whenever it comes, it is answered anew."""

    lasts = False
    waits = False

    async def answer(self, deadline: Deadline) -> None:
        """Nothing."""

    async def stays(self, *, begun: bool) -> bool:
        """It does not."""
        return False


class _Claiming(ABC):
    """What both ways have in common: a claim, held for as long as its run takes."""

    lasts = True
    _only: bool

    def __init__(self, request: Request, tries: int, using: Services) -> None:
        self._request = request
        self._tries = tries
        self._using = using
        self._claims = using.claims
        self._own: RequestClaim | None = None
        self._answered = False
        self.waits = tries > 0

    @asynccontextmanager
    async def held(self, placement: Placement) -> AsyncGenerator[None]:
        """See `Claim`. Raises `ClaimLost`, `StoreUnavailable` where the claim has to stand first."""
        from lambda_responses.lifecycle.heartbeat import beating  # which few requests need

        own = RequestClaim(self._request, placement.response_id, tries=self._tries, only=self._only)
        if self._only:
            placement.request = self._request.name
        self._own, self._answered = own, False
        holding = asyncio.ensure_future(self._hold(own))
        try:
            if self._only:
                await asyncio.shield(holding)
            else:
                await asyncio.sleep(0)  # it is on its way before anything else takes its time
            async with beating(lambda: self._renew(own), every=BEAT):
                yield
        finally:
            if placement.committed or self._answered:
                await _settled(holding)
            else:
                await uninterrupted(self._give_back(own, holding))

    @abstractmethod
    async def _hold(self, own: RequestClaim) -> None:
        """Write the claim."""

    async def _renew(self, own: RequestClaim) -> None:
        with suppress(StoreUnavailable):  # the lease outlasts one beat that is missed
            await self._claims.renew(own)

    async def _give_back(self, own: RequestClaim, holding: asyncio.Future[None]) -> None:
        """Let the request be answered anew, unless there is a record after all: a commit of unknown outcome.

        A store that does not answer keeps the claim until its lease has run out.
        """
        with suppress(StoreFact):
            try:
                await holding
            except ClaimLost:
                return
            except StoreUnavailable:
                pass  # it may have been written all the same
            if await self._record(own) is None:
                await self._claims.release(own)

    async def _record(self, claim: RequestClaim) -> KeptAnswer | None:
        try:
            stored = await self._using.responses.get(claim.request.tenant, claim.response_id)
        except ResponseNotFound:
            return None
        return KeptAnswer(stored.response, stored.target)


class OncePerKey(_Claiming):
    """A request that its client has named. Without the store there is no promise, so there is no answer."""

    _only = True
    _before: RequestClaim | None = None
    """A claim that came to nothing, in whose place that of this request is put."""

    async def answer(self, deadline: Deadline) -> KeptAnswer | None:
        """See `Once`. An SDK that has sent the request before waits, all others are told to.

        Raises `NotFoundError` for a background response that is not kept any more.
        """
        pause = SHORTEST_PAUSE
        while True:
            self._before, kept = await self._claims.only(self._request)
            if self._before is None:
                return None
            if self._before.request.body != self._request.body:
                raise _key_reused()
            kept = await self._whole(self._before, kept)
            if kept is not None or not self._claims.is_alive(self._before):
                return kept
            if not self.waits or deadline.remaining() <= pause:
                raise _in_flight()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _whole(self, claim: RequestClaim, kept: KeptAnswer | None) -> KeptAnswer | None:
        """What was answered, by its record where that is not kept beside the claim."""
        if kept is not None and not _is_a_name(kept):
            return kept
        record = await self._record(claim)
        if record is None and kept is not None:
            raise response_not_found(claim.response_id)
        return record

    async def keep(self, stored: StoredResponse) -> None:
        """Keep what no record may keep: asking for it again is what the client has named it for.

        A background response has a record, if only for a while. After that its name says that there was one.
        """
        if self._own is None or stored.response.get("store") is not False:
            return
        response = _name_of(stored.response) if stored.response.get("background") else stored.response
        try:
            await uninterrupted(self._claims.keep(self._own, KeptAnswer(response, stored.target)))
            self._answered = True
        except Exception as error:  # it has been made, and is told
            self._using.report(error)

    async def stays(self, *, begun: bool) -> bool:
        """Always."""
        return True

    async def _hold(self, own: RequestClaim) -> None:
        try:
            await self._claims.hold(own, instead_of=self._before)
        except ConditionFailed:
            raise ClaimLost from None


class OncePerTry(_Claiming):
    """A request of an SDK that counts its tries. What this takes is a convenience: it never fails for it."""

    _only = False

    async def answer(self, deadline: Deadline) -> KeptAnswer | None:
        """See `Once`. A first try is nobody's repetition, however many are equal to it."""
        if not self.waits:
            return None
        try:
            taker = self._using.entropy(16)
            mark = await self._claims.take(self._request, tries=self._tries, taker=taker)
        except StoreUnavailable:
            return None
        return None if mark is None else await self._outcome(mark, deadline)

    async def keep(self, stored: StoredResponse) -> None:
        """Nothing: the record is enough."""

    async def stays(self, *, begun: bool) -> bool:
        """If a next try comes in time.

        Of a stream that it has begun to read, an SDK does not ask for another; but what had left may have
        been lost on its way.
        """
        if not begun:
            return True
        seconds = min(FIRST_BACKOFF * 2**self._tries, LONGEST_BACKOFF) + ON_ITS_WAY
        for _ in range(round(seconds / LOOK_EVERY)):
            if await self._is_taken():
                return True
            await asyncio.sleep(LOOK_EVERY)
        return await self._is_taken()

    async def _is_taken(self) -> bool:
        try:
            mark = await self._claims.current(self._own) if self._own is not None else None
        except StoreUnavailable:
            return False
        return mark is not None and mark.tries > self._tries

    async def _hold(self, own: RequestClaim) -> None:
        try:
            await self._claims.hold(own)
        except StoreFact as fact:
            self._using.report(fact)

    async def _outcome(self, mark: RequestClaim, deadline: Deadline) -> KeptAnswer | None:
        """What the run that has this mark comes to; None where that is nothing.

        Raises `ConflictError` where it takes longer than this request may wait.
        """
        pause = SHORTEST_PAUSE
        while True:
            with suppress(StoreUnavailable):  # what was known of the mark still holds
                # In this order: a mark that is let go has left no record.
                held = await self._claims.current(mark)
                kept = await self._record(mark)
                if kept is not None or held is None:
                    return kept
                mark = held
            if not self._claims.is_alive(mark):
                return None
            if deadline.remaining() <= pause:
                raise _in_flight()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _name_of(response: Json) -> Json:
    return {"id": response["id"]}


def _is_a_name(kept: KeptAnswer) -> bool:
    return kept.response.keys() == {"id"}


def _is_sound(body: Json) -> bool:
    """Whether it says how it wants to be told, as far as it may say that."""
    options = body.get("stream_options")
    return isinstance(body.get("stream"), bool | None) and isinstance(options, dict | None)


async def _settled(holding: asyncio.Future[None]) -> None:
    """A claim that nobody waited for gets a moment more to be written."""
    await asyncio.wait({holding}, timeout=MARKED_WITHIN)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


def _in_flight() -> ConflictError:
    """409: it is being answered; official clients ask again by themselves."""
    message = "The same request is being answered at this moment. Ask again in a second."
    return ConflictError(message, headers={"retry-after": "1"})


def _key_reused() -> InvalidRequestError:
    message = "This 'Idempotency-Key' was used for a request with another body. Each request takes a new one."
    return InvalidRequestError(message, code="idempotency_key_reused")


def _hash(*texts: str) -> str:
    return sha256(json.dumps(texts).encode()).hexdigest()


def _canonical_hash(body: Json) -> str:
    """Of what is asked for, whatever the order of keys and however the answer is to be told."""
    asked = {name: value for name, value in body.items() if name not in DELIVERY}
    return sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
