"""`python -m lambda_responses jobs submit|results|dead-letters`: the queue of jobs of this machine, by hand.

Jobs go in as lines (`wire.batch_lines`) and are worked at by `make dev`, now or when it is next started;
their answers come out as lines. What `results` and `dead-letters` write is taken off the queue.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import sys
import time
from argparse import ArgumentTypeError
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.runtime.principals.anybody import TENANT
from lambda_responses.runtime.queues import queue_file
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.runtime.settings import local_environment
from lambda_responses.wire.job_messages import NAME
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from lambda_responses.queue.port import PolledQueue, Received
    from lambda_responses.runtime.settings import Settings
    from lambda_responses.wire.json import Json

DONE, FAILED = 0, 1
"""Exit statuses."""
OURS_SECONDS = 30.0
"""How long a line that is being written out is kept from others."""
AT_ONCE = 100
LOOK_SECONDS = 0.1
"""Seconds between two looks whether something has come."""
_STANDARD = "-"


def add_job_commands(parser: ArgumentParser) -> None:
    """Say which arguments the commands take."""
    commands = parser.add_subparsers(dest="verb", required=True)
    submit = commands.add_parser("submit", help="drop jobs, one a line")
    submit.add_argument("files", nargs="*", default=[_STANDARD], help="JSON Lines (default: standard input)")
    for name, what in (
        ("results", "answers to jobs"),
        ("dead-letters", "messages that nobody can read, and why"),
    ):
        taking = commands.add_parser(name, help=f"take {what} off their queue, one a line")
        taking.add_argument(
            "--output", default=_STANDARD, help="a file to add them to (default: standard output)"
        )
        taking.add_argument("--count", type=_count, help="end after so many")
        taking.add_argument(
            "--wait",
            type=_seconds,
            default=0,
            metavar="SECONDS",
            help="end when none has come for so long (default: 0)",
        )


def run_job_command(arguments: Namespace, environment: Mapping[str, str]) -> int:
    """Run one of them; the exit status. Raises `SettingsError` for an environment that cannot be used."""
    runtime = Runtime(local_environment(environment))
    try:
        if arguments.verb == "submit":
            group = runtime.settings.request_tenant or TENANT
            asyncio.run(_submit(_dropped(arguments.files), runtime.local_queue("requests"), group))
            if (database := runtime.settings.database) is not None and not database.exists():
                _say(f"Nobody has served {database} yet: `make dev` with the same settings works at them.")
            return DONE
        if (queue := _missing(runtime.settings)) is not None:
            _say(f"There is no {queue}: nobody has dropped jobs there.")
            return FAILED
        name, shown = ("results", _result) if arguments.verb == "results" else ("dead letters", _letter)
        taken = _Taken(runtime.local_queue(name), shown, arguments.count, arguments.wait)
        with _opened(arguments.output, "ab", sys.stdout.buffer) as out:
            asyncio.run(taken.to(out))
        return DONE
    except OSError as fault:
        _say(f"{fault.filename or _open_file(arguments)} cannot be used: {fault.strerror}.")
    except QueueUnavailable as fault:
        _say(f"The queue cannot be used: {fault}.")
    return FAILED


def _dropped(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Lines and their names. The same file holds other jobs when it is dropped again."""
    for file in files:
        run = secrets.token_hex(4)
        with _opened(file, "rb", sys.stdin.buffer) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield line.decode(errors="replace"), f"{Path(file).name}#{number}-{run}"


async def _submit(lines: Iterator[tuple[str, str]], queue: PolledQueue, group: str) -> None:
    dropped = 0
    try:
        for line, name in lines:
            await queue.send(line, group=group, attributes={NAME: name})
            dropped += 1
    finally:
        queue.close()
        _say(f"Jobs dropped: {dropped}.")


class _Taken:
    """What is taken off a queue: so much of it, or until nothing more has come for so many seconds."""

    def __init__(
        self, queue: PolledQueue, shown: Callable[[Received], Json], most: int | None, patience: float
    ) -> None:
        self._queue = queue
        self._shown = shown
        self._left = sys.maxsize if most is None else most
        self._patience = patience

    async def to(self, out: IO[bytes]) -> None:
        """Write it out, and only then take it off. The queue is closed afterwards."""
        try:
            came_at = time.monotonic()
            while self._left > 0:
                some = await self._queue.receive(min(self._left, AT_ONCE), visible_after=OURS_SECONDS)
                if some:
                    await self._write(some, out)
                    came_at = time.monotonic()
                elif time.monotonic() - came_at >= self._patience:
                    break
                else:
                    await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._queue.close()

    async def _write(self, some: Sequence[Received], out: IO[bytes]) -> None:
        try:
            for each in some:
                out.write(to_bytes(self._shown(each)) + b"\n")
            out.flush()
        except OSError:
            for each in some:
                await self._queue.put_back(each.receipt, 0)
            raise
        for each in some:
            await self._queue.acknowledge(each.receipt)
        self._left -= len(some)


def _result(received: Received) -> Json:
    assert isinstance(received.message, dict)
    return received.message


def _letter(received: Received) -> Json:
    beside = received.attributes
    return {
        "reason": beside.get("reason", ""),
        "name": beside.get(NAME, received.id),
        "message": received.message,
    }


def _open_file(arguments: Namespace) -> str:
    """What a fault is about that names no file, since it is open."""
    if arguments.verb == "submit":
        return "What is to be submitted"
    return "Standard output" if arguments.output == _STANDARD else arguments.output


def _missing(settings: Settings) -> Path | None:
    """The file that has the queues, where there is none."""
    if settings.database is None:
        return None
    file = queue_file(settings.database)
    return None if file.exists() else file


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise ArgumentTypeError("expected a whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    raise ArgumentTypeError("expected seconds, 0 or more")


def _opened(file: str, mode: Literal["rb", "ab"], standard: IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    return nullcontext(standard) if file == _STANDARD else Path(file).open(mode)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
