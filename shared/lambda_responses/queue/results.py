"""The way of answers to queued requests: a queue of result lines, a bucket, or both.

With a queue, each line is a message. A body that is too long for one lies in the bucket or, without any,
where every response does: in the API. Without a queue, each line is an object. A line that is sent again has
the same id, and takes the same object's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.batch_lines import with_body_elsewhere
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.queue.port import Queue
    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.wire.json import Json

LONGEST_MESSAGE = 1_000_000
"""Bytes; SQS takes 1,048,576 with all that lies beside a message."""


class Results:
    """Takes result lines (`wire.batch_lines`). There is a queue, or a bucket, or both."""

    def __init__(self, queue: Queue | None, objects: Blobs | None = None, *, bucket: str = "") -> None:
        """`objects` keeps what goes into the bucket of that name."""
        self._queue = queue
        self._objects = objects
        self._bucket = bucket

    async def send(self, line: Json, *, tenant: str) -> None:
        """Let a line out to whoever waits for it. Raises `QueueUnavailable`, `StoreUnavailable`."""
        text = to_bytes(line)
        if self._queue is None:
            await self._keep(line["id"], text, tenant)
            return
        if len(text) > LONGEST_MESSAGE:
            line = with_body_elsewhere(line, await self._place_of_body(line, tenant))
        await self._queue.send(line, group=tenant)

    def close(self) -> None:
        """Finish what was begun."""
        if self._queue is not None:
            self._queue.close()
        if self._objects is not None:
            self._objects.close()

    async def _place_of_body(self, line: Json, tenant: str) -> str:
        body: Json = line["response"]["body"]
        if self._objects is None:
            return in_the_api(body)
        return await self._keep(f"{line['id']}-body", to_bytes(body), tenant)

    async def _keep(self, name: str, text: bytes, tenant: str) -> str:
        """Where it lies now."""
        key = f"results/{tenant}/{name}.json"
        if self._objects is not None:
            await self._objects.put(key, text, expires=None)
        return f"s3://{self._bucket}/{key}"


def in_the_api(response: Json) -> str:
    """Where everybody who may read a response finds it."""
    return f"/v1/responses/{response['id']}"
