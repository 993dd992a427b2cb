"""A message from the queue of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.principals.anybody import TENANT
from lambda_responses.runtime.settings import SettingsError

if TYPE_CHECKING:
    from lambda_responses.runtime.queue_door import Delivery
    from lambda_responses.runtime.services import Runtime


async def run_queued_request(delivery: Delivery, runtime: Runtime) -> None:
    """Queue what a message asks for, in the name of whose queue it is. What this raises brings it back."""
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


def whose(runtime: Runtime) -> Principal:
    """Whose jobs are. Raises `SettingsError`: a server that knows its callers has to be told."""
    settings = runtime.settings
    tenant = settings.request_tenant or (TENANT if settings.auth == "none" else None)
    if tenant is None:
        raise SettingsError("RESPONSES_REQUEST_TENANT is not set, so nobody knows whose queued requests are.")
    return Principal(tenant)
