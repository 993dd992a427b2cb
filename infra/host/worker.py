"""One instance of a function: a process with a Runtime API of its own, stopped while it has nothing to do."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

from infra.host.connections import cancelled
from infra.host.environment import command_of, environment_of, snaps
from infra.host.invocation import Fault
from infra.host.keeper import signalled
from infra.host.runtime_api import RuntimeApi
from infra.host.template import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.host.deployment import Function
    from infra.host.environment import Surroundings
    from infra.host.invocation import Invocation
    from infra.host.keeper import Keeper

_READ = 65_536
_LAST_WORDS = 5.0
"""Seconds for a killed process to be gone and its output to be read: far more than they take."""


class WorkerFailed(Exception):
    """The process cannot take the event, or has exited instead of answering it; the fault says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Worker:
    """A process that takes one event at a time."""

    def __init__(self, function: Function, surroundings: Surroundings, log: Callable[[str], None]) -> None:
        self._function = function
        self._surroundings = surroundings
        self._log = log
        self._api = RuntimeApi(function.arn, self._restore if snaps(function, surroundings) else None)
        self._process: asyncio.subprocess.Process | None = None
        self._watching: list[asyncio.Future[None]] = []
        self.exited = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process, when it has been started."""
        return self._process.pid if self._process else None

    async def start(self, keeper: Keeper) -> None:
        """Start the process. Raises `WorkerFailed` where that cannot be."""
        await self._api.start()
        reading, writing = os.pipe()
        try:
            process = self._process = await keeper.start(
                command_of(self._function),
                environment=environment_of(self._function, self._api.address, self._surroundings),
                folder=str(self._function.folder),
                output=writing,
            )
        except (OSError, TemplateError) as error:
            os.close(reading)
            raise WorkerFailed(Fault("Runtime.InvalidEntrypoint", str(error))) from None
        finally:
            os.close(writing)
        self._watching = [
            asyncio.ensure_future(self._write_log(reading)),
            asyncio.ensure_future(self._await_exit(process, keeper)),
        ]

    async def ready(self) -> None:
        """Return when the process asks for an event. Raises `WorkerFailed`."""
        refused = self._api.refused
        waits = [asyncio.ensure_future(each.wait()) for each in (self._api.idle, self.exited)]
        try:
            await asyncio.wait([*waits, refused], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancelled(*waits)
        if refused.done():
            raise WorkerFailed(refused.result())
        if not self._api.idle.is_set():
            await self._api.drain()
            raise WorkerFailed(self._exit())

    async def run(self, invocation: Invocation) -> None:
        """Return when the process has dealt with that event and has been stopped. Raises `WorkerFailed`.

        The answer may be complete long before.
        """
        invocation.deadline = time.time() + self._function.timeout
        self._api.hand(invocation)
        self._signal(signal.SIGCONT)
        await self.ready()
        self._signal(signal.SIGSTOP)

    async def close(self) -> None:
        """Kill it, and return when nothing is left of it."""
        if self._process is not None:
            self._signal(signal.SIGKILL)  # as Lambda does: without a word
            await asyncio.wait(self._watching, timeout=_LAST_WORDS)
        await self._api.stop()
        await cancelled(*self._watching)

    def _restore(self) -> None:
        self._signal(signal.SIGSTOP)
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None and not self.exited.is_set():
            signalled(self._process.pid, number)

    def _exit(self) -> Fault:
        status = (self._process.returncode if self._process else None) or 0
        how = f"exit status {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"
        return Fault("Runtime.ExitError", f"Runtime exited with error: {how}")

    async def _await_exit(self, process: asyncio.subprocess.Process, keeper: Keeper) -> None:
        await process.wait()
        signalled(process.pid, signal.SIGKILL)  # what it started goes with it
        keeper.released(process.pid)
        self.exited.set()

    async def _write_log(self, descriptor: int) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        try:
            rest = b""
            while data := await reader.read(_READ):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._log(line.decode(errors="replace"))
            if rest:
                self._log(rest.decode(errors="replace"))
        finally:
            transport.close()
