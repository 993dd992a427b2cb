"""Processes beside a server: there while it is, and not a moment longer than they must."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lambda_responses.runtime.processes import Processes
from tests.hosted.hosting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]

COMMAND = """
import os, pathlib, signal, sys, threading
from lambda_responses.runtime.processes import listen
mine = pathlib.Path(sys.argv[1], str(os.getpid()))
stopped = threading.Event()
listen(nudged=lambda: mine.write_text("nudged"), left_alone=stopped.set)
mine.touch()
stopped.wait()
mine.unlink()
"""

SERVER = """
import asyncio, os, sys
from lambda_responses.runtime.processes import Processes
async def main():
    async with Processes([sys.executable, "-c", sys.argv[1], sys.argv[2]], 2, os.environ):
        await asyncio.sleep(600)
asyncio.run(main())
"""


def processes(folder: Path, count: int = 1) -> Processes:
    return Processes([sys.executable, "-c", COMMAND, str(folder)], count, os.environ)


def seen(folder: Path, condition: Callable[[set[int]], bool]) -> set[int]:
    """The processes that are there, when that holds of them."""
    deadline = time.monotonic() + 20
    while not condition(found := {int(path.name) for path in folder.iterdir()}):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)  # Between two looks.
    return found


async def until(condition: Callable[[set[int]], bool], folder: Path) -> set[int]:
    return await asyncio.to_thread(seen, folder, condition)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_so_many_run_as_were_asked_for_and_end_in_good_order(tmp_path: Path):
    async with processes(tmp_path, 3):
        found = await until(lambda found: len(found) == 3, tmp_path)
    assert not any(map(alive, found))
    assert seen(tmp_path, lambda _: True) == set()


async def test_all_are_told_that_there_is_something_to_do(tmp_path: Path):
    running = processes(tmp_path, 2)
    async with running:
        found = await until(lambda found: len(found) == 2, tmp_path)
        running.nudge()
        assert await eventually(lambda: {(tmp_path / str(pid)).read_text() for pid in found} == {"nudged"})


async def test_one_that_is_killed_is_replaced(tmp_path: Path):
    async with processes(tmp_path):
        (first,) = await until(bool, tmp_path)
        os.kill(first, 9)
        found = await until(lambda found: len(found) == 2, tmp_path)
        assert not alive(first)
    (second,) = found - {first}
    assert not alive(second)


@contextmanager
def server(folder: Path) -> Generator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", SERVER, COMMAND, str(folder)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_they_end_when_the_server_is_killed(tmp_path: Path):
    with server(tmp_path) as process:
        await until(lambda found: len(found) == 2, tmp_path)
        process.kill()
        await until(lambda found: not found, tmp_path)
