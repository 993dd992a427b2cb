"""A standard queue of SQS, with message groups: AWS serves those first that have little in flight."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

from lambda_responses.queue.aws import Calls, connected
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_responses.queue.port import Message

MOST_DELAY = 900
"""Seconds that SQS lets a message wait; one that should wait longer comes early."""
MOST_KEPT = 43_200
"""Seconds that SQS keeps a message from others."""

_GONE = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"})
"""How SQS says that a receipt no longer counts; which of them depends on how long ago it did."""


connect_sqs = partial(connected, "sqs")


class SQSQueue:
    """A `Queue` at that URL. `connect` makes its client when the first message is sent."""

    def __init__(self, url: str, *, connect: Callable[[], Any] = connect_sqs) -> None:
        self._url = url
        self._calls = Calls(connect)

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
        self._calls.close()

    async def _call(self, operation: str, **parameters: Any) -> None:
        await self._calls.call(operation, QueueUrl=self._url, **parameters)


def _body(message: Message) -> str:
    """Text without the two characters that SQS refuses and JSON allows."""
    text = message if isinstance(message, str) else to_bytes(message).decode()
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
