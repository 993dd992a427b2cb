"""Clients that go: the upstream sees it within a second, and nothing is kept as completed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.fakes.events import streamed
from tests.fakes.formats.base import Format, begin
from tests.fakes.upstream import Exchange, Signal, Upstream

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

PROMPTLY = 1.0
"""Seconds within which an upstream must see that nobody listens any more."""


async def test_a_client_that_goes_in_mid_stream(http: httpx.AsyncClient, upstream: Upstream, format: Format):
    gone = Signal()

    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        await speaking.say("half")
        await exchange.gone.wait()
        gone.set()

    model = f"{format.provider}/{upstream.serve(behave)}"
    async with streamed(http, {"model": model, "input": "x"}) as events:
        id = (await anext(events))["response"]["id"]
        async for event in events:
            if event["type"] == "response.output_text.delta":
                break
    await gone.seen(within=PROMPTLY)
    assert (await http.get(f"/responses/{id}")).status_code == 404


async def test_a_client_that_goes_while_the_upstream_talks_without_end(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    gone = Signal()

    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        try:
            while not exchange.gone.is_set():
                await speaking.say("and on ")
        finally:
            gone.set()

    model = f"{format.provider}/{upstream.serve(behave)}"
    async with streamed(http, {"model": model, "input": "x"}) as events:
        for _ in range(20):
            await anext(events)
    await gone.seen(within=PROMPTLY)


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "streamed"])
async def test_a_client_that_goes_before_the_first_word(
    http: httpx.AsyncClient, upstream: Upstream, format: Format, streaming: bool
):
    asked, gone = Signal(), Signal()

    async def behave(exchange: Exchange) -> None:
        asked.set()
        await exchange.gone.wait()
        gone.set()

    body = {"model": f"{format.provider}/{upstream.serve(behave)}", "input": "x", "stream": streaming}
    asking = asyncio.ensure_future(http.post("/responses", json=body))
    await asked.seen()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await gone.seen(within=PROMPTLY)


async def test_a_client_that_goes_after_created_and_before_the_first_word(
    prompt_http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    gone = Signal()

    async def behave(exchange: Exchange) -> None:
        await exchange.gone.wait()
        gone.set()

    model = f"{format.provider}/{upstream.serve(behave)}"
    async with streamed(prompt_http, {"model": model, "input": "x"}) as events:
        id = (await anext(events))["response"]["id"]
    await gone.seen(within=PROMPTLY)
    assert (await prompt_http.get(f"/responses/{id}")).status_code == 404


async def test_a_plain_client_that_goes_in_mid_answer(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    begun, gone = Signal(), Signal()

    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        await speaking.say("half")
        begun.set()
        await exchange.gone.wait()
        gone.set()

    body = {"model": f"{format.provider}/{upstream.serve(behave)}", "input": "x"}
    asking = asyncio.ensure_future(http.post("/responses", json=body))
    await begun.seen()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await gone.seen(within=PROMPTLY)
