"""Where the library works: one event loop, in a thread of its own, for every call of this process.

Connections are pooled by loop and the store is opened once, so all work is done on that one loop, and
results cross over to whoever waits: a plain thread, or a coroutine on another loop. A program that runs a
loop itself (a notebook, a web server) may therefore call the blocking functions as well.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from lambda_responses.library.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from concurrent.futures import Future

T = TypeVar("T")

SECONDS_TO_END = 3.0
"""What calls that are still at work get to clean up, and then what was opened to be closed."""


class Arrival:
    """What a thread waits for, and the loop announces once.

    It is a bare lock: Python's own conditions may be left locked, or unlocked twice, by an interrupt that
    comes between two of their steps, and then the loop would stand still with them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self) -> None:
        """Return when it has been announced. An interrupt ends the waiting."""
        self._lock.acquire()

    def announce(self) -> None:
        """Let the thread go on that waits, or will."""
        self._lock.release()


class Engine:
    """A loop that runs in a daemon thread until `close`."""

    def __init__(self, environment: Mapping[str, str], tenant: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._home = Home(environment, tenant)
        self._thread = threading.Thread(target=self._run, name="lambda-responses", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Home], Coroutine[Any, Any, T]]) -> Future[T]:
        """Begin work on the loop, in the caller's context. To cancel the future cancels the work."""
        coroutine = work(self._home)
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        except RuntimeError:
            coroutine.close()
            raise

    def outcome(self, work: Callable[[Home], Coroutine[Any, Any, T]]) -> T:
        """Do work on the loop, in the caller's context, while this thread waits; an interrupt cancels it."""
        coroutine, arrival = work(self._home), Arrival()
        begun: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = self.loop.create_task(coroutine)
            begun.append(task)
            task.add_done_callback(end)

        def end(task: asyncio.Task[T]) -> None:
            _ = task.cancelled() or task.exception()  # for a waiter that has gone, this is no fault unseen
            arrival.announce()

        def abandon() -> None:
            if begun:
                begun[0].cancel()
            else:
                coroutine.close()

        try:
            self.loop.call_soon_threadsafe(begin)
            arrival.wait()
        except BaseException:
            try:
                self.loop.call_soon_threadsafe(abandon)
            except RuntimeError:  # the loop has been closed, and has cancelled what it had begun
                coroutine.close()
            raise
        return begun[0].result()

    @property
    def is_here(self) -> bool:
        """Whether the caller is on the loop itself, and so must not wait for it."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Cancel what is at work, close what was opened, and end the thread. Again, it does nothing."""
        if self.loop.is_closed() or not self._thread.is_alive():
            return
        with suppress(TimeoutError, CancelledError, RuntimeError):
            self.submit(_end).result(SECONDS_TO_END)
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(SECONDS_TO_END)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()


async def _end(home: Home) -> None:
    ending = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not ending]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await home.aclose()
    await asyncio.get_running_loop().shutdown_asyncgens()


class _Process:
    """The engine of this process, its settings, and what keeps two threads from making two."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.engine: Engine | None = None
        self.given: Mapping[str, str] = {}
        self.tenant = ""
        self.abandoned: list[Engine] = []
        self.exiting = False

    def close(self) -> None:
        """Close the engine, if there is one; the next call makes another."""
        with self.lock:
            engine, self.engine = self.engine, None
        if engine is not None:
            engine.close()

    def at_exit(self) -> None:
        """Close the engine for good."""
        self.exiting = True
        self.close()

    def after_fork(self) -> None:
        """A child has neither the thread nor a right to the parent's files: it makes an engine of its own.

        The parent's is kept, so that nothing in it is closed from here.
        """
        self.lock = threading.Lock()
        if self.engine is not None:
            self.abandoned.append(self.engine)
        self.engine = None


_process = _Process()
atexit.register(_process.at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.after_fork)


def engine() -> Engine:
    """The engine of this process, made with the first call.

    Raises `RuntimeError` where that comes after the main thread's end: Python lends no threads any more.
    """
    with _process.lock:
        if _process.engine is None:
            if not threading.main_thread().is_alive():
                raise RuntimeError("The program is ending: it is too late for the first call of the library.")
            _process.engine = Engine({**os.environ, **_process.given}, _process.tenant)
        return _process.engine


def configure(environment: Mapping[str, str] | None = None, *, tenant: str = "") -> None:
    """Say what the functions run on, from the next call on; calls that are still at work are cancelled.

    Without this they run on what `make dev` runs on: the settings and keys of the process's environment,
    and SQLite in `$DATA_DIR` (`.data`). `environment` holds names that count before those of the process,
    such as `{"RESPONSES_STORE": "dynamodb://responses", "OPENAI_API_KEY": "…"}`. `tenant` keeps the stored
    responses of several users apart. The next call raises `SettingsError` where they cannot be used.
    """
    _process.close()
    _process.given, _process.tenant = dict(environment or {}), tenant


def close() -> None:
    """Cancel calls that are still at work and close what was opened. The next call opens it again."""
    _process.close()


def closed() -> BaseException:
    """What whoever waits for a call is told when it ends because the library was closed.

    Where the whole program ends, only daemon threads are left to be told: they end without a word.
    """
    if _process.exiting:
        return SystemExit()
    return RuntimeError("The library was closed, or set up anew, while this call was at work.")


def wait_for(work: Callable[[Home], Coroutine[Any, Any, T]]) -> T:
    """Do work on the library's loop while this thread waits; an interrupt cancels it."""
    running = engine()
    if running.is_here:
        raise RuntimeError("This runs on the library's own loop: await the function that begins with 'a'.")
    try:
        return running.outcome(work)
    except asyncio.CancelledError:
        raise closed() from None


async def crossing_to(work: Callable[[Home], Coroutine[Any, Any, T]]) -> T:
    """Do work on the library's loop while a coroutine of any loop waits; to cancel that cancels the work."""
    future = engine().submit(work)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        here = asyncio.current_task()
        if here is None or here.cancelling():
            raise
        raise closed() from None
