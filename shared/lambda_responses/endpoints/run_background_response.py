"""What a message about a background response comes to, and what the operator is told of that."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.background.work import work
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.runtime.logs import lines_about, logger
from lambda_responses.runtime.metrics import Meter, publish_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.lifecycle.background.verdict import Verdict
    from lambda_responses.lifecycle.background.watch import Beat
    from lambda_responses.lifecycle.ports import Deadline
    from lambda_responses.runtime.queue_door import Delivery
    from lambda_responses.runtime.runtime import Runtime
    from lambda_responses.wire.json import Json

KEPT_SECONDS = 120.0
"""How long a queue keeps a message from others without a sign of life. By itself it does so for as long as a
function may take, for which the response of a worker that was killed would have to wait."""


async def run_background_response(delivery: Delivery, runtime: Runtime) -> None:
    """Work on a message, and send one like it where that is not all. Raises what makes it come again."""
    queue = runtime.services.queue
    assert queue is not None  # which has delivered it

    async def keep() -> None:
        with suppress(QueueUnavailable):  # whoever gets it too finds the response held
            await queue.extend(delivery.receipt, KEPT_SECONDS)

    message: Json = delivery.message()
    await keep()
    await runtime.renew()
    verdict = await told_work(
        message, runtime=runtime, owner=delivery.id, deadline=delivery.deadline, beats=(keep,)
    )
    if verdict.again is not None:
        # As a new message: how often one is handed out shall count its crashes, and nothing else.
        await queue.send(message, group=message["tenant"], delay=verdict.again)


async def told_work(
    message: Json, *, runtime: Runtime, owner: str, deadline: Deadline, beats: Sequence[Beat] = ()
) -> Verdict:
    """Work on a message, with a line in the log and, where a response was made, its metrics."""
    started = time.perf_counter()
    meter = Meter(started)
    with lines_about(message):
        verdict = await work(
            message, using=runtime.services, owner=owner, deadline=deadline, telling=meter, beats=beats
        )
    ids = {"tenant": message["tenant"], "response_id": message["response_id"]}
    ids |= {name: id for name in ("key_id", "target") if (id := getattr(verdict, name)) is not None}
    figures = meter.figures()
    if verdict.outcome == "ended":
        publish_response(figures, failed=figures.get("response_status") == "failed", **ids)
    logger.info(
        "background",
        outcome=verdict.outcome,
        milliseconds=round((time.perf_counter() - started) * 1000, 1),
        attempts=verdict.attempts,
        again=verdict.again,
        **ids,
        **figures,
    )
    return verdict
