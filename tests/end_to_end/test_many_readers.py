"""200 streams at once: all end rightly, nothing is mixed up, and memory stays where it was."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fakes.events import obey, streamed, text_of

if TYPE_CHECKING:
    from tests.fakes.server import Server

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

READERS = 200
WARM_UP, ROUNDS = 6, 4
GROWTH_KILOBYTES = 4_096
"""What may be added from the first measured round to the last: an allocator's noise, far from a leak of
200 streams a round."""


async def one(client: httpx.AsyncClient, model: str, n: int, words: int) -> None:
    said = " ".join(f"{n}.{word}" for word in range(words))
    body = {"model": model, "input": f"{said} [[pause:2]]" if model.startswith("scripted") else said}
    async with streamed(client, body) as events:
        received = [event async for event in events]
    obey(received)
    response = received[-1]["response"]
    assert response["status"] == "completed"
    assert text_of(response) == said


async def all_at_once(server: Server, model: str, words: int = 40) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.base_url, timeout=60, trust_env=False, verify=False, limits=limits
    ) as client:
        await asyncio.gather(*(one(client, model, n, words) for n in range(READERS)))


async def test_200_streams_at_once_all_end_rightly(server: Server, model: str):
    await all_at_once(server, model)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux, whose figures are comparable")
async def test_memory_stays_flat_over_rounds_of_200_streams(server: Server, model: str):
    for _ in range(WARM_UP):
        await all_at_once(server, model)
    sizes: list[int] = []
    for _ in range(ROUNDS):
        await all_at_once(server, model)
        sizes.append(server.resident_kilobytes)
    assert sizes[-1] - sizes[0] < GROWTH_KILOBYTES, sizes
