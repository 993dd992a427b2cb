"""`kill -9` of what makes background responses, around calls of servers' tools: none is made twice."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import text_of
from tests.fakes.formats.every import FORMATS
from tests.fakes.official import judge_response
from tests.fakes.plans import Plan
from tests.fakes.tooled import TOOLS, WIRES, client_of, ended, of_type, tooled_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.server import Server
    from tests.fakes.upstream import Upstream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Json = dict[str, Any]

WITHIN = 30.0
CALLS = 5
"""Of one response."""
KILLS = [(called, delay) for called in range(1, CALLS + 1) for delay in (0.0, 0.03)]
"""After so many calls of the first response have begun, and so many seconds more."""


@dataclass
class Work:
    """One response under way, whose calls can be told from others'."""

    plan: Plan
    mark: str = field(default_factory=lambda: secrets.token_hex(6))
    id: str = ""

    def counted(self, tools: ToolServer) -> Counter[str]:
        """How often each of its calls was begun."""
        begun = (note.get("by") for note in tools.notes if note.get("tool") == "count")
        return Counter(by for by in begun if by and by.startswith(self.mark))


def work(name: str) -> Work:
    """Three rounds of calls that must not be made twice, one of them beside a call that takes a while."""
    made = Work(Plan(name, FORMATS[name], ()))
    first, *others = [("tools__count", {"by": f"{made.mark}-{n}"}) for n in range(CALLS)]
    made.plan.steps = ([first, ("tools__sleep", {"ms": 300})], others[:2], others[2:], "Done.")
    return made


async def begin(server: Server, upstream: Upstream, each: Work) -> None:
    body = {"model": each.plan.served(upstream), "input": "Do it", "tools": [TOOLS], "background": True}
    async with client_of(server) as http:
        each.id = (await http.post("/responses", json=body)).json()["id"]


async def called(tools: ToolServer, each: Work, number: int) -> None:
    until = time.monotonic() + WITHIN
    while each.counted(tools).total() < number:
        assert time.monotonic() < until
        await asyncio.sleep(0.005)  # between two looks into a file


async def check(server: Server, tools: ToolServer, each: Work) -> int:
    """It has ended as if nothing had been, but for calls of which nobody knows; how many these are."""
    async with client_of(server) as http:
        response = await ended(http, each.id)
    judge_response(response)
    assert (response["status"], text_of(response)) == ("completed", "Done."), response["error"]
    calls = [call for call in of_type(response, "mcp_call") if call["name"] == "count"]
    assert len(calls) == CALLS
    begun = each.counted(tools)
    assert all(times == 1 for times in begun.values()), begun
    unsure = [call for call in calls if call["status"] == "failed"]
    for call in unsure:
        assert "interrupted" in call["error"]["content"][0]["text"], [
            (each["name"], each["status"], each["error"]) for each in of_type(response, "mcp_call")
        ]
    assert len(begun) >= CALLS - len(unsure)
    each.plan.check()
    return len(unsure)


@pytest.mark.parametrize("victim", ["workers", "everything"])
async def test_no_call_is_made_twice_whenever_its_maker_is_killed(
    tmp_path: Path, upstream: Upstream, tools: ToolServer, victim: str
):
    named, unsure = {"tools": {"url": tools.url}}, 0
    server = (await asyncio.to_thread(tooled_server, tmp_path, upstream, named)).started()
    try:
        for number, delay in KILLS:
            works = [work(name) for name in WIRES]
            for each in works:
                await begin(server, upstream, each)
            await called(tools, works[0], number)
            await asyncio.sleep(delay)
            for pid in server.workers:
                os.kill(pid, signal.SIGKILL)
            if victim == "everything":
                await asyncio.to_thread(server.kill)
                server = (await asyncio.to_thread(tooled_server, tmp_path, upstream, named)).started()
            unsure += sum([await check(server, tools, each) for each in works])
    finally:
        await asyncio.to_thread(server.stop)
    assert server.complaints == []
    assert unsure <= len(KILLS) * len(WIRES)
    print(f"{unsure} calls of which nobody knows")
