"""The queues of a deployed stack, as whoever has the account's credentials reaches them."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from infra.emulator.stack import Stack

Json = dict[str, Any]

WITHIN = 60.0
"""Seconds for whatever comes by itself; far more than it takes."""
MOMENT = 0.3


def line(custom_id: str, input: Any, **more: Any) -> Json:
    """A line of OpenAI's Batch API."""
    body = {"model": "scripted/echo", "input": input, **more}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/responses", "body": body}


class Messages:
    """Drops requests in every way that there is, and takes what comes of them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._sqs = stack.client("sqs")
        self._lambda = stack.client("lambda")
        self._taken: dict[str, Json] = {}

    def url(self, queue: str) -> str:
        """The queue whose name ends so."""
        return self._sqs.get_queue_url(QueueName=f"{self._stack.name}-{queue}")["QueueUrl"]

    def drop(self, *bodies: Json | str) -> None:
        """Put requests, or what else stands there, into the queue for them, up to ten at once."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in bodies]
        entries = [{"Id": str(number), "MessageBody": text} for number, text in enumerate(texts)]
        self._sqs.send_message_batch(QueueUrl=self.url("requests"), Entries=entries)

    def results(self, *custom_ids: str) -> list[Json]:
        """The result lines of these requests, as soon as all are there. Raises `AssertionError`."""
        deadline = time.monotonic() + WITHIN
        while lacking := set(custom_ids) - self._taken.keys():
            assert time.monotonic() < deadline, f"no results of {lacking}"
            for message in self.take("results"):
                found = json.loads(message["Body"])
                assert self._taken.setdefault(found["custom_id"], found) == found  # whoever is told twice
        return [self._taken[each] for each in custom_ids]

    def take(self, queue: str, *, seconds: int = 2) -> Sequence[Json]:
        """What lies there, which is then gone."""
        url = self.url(queue)
        asked = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": seconds, "MessageAttributeNames": ["All"]}
        found = self._sqs.receive_message(QueueUrl=url, **asked).get("Messages", [])
        for message in found:
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def come_to(self, queue: str) -> Sequence[Json]:
        """What lies there, as soon as anything does. Raises `AssertionError`."""
        deadline = time.monotonic() + WITHIN
        while not (found := self.take(queue)):
            assert time.monotonic() < deadline, f"nothing came to {queue}"
        return found

    def touch(self, queue: str) -> int:
        """Receive all that lies there as somebody does who then dies at once; how many there were."""
        asked = {"MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
        return len(self._sqs.receive_message(QueueUrl=self.url(queue), **asked).get("Messages", []))

    def empty(self, queue: str) -> None:
        """Lose all that lies there."""
        self._sqs.purge_queue(QueueUrl=self.url(queue))

    def wait_for_none(self, queue: str) -> None:
        """Return when nothing is left there, neither waiting nor worked at. Raises `AssertionError`."""
        deadline = time.monotonic() + WITHIN
        asked = {"QueueUrl": self.url(queue), "AttributeNames": ["All"]}
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        while any(int(self._sqs.get_queue_attributes(**asked)["Attributes"][name]) for name in names):
            assert time.monotonic() < deadline, f"something is left in {queue}"
            time.sleep(MOMENT)

    @contextmanager
    def told(self, queue: str, **attributes: Any) -> Generator[None]:
        """A queue with other attributes for a while."""
        url = self.url(queue)
        before = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(attributes))["Attributes"]
        texts = {
            name: each if isinstance(each, str) else json.dumps(each) for name, each in attributes.items()
        }
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes=texts)
        try:
            yield
        finally:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=before)

    @contextmanager
    def unread(self, queue: str) -> Generator[None]:
        """Nobody is called with what lies in a queue for a while."""
        mapping = self._mapping(queue)
        self._lambda.update_event_source_mapping(UUID=mapping, Enabled=False)
        time.sleep(MOMENT)  # the emulator may be looking just now
        try:
            yield
        finally:
            self._lambda.update_event_source_mapping(UUID=mapping, Enabled=True)

    def _mapping(self, queue: str) -> str:
        arn = self._sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=["QueueArn"])
        asked = {"EventSourceArn": arn["Attributes"]["QueueArn"]}
        (found,) = (
            each
            for each in self._lambda.list_event_source_mappings(**asked)["EventSourceMappings"]
            if each["EventSourceArn"] == asked["EventSourceArn"]
        )
        return found["UUID"]
