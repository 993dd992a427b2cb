"""The SQLite store by itself, in microseconds: the medians of operations on one file."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.responses import Context, ResponseStore, StoredResponse
from lambda_responses.wire.responses import new_response
from tests.bench.upstream import text_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

TENANT = "bench"
CHAIN = 200
"""Turns of a long conversation."""
_TIMES = 200


def operations(path: Path) -> list[tuple[str, float]]:
    """Each operation's name and its microseconds."""
    return asyncio.run(_operations(path))


async def _operations(path: Path) -> list[tuple[str, float]]:
    keyed = SQLiteStore(path)
    store = ResponseStore(keyed, now=time.time)

    async def turn(previous: Context | None = None) -> str:
        reservation = await store.reserve(TENANT, previous, epoch=int(time.time()), entropy=_entropy)
        await store.commit(reservation, _stored(reservation.response_id))
        return reservation.response_id

    try:
        last, alone = await turn(), await turn()
        for _ in range(CHAIN - 1):
            last = await turn(await store.context(TENANT, last))
        return [
            ("reserve and commit a turn", await _median(turn)),
            ("get a response", await _median(lambda: store.get(TENANT, alone))),
            ("read the context of 1 turn", await _median(lambda: store.context(TENANT, alone))),
            (f"read the context of {CHAIN} turns", await _median(lambda: store.context(TENANT, last))),
        ]
    finally:
        keyed.close()


async def _median(operation: Callable[[], Awaitable[object]]) -> float:
    taken: list[float] = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        await operation()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e6


def _entropy(digits: int) -> str:
    return secrets.token_hex((digits + 1) // 2)[:digits]


def _stored(response_id: str) -> StoredResponse:
    made = {"response_id": response_id, "created_at": 1, "model": "bench", "previous_response_id": None}
    response = new_response({"model": "bench", "input": []}, **made)
    part: dict[str, Any] = {
        "type": "output_text",
        "text": "".join(text_of(16)),
        "annotations": [],
        "logprobs": [],
    }
    answer = {"id": "msg_2", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    question = {
        "id": "msg_1",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "hello"}],
    }
    response |= {"status": "completed", "output": [answer]}
    return StoredResponse(response=response, input=[question], origins={}, target="bench/bench")
