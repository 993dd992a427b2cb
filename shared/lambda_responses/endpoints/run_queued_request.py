"""A message from the queue of jobs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.principals.anybody import TENANT
from lambda_responses.runtime.queue_door import FailedMessage
from lambda_responses.runtime.settings import SettingsError

if TYPE_CHECKING:
    from lambda_responses.runtime.queue_door import Delivery
    from lambda_responses.runtime.runtime import Runtime

FIRST_WAIT, MOST_DOUBLED = 15.0, 6
"""Seconds after which a message comes again; each time twice as many, so often. A queue by itself keeps it
back for as long as a function may take."""


async def run_queued_request(delivery: Delivery, runtime: Runtime) -> None:
    """Queue what a message asks for, in the name of whose queue it is. What this raises brings it back."""
    from lambda_responses.lifecycle.queued_requests import ComeAgain

    try:
        await queue_jobs(delivery, runtime)
    except Exception as fault:
        if (queue := runtime.services.requests) is not None:
            with suppress(QueueUnavailable):
                await queue.extend(delivery.receipt, wait_after(delivery.count))
        if isinstance(fault, ComeAgain):
            raise FailedMessage(str(fault)) from None
        raise


async def queue_jobs(delivery: Delivery, runtime: Runtime) -> None:
    """The same without a word to the queue. Raises `ComeAgain` for what has to wait."""
    from lambda_responses.lifecycle import queued_requests  # with all that checks a request
    from lambda_responses.wire.job_messages import NAME

    await runtime.renew()
    outcome = await queued_requests.run_queued_request(
        delivery.body.encode(),
        name=delivery.attributes.get(NAME) or delivery.id,
        tries=delivery.count,
        principal=whose(runtime),
        using=runtime.services,
    )
    logger.info("queued requests", message_id=delivery.id, outcome=dict(outcome))


def wait_after(tries: int) -> float:
    """Seconds until a message comes again that has come so often."""
    return FIRST_WAIT * 2 ** min(tries - 1, MOST_DOUBLED)


def whose(runtime: Runtime) -> Principal:
    """Whose jobs are. Raises `SettingsError`: a server that knows its callers has to be told."""
    settings = runtime.settings
    tenant = settings.request_tenant or (TENANT if settings.auth == "none" else None)
    if tenant is None:
        raise SettingsError("RESPONSES_REQUEST_TENANT is not set, so nobody knows whose queued requests are.")
    return Principal(tenant)
