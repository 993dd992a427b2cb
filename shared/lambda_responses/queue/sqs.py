"""A standard queue of SQS, with message groups: AWS serves those first that have little in flight.

boto3's clients are synchronous, so calls run on a few threads of their own.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any

from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from lambda_responses.queue.port import Message

CONNECTIONS = 4
MOST_DELAY = 900
"""Seconds that SQS lets a message wait; one that should wait longer comes early."""
MOST_KEPT = 43_200
"""Seconds that SQS keeps a message from others."""

_GONE = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"})
"""How SQS says that a receipt no longer counts; which of them depends on how long ago it did."""


def connect_sqs(*, endpoint_url: str | None = None, region: str | None = None) -> Any:
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
        return client_of("sqs", config=config, endpoint_url=endpoint_url, region=region)


class SQSQueue:
    """A `Queue` at that URL. `connect` makes its client when the first message is sent."""

    def __init__(self, url: str, *, connect: Callable[[], Any] = connect_sqs) -> None:
        self._url = url
        self._connect = connect
        self._client: Any = None
        self._connecting = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="sqs")

    async def send(
        self, message: Message, *, group: str, delay: float = 0, attributes: Mapping[str, str] | None = None
    ) -> None:
        """See `Queue`. A delay is rounded up to seconds, and is 15 minutes at most.

        A tenant's name can be a group as it is: SQS takes 128 letters, digits and signs of ASCII.
        """
        told = {
            name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()
        }
        await self._call(
            "send_message",
            MessageBody=_body(message),
            MessageGroupId=group,
            DelaySeconds=min(MOST_DELAY, max(0, ceil(delay))),
            MessageAttributes=told,
        )

    async def extend(self, receipt: str, seconds: float) -> None:
        """See `Queue`. The time is rounded up to seconds, and is 12 hours at most."""
        from botocore.exceptions import ClientError

        timeout = min(MOST_KEPT, max(0, ceil(seconds)))
        try:
            await self._call("change_message_visibility", ReceiptHandle=receipt, VisibilityTimeout=timeout)
        except QueueUnavailable as fault:
            if not isinstance(fault.__cause__, ClientError) or str(fault) not in _GONE:
                raise

    def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._threads.shutdown(wait=True)
        if self._client is not None:
            self._client.close()

    async def _call(self, operation: str, **parameters: Any) -> None:
        def request() -> None:
            getattr(self._connected(), operation)(QueueUrl=self._url, **parameters)

        loop = asyncio.get_running_loop()
        with _faults():
            await loop.run_in_executor(self._threads, request)

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client


def _body(message: Message) -> str:
    """Text without the two characters that SQS refuses and JSON allows."""
    text = message if isinstance(message, str) else to_bytes(message).decode()
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


@contextmanager
def _faults() -> Generator[None]:
    """Name the trouble by its code, without what was sent."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as fault:
        code = str(fault.response.get("Error", {}).get("Code", "")).removeprefix("AWS.SimpleQueueService.")
        raise QueueUnavailable(code or type(fault).__name__) from fault
    except BotoCoreError as fault:
        raise QueueUnavailable(type(fault).__name__) from fault
