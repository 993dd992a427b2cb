"""Queue a response: everything that is checked and kept before a worker is told of it.

The response is there from the first moment, `queued`: whoever has its id can read it. Its row is written
before its message is sent; what is lost in between the sweeper finds, as it finds whatever is lost later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.messages import message_about
from lambda_responses.lifecycle.beginning import begin
from lambda_responses.lifecycle.create import check_request
from lambda_responses.lifecycle.placement import placed, placed_after, too_large_to_store
from lambda_responses.lifecycle.ports import Unclaimed
from lambda_responses.lifecycle.steps import compaction_plan
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.storage.background.job import AFTERWARDS
from lambda_responses.storage.background.new_jobs import NewJob
from lambda_responses.storage.background.payloads import SecretsTooLarge
from lambda_responses.storage.conversations.leases import ConversationLocked
from lambda_responses.storage.responses import TooLargeToStore
from lambda_responses.wire.compaction import TRIGGER
from lambda_responses.wire.conversations import conversation_locked
from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from lambda_responses.lifecycle.beginning import Beginning
    from lambda_responses.lifecycle.create import Asked
    from lambda_responses.lifecycle.known import Known
    from lambda_responses.lifecycle.placement import Placement
    from lambda_responses.lifecycle.ports import Claim, Principal, Services
    from lambda_responses.queue.port import Queue
    from lambda_responses.storage.background.job import Job
    from lambda_responses.storage.responses import StoredResponse
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class Queued:
    """A response that will be made."""

    asked: Asked
    job: Job
    beginning: Beginning
    """As it is kept by now: what it is asked for, each item under its id, and nothing said yet."""


async def enqueue_response(
    body: Json,
    *,
    principal: Principal,
    using: Services,
    provider: str | None = None,
    claim: Claim | None = None,
    reply: Json | None = None,
) -> Json:
    """Check a request and queue it; the response as it is then, `queued`.

    `provider` overrides what the model's name says; `reply` is what a queued request wants with its answer.
    Raises `APIError` for a fault of the request.
    """
    queued = await keep_queued(
        body, principal=principal, using=using, provider=provider, claim=claim, reply=reply
    )
    await announce(queued.job, using)
    return queued.beginning.queued().response


async def keep_queued(
    body: Json,
    *,
    principal: Principal,
    using: Services,
    provider: str | None = None,
    claim: Claim | None = None,
    reply: Json | None = None,
    owner: str | None = None,
) -> Queued:
    """Check a request and keep it. Nobody has been told of it yet: `announce` does that.

    With an `owner`, who makes it at once, it is kept as being made by that one. Raises `APIError`.
    """
    queue_of(using)
    asked = await check_request(body, principal=principal, using=using, provider=provider)
    created_at = int(using.now())
    job = NewJob(
        request=asked.request,
        provider=provider,
        key_id=principal.key_id,
        streamed=bool(asked.request.get("stream")),
        deadline=created_at + using.background_seconds,
        owner=owner,
        reply=reply,
        rights=_rights_of(asked, principal),
        kept=asked.request.get("store", True),
    )
    tenant, claim = principal.tenant, claim or Unclaimed()
    placing = _placed(tenant, asked.known, job, created_at=created_at, using=using)
    async with placing as placement, claim.held(placement):
        beginning = _begun(asked, placement.response_id, created_at=created_at, using=using)
        stored = replace(beginning.queued(asked.targets[0].name), request=placement.request)
        given = [each for each in beginning.context.own if each["type"] != TRIGGER]
        created = await _created(tenant, replace(stored, input=given), job, placement, using)
        placement.committed = True
        await claim.keep(stored)
    return Queued(asked, created, beginning)


def _rights_of(asked: Asked, principal: Principal) -> Json | None:
    """What is to be known of the caller where the tools are run."""
    if not asked.servers:
        return None
    from lambda_responses.lifecycle.servers import render_rights

    return render_rights(principal)


def _begun(asked: Asked, response_id: str, *, created_at: int, using: Services) -> Beginning:
    return begin(
        asked.request,
        compaction_plan(asked.request, asked.targets).given(asked.request),
        asked.known,
        response_id=response_id,
        created_at=created_at,
        entropy=using.entropy,
        pending=asked.pending,
    )


def _placed(
    tenant: str, known: Known, job: NewJob, *, created_at: int, using: Services
) -> AbstractAsyncContextManager[Placement]:
    """Where it will be kept; also one that is not stored, for as long as it takes to be fetched."""
    until = job.deadline + AFTERWARDS
    if not job.kept:
        return placed_after(tenant, known, created_at=created_at, using=using, until=until)
    return placed(tenant, known, created_at=created_at, keep=True, using=using, until=until)


async def _created(
    tenant: str, stored: StoredResponse, job: NewJob, placement: Placement, using: Services
) -> Job:
    """The job, once it is there. Raises `APIError`."""
    assert placement.reservation is not None  # both kinds of places have one
    job, sealer = replace(job, hold=placement.hold), await using.sealer(tenant)
    try:
        return await using.jobs.create(placement.reservation, stored, job, seal=sealer)
    except SecretsTooLarge:
        message = "What the tools prove themselves with is too large for a background response."
        raise InvalidRequestError(message, param="tools") from None
    except TooLargeToStore:
        raise too_large_to_store() from None
    except ConversationLocked:
        raise conversation_locked() from None


async def announce(job: Job, using: Services, *, delay: float = 0) -> None:
    """Send the message by which a worker finds a response. Without it the sweeper finds it, later."""
    try:
        message = message_about(job.tenant, job.response_id)
        await queue_of(using).send(message, group=job.tenant, delay=delay)
    except QueueUnavailable as fault:
        using.report(fault)


def queue_of(using: Services) -> Queue:
    """The queue. Raises `UnsupportedError` where a server has none."""
    if using.queue is None:
        message = "'background' is not supported by this server: it has no queue."
        raise UnsupportedError(message, param="background")
    return using.queue
