"""`kill -9` of what makes background responses: each of them ends, under its id, with what it was to say.

A kill between two steps gives what would have been said without it. A kill in mid-item gives that and, where
somebody was listening, the half that was told, closed as incomplete.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import httpx
import pytest

from tests.fakes.events import obey
from tests.fakes.official import judge_response
from tests.fakes.server import WORKING, Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
Victim = Literal["server", "workers", "everything", "heirs"]
"""The heirs are workers of the next server, once they go on with what the killed one left."""
Moment = Literal["at once", "between steps", "in mid-item"]

MODEL = "scripted/echo"
PROMPT = "[[steps:3]] [[slow:300]] [[pause:60]] [[words:12]]"
PLAIN, STREAMED = 3, 2
"""Responses that are under way at each kill."""
MOMENTS = {
    "response.output_item.done": "between steps",
    "response.output_text.delta": "in mid-item",
}
"""What a client has just heard when it is killed."""
ENDED = {"completed", "incomplete", "failed", "cancelled"}
TAKEN_OVER_WITHIN, SLACK = 5.0, 3.0
"""Seconds after which something new is said of what was left, and what a busy machine may take on top."""
PATIENCE = 20.0


@dataclass(frozen=True)
class Kill:
    """Who is killed, and when: at what a client sees, or so many seconds after the last was asked for."""

    victim: Victim
    when: Moment | float


@dataclass
class Told:
    """What a client was told of a streamed response, over all its connections."""

    lines: list[str] = field(default_factory=list[str])
    events: list[Json] = field(default_factory=list[Json])
    times: list[float] = field(default_factory=list[float])
    """When each event was heard."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    moments: dict[str, asyncio.Event] = field(
        default_factory=lambda: {moment: asyncio.Event() for moment in MOMENTS.values()}
    )
    """Which moments have come."""

    @property
    def id(self) -> str:
        return self.events[0]["response"]["id"]

    async def hear(self, answer: httpx.Response) -> None:
        """Whole events alone count: a client cannot do anything with half of one."""
        assert answer.status_code == 200, await answer.aread()
        block: list[str] = []
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                continue
            block.append(line)
            if not line:
                data = next((each for each in block if each.startswith("data: ")), None)
                if data is not None:
                    self.lines += block
                    self.events.append(httpx.Response(200, content=data[6:]).json())
                    self.times.append(time.monotonic())
                    self.heard.set()
                    if moment := MOMENTS.get(self.events[-1]["type"]):
                        self.moments[moment].set()
                block = []


def client_of(server: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.base_url, timeout=60, trust_env=False, verify=False)


async def ask(server: Server) -> str:
    async with client_of(server) as http:
        body = {"model": MODEL, "input": PROMPT, "background": True}
        answer = await http.post("/responses", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "queued"
    return answer.json()["id"]


async def listen(server: Server, told: Told) -> None:
    """Hear as much as the server lives to tell."""
    body = {"model": MODEL, "input": PROMPT, "background": True, "stream": True}
    with suppress(httpx.HTTPError):
        async with client_of(server) as http, http.stream("POST", "/responses", json=body) as answer:
            await told.hear(answer)


async def go_on_listening(server: Server, told: Told) -> None:
    """Hear the rest, from after what was heard last."""
    while told.events[-1]["type"].removeprefix("response.") not in ENDED:
        after = told.events[-1]["sequence_number"]
        query = {"stream": "true", "starting_after": str(after)}
        with suppress(httpx.HTTPError):
            async with (
                client_of(server) as http,
                http.stream("GET", f"/responses/{told.id}", params=query) as answer,
            ):
                await told.hear(answer)


async def listen_again(server: Server, told: Told) -> Told:
    """The same, by one who was away until now."""
    again = Told()
    path, query = f"/responses/{told.id}", {"stream": "true"}
    async with client_of(server) as http, http.stream("GET", path, params=query) as answer:
        await again.hear(answer)
    return again


async def ended(server: Server, response_id: str) -> Json:
    async with client_of(server) as http, asyncio.timeout(PATIENCE):
        while True:
            answer = await http.get(f"/responses/{response_id}")
            assert answer.status_code == 200, answer.text
            response = answer.json()
            if response["status"] in ENDED:
                return response
            await asyncio.sleep(0.05)  # Between two looks, as the API has them.


def kill_workers(server: Server) -> None:
    for pid in server.workers:
        os.kill(pid, signal.SIGKILL)


@dataclass
class Laptop:
    """One folder, and the server that there is now."""

    data_dir: Path
    server: Server

    async def kill(self, victim: Victim) -> None:
        """Do it, and have a server again."""
        if victim in ("workers", "everything"):
            kill_workers(self.server)
        if victim != "workers":
            await asyncio.to_thread(self.server.kill)
            assert self.server.complaints == []
            self.server = Server(self.data_dir, **WORKING)
            await asyncio.to_thread(self.server.started)


async def comes(when: Moment | float, told: Told) -> None:
    """Returns at that moment."""
    if isinstance(when, float):
        await asyncio.sleep(when)
    elif when != "at once":
        await asyncio.wait_for(told.moments[when].wait(), PATIENCE)


def texts(items: Sequence[Json]) -> list[str]:
    return ["".join(part.get("text", "") for part in item.get("content", ())) for item in items]


def check_whole(response: Json, uncut: Json) -> None:
    """Nothing is missing, nothing is said twice, and what was told by halves is closed."""
    judge_response(response)
    assert response["status"] == "completed", response["error"]
    whole = [item for item in response["output"] if item["status"] == "completed"]
    halves = [item for item in response["output"] if item["status"] != "completed"]
    assert texts(whole) == texts(uncut["output"])
    assert {item["status"] for item in halves} <= {"incomplete"}
    for text in texts(halves):
        assert any(each.startswith(text) for each in texts(whole))


async def run(laptop: Laptop, cut: Kill, uncut: Json) -> None:
    """One kill, with responses of both kinds under way."""
    server = laptop.server
    all_told = [Told() for _ in range(STREAMED)]
    listeners = [asyncio.create_task(listen(server, told)) for told in all_told]
    plain = [await ask(server) for _ in range(PLAIN)]
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(told.heard.wait() for told in all_told))
    await comes(cut.when, all_told[0])
    await laptop.kill(cut.victim)
    server = laptop.server
    there_again = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*listeners)
        heard = [len(told.events) for told in all_told]
        all_told[0].heard.clear()
        going_on = asyncio.gather(*(go_on_listening(server, told) for told in all_told))
        if cut.victim == "heirs":
            await all_told[0].heard.wait()
            kill_workers(server)
        await going_on
    waits = [
        told.times[count] - there_again
        for told, count in zip(all_told, heard, strict=True)
        if count < len(told.times)
    ]
    print(f"{cut}: something new after {[round(wait, 1) for wait in waits]} s")
    assert max(waits, default=0) <= TAKEN_OVER_WITHIN + SLACK
    for response_id in plain:
        response = await ended(server, response_id)
        check_whole(response, uncut)
        assert [item["status"] for item in response["output"]] == ["completed"] * len(uncut["output"])
    for told in all_told:
        obey(told.events)
        response = await ended(server, told.id)
        check_whole(response, uncut)
        assert told.events[-1]["response"] == response
        assert (await listen_again(server, told)).lines == told.lines


async def killed(data_dir: Path, kills: Sequence[Kill]) -> None:
    laptop = Laptop(data_dir, Server(data_dir, **WORKING).started())
    try:
        uncut = await ended(laptop.server, await ask(laptop.server))
        for cut in kills:
            await run(laptop, cut, uncut)
    finally:
        laptop.server.stop()
    assert laptop.server.complaints == []


CHOSEN = (
    Kill("heirs", "in mid-item"),
    Kill("workers", "between steps"),
    Kill("everything", "at once"),
)


@pytest.mark.slow
async def test_what_was_killed_at_the_worst_moments_ends_as_if_nothing_had_been(tmp_path: Path):
    await killed(tmp_path, CHOSEN)


async def test_a_response_whose_message_was_lost_is_found(tmp_path: Path):
    with Server(tmp_path, RESPONSES_WORKERS="0") as server:
        lost = await ask(server)
    with closing(sqlite3.connect(tmp_path / "responses.db.queue")) as queue, queue:
        assert queue.execute("DELETE FROM messages").rowcount == 1
    with Server(tmp_path, **WORKING) as server:
        response = await ended(server, lost)
    assert response["status"] == "completed"
    assert server.complaints == []


@pytest.mark.slow
async def test_twenty_kills_lose_nothing(tmp_path: Path):
    dice = random.Random(20)
    victims: list[Victim] = ["server", "workers", "everything", "heirs"]
    chosen = [Kill(victim, moment) for victim in victims for moment in ("between steps", "in mid-item")]
    by_chance = [Kill(dice.choice(victims), dice.uniform(0, 3)) for _ in range(12)]
    await killed(tmp_path, [*chosen, *by_chance])
