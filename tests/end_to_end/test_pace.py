"""When things leave: deltas as they are made, the status line in time, comments while nothing comes."""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import obey, streamed, text_of
from tests.fakes.formats.base import Format, begin
from tests.fakes.upstream import Exchange, Signal, Upstream

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

FIRST_EVENT_WAIT = 0.25
"""Seconds that a status line waits for the upstream's first event, unless somebody sets it otherwise."""
SLACK = 1.0
"""Seconds that a busy machine may add."""


async def test_a_delta_leaves_before_the_next_one_is_made(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    heard = [Signal() for _ in range(8)]

    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        for n, signal in enumerate(heard):
            await speaking.say(f"{n} ")
            await signal.seen()
        await speaking.stop()

    received: list[Json] = []
    model = f"{format.provider}/{upstream.serve(behave)}"
    async with streamed(http, {"model": model, "input": "x"}) as events:
        async for event in events:
            received.append(event)
            if event["type"] == "response.output_text.delta":
                heard[int(event["delta"])].set()
    obey(received)
    assert text_of(received[-1]["response"]) == "0 1 2 3 4 5 6 7 "


async def test_a_scripted_answer_takes_its_time(http: httpx.AsyncClient):
    at: list[float] = []
    body = {"model": "scripted/echo", "input": "[[words:6]] [[pause:60]]"}
    async with streamed(http, body) as events:
        async for event in events:
            if event["type"] == "response.output_text.delta":
                at.append(time.monotonic())
    assert len(at) == 6
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert at[-1] - at[0] > 0.25
    assert max(gaps) < SLACK


async def test_the_first_events_leave_although_the_upstream_is_silent(
    prompt_http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    created = Signal()

    async def behave(exchange: Exchange) -> None:
        await created.seen()
        speaking = await begin(format, exchange)
        await speaking.say("late")
        await speaking.stop()

    model, started = f"{format.provider}/{upstream.serve(behave)}", time.monotonic()
    async with streamed(prompt_http, {"model": model, "input": "x"}) as events:
        received = [await anext(events), await anext(events)]
        waited = time.monotonic() - started
        created.set()
        received += [event async for event in events]
    assert [event["type"] for event in received[:2]] == ["response.created", "response.in_progress"]
    assert FIRST_EVENT_WAIT * 0.9 <= waited < FIRST_EVENT_WAIT + SLACK
    obey(received)
    assert text_of(received[-1]["response"]) == "late"


async def test_the_status_line_waits_for_a_fault_that_comes_in_time(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(400, {"error": {"message": "No"}})

    body = {"model": f"{format.provider}/{upstream.serve(behave)}", "input": "x", "stream": True}
    assert (await http.post("/responses", json=body)).status_code == 400


async def test_comments_come_while_nothing_else_does(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    kept_alive = Signal()

    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        await speaking.say("wait")
        await kept_alive.seen()
        await speaking.say(" for it")
        await speaking.stop()

    body = {"model": f"{format.provider}/{upstream.serve(behave)}", "input": "x", "stream": True}
    comments, received = 0, list[Json]()
    async with http.stream("POST", "/responses", json=body) as response:
        async for line in response.aiter_lines():
            if line.startswith(":"):
                comments += 1
                if comments == 2:
                    kept_alive.set()
            elif line.startswith("data: "):
                received.append(json.loads(line.removeprefix("data: ")))
    assert comments >= 2
    obey(received)
    assert text_of(received[-1]["response"]) == "wait for it"


async def test_a_plain_answer_is_not_kept_alive_with_anything(http: httpx.AsyncClient):
    answer = await http.post("/responses", json={"model": "scripted/echo", "input": "x [[slow:700]]"})
    assert answer.content.startswith(b"{")
