"""SQS as its clients speak to it: JSON over HTTP, and the actions that functions and operators ask for.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from infra.host.connections import BodyTooLarge
from infra.host.queues import NoSuchReceipt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from infra.host.connections import Exchange
    from infra.host.queues import Message, Queue, Queues

    Action = Callable[[Queue, "Json"], Awaitable["Json"]]

Json = dict[str, Any]

PREFIX = "/_sqs"
"""What stands before the targets of requests to it."""
LARGEST_MESSAGE = 1_048_576
"""Bytes of a message, and of all messages of one request."""
LONGEST_DELAY = 900
LONGEST_VISIBILITY = 43_200
MOST_RECEIVED = 10
_LARGEST_BODY = 8 * LARGEST_MESSAGE  # of which JSON may write each byte as six
_SERVICE = "AmazonSQS."


class Refusal(Exception):
    """What SQS says instead of doing it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Sqs:
    """Serves the queues of a host. Whoever asks is not asked who they are: it listens on loopback alone."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        try:
            body = json.loads(await exchange.body(_LARGEST_BODY))
            status, told = 200, await self._told(exchange.header("x-amz-target") or "", body)
        except (BodyTooLarge, ValueError, KeyError, TypeError):
            status, told = 400, _error("InvalidParameterValue", "The request cannot be read.")
        except Refusal as refusal:
            status, told = 400, _error(refusal.kind, str(refusal))
        headers = [("content-type", "application/x-amz-json-1.0")]
        await exchange.answer(status, headers, json.dumps(told).encode())

    async def _told(self, target: str, asked: Json) -> Json:
        action = target.removeprefix(_SERVICE)
        named = asked["QueueName"] if action == "GetQueueUrl" else asked["QueueUrl"]
        if (queue := self._queues.named(named)) is None:
            raise Refusal("QueueDoesNotExist", "The specified queue does not exist.")
        match action:
            case "GetQueueUrl":
                return {"QueueUrl": queue.told.url}
            case "GetQueueAttributes":
                return {"Attributes": _attributes(queue)}
            case "ReceiveMessage":
                return await _receive(queue, asked)
            case "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch":
                return await _each(queue, asked["Entries"], _ONE[action.removesuffix("Batch")])
            case _ if action in _ONE:
                return await _ONE[action](queue, asked)
            case _:
                raise Refusal("UnsupportedOperation", f"This host does not know {action}.")


async def _send(queue: Queue, asked: Json) -> Json:
    body: str = asked["MessageBody"]
    delay = asked.get("DelaySeconds", 0)
    if not 0 < len(body.encode()) <= LARGEST_MESSAGE or not 0 <= delay <= LONGEST_DELAY:
        raise Refusal("InvalidParameterValue", "The message or its delay is out of bounds.")
    attributes = asked.get("MessageAttributes")
    sent = queue.send(body, delay=delay, group=asked.get("MessageGroupId"), attributes=attributes)
    return {"MessageId": sent.id, "MD5OfMessageBody": md5_of(body)}


async def _delete(queue: Queue, asked: Json) -> Json:
    await queue.delete(asked["ReceiptHandle"])
    return {}


async def _hide(queue: Queue, asked: Json) -> Json:
    seconds = asked["VisibilityTimeout"]
    if not 0 <= seconds <= LONGEST_VISIBILITY:
        raise Refusal("InvalidParameterValue", "The visibility timeout is out of bounds.")
    try:
        await queue.hide(asked["ReceiptHandle"], seconds)
    except NoSuchReceipt:
        raise Refusal("ReceiptHandleIsInvalid", "The receipt handle is not valid.") from None
    return {}


_ONE: Mapping[str, Action] = {
    "ChangeMessageVisibility": _hide,
    "DeleteMessage": _delete,
    "SendMessage": _send,
}


async def _each(queue: Queue, entries: list[Json], act: Action) -> Json:
    done, failed = list[Json](), list[Json]()
    for entry in entries:
        try:
            done.append({"Id": entry["Id"], **await act(queue, entry)})
        except Refusal as refusal:
            fault = {"Code": refusal.kind, "Message": str(refusal), "SenderFault": True}
            failed.append({"Id": entry["Id"], **fault})
    return {"Successful": done, "Failed": failed}


async def _receive(queue: Queue, asked: Json) -> Json:
    most = min(asked.get("MaxNumberOfMessages", 1), MOST_RECEIVED)
    seconds = asked.get("WaitTimeSeconds", 0)
    found = await queue.received(most, asked.get("VisibilityTimeout"), within=seconds)
    return {"Messages": [_shown(message) for message in found]} if found else {}


def _shown(message: Message) -> Json:
    told: Json = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": md5_of(message.body),
        "Attributes": system_attributes(message),
    }
    return told | ({"MessageAttributes": message.attributes} if message.attributes else {})


def system_attributes(message: Message) -> dict[str, str]:
    """What SQS itself says of a message that was received."""
    told = {
        "ApproximateReceiveCount": str(message.received),
        "ApproximateFirstReceiveTimestamp": str(round(message.first_received_at * 1000)),
        "SentTimestamp": str(round(message.sent_at * 1000)),
        "SenderId": "AIDAEXAMPLE",
    }
    return told if message.group is None else told | {"MessageGroupId": message.group}


def md5_of(body: str) -> str:
    """What clients compare a body with."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def _attributes(queue: Queue) -> dict[str, str]:
    visible, hidden, delayed = queue.counts
    return {
        "ApproximateNumberOfMessages": str(visible),
        "ApproximateNumberOfMessagesNotVisible": str(hidden),
        "ApproximateNumberOfMessagesDelayed": str(delayed),
        "QueueArn": queue.told.arn,
        "VisibilityTimeout": str(round(queue.told.visibility)),
    }


def _error(kind: str, message: str) -> Json:
    return {"__type": f"com.amazonaws.sqs#{kind}", "message": message}
