"""A process of `make dev` that runs background responses, and queues what is dropped to become some."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import TYPE_CHECKING, cast

from lambda_responses.endpoints.request_consumer import request_consumer
from lambda_responses.runtime.processes import listen
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.runtime.settings import SettingsError, local_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.queue.consumer import Consumer
    from lambda_responses.queue.port import PolledQueue


def run_worker(environment: Mapping[str, str], *, attached: bool) -> None:
    """Work until interrupted or, `attached`, until standard input ends, as it does with the server.

    Raises `SettingsError` for an environment that cannot be used.
    """
    runtime = Runtime(local_environment(environment), local_model=True)
    if runtime.settings.database is None:
        raise SettingsError("RESPONSES_STORE is a table, beside which functions work and not this machine.")
    runtime.check()
    asyncio.run(_run(runtime, attached=attached))


async def _run(runtime: Runtime, *, attached: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    responses, requests = _consumer_of_responses(runtime), request_consumer(runtime)
    if attached:
        listen(
            nudged=partial(loop.call_soon_threadsafe, responses.wake),
            left_alone=partial(loop.call_soon_threadsafe, stop.set),
        )
    try:
        await asyncio.gather(responses.run(stop), requests.run(stop))
    finally:
        await runtime.aclose()


def _consumer_of_responses(runtime: Runtime) -> Consumer:
    from lambda_responses.endpoints.run_background_response import told_work
    from lambda_responses.lifecycle.background.consumer import background_consumer

    settings, services = runtime.settings, runtime.services
    queue = cast("PolledQueue", services.queue)  # which it is beside SQLite
    return background_consumer(
        services,
        queue,
        concurrency=settings.worker_concurrency,
        seconds=settings.worker_seconds,
        doing=partial(told_work, runtime=runtime),
    )
