"""What becomes of background responses that nobody works at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.messages import UnreadableMessage
from lambda_responses.lifecycle.background.sweep import bury, sweep
from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.metrics import publish_stuck_responses

if TYPE_CHECKING:
    from lambda_responses.runtime.queue_door import Delivery
    from lambda_responses.runtime.runtime import Runtime


async def sweep_background_responses(runtime: Runtime) -> None:
    """Help all that are overdue. Raises `StoreUnavailable`."""
    queue = runtime.services.queue
    assert queue is not None  # beside which alone this is deployed
    swept = await sweep(runtime.services, queue)
    if stuck := swept.queued + swept.failed:
        publish_stuck_responses(stuck)
    logger.info("sweep", queued=swept.queued, failed=swept.failed, closed=swept.closed)


async def bury_background_response(delivery: Delivery, runtime: Runtime) -> None:
    """Fail what a message was about that came to nothing time and again. Raises `StoreUnavailable`."""
    try:
        await bury(delivery.message(), using=runtime.services)
    except UnreadableMessage:
        logger.error("unreadable message", message_id=delivery.id)
