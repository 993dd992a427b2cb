"""A process that waits for the Runtime API lets the processor rest."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from lambda_responses.runtime.streaming.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

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
