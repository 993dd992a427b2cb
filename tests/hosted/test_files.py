"""Beside a SQLite database queues are files, and the table tells of new rows, as SQS and a stream would."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.host.deployment import DeclaredQueue
from infra.host.files import FileQueue, FileTable
from lambda_responses.queue.local import SQLiteQueue
from lambda_responses.storage.keyed.port import Key
from lambda_responses.storage.keyed.sqlite import SQLiteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

TOLD = DeclaredQueue("jobs", "https://sqs/jobs", "arn:aws:sqs:jobs", 0.1, "Aside", 2)
"""Whatever is received is soon there again, and twice at most."""
MESSAGE: Any = {"v": 1, "tenant": "acme"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "responses.db.queue"


@pytest.fixture
def queue(file: Path) -> Iterator[FileQueue]:
    made = FileQueue(file, "Work", TOLD)
    yield made
    made.close()


async def test_what_a_function_queued_is_handed_on_with_all_that_lies_beside_it(file: Path, queue: FileQueue):
    sent = SQLiteQueue(file, name="Work")
    await sent.send(MESSAGE, group="acme", attributes={"kind": "job"})
    [message] = await asyncio.wait_for(queue.received(10), 10)
    assert (json.loads(message.body), message.group, message.received) == (MESSAGE, "acme", 1)
    assert message.attributes == {"kind": {"DataType": "String", "StringValue": "job"}}
    await queue.delete(message.receipt)
    assert await sent.receive(1, visible_after=0) == []
    sent.close()


async def test_a_message_that_is_hidden_is_nobody_elses(file: Path, queue: FileQueue):
    sent = SQLiteQueue(file, name="Work")
    await sent.send(MESSAGE, group="acme")
    [message] = await asyncio.wait_for(queue.received(10), 10)
    await queue.hide(message.receipt, 60)
    assert await sent.receive(1, visible_after=0) == []
    sent.close()


async def test_what_nobody_could_deal_with_is_set_aside(file: Path, queue: FileQueue):
    sent, aside = SQLiteQueue(file, name="Work"), SQLiteQueue(file, name="Aside")
    await sent.send(MESSAGE, group="acme")
    for tries in (1, 2):
        [message] = await asyncio.wait_for(queue.received(10), 10)
        assert message.received == tries
    await sent.send({"v": 2}, group="acme", delay=0.1)
    [other] = await asyncio.wait_for(queue.received(10), 10)
    assert json.loads(other.body) == {"v": 2}
    [found] = await aside.receive(10, visible_after=60)
    assert (found.message, found.group) == (MESSAGE, "acme")
    sent.close()
    aside.close()


async def test_of_new_rows_that_wait_for_somebody_their_keys_are_told(tmp_path: Path):
    store = SQLiteStore(tmp_path / "responses.db")
    await store.put(Key("acme#N#0", "N"), {"wk": "N#0", "wt": 1})
    records = aiter(FileTable(tmp_path / "responses.db").records())
    coming = asyncio.ensure_future(anext(records))
    await asyncio.sleep(0)  # it has looked once by now, and what it saw is old
    await store.put(Key("acme#T#0", "C#0"), {"text": "nobody waits for this"})
    await store.put(Key("acme#N#1", "N"), {"wk": "N#1", "wt": 1})
    [record] = await asyncio.wait_for(coming, 10)
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "acme#N#1"}, "sk": {"S": "N"}}
    assert "NewImage" not in record["dynamodb"]
    store.close()
