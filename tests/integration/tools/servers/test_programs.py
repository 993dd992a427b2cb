"""Programs that serve tools on this machine end with whoever uses them, however little they want to."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lambda_responses.tools.servers.connections import Connections
from lambda_responses.tools.servers.server import Server, ServerFault, Stdio

pytestmark = pytest.mark.anyio

SERVE = r"""
import json, os, signal, subprocess, sys, time
BEFORE
def say(asked, **said):
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    method, name = asked["method"], asked.get("params", {}).get("name")
    if method == "initialize":
        info = {"name": "x", "version": "1"}
        about = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        say(asked, result=about)
    elif name == "hang":
        time.sleep(1000)
    elif name == "deaf":
        sys.stdout.write("x" * 10_000_000)
        sys.stdout.flush()
        time.sleep(1000)
    elif name == "big":
        say(asked, result={"content": [{"type": "text", "text": "x" * 20_000_000}]})
    elif method == "tools/call":
        say(asked, result={"content": [{"type": "text", "text": str(os.getpid())}]})
    elif "id" in asked:
        say(asked, error={"code": -32601, "message": "no"})
AFTER
"""
IGNORES_TERM = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
STAYS = "time.sleep(1000)"
HAS_CHILD = 'open(sys.argv[1], "w").write(str(subprocess.Popen(["sleep", "1000"]).pid))'
NOTES_PID = 'echo $$ > "$0"; exec sleep 1000'


def stubborn(*arguments: str, before: str = "", after: str = "", **more: Any) -> Server:
    code = SERVE.replace("BEFORE", before).replace("AFTER", after)
    return Server("x", Stdio(sys.executable, ("-c", code, *arguments)), operators=True, **more)


async def pid_of(connections: Connections, server: Server) -> int:
    outcome = await connections.call(server, "pid", {})
    assert outcome.output is not None
    return int(outcome.output)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # one that nobody has reaped yet does nothing any more
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


async def gone(pid: int, seconds: float = 3.0) -> bool:
    async with asyncio.timeout(seconds):
        while is_alive(pid):  # noqa: ASYNC110 (nothing tells of the end of somebody else's child)
            await asyncio.sleep(0.01)
    return True


STUBBORN: dict[str, dict[str, str]] = {
    "ends with its input": {},
    "heeds the signal": {"after": STAYS},
    "heeds nothing": {"before": IGNORES_TERM, "after": STAYS},
}


@pytest.mark.parametrize("kind", STUBBORN)
async def test_a_program_is_over_when_its_connections_are(kind: str) -> None:
    async with Connections() as connections:
        pid = await pid_of(connections, stubborn(**STUBBORN[kind]))
        start = time.monotonic()
    assert time.monotonic() - start < 2.5
    assert not is_alive(pid)


async def test_several_programs_end_at_once() -> None:
    async with Connections() as connections:
        servers = [stubborn(str(n), before=IGNORES_TERM, after=STAYS) for n in range(3)]
        pids = await asyncio.gather(*(pid_of(connections, server) for server in servers))
        start = time.monotonic()
    assert time.monotonic() - start < 3
    assert not any(map(is_alive, pids))


async def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    notes = tmp_path / "pid"
    async with Connections() as connections:
        await pid_of(connections, stubborn(str(notes), before=HAS_CHILD))
        child = int(notes.read_text())
        assert is_alive(child)
    assert await gone(child)


async def test_a_program_that_never_answers_is_a_fault_in_time_and_gone(tmp_path: Path) -> None:
    notes = tmp_path / "pid"
    where = Stdio("/bin/sh", ("-c", NOTES_PID, str(notes)))
    start = time.monotonic()
    async with Connections() as connections:
        with pytest.raises(ServerFault, match="within 1 seconds"):
            await connections.list_tools(Server("x", where, operators=True, list_seconds=1))
    assert time.monotonic() - start < 2.5
    assert not is_alive(int(notes.read_text()))


async def test_a_program_ends_where_whoever_waits_for_that_is_cancelled() -> None:
    connections = Connections()
    pid = await pid_of(connections, stubborn(before=IGNORES_TERM, after=STAYS))
    closing = asyncio.create_task(connections.aclose())
    for _ in range(5):
        await asyncio.sleep(0)
        closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert await gone(pid)


def test_a_program_ends_with_the_loop() -> None:
    async def left_open() -> int:
        return await pid_of(Connections(), stubborn(before=IGNORES_TERM, after=STAYS))

    async def left_in_closing() -> int:
        connections = Connections()
        pid = await pid_of(connections, stubborn(before=IGNORES_TERM, after=STAYS))
        closing = asyncio.create_task(connections.aclose())
        await asyncio.wait((closing,), timeout=0.1)
        return pid

    for left in (left_open, left_in_closing):
        assert asyncio.run(gone(asyncio.run(left())))


@pytest.mark.parametrize("name", ["hang", "deaf"])
async def test_a_program_that_does_not_answer_in_time_is_started_anew(name: str) -> None:
    start = time.monotonic()
    async with Connections() as connections:
        server = stubborn(call_seconds=2.0, result_bytes=100_000)
        first = await pid_of(connections, server)
        late = await connections.call(server, name, {})
        assert late.error is not None
        assert "within 2 seconds" in late.error["message"]
        again = await pid_of(connections, server)
        assert again != first
    assert not is_alive(first)
    assert not is_alive(again)
    assert time.monotonic() - start < 8


async def test_an_answer_that_is_too_large_is_told_as_that_and_harms_no_other() -> None:
    async with Connections() as connections:
        server = stubborn(call_seconds=10)
        first = await pid_of(connections, server)
        outcome = await connections.call(server, "big", {})
        assert outcome.error is not None
        assert outcome.error["message"] == "The server's answer is larger than 4194304 bytes."
        assert await pid_of(connections, server) == first
