"""A program on this machine that serves tools: started, spoken to by its input and output, and ended.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio

The SDK's own way to do so takes lines of any length, and leaves the program alive where its task is cancelled
while it waits for the end. Here a line that is too long is left out, and its question told so; and the last
signal is sent whatever happens to whoever waits.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError, jsonrpc_message_adapter

from lambda_responses.tools.servers.faults import OVERSIZE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from lambda_responses.tools.servers.server import Stdio

EOF_SECONDS = 1.0
"""For a program to end when its input has..."""
TERM_SECONDS = 0.8
"""... and for one that does not, once it is told to."""
REAP_SECONDS = 1.0
POLL_SECONDS = 0.005

_CHUNK = 65_536
_EDGE = 256
"""Bytes at either end of a line among which its id is."""
_VERSION = rb'"jsonrpc"\s*:\s*"2\.0"\s*'
_ID = rb'"id"\s*:\s*([0-9]{1,18})\s*'
_ID_FIRST = re.compile(rb"\s*\{\s*(?:" + _VERSION + rb",\s*)?" + _ID + rb",")
_ID_LAST = re.compile(rb",\s*" + _ID + rb"(?:,\s*" + _VERSION + rb")?\}\s*\Z")

Heard: TypeAlias = "SessionMessage | Exception"


@asynccontextmanager
async def program(
    where: Stdio, largest: int
) -> AsyncGenerator[tuple[MemoryObjectReceiveStream[Heard], MemoryObjectSendStream[SessionMessage]]]:
    """What it says, each message of at most `largest` bytes, and what it is told. Raises OSError.

    It is over when this is, with all that it has started; at once, where this is left by an exception.
    """
    transport, process = await _started(where)
    patience = 0.0
    try:
        hearing, heard = anyio.create_memory_object_stream[Heard](0)
        telling, told = anyio.create_memory_object_stream[SessionMessage](0)
        async with hearing, heard, telling, told, anyio.create_task_group() as group:
            group.start_soon(_hear, process, largest, hearing)
            group.start_soon(_tell, process, told, hearing)
            try:
                yield heard, telling
                patience = EOF_SECONDS
            finally:
                try:
                    with anyio.CancelScope(shield=True):
                        await _end(process, patience)
                finally:
                    group.cancel_scope.cancel()
    finally:
        transport.close()


class Lines:
    """Lines of bytes, as they come in pieces."""

    def __init__(self, largest: int) -> None:
        """A line of more than `largest` bytes is none."""
        self._largest = largest
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[bytes | int | None]:
        """The lines that end in it. In place of one that is too long, its id, where it can be seen."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._add(end)
            yield self._line()
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        self._pieces.append(piece)
        if self._size > self._largest:
            held = b"".join(self._pieces)
            self._pieces = [held[:_EDGE], held[_EDGE:][-_EDGE:]]

    def _line(self) -> bytes | int | None:
        line, is_whole = b"".join(self._pieces), self._size <= self._largest
        self._pieces, self._size = [], 0
        if is_whole:
            return line
        found = _ID_FIRST.match(line[:_EDGE]) or _ID_LAST.search(line[-_EDGE:])
        return int(found[1]) if found else None


async def _started(where: Stdio) -> tuple[asyncio.SubprocessTransport, Process]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: SubprocessStreamProtocol(limit=_CHUNK, loop=loop),
        where.command,
        *where.args,
        env=get_default_environment() | dict(where.env),
        stdin=PIPE,
        stdout=PIPE,
        stderr=None,
        start_new_session=True,
    )
    return transport, Process(transport, protocol, loop)


async def _hear(process: Process, largest: int, hearing: MemoryObjectSendStream[Heard]) -> None:
    """To its end, also when nobody listens any more: a program that waits to be heard does not end."""
    assert process.stdout is not None
    lines = Lines(largest)
    async with hearing:
        while piece := await process.stdout.read(_CHUNK):
            for line in lines.feed(piece):
                if line is not None:
                    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                        await hearing.send(_message(line))


def _message(line: bytes | int) -> Heard:
    if isinstance(line, int):
        error = ErrorData(code=OVERSIZE, message="too large")
        return SessionMessage(JSONRPCError(jsonrpc="2.0", id=line, error=error))
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


async def _tell(
    process: Process,
    told: MemoryObjectReceiveStream[SessionMessage],
    hearing: MemoryObjectSendStream[Heard],
) -> None:
    assert process.stdin is not None
    try:
        async for message in told:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(f"{text}\n".encode())
            await process.stdin.drain()
    except (ConnectionError, RuntimeError):
        hearing.close()  # nobody is to wait for an answer of a program that hears nothing


async def _end(process: Process, patience: float) -> None:
    """The end of its input, then a signal that it may heed, then one that it may not."""
    assert process.stdin is not None
    if process.returncode is not None:
        return  # whose number that is by now, nobody knows
    try:
        process.stdin.close()
        if not await _is_over(process, patience):
            _send(process, signal.SIGTERM)
            await _is_over(process, TERM_SECONDS)
    finally:
        _send(process, signal.SIGKILL)
        await _is_over(process, REAP_SECONDS)


async def _is_over(process: Process, seconds: float) -> bool:
    """Whether it is in time. `Process.wait` would wait for all who have its output, too."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while process.returncode is None:  # noqa: ASYNC110 (nothing public tells of the end alone)
                await asyncio.sleep(POLL_SECONDS)
    return process.returncode is not None


def _send(process: Process, number: signal.Signals) -> None:
    """To it and all that it has started, which are a group of their own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
