"""A worker of `make dev` for the queue of jobs: it does what `run_queued_request` does on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lambda_responses.endpoints.run_queued_request import queue_jobs, wait_after
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.queue.worker import Worker
from lambda_responses.runtime.queue_door import Delivery
from lambda_responses.wire.job_messages import NAME

if TYPE_CHECKING:
    from lambda_responses.queue.port import PolledQueue, Received
    from lambda_responses.runtime.services import Runtime

AT_ONCE = 4
TRIES = "tries"
"""The attribute that counts them: a message that comes again is a new one."""


def job_worker(runtime: Runtime) -> Worker:
    """Takes jobs of this machine."""
    from lambda_responses.lifecycle.queued_requests import ComeAgain

    queue = cast("PolledQueue", runtime.services.requests)  # which it is beside SQLite

    async def take(received: Received) -> None:
        beside = received.attributes
        tries = int(beside.get(TRIES, 1))
        name = beside.get(NAME) or received.receipt
        text = str(received.message)
        delivery = Delivery(text, received.receipt, tries, Unbounded(), name, beside)
        try:
            await queue_jobs(delivery, runtime)
        except ComeAgain:
            again = {NAME: name, TRIES: str(tries + 1)}
            await queue.send(text, group=received.group, delay=wait_after(tries), attributes=again)

    return Worker(queue, take, concurrency=AT_ONCE, report=runtime.services.report, rounds=())
