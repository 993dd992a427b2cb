"""From what a queue delivers to what Lambda calls.

Messages come in batches, of which those are reported that came to nothing: a queue hands them out again, and
the others are done with. Powertools' batch processor keeps that account.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.runtime.logs import lines_of, logger, place_of
from lambda_responses.runtime.runtime import process_runtime
from lambda_responses.runtime.starting import starting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from lambda_responses.lifecycle.ports import Deadline
    from lambda_responses.runtime.runtime import Runtime
    from lambda_responses.wire.json import Json

    Work = Callable[["Delivery", Runtime], Awaitable[None]]
    Rounds = Callable[[Runtime], Awaitable[None]]

MARGIN_SECONDS = 5.0
"""What is left of an invocation when its work has to have ended: to keep what there is and to say so."""


class FailedMessage(Exception):
    """A message that came to nothing, and whose fault has been told."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message, as a queue has handed it over."""

    body: str
    receipt: str
    count: int
    """How often it was handed over, this time included."""
    deadline: Deadline
    """How long whoever has it may take."""
    id: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """The texts that lie beside it."""

    def message(self) -> Any:
        """What it says. None where that is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class InvocationEnd:
    """What is left of a Lambda invocation, less what it takes to put the work down."""

    def __init__(self, context: Any) -> None:
        self._remaining_milliseconds: Callable[[], int] = context.get_remaining_time_in_millis

    def remaining(self) -> float:
        """Seconds until the work has to have ended."""
        return self._remaining_milliseconds() / 1000 - MARGIN_SECONDS


class QueueDoor:
    """The Lambda handler of what is done with messages and, where there are none, on a schedule."""

    def __init__(self, work: Work, *, rounds: Rounds | None = None, asks_models: bool = False) -> None:
        self._work = work
        self._rounds = rounds
        self._asks_models = asks_models

    def __call__(self, event: Json, context: Any, *, using: Runtime | None = None) -> Json | None:
        """What of a batch came to nothing. Tests pass `using=`; Lambda never does."""
        runtime = using or process_runtime()
        if "Records" in event:
            return self._batch(event["Records"], context, runtime)
        if self._rounds is not None:
            with lines_of(None, context):
                run_told(self._rounds(runtime))
        return None

    def _batch(self, records: list[Json], context: Any, runtime: Runtime) -> Json:
        processor = _processor()

        def handle(record: SQSRecord) -> None:
            delivery = Delivery(
                record.body,
                record.receipt_handle,
                int(record.attributes.approximate_receive_count),
                InvocationEnd(context),
                record.message_id,
                _texts_beside(record.raw_event),
            )
            with lines_of(None, context):
                run_told(self._work(delivery, runtime))

        with processor(records=records, handler=handle):
            processor.process()
        return processor.response()

    def opened(self) -> None:
        """Make all that the first message would otherwise wait for. Raises `SettingsError`."""
        runtime = process_runtime()
        _processor()
        runtime.open_store()
        if self._asks_models:
            runtime.expect_models()


def queue_door(work: Work, *, rounds: Rounds | None = None, asks_models: bool = False) -> QueueDoor:
    """A Lambda handler for messages; `rounds` are made where it is called without any."""
    made = QueueDoor(work, rounds=rounds, asks_models=asks_models)
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        with starting():
            made.opened()
    return made


def run_told(work: Awaitable[None]) -> None:
    """Do the work. Raises `FailedMessage` where it fails, once that has been told."""
    _loop().run(_told(work))


async def _told(work: Awaitable[None]) -> None:
    """Raises `FailedMessage` for whatever goes wrong: Lambda would write down the text of anything else."""
    try:
        await work
    except FailedMessage:
        raise
    except Exception as error:
        logger.error("unforeseen", fault=type(error).__name__, at=place_of(error))
        raise FailedMessage(type(error).__name__) from None


@functools.cache
def _loop() -> asyncio.Runner:
    """One loop for all invocations of a process, on which connections stay open in between."""
    return asyncio.Runner()


def _texts_beside(record: Json) -> Mapping[str, str]:
    attributes: Json = record.get("messageAttributes") or {}
    return {name: told["stringValue"] for name, told in attributes.items() if "stringValue" in told}


def _processor() -> Any:
    from aws_lambda_powertools.utilities.batch import (  # as heavy as all the rest of what a door imports
        BatchProcessor,
        EventType,
    )

    return BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
