"""What is dropped on the queue of jobs: each becomes a background response, once, or a line that says why.

No model is asked here. A job is known by its own word (`wire.batch_lines`) under a claim, as a named HTTP
request is, so that a message which comes twice makes one response. What is wrong with a job is told where its
answer would have come; what is no job at all goes to the dead letters, the reason beside it. Only trouble of
our own, and what passes by itself, lets a message come again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.once import ClaimLost, once_per_job
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.storage.blobs.objects import ObjectGone
from lambda_responses.wire.batch_lines import (
    BadLine,
    ObjectAddress,
    QueuedRequest,
    Unreadable,
    line_key,
    read_body,
    read_line,
    rejection_line,
    reply_to,
    to_background,
)
from lambda_responses.wire.errors import APIError, InvalidRequestError, NotFoundError
from lambda_responses.wire.job_messages import BYTE_ORDER_MARK, NAME, LinesIn, read_message
from lambda_responses.wire.requests import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from typing import TypeAlias

    from lambda_responses.lifecycle.once import Once
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Json

    Numbered: TypeAlias = tuple[int, bytes]

QUEUED, REPEATED, REFUSED, UNREADABLE, NOTHING = "queued", "repeated", "refused", "unreadable", "nothing"
"""What may come of a job or a message."""
MOST_TRIES = 4
"""So often a message is taken; what keeps a job from being queued by then is what its answer says."""
PIECE = 4 * 1024 * 1024
"""Bytes of an object that are read at once."""
AT_ONCE = 16
"""Lines of an object that are queued at once."""
LONGEST_REASON = 1_000
"""Characters of what stands beside a dead letter."""


class ComeAgain(Exception):
    """A job could not be queued yet, through no fault of its own."""


class NoDeadLetters(Exception):
    """A message cannot be read, and there is no queue for such messages but the one that counts its tries."""


async def run_queued_request(
    text: bytes, *, name: str, tries: int = 1, principal: Principal, using: Services
) -> Counter[str]:
    """Queue what a message asks for; how many jobs came to what.

    `name` is what the message is known by when it comes again, `tries` how often it has come. Raises whatever
    is to bring it back: `ComeAgain`, `StoreUnavailable`, `QueueUnavailable`; a message that does come back
    repeats nothing of what was done before.
    """
    run = _Dropped(text, name, tries, principal, using)
    try:
        found = read_message(text, name=name)
    except Unreadable as fault:
        return await run.unreadable(str(fault))
    except BadLine as fault:
        return await run.refused(reply_to(fault.custom_id), name, fault.fault)
    outcome: Counter[str] = Counter()
    for each in found:
        outcome += await (run.lines(each.address) if isinstance(each, LinesIn) else run.queued(each))
    return outcome or Counter({NOTHING: 1})


class _Dropped:
    """One message, on behalf of whom its queue belongs to."""

    def __init__(self, text: bytes, name: str, tries: int, principal: Principal, using: Services) -> None:
        self._text = text
        self._name = name
        self._last = tries >= MOST_TRIES
        self._principal = principal
        self._using = using

    async def queued(self, request: QueuedRequest, source: ObjectAddress | None = None) -> Counter[str]:
        """Make a response of a job, unless that was done before."""
        reply = reply_to(request.custom_id, source)
        try:
            body = await self._body(request)
            made = await self._once(request, to_background(body), reply)
        except BadLine as fault:
            return await self.refused(reply, request.key, fault.fault)
        except APIError as fault:
            if _passes(fault) and not self._last:
                raise ComeAgain(fault.code) from None
            return await self.refused(reply, request.key, _in_words_of_jobs(fault))
        return Counter({QUEUED if made else REPEATED: 1})

    async def _once(self, request: QueuedRequest, body: Json, reply: Json) -> bool:
        """Whether a response was made of it just now. Raises `APIError`."""
        once = once_per_job(request.key, body, principal=self._principal, using=self._using)
        while await _is_new(once):
            try:
                await enqueue_response(
                    body, principal=self._principal, using=self._using, claim=once, reply=reply
                )
            except ClaimLost:
                continue
            return True
        return False

    async def lines(self, address: ObjectAddress) -> Counter[str]:
        """Queue every line of an object that S3 has told of."""
        objects = self._using.dropped
        if objects is None or not objects.has(address):
            return await self.unreadable(f"It names {address}, which is not where queued requests may lie.")
        outcome: Counter[str] = Counter()
        if objects.is_body(address):
            return outcome
        waiting = 0
        try:
            async for some in _in_groups(self._lines_of(address)):
                done = await asyncio.gather(
                    *(self._line(each, address) for each in some), return_exceptions=True
                )
                for each in done:
                    if isinstance(each, Counter):
                        outcome += each
                    elif isinstance(each, ComeAgain):
                        waiting += 1
                    else:
                        raise each
        except ObjectGone:
            return outcome + await self.unreadable(f"It names {address}, which is not there, or has changed.")
        if waiting:
            raise ComeAgain(f"{waiting} lines")
        return outcome

    async def _line(self, numbered: Numbered, address: ObjectAddress) -> Counter[str]:
        number, text = numbered
        try:
            request = read_line(text, address=address, number=number)
        except BadLine as fault:
            key = line_key(address, str(number))
            return await self.refused(reply_to(fault.custom_id, address), key, fault.fault)
        return await self.queued(request, address)

    async def _lines_of(self, address: ObjectAddress) -> AsyncGenerator[Numbered]:
        """All lines with their numbers; of one that is too long, too much."""
        objects = self._using.dropped
        assert objects is not None
        number, start, rest = 1, 0, b""
        while piece := await objects.read(address, start, PIECE):
            *whole, rest = (rest + piece).split(b"\n")
            for text in whole:
                yield number, text
                number += 1
            rest = rest[: MAX_BODY_BYTES + 1]
            start += len(piece)
        yield number, rest

    async def _body(self, request: QueuedRequest) -> Json:
        """The request itself. Raises `BadLine`."""
        if not isinstance(request.body, ObjectAddress):
            return request.body
        objects = self._using.dropped
        if objects is None or not objects.has(request.body):
            raise BadLine(request.custom_id, _bad_reference("it is not where queued requests may lie"))
        pieces: list[bytes] = []
        size = 0
        try:
            while size <= MAX_BODY_BYTES and (piece := await objects.read(request.body, size, PIECE)):
                pieces.append(piece)
                size += len(piece)
        except ObjectGone:
            raise BadLine(request.custom_id, _bad_reference("there is no such object")) from None
        return read_body(b"".join(pieces), request.custom_id)

    async def refused(self, reply: Json, key: str, fault: APIError) -> Counter[str]:
        """Answer a job with what is wrong with it."""
        results = self._using.results
        if results is None:
            return await self.unreadable(f"The job {reply['custom_id']!r} cannot be done: {fault.message}")
        await results.send(rejection_line(reply, fault, key=key), tenant=self._principal.tenant)
        return Counter({REFUSED: 1})

    async def unreadable(self, reason: str) -> Counter[str]:
        """Lay the message by, as it came, under its name. Raises `NoDeadLetters`."""
        letters = self._using.dead_letters
        if letters is None:
            raise NoDeadLetters
        text, told = (
            self._text.decode(errors="replace"),
            {"reason": _printable(reason), NAME: _printable(self._name)},
        )
        await letters.send(text, group=self._principal.tenant, attributes=told)
        return Counter({UNREADABLE: 1})


async def _in_groups(lines: AsyncGenerator[Numbered]) -> AsyncGenerator[Sequence[Numbered]]:
    """Lines, without those that are empty, as many together as are queued at once."""
    group: list[Numbered] = []
    async for number, text in lines:
        text = text.removeprefix(BYTE_ORDER_MARK).strip()
        if text:
            group.append((number, text))
        if len(group) == AT_ONCE:
            yield group
            group = []
    if group:
        yield group


async def _is_new(once: Once) -> bool:
    try:
        return await once.answer(Unbounded()) is None
    except NotFoundError:  # it was answered, and is not kept any more
        return False


def _passes(fault: APIError) -> bool:
    """Whether what stands against a job may be gone in a while, whatever the job is."""
    return fault.status >= 500 or fault.status == 409 or fault.code == "conversation_locked"


def _in_words_of_jobs(fault: APIError) -> APIError:
    if fault.code != "idempotency_key_reused":
        return fault
    message = "This 'custom_id' was used for another job within the last day. Each job takes one of its own."
    return InvalidRequestError(message, code=fault.code, param="custom_id")


def _bad_reference(reason: str) -> InvalidRequestError:
    return InvalidRequestError(f"Invalid 'body_ref': {reason}.", code="invalid_value", param="body_ref")


def _printable(reason: str) -> str:
    """What may stand beside a message: SQS takes the characters of XML there, and no others."""
    return "".join(each if each.isprintable() else "\ufffd" for each in reason[:LONGEST_REASON])
