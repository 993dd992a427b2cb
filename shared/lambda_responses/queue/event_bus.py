"""A bus of EventBridge, which is told how background responses ended."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from lambda_responses.wire.json import Json

SOURCE = "lambda-responses"
CONNECTIONS = 4
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


def connect_eventbridge(*, endpoint_url: str | None = None, region: str | None = None) -> Any:
    """A client with short time limits and bounded retries.

    Raises `QueueUnavailable` where it cannot be known whom to call, as without a region.
    """
    from botocore.config import Config

    from lambda_responses.storage.keyed.clients import client_of

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 4},
        connect_timeout=2,
        read_timeout=10,
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
    )
    with _faults():
        return client_of("events", config=config, endpoint_url=endpoint_url, region=region)


class EventBridgeBus:
    """An `EventBus` of that name or ARN. `connect` makes its client when the first event is told."""

    def __init__(self, name: str, *, connect: Callable[[], Any] = connect_eventbridge) -> None:
        self._name = name
        self._connect = connect
        self._client: Any = None
        self._connecting = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="events")

    async def publish(self, type: str, detail: Json, *, at: int) -> None:
        """See `EventBus`."""
        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": type,
            "Time": datetime.fromtimestamp(at, UTC),
            "Detail": to_bytes(detail).decode(),
        }
        await asyncio.get_running_loop().run_in_executor(self._threads, self._put, entry)

    def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._threads.shutdown(wait=True)
        if self._client is not None:
            self._client.close()

    def _put(self, entry: Json) -> None:
        with _faults():
            answer = self._connected().put_events(Entries=[entry])
        for refused in answer["Entries"]:
            if "ErrorCode" in refused:
                raise QueueUnavailable(refused["ErrorCode"])

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client


@contextmanager
def _faults() -> Generator[None]:
    """Name the trouble by its code, without what was told."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as fault:
        code = str(fault.response.get("Error", {}).get("Code", ""))
        raise QueueUnavailable(code or type(fault).__name__) from fault
    except BotoCoreError as fault:
        raise QueueUnavailable(type(fault).__name__) from fault
