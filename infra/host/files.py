"""Queues and the table where they are SQLite files: what `make dev` has in place of SQS and DynamoDB."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from infra.host.queues import Message
from lambda_responses.queue.local import SQLiteQueue
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from infra.host.deployment import DeclaredQueue, Deployment

Json = dict[str, Any]

LOOK = 0.2
"""Seconds between two looks into a file, which tells nobody that it has changed."""

_NAMES = {
    "BackgroundQueue": "background",
    "RequestQueue": "requests",
    "RequestDeadLetters": "dead letters",
    "ResultQueue": "results",
}
"""What queues are called in a file, by what the template calls them."""
_ROWS = "SELECT pk, sk FROM rows WHERE wk IS NOT NULL"


class Files:
    """The table and the queues of a deployment in the files that its functions keep them in."""

    def __init__(self, database: Path, deployment: Deployment) -> None:
        self.table = FileTable(database)
        self._file = database.with_name(f"{database.name}.queue")
        self._queues = list[FileQueue]()
        self._declared = deployment.sources.queues

    def queue(self, logical_id: str) -> FileQueue:
        """A queue, under the name that it has beside a database where functions know it by one."""
        made = FileQueue(self._file, logical_id, self._declared[logical_id])
        self._queues.append(made)
        return made

    def close(self) -> None:
        """Close the files."""
        for each in self._queues:
            each.close()


class FileQueue:
    """A queue in a file, of which the functions know under that name; those set aside lie beside it."""

    def __init__(self, file: Path, name: str, told: DeclaredQueue) -> None:
        self._told = told
        self._queue = _opened(file, name)
        self._aside = None if told.aside is None else _opened(file, told.aside)

    async def received(self, most: int) -> Sequence[Message]:
        """See `PolledQueue`."""
        while True:
            found = list[Message]()
            for each in await self._queue.receive(most, visible_after=self._told.visibility):
                if self._aside is not None and each.count > self._told.receives:
                    await self._aside.send(each.message, group=each.group)
                    await self._queue.acknowledge(each.receipt)
                    continue
                now = time.time()
                body = to_bytes(each.message).decode()
                attributes = {
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in each.attributes.items()
                }
                message = Message(body, each.group, attributes, now, now, each.id)
                message.received, message.first_received_at, message.receipt = each.count, now, each.receipt
                found.append(message)
            if found:
                return found
            await asyncio.sleep(LOOK)

    async def delete(self, receipt: str) -> None:
        """See `PolledQueue`."""
        await self._queue.acknowledge(receipt)

    async def hide(self, receipt: str, seconds: float) -> None:
        """See `PolledQueue`."""
        await self._queue.extend(receipt, seconds)

    def close(self) -> None:
        """Close the file."""
        self._queue.close()
        if self._aside is not None:
            self._aside.close()


def _opened(file: Path, name: str) -> SQLiteQueue:
    return SQLiteQueue(file, name=_NAMES.get(name, name))


class FileTable:
    """The rows of a file that wait for somebody, as a DynamoDB stream tells of new ones."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def records(self) -> AsyncIterator[Sequence[Json]]:
        """See `Table`. What was there before the first look is old."""
        known = set(self._rows())
        while True:
            await asyncio.sleep(LOOK)
            rows = self._rows()
            if new := [_record(row) for row in rows if row not in known]:
                yield new
            known = set(rows)

    def _rows(self) -> list[tuple[str, str]]:
        if not self._file.exists():
            return []
        with closing(sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(_ROWS).fetchall()


def _record(row: tuple[str, str]) -> Json:
    """As Lambda is told of a row that is new, where its stream tells keys alone."""
    pk, sk = row
    return {
        "eventID": f"{pk}/{sk}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": time.time(),
            "Keys": {"pk": {"S": pk}, "sk": {"S": sk}},
            "SequenceNumber": str(time.time_ns()),
            "StreamViewType": "KEYS_ONLY",
        },
    }
