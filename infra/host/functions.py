"""The functions of a deployment, and the instances of each: reused where one is idle, started where none is.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from infra.host.connections import cancelled
from infra.host.invocation import Fault, Invocation, new_trace
from infra.host.worker import Worker, WorkerFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.host.deployment import Deployment, Function
    from infra.host.environment import Surroundings
    from infra.host.keeper import Keeper

    Log = Callable[[str, str], None]

LARGEST_EVENT = 6_291_456
"""Bytes of an event."""
INIT_SECONDS = 10.0
"""How long an instance may take to ask for its first event; a second try gets the function's own time."""

MOMENT = 0.1
"""How long a call waits for an instance that has answered another one and will be idle any moment. Between
AWS and its clients lies a longer way than that; here the next call is there before the instance is."""


class Throttled(Exception):
    """The function has as many instances as it may have, and all of them are busy."""


class EventTooLarge(Exception):
    """The event is larger than any may be."""


class Functions:
    """Calls functions by logical id. `log` is given a function's name and a line."""

    def __init__(
        self, deployment: Deployment, surroundings: Surroundings, keeper: Keeper, *, limit: int, log: Log
    ) -> None:
        self._pools = {
            name: _Pool(each, surroundings, keeper, limit if each.limit is None else each.limit, log)
            for name, each in deployment.functions.items()
        }

    def invoke(
        self, function: Function, event: Any, *, id: str | None = None, trace: str | None = None
    ) -> Invocation:
        """Call a function; the answer comes later. Raises `Throttled`, `EventTooLarge`."""
        content = json.dumps(event, separators=(",", ":")).encode()
        call = Invocation(id or str(uuid.uuid4()), content, trace or new_trace())
        self._pools[function.logical_id].take(call)
        return call

    def pids(self, function: Function) -> list[int]:
        """The processes of a function's instances."""
        return self._pools[function.logical_id].pids

    async def close(self) -> None:
        """End every instance."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))


class _Pool:
    """The instances of one function."""

    def __init__(
        self, function: Function, surroundings: Surroundings, keeper: Keeper, limit: int, log: Log
    ) -> None:
        self._function = function
        self._surroundings = surroundings
        self._keeper = keeper
        self._limit = limit
        self._log: Callable[[str], None] = partial(log, function.name)
        self._idle: list[Worker] = []
        self._freed = asyncio.Event()
        self._workers: set[Worker] = set()
        self._calls: dict[Invocation, asyncio.Task[None]] = {}

    @property
    def pids(self) -> list[int]:
        living = (worker.pid for worker in self._workers if not worker.exited.is_set())
        return [pid for pid in living if pid is not None]

    def take(self, invocation: Invocation) -> None:
        if len(invocation.event) > LARGEST_EVENT:
            raise EventTooLarge
        if sum(not call.over for call in self._calls) >= self._limit:
            raise Throttled
        self._calls[invocation] = call = asyncio.ensure_future(self._attend(invocation))
        call.add_done_callback(lambda _: self._calls.pop(invocation))

    async def close(self) -> None:
        await cancelled(*self._calls.values())
        await asyncio.gather(*(worker.close() for worker in self._workers))

    async def _attend(self, invocation: Invocation) -> None:
        """See to it that the call is answered, and that its instance is idle or gone afterwards."""
        began = time.perf_counter()
        reused = await self._reused()
        try:
            worker = reused or await self._started()
        except WorkerFailed as error:
            self._report(invocation, error.fault)
            invocation.failed(error.fault)
            return
        ready = time.perf_counter()
        fault = await self._run(worker, invocation)
        times = {"Duration": time.perf_counter() - ready}
        if reused is None:
            times["Init Duration"] = ready - began
        self._report(invocation, fault, **times)
        if fault is None:
            self._idle.append(worker)
            self._freed.set()
            return
        invocation.failed(fault)
        await self._end(worker)

    async def _run(self, worker: Worker, invocation: Invocation) -> Fault | None:
        try:
            await asyncio.wait_for(worker.run(invocation), self._function.timeout)
        except TimeoutError:
            limit = f"Task timed out after {self._function.timeout:.2f} seconds"
            return Fault("Sandbox.Timedout", f"RequestId: {invocation.id} Error: {limit}")
        except WorkerFailed as error:
            return error.fault
        return None

    async def _reused(self) -> Worker | None:
        """An instance that waits for an event, or will any moment."""
        if not self._idle and any(call.over for call in self._calls):
            self._freed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), MOMENT)
        while self._idle:
            worker = self._idle.pop()
            if not worker.exited.is_set():
                return worker
            await self._end(worker)
        return None

    async def _started(self) -> Worker:
        """A new instance. Raises `WorkerFailed`."""
        try:
            return await self._start(INIT_SECONDS)
        except TimeoutError:
            seconds = self._function.timeout
        try:
            return await self._start(seconds)
        except TimeoutError:
            late = f"The function did not start within {seconds:.2f} seconds"
            raise WorkerFailed(Fault("Sandbox.Timedout", late)) from None

    async def _start(self, seconds: float) -> Worker:
        worker = Worker(self._function, self._surroundings, self._log)
        self._workers.add(worker)
        try:
            await worker.start(self._keeper)
            await asyncio.wait_for(worker.ready(), seconds)
        except (WorkerFailed, TimeoutError):
            await self._end(worker)
            raise
        return worker

    async def _end(self, worker: Worker) -> None:
        await worker.close()
        self._workers.discard(worker)

    def _report(self, invocation: Invocation, fault: Fault | None, **seconds: float) -> None:
        told = [f"{name}: {value * 1000:.2f} ms" for name, value in seconds.items()]
        failed = [f"Error: {fault.kind} {fault.message}"] if fault else []
        self._log("\t".join([f"REPORT RequestId: {invocation.id}", *told, *failed]))
