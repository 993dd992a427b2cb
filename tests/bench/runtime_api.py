"""A Runtime API for one process, which notes when that asks for work and when it begins to answer."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROOT = b"/2018-06-01/runtime"
_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
_TURN = 0.2
_LONGEST = 60.0


class Started(NamedTuple):
    """One start, in milliseconds."""

    ready: float
    """From `exec` to the first `/next`."""
    processor: float
    """What the process had used when it was stopped."""
    answered: float | None
    """From the reply to `/next` to the first bytes of the answer; None where there was nothing to answer."""


def started(
    command: Sequence[str],
    environment: Mapping[str, str],
    event: Mapping[str, Any] | None = None,
    *,
    log: Any = subprocess.DEVNULL,
) -> Started:
    """Start a process, and stop it when it waits for work or, with an event, when it begins to answer.

    What it writes to stderr goes to `log`. Raises `RuntimeError` where it does not get as far.
    """
    answered = None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        environment = {**environment, "AWS_LAMBDA_RUNTIME_API": address}
        quiet: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": log}
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=environment, **quiet)
        api = _RuntimeApi(listener, process)
        try:
            api.expect(b"GET", b"/invocation/next")
            ready = time.perf_counter()
            if event is not None:
                api.reply(json.dumps(event).encode(), *_head_of_an_invocation())
                told = time.perf_counter()
                api.expect(b"POST", f"/invocation/{_ID}/response".encode())
                answered = (time.perf_counter() - told) * 1000
        finally:
            api.close()
            process.kill()
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0  # it has been waited for
    return Started((ready - begun) * 1000, (used.ru_utime + used.ru_stime) * 1000, answered)


class _RuntimeApi:
    """The server's side, for a process that opens another connection whenever it likes."""

    def __init__(self, listener: socket.socket, process: subprocess.Popen[Any]) -> None:
        self._listener = listener
        self._process = process
        self._connection: socket.socket | None = None

    def expect(self, method: bytes, path: bytes) -> None:
        """Return when that is asked; a snapshot is taken at once and restored at once."""
        asked = self._asked()
        if asked.startswith(b"GET %b/restore/next " % _ROOT):
            self.reply(b"")
            asked = self._asked()
        if not asked.startswith(b"%b %b%b " % (method, _ROOT, path)):
            raise RuntimeError(asked.decode(errors="replace"))

    def reply(self, body: bytes, *headers: str) -> None:
        """Answer what was asked last."""
        assert self._connection is not None
        head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
        self._connection.sendall("\r\n".join(head).encode() + body)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self) -> bytes:
        """The next request, as far as it came along with its head."""
        heard, deadline = b"", time.monotonic() + _LONGEST
        while b"\r\n\r\n" not in heard:
            sources = [source for source in (self._listener, self._connection) if source is not None]
            for source in select.select(sources, [], [], _TURN)[0]:
                if source is self._listener:
                    self.close()
                    self._connection, heard = self._listener.accept()[0], b""
                    break
                if data := source.recv(65536):
                    heard += data
                else:
                    self.close()
            if not heard and (self._process.poll() is not None or time.monotonic() > deadline):
                raise RuntimeError("The process ended, or fell silent.")
        return heard


def _head_of_an_invocation() -> tuple[str, ...]:
    deadline = int((time.time() + 900) * 1000)
    return (
        "Content-Type: application/json",
        f"Lambda-Runtime-Aws-Request-Id: {_ID}",
        f"Lambda-Runtime-Deadline-Ms: {deadline}",
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:measured",
    )
