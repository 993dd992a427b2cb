"""Ends processes whose starter has died, however it died.

A process of its own reads from a pipe which processes were started and which were reaped. The pipe's other
end is the starter's alone, so the pipe ends when the starter does, be it by SIGKILL. Processes that are
stopped could not notice by themselves, and a signal on a parent's death is Linux's alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO

# The shell tells its own process id, which is also that of what it becomes, before anything of that can run.
_ANNOUNCED = ("/bin/sh", "-c", 'echo "+$$" >&0 && exec "$@" </dev/null', "sh")


class Keeper:
    """Starts processes that do not outlive this one; each leads a group of its own."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # what ends the starter's whole group leaves it to do its work
        )
        os.close(reading)

    async def start(
        self, command: tuple[str, ...], *, environment: dict[str, str], folder: str, output: int | IO[bytes]
    ) -> asyncio.subprocess.Process:
        """A process that is kept. Raises `OSError`."""
        return await asyncio.create_subprocess_exec(
            *_ANNOUNCED,
            *command,
            stdin=self._writing,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )

    def released(self, pid: int) -> None:
        """That process has been reaped: its id may soon be another's."""
        with suppress(BrokenPipeError):
            os.write(self._writing, b"-%d\n" % pid)

    def close(self) -> None:
        """Return when every process is gone that was started and not released."""
        os.close(self._writing)
        self._process.wait()


def signalled(pid: int, number: int) -> None:
    """Send a signal to that process and whatever it started, if it is still there."""
    with suppress(
        ProcessLookupError, PermissionError
    ):  # of which macOS says the second for one that is not reaped
        os.killpg(pid, number)


def _keep() -> None:
    kept = set[int]()
    for line in sys.stdin:
        change = kept.add if line[0] == "+" else kept.discard
        change(int(line[1:]))
    for pid in kept:
        signalled(pid, signal.SIGKILL)


if __name__ == "__main__":
    _keep()
