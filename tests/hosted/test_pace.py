"""What streams, streams: deltas arrive on the upstream's tick, and the first events before its first word."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fakes.events import obey, streamed
from tests.fakes.formats.base import begin
from tests.fakes.formats.every import CHAT
from tests.fakes.upstream import Signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.upstream import Exchange, Upstream
    from tests.hosted.hosting import Hosted

pytestmark = pytest.mark.anyio

TICK = 0.05
TICKS = 20
LATE = 0.03
"""Seconds that a delta may take longer at the median than over a direct connection."""


@pytest.fixture
async def http(base_url: str, hosted: Hosted) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {hosted.key}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


async def tick(exchange: Exchange) -> None:
    """Says the time, again and again."""
    speaking = await begin(CHAT, exchange)
    for _ in range(TICKS):
        await asyncio.sleep(TICK)
        await speaking.say(f"{time.monotonic()} ")
    await speaking.stop()


async def directly(upstream: Upstream, model: str) -> list[float]:
    """How late each tick is to whoever asks the upstream itself."""
    late: list[float] = []
    body = {"model": model, "stream": True, "messages": []}
    url = f"{upstream.base_url}/chat/completions"
    async with (
        httpx.AsyncClient(timeout=30, trust_env=False) as client,
        client.stream("POST", url, json=body) as answer,
    ):
        async for line in answer.aiter_lines():
            _, said, rest = line.partition('"content": "')
            if said and (told := rest.partition('"')[0]):
                late.append(time.monotonic() - float(told))
    return late


async def test_deltas_arrive_on_the_upstreams_tick(http: httpx.AsyncClient, upstream: Upstream):
    model = upstream.serve(tick)
    late: list[float] = []
    async with streamed(http, {"model": f"groq/{model}", "input": "x"}) as events:
        async for event in events:
            if event["type"] == "response.output_text.delta":
                late.append(time.monotonic() - float(event["delta"]))
    direct = await directly(upstream, model)
    assert len(late) == len(direct) == TICKS
    assert median(late) - median(direct) < LATE


async def test_the_first_events_come_before_the_upstreams_first_word(
    http: httpx.AsyncClient, upstream: Upstream
):
    heard = Signal()

    async def behave(exchange: Exchange) -> None:
        await heard.seen()
        speaking = await begin(CHAT, exchange)
        await speaking.say("at last")
        await speaking.stop()

    received: list[dict[str, Any]] = []
    async with streamed(http, {"model": f"groq/{upstream.serve(behave)}", "input": "x"}) as events:
        async for event in events:
            received.append(event)
            if event["type"] == "response.in_progress":
                heard.set()
    assert [event["type"] for event in received[:2]] == ["response.created", "response.in_progress"]
    obey(received)
