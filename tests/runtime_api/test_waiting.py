"""A process that waits for the Runtime API lets the processor rest, and does not wait for ever."""

from __future__ import annotations

import asyncio
import json
import time
from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.streaming.connection import Connection
from lambda_responses.runtime.streaming.invocation import Invocation
from lambda_responses.runtime.streaming.process import CLOSING_SECONDS, serve
from lambda_responses.runtime.streaming.request import Requests
from tests.runtime_api.events import rest_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.runtime.streaming.fault import Fault

SECONDS = 0.3


async def processor_seconds_of_waiting(pieces: Sequence[bytes]) -> float:
    """What it costs to wait for a reply that does not come."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        connection = await Connection.open(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await connection.send(*pieces)
        begun = time.process_time()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.reply(), SECONDS)
        used = time.process_time() - begun
        connection.close()
    return used


@pytest.mark.parametrize("pieces", [(b"GET / HTTP/1.1\r\n\r\n", b""), (b"", b"x"), (b"",)])
def test_a_wait_costs_nothing_whatever_was_sent(pieces: Sequence[bytes]) -> None:
    assert asyncio.run(processor_seconds_of_waiting(pieces)) < SECONDS / 4


class Unreachable:
    """A Runtime API that no answer reaches: its connection does not open again."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    async def begin_answer(self, invocation: Invocation) -> Any:
        await asyncio.Event().wait()

    async def fail(self, invocation: Invocation, fault: Fault) -> None:
        self.failed.append(fault.kind)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_an_answer_that_never_began_to_leave_is_told_of() -> None:
    headers = Message()
    headers["Lambda-Runtime-Aws-Request-Id"] = "1"
    headers["Lambda-Runtime-Deadline-Ms"] = str(round((time.time() + CLOSING_SECONDS + 0.1) * 1000))
    invocation = Invocation(headers, json.dumps(rest_event({})).encode())
    api: Any = Unreachable()

    async def served() -> None:
        await serve(hello, invocation, Requests(hello), api)

    try:
        asyncio.run(served())
    finally:
        logger.remove_keys(["function_request_id"])  # a process of its own would keep it until the next one
    assert api.failed == ["OutOfTime"]
