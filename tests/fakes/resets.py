"""A connection that breaks where a test wants it to: a hop that resets it at a stage of the first tries."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from itertools import count

BEFORE_THE_ANSWER = ("before the request", "within the request", "after the request")
WITHIN_THE_HEAD = ("within the status line", "within the headers")
WITHIN_THE_BODY = ("after the headers", "after the first piece", "within the body", "just before the end")
STAGES = (*BEFORE_THE_ANSWER, *WITHIN_THE_HEAD, *WITHIN_THE_BODY)

_TRY = re.compile(rb"x-stainless-retry-count: (\d+)", re.IGNORECASE)
_CUT = re.compile(rb"x-cut: (\d+) tries ([a-z ]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_RESET = struct.pack("ii", 1, 0)


def cut(stage: str, *, tries: int = 1) -> dict[str, str]:
    """The headers of a request whose first tries are to be cut at one of `STAGES`."""
    return {"x-cut": f"{tries} tries {stage}"}


class Resets:
    """A hop on loopback to several servers in turn, on a loop of its own. A connection is one request."""

    def __init__(self, *servers: str) -> None:
        """`servers` are base URLs, whose path the hop has too."""
        self._servers = [re.fullmatch(r"http://([^:/]+):(\d+)(/.*)?", each) for each in servers]
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._numbers = count()
        self._passing: set[asyncio.Task[None] | None] = set()
        """Nobody else holds them: a stream knows its reader weakly."""
        self.cuts: Counter[str] = Counter()
        """How often a connection was cut at each stage."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def base_url(self) -> str:
        server = self._servers[0]
        assert server is not None
        return f"http://127.0.0.1:{self._port}{server[3] or ''}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def __enter__(self) -> Resets:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._leave())
        self._loop.close()

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._pass, "127.0.0.1", 0, backlog=1024)
        self._port: int = self._listening.sockets[0].getsockname()[1]

    async def _leave(self) -> None:
        self._listening.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward: asyncio.StreamWriter | None = None
        self._passing.add(passing := asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            stage = _stage_of(head)
            server = self._servers[next(self._numbers) % len(self._servers)]
            assert server is not None
            if stage == "before the request":
                return self._cut(stage, writer)
            answers, onward = await asyncio.open_connection(server[1], int(server[2]))
            whole = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + body
            onward.write(whole[: len(whole) // 2] if stage == "within the request" else whole)
            await onward.drain()
            if stage == "within the request":
                return self._cut(stage, writer, onward)
            await self._answer(answers, writer, onward, stage)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in (writer, onward):
                if each is not None:
                    each.close()
            self._passing.discard(passing)

    async def _answer(
        self,
        answers: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        onward: asyncio.StreamWriter,
        stage: str | None,
    ) -> None:
        if stage == "after the request":
            await asyncio.sleep(0.1)  # so that the server has begun: there is nothing to be seen of that
        else:
            await _pass_on(answers, writer, stage)
        if stage is not None:
            self._cut(stage, writer, onward)

    def _cut(self, stage: str, *connections: asyncio.StreamWriter) -> None:
        self.cuts[stage] += 1
        for each in connections:
            with suppress(OSError):
                each.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            each.transport.abort()


def _stage_of(head: bytes) -> str | None:
    wanted, counted = _CUT.search(head), _TRY.search(head)
    tried = int(counted[1]) if counted else 0
    return wanted[2].decode().strip() if wanted and tried < int(wanted[1]) else None


async def _pass_on(answers: asyncio.StreamReader, writer: asyncio.StreamWriter, stage: str | None) -> None:
    """An answer, as far as it goes until that stage."""
    head = await answers.readuntil(b"\r\n\r\n")
    match stage:
        case "within the status line":
            pieces = [head[:7]]
        case "within the headers":
            pieces = [head[: len(head) // 2]]
        case "after the headers":
            pieces = [head]
        case "after the first piece":
            pieces = [head, await answers.read(200)]
        case "within the body" | "just before the end":
            length = _LENGTH.search(head)
            whole = await (answers.readexactly(int(length[1])) if length else answers.read())
            pieces = [head, whole[: len(whole) // 2] if stage == "within the body" else whole[:-1]]
        case _:
            pieces = [head]
    writer.writelines(pieces)
    await writer.drain()
    while stage is None and (piece := await answers.read(65_536)):
        writer.write(piece)
        await writer.drain()
