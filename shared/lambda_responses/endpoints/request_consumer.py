"""What `make dev` does with the queue of jobs: what `run_queued_request` and the queue do on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lambda_responses.endpoints.run_queued_request import queue_jobs, wait_after
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.queue.consumer import Consumer
from lambda_responses.runtime.queue_door import Delivery

if TYPE_CHECKING:
    from lambda_responses.queue.port import PolledQueue, Received
    from lambda_responses.runtime.runtime import Runtime

AT_ONCE = 4
MOST_DELIVERIES = 5
"""So often a message is taken, as on AWS, where the queue counts; then it goes to the dead letters."""
GIVEN_UP = f"It was taken {MOST_DELIVERIES} times and came to nothing, for reasons that the log tells."


def request_consumer(runtime: Runtime) -> Consumer:
    """Takes jobs of this machine."""
    from lambda_responses.lifecycle.queued_requests import ComeAgain

    services = runtime.services
    requests = cast("PolledQueue", services.requests)  # which it is beside SQLite, where there are
    letters = cast("PolledQueue", services.dead_letters)  # dead letters as well

    async def take(received: Received) -> None:
        text, beside = str(received.message), received.attributes
        if received.count > MOST_DELIVERIES:
            await letters.send(text, group=received.group, attributes={**beside, "reason": GIVEN_UP})
        else:
            delivery = Delivery(text, received.receipt, received.count, Unbounded(), received.id, beside)
            await queue_jobs(delivery, runtime)

    def report(fault: BaseException) -> None:
        if not isinstance(fault, ComeAgain):  # whose reason is told in the end
            services.report(fault)

    return Consumer(requests, take, concurrency=AT_ONCE, report=report, wait=wait_after)
