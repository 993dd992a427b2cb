"""A worker of `make dev` for the queue of jobs: it does what `run_queued_request` does on AWS."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lambda_responses.endpoints.run_queued_request import run_queued_request
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.queue.worker import Worker
from lambda_responses.runtime.queue_door import Delivery
from lambda_responses.runtime.services import REQUESTS
from lambda_responses.wire.job_messages import NAME

if TYPE_CHECKING:
    from collections.abc import Generator

    from lambda_responses.queue.port import Received
    from lambda_responses.runtime.services import Runtime

AT_ONCE = 4
FIRST_WAIT = 15.0
"""Seconds after which a job comes again that could not be queued; each time twice as many."""
TRIES = "tries"
"""The attribute that counts them: a message that comes again is a new one."""


@contextmanager
def job_worker(runtime: Runtime) -> Generator[Worker]:
    """Takes jobs for as long as the context lasts. Raises `SettingsError`."""
    from lambda_responses.lifecycle.queued_requests import ComeAgain

    queue = runtime.local_queue(REQUESTS)

    async def take(received: Received) -> None:
        beside = received.attributes
        tries = int(beside.get(TRIES, 1))
        name = beside.get(NAME) or received.receipt
        text = str(received.message)
        delivery = Delivery(text, received.receipt, tries, Unbounded(), name, beside)
        try:
            await run_queued_request(delivery, runtime)
        except ComeAgain:
            delay, again = FIRST_WAIT * 2 ** (tries - 1), {NAME: name, TRIES: str(tries + 1)}
            await queue.send(text, group=received.group, delay=delay, attributes=again)

    try:
        yield Worker(queue, take, concurrency=AT_ONCE, report=runtime.services.report, rounds=())
    finally:
        queue.close()
