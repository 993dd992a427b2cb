"""A stage on which processes share a store and a queue, and take no step unless they are told to.

Each call of the store or of the model is two moments: one before it has had its effect, and one after it,
before its answer is heard. A process is let on by so many moments, or left to stand there for as long as one
likes, or for ever: so it dies. Time passes when it is told to, for timers and stores alike.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import Stopped, Text, ToolArguments, ToolCall
from tests.played import PlayedServices

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Coroutine,
        Iterator,
        Sequence,
    )
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

Json = dict[str, Any]


async def at_once(what: str = "") -> None:
    """The moments of somebody who needs none."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a clock that moves when told to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        super().__init__()

    def time(self) -> float:
        return self._clock()

    async def rest(self) -> None:
        """Return once nothing is left that could be done now."""
        ready: Any = getattr(self, "_ready")  # noqa: B009  # of every loop of the standard library
        await asyncio.sleep(0)
        while ready:  # noqa: ASYNC110  # there is no event for that
            await asyncio.sleep(0)


class Process:
    """Work that goes on moment by moment."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.name = name
        self.services = stage.services_of(self)
        self.ended: object = None
        """What came of its work: an answer, or a fault."""
        self.standing: list[tuple[str, asyncio.Future[None]]] = []
        """The moments that it stands at, each with what it is about to do or to hear of."""
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def over(self) -> bool:
        return self._task is None or self._task.done()

    @property
    def waits(self) -> bool:
        """Whether it stands at a moment, and not at a timer."""
        return bool(self.standing)

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        async def until_it_ends() -> None:
            try:
                self.ended = await work
            except Exception as fault:
                self.ended = fault

        self._task = asyncio.ensure_future(until_it_ends())

    async def moment(self, what: str = "") -> None:
        """Wait to be let on."""
        if self._closed:
            raise asyncio.CancelledError
        moment = (what, asyncio.get_running_loop().create_future())
        self.standing.append(moment)
        try:
            await moment[1]
        finally:
            if moment in self.standing:
                self.standing.remove(moment)

    def let_on(self, choice: int = 0) -> bool:
        """Let one of its moments pass; False where it stands at none."""
        if not self.standing:
            return False
        _, moment = self.standing.pop(choice % len(self.standing))
        moment.set_result(None)
        return True

    def is_about_to(self, what: str) -> bool:
        """Whether it stands at such a moment: a verb and the kinds of rows, as in `put E`."""
        return any(each == what for each, _ in self.standing)

    def sharing(self, target: Any) -> Any:
        """What others have too, as this process reaches it."""
        return _Shared(target, self)

    async def close(self) -> None:
        """Have nothing of it run on, at the end of all."""
        self._closed = True
        for _, moment in self.standing:
            moment.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class _Shared:
    def __init__(self, target: Any, process: Process) -> None:
        self._target = target
        self._process = process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            what = f"{name} {_kinds(arguments[0] if arguments else None)}"
            await self._process.moment(what)
            try:
                return await found(*arguments, **options)
            finally:
                await self._process.moment(f"hear of {what}")

        return call


def _kinds(subject: Any) -> str:
    """The kinds of rows that a call is about, as `table` has them: `E` events, `T` threads, and so on."""
    if isinstance(subject, list):
        writes: list[Any] = subject
        return "".join(sorted({_kinds(write.key) for write in writes}))
    return subject.pk.split("#")[1] if hasattr(subject, "pk") else ""


@dataclass
class Messages:
    """A queue that keeps whatever it is given until somebody takes or loses it."""

    lying: list[Json] = field(default_factory=list[Json])

    async def send(self, message: Any, *, group: str, delay: float = 0) -> None:
        self.lying.append(message)


@dataclass
class Model:
    """Says what comes next in its script, by what it is shown that was said before."""

    script: Sequence[Line]
    moment: Callable[..., Awaitable[None]] = at_once
    name = "scripted"
    profile = None

    @asynccontextmanager
    async def open(self, rendered: Any) -> AsyncGenerator[Any]:
        await self.moment("ask")
        shown = rendered.body["turn"].items
        place = next(place for place, line in enumerate(self.script) if not line.is_in(shown))
        yield _Answer(self.script[place], place == len(self.script) - 1, self.moment)


@dataclass(frozen=True)
class Line:
    """What a model says in one step: words, or the call of a tool."""

    words: str = ""
    tool: str = ""

    def is_in(self, items: Sequence[Json]) -> bool:
        """Whether it was said."""
        if self.tool:
            return any(item.get("name") == self.tool for item in items)
        return any(
            part.get("text") == self.words
            for item in items
            if item["type"] == "message" and item["role"] == "assistant"
            for part in item["content"]
        )


@dataclass
class _Answer:
    line: Line
    last: bool
    moment: Callable[..., Awaitable[None]]
    plain: bool = False

    def redacted(self, text: str) -> str:
        return text

    async def __aiter__(self) -> AsyncIterator[Sequence[Any]]:
        for delta in self._deltas():
            await self.moment("listen")
            yield [delta]

    def _deltas(self) -> Iterator[Any]:
        if self.line.tool:
            yield ToolCall("b", f"call_{self.line.tool}", f"desk__{self.line.tool}")
            yield ToolArguments("b", "{}")
            yield Stopped("tool_calls")
            return
        first, last = self.line.words[:2], self.line.words[2:]
        yield Text("b", first)
        yield Text("b", last)
        yield Stopped("end" if self.last else "pause")


class Stage:
    """Where processes come and go."""

    def __init__(self, folder: Path, store: KeyedStore, clock: Clock, script: Sequence[Line]) -> None:
        self.clock = clock
        self.store = store
        self.queue = Messages()
        self.processes: list[Process] = []
        self._folder = folder
        self._script = script
        self.director = self._services(store, self.queue, Model(script))
        """The services of somebody who needs no moments."""

    def services_of(self, process: Process) -> PlayedServices:
        model = Model(self._script, process.moment)
        return self._services(process.sharing(self.store), process.sharing(self.queue), model)

    def _services(self, store: Any, queue: Any, model: Any) -> PlayedServices:
        services = PlayedServices(self._folder, model, store=store, now=self.clock)
        services.__dict__["queue"] = queue
        numbers = count(1 + 100_000 * (len(self.processes) + 1))
        services.entropy = lambda digits: f"{next(numbers):0{digits}x}"[-digits:]
        return services

    def enter(self, name: str, work: Callable[[PlayedServices], Coroutine[Any, Any, object]]) -> Process:
        """A new process, which has begun and stands at its first moment."""
        process = Process(self, name)
        self.processes.append(process)
        process.begin(work(process.services))
        return process

    async def let_on(self, process: Process, moments: int, choice: int = 0) -> int:
        """Let a process on by so many moments, as far as it gets; how many there were."""
        loop: Any = asyncio.get_running_loop()
        await loop.rest()
        for passed in range(moments):
            if not process.let_on(choice):
                return passed
            await loop.rest()
        return moments

    async def wait(self, seconds: float) -> None:
        """Let time pass, and whatever waited for it happen as far as that takes no moments."""
        loop: Any = asyncio.get_running_loop()
        self.clock.advance(seconds)
        await loop.rest()

    async def play(self, process: Process, *, most: int = 2_000) -> object:
        """Let a process on until it ends, and time as far as it waits for that; what came of its work."""
        for _ in range(most):
            if process.over:
                return process.ended
            if not await self.let_on(process, 1):
                await self.wait(0.3)
        raise AssertionError(f"{process.name} does not come to an end")

    async def until(self, process: Process, there: Callable[[], bool], *, most: int = 500) -> None:
        """Let a process on until that is so, and time as far as it waits for that."""
        loop: Any = asyncio.get_running_loop()
        await loop.rest()
        for _ in range(most):
            if there():
                return
            if not await self.let_on(process, 1):
                await self.wait(0.3)
        raise AssertionError(f"{process.name} does not get there")

    async def close(self) -> None:
        for process in self.processes:
            await process.close()
