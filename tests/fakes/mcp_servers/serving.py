"""Real servers of tools for tests: the program beside this file, started with either SDK.

with serving() as tools:
    ...  # {"type": "mcp", "server_url": tools.url, ...}
    assert tools.counts["add"] == 1
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pytest

from tests.fakes.server import plain_environment

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

Transport: TypeAlias = Literal["stateless", "session", "sse"]

PROGRAM = Path(__file__).with_name("program.py")
SDK_1 = Path(__file__).parents[3] / ".venv-mcp1" / "bin" / "python"


class ToolServer:
    """A server that runs."""

    def __init__(self, command: Sequence[str], notes: Path) -> None:
        """Starts it."""
        self._command = command
        self._notes = notes
        self._process, self.url = _started(command)

    @property
    def notes(self) -> Sequence[dict[str, Any]]:
        """What happened in it, in order; see the program."""
        return read_notes(self._notes)

    @property
    def counts(self) -> Counter[str]:
        """How often each tool was begun."""
        return Counter(note["tool"] for note in self.notes if "tool" in note)

    @property
    def asked(self) -> Sequence[str]:
        """The JSON-RPC methods of the requests that it was sent, in order."""
        return [note["rpc"] for note in self.notes if note.get("rpc")]

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    @contextmanager
    def restarted(self) -> Generator[None]:
        """The same server anew, on the same port, with its notes but no memory of sessions."""
        self.kill()
        port = self.url.split(":")[2].split("/")[0]
        again, _ = _started([*self._command, "--port", port])
        try:
            yield
        finally:
            _end(again)

    def stop(self) -> None:
        """Have it end."""
        _end(self._process)


@contextmanager
def serving(
    transport: Transport = "stateless",
    *,
    sdk: Literal[1, 2] = 2,
    token: str | None = None,
    changing: bool = False,
) -> Generator[ToolServer]:
    """A server of tools on a port of 127.0.0.1 that was free.

    With a `token`, it wants that as a bearer token of every request; `changing`, it describes `change` in
    other words each time. Skips the test where SDK 1 is wanted and its environment has not been made.
    """
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.jsonl"
        options = [*(("--token", token) if token else ()), *(("--changing",) if changing else ())]
        command = [*program(sdk), str(notes), "--transport", transport, *options]
        server = ToolServer(command, notes)
        try:
            yield server
        finally:
            server.stop()


def program(sdk: Literal[1, 2] = 2) -> Sequence[str]:
    """The command that starts the program: to it belong a path for notes and `--transport stdio`."""
    if sdk == 1 and not SDK_1.exists():
        pytest.skip("SDK 1 is not there: make .venv-mcp1/ready")
    return str(SDK_1 if sdk == 1 else sys.executable), str(PROGRAM)


def read_notes(path: Path) -> Sequence[dict[str, Any]]:
    """What happened in a server that noted it there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _started(command: Sequence[str]) -> tuple[subprocess.Popen[str], str]:
    """The process, and where it listens."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plain_environment())
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    if not url:
        _end(process)
        raise AssertionError("the server of tools did not start")
    return process, url


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(3)
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
