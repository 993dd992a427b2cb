"""The server as its users have it: a process of its own, known by what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR")
"""Of the environment that the tests run in, what a process cannot do without: no key, proxy or setting."""

WORKING = {"RESPONSES_WORKERS": "2"}
"""In the environment of a server that makes background responses: as many workers as it has by default."""

START_WITHIN = 60.0
"""Seconds, on a machine that does other things at the same time."""

_BASE_URL = re.compile(r"base URL\s+(\S+)")
_COMPLAINTS = (
    "unforeseen",
    "Traceback",
    "Warning:",
    "Task was destroyed",
    "never retrieved",
    "never awaited",
)


def plain_environment() -> dict[str, str]:
    """What a process cannot do without."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


class Server:
    """`python -m lambda_responses dev`, on a port that was free, with its data in `data_dir`.

    Another `command` may be given in its place that takes the same from the environment, and prints the same.
    No workers run beside it unless the environment asks for some: few tests need them, and each has to start.
    """

    def __init__(
        self, data_dir: Path, *, command: Sequence[str] = ("lambda_responses", "dev"), **environment: str
    ) -> None:
        self.data_dir = data_dir
        self.printed: list[str] = []
        self.base_url = ""
        self._decided = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={
                **plain_environment(),
                "PORT": "0",
                "DATA_DIR": str(data_dir),
                "RESPONSES_WORKERS": "0",
                **environment,
            },
            cwd=data_dir,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def started(self) -> Server:
        """Itself, when it has said where it listens. Raises `AssertionError` when it does not start."""
        self._decided.wait(START_WITHIN)
        if not self.base_url:
            self.stop()
            raise AssertionError(f"the server did not start:\n{self.log}")
        return self

    def __enter__(self) -> Server:
        return self.started()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything that it printed so far."""
        return "".join(self.printed)

    @property
    def complaints(self) -> list[str]:
        """Printed lines that no operator should ever see."""
        return [line for line in self.printed if any(word in line for word in _COMPLAINTS)]

    @property
    def resident_kilobytes(self) -> int:
        """How much memory it has now."""
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True
        )
        return int(shown.stdout)

    @property
    def workers(self) -> list[int]:
        """The processes that it has started and that run."""
        shown = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        lines = [line.split() for line in shown.stdout.splitlines()]
        return [int(pid) for pid, parent, state in lines if int(parent) == self.pid and state[0] != "Z"]

    def refusal(self) -> str:
        """What it said when it refused to start. Raises `AssertionError` when it starts all the same."""
        self._decided.wait(START_WITHIN)
        if self.base_url:
            self.stop()
            raise AssertionError(f"the server did start:\n{self.log}")
        assert self.wait() == 2, self.log
        return self.log

    def wait(self) -> int:
        """Its exit status, when it has ended."""
        status = self._process.wait(START_WITHIN)
        self._reader.join(START_WITHIN)
        return status

    def kill(self) -> None:
        """What a power cut does."""
        self._process.kill()
        self.wait()

    def stop(self) -> None:
        """What Ctrl-C does."""
        with suppress(subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(10)
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.printed.append(line)
                if (found := _BASE_URL.search(line)) and not self.base_url:
                    self.base_url = found[1]
                    self._decided.set()
        self._decided.set()
