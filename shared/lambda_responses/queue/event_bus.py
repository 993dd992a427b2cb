"""A bus of EventBridge, which is told how background responses ended."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from lambda_responses.queue.aws import Calls, connected
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.wire.json import Json

SOURCE = "lambda-responses"
LONGEST_DETAIL = 240_000
"""Bytes of a detail: most targets of EventBridge, SQS queues among them, are given 256 KiB at most."""


class EventBus(Protocol):
    """Takes events for whoever has a rule for them."""

    async def publish(self, type: str, detail: Json, *, at: int) -> None:
        """Tell what happened `at` seconds since 1970. Raises `QueueUnavailable`."""
        ...

    def close(self) -> None:
        """Finish what was begun."""
        ...


connect_eventbridge = partial(connected, "events")


class EventBridgeBus:
    """An `EventBus` of that name or ARN. `connect` makes its client when the first event is told."""

    def __init__(self, name: str, *, connect: Callable[[], Any] = connect_eventbridge) -> None:
        self._name = name
        self._calls = Calls(connect)

    async def publish(self, type: str, detail: Json, *, at: int) -> None:
        """See `EventBus`."""
        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": type,
            "Time": datetime.fromtimestamp(at, UTC),
            "Detail": to_bytes(detail).decode(),
        }
        answer = await self._calls.call("put_events", Entries=[entry])
        for refused in answer["Entries"]:
            if "ErrorCode" in refused:
                raise QueueUnavailable(refused["ErrorCode"])

    def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._calls.close()
