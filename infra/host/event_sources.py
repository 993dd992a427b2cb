"""What calls functions that no client asks for: mappings from queues and tables, and schedules.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import TYPE_CHECKING, Any, Protocol, cast

from infra.host.connections import cancelled
from infra.host.functions import Throttled
from infra.host.intrinsics import ACCOUNT
from infra.host.invocation import Payload
from infra.host.sqs import md5_of, system_attributes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from infra.host.deployment import EventSources, Function, QueueSource, Schedule, TableSource
    from infra.host.functions import Functions
    from infra.host.invocation import Answer
    from infra.host.queues import Message

Json = dict[str, Any]

POLLERS = 5
"""Events of a queue at a time, where the template says nothing."""
PAUSE = 1.0
"""Seconds until a function is asked again that had no room or failed."""


class PolledQueue(Protocol):
    """A queue that a mapping looks after."""

    async def received(self, most: int) -> Sequence[Message]:
        """Up to that many messages, as soon as there are any."""
        ...

    async def delete(self, receipt: str) -> None:
        """Take away a message that has been dealt with."""
        ...

    async def hide(self, receipt: str, seconds: float) -> None:
        """Let nobody see a message for that long."""
        ...


class Table(Protocol):
    """What is written into a table."""

    def records(self) -> AsyncIterator[Sequence[Json]]:
        """Its stream's records as they come, a few at a time."""
        ...


class EventSourceMappings:
    """All of a deployment, between `start` and `stop`."""

    def __init__(
        self,
        sources: EventSources,
        functions: Functions,
        *,
        queue: Callable[[str], PolledQueue],
        table: Table | None,
        region: str,
    ) -> None:
        self._functions = functions
        self._region = region
        self._calls = set[asyncio.Task[None]]()
        self._watches: list[Coroutine[Any, Any, None]] = [
            *(self._watch_queue(each, queue(each.queue)) for each in sources.mappings),
            *(self._watch_table(each, table) for each in sources.tables if table is not None),
            *(self._keep_time(each) for each in sources.schedules),
        ]
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to look."""
        self._running = [asyncio.ensure_future(each) for each in self._watches]

    async def stop(self) -> None:
        """Call nobody any more. What was received and not dealt with is there again, later."""
        for each in self._watches if not self._running else ():
            each.close()
        await cancelled(*self._running, *self._calls)

    async def _watch_queue(self, source: QueueSource, queue: PolledQueue) -> None:
        room = asyncio.Semaphore(source.most or POLLERS)
        while True:
            await room.acquire()
            messages = await queue.received(source.batch)
            call = asyncio.ensure_future(self._hand(source, queue, messages))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            call.add_done_callback(lambda _: room.release())

    async def _hand(self, source: QueueSource, queue: PolledQueue, messages: Sequence[Message]) -> None:
        """Give messages to a function, and take away what it has dealt with."""
        records = [self._queue_record(source, message) for message in messages]
        answer = await self._called(source.function, {"Records": records})
        if answer is None:
            for message in messages:
                await queue.hide(message.receipt, PAUSE)
            return
        failed = failed_messages(answer, {each.id for each in messages}, partial=source.partial)
        for message in messages:
            if message.id not in failed:
                await queue.delete(message.receipt)

    def _queue_record(self, source: QueueSource, message: Message) -> Json:
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": system_attributes(message),
            "messageAttributes": {
                name: {key[0].lower() + key[1:]: each for key, each in told.items()}
                for name, told in message.attributes.items()
            },
            "md5OfBody": md5_of(message.body),
            "eventSource": "aws:sqs",
            "eventSourceARN": source.arn,
            "awsRegion": self._region,
        }

    async def _watch_table(self, source: TableSource, table: Table) -> None:
        async for records in table.records():
            found = [each for each in records if not source.patterns or matches_any(each, source.patterns)]
            for start in range(0, len(found), source.batch):
                await self._insist(source.function, {"Records": found[start : start + source.batch]})

    async def _insist(self, function: Function, event: Json) -> None:
        """Call a function until it does not fail: a stream waits for it."""
        answer = await self._called(function, event)
        while not isinstance(answer, Payload):
            await asyncio.sleep(PAUSE)
            answer = await self._called(function, event)

    async def _keep_time(self, schedule: Schedule) -> None:
        while True:
            await asyncio.sleep(schedule.seconds)
            event = self._scheduled(schedule) if schedule.event is None else json.loads(schedule.event)
            await self._called(schedule.function, event)

    def _scheduled(self, schedule: Schedule) -> Json:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "region": self._region,
            "resources": [f"arn:aws:events:{self._region}:{ACCOUNT}:rule/{schedule.name}"],
            "detail": {},
        }

    async def _called(self, function: Function, event: Json) -> Answer | None:
        """What a function answers; None where it has no room for the call."""
        try:
            call = self._functions.invoke(function, event)
        except Throttled:
            return None
        return await call.answer


def failed_messages(answer: Answer, ids: set[str], *, partial: bool) -> set[str]:
    """Which of those messages come again: all where the function failed, or says what nobody understands."""
    if not isinstance(answer, Payload):
        return ids
    if not partial:
        return set()
    try:
        told: Any = json.loads(answer.content)
    except ValueError:
        return ids
    match told:
        case None | {"batchItemFailures": None | []}:
            return set()
        case dict() if "batchItemFailures" not in told:
            return set()
        case {"batchItemFailures": list()}:
            named: set[str] = {each.get("itemIdentifier") for each in told["batchItemFailures"]}
            return named if named <= ids else ids
        case _:
            return ids


def matches_any(record: Any, patterns: Sequence[Json]) -> bool:
    """Whether one of those filter patterns lets a record through."""
    return any(_matches(record, pattern) for pattern in patterns)


def _matches(value: Any, pattern: Any) -> bool:
    match pattern:
        case dict():
            members = cast("Json", pattern)
            return isinstance(value, dict) and all(
                _matches(cast("Json", value).get(name), each) for name, each in members.items()
            )
        case list():
            return any(_is(value, each) for each in cast("list[Any]", pattern))
        case _:
            return False


def _is(value: Any, rule: Any) -> bool:
    match rule:
        case {"prefix": str(prefix)}:
            return isinstance(value, str) and value.startswith(prefix)
        case {"exists": bool(wanted)}:
            return (value is not None) is wanted
        case _:
            return value == rule
