"""AWS's own runtime interface emulator, which the SAM CLI brings: Lambda's Runtime API, without Lambda."""

from __future__ import annotations

import http.client
import json
import os
import platform
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime_api.function_process import COMMAND, ROOT, function_environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MACHINE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
WITHIN = 30.0


def _binary() -> Path | None:
    pattern = f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{MACHINE}"
    return next(iter((ROOT / ".venv-sam").glob(pattern)), None) if platform.system() == "Linux" else None


BINARY = _binary()
needs_emulator = pytest.mark.skipif(
    BINARY is None, reason="AWS's emulator runs on Linux, from .venv-sam, which `make check` sets up"
)


class Emulator:
    """An emulator and its function. Answers come in one piece: it shows the protocol, no timing."""

    def __init__(
        self,
        *,
        folder: Path,
        handler: str = "handler.lambda_handler",
        command: Sequence[str] = COMMAND,
        seconds: int = 20,
        **settings: str,
    ) -> None:
        """`seconds` is the function's timeout."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._port, runtime_api = _free_ports()
        emulator = [
            str(BINARY),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_api}"),
            *("--log-level", "info"),
        ]
        settings["AWS_LAMBDA_FUNCTION_TIMEOUT"] = str(seconds)
        self._process = subprocess.Popen(
            [*emulator, *command],
            env=function_environment(folder, handler, **settings),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self._connected().close()

    @property
    def log(self) -> str:
        """What it and the function have written."""
        return os.pread(self._log.fileno(), 1 << 24, 0).decode()

    @property
    def outcomes(self) -> list[str]:
        """How each invocation ended, as the emulator saw it."""
        parts = self.log.split("INVOKE RTDONE(status: ")[1:]
        return [part.partition(",")[0].partition(")")[0] for part in parts]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the function has logged."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def invoke(self, event: Any) -> bytes:
        """What Lambda hands to whoever invoked: prelude, NULs and body, or the fault."""
        connection = self.send(event)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def send(self, event: Any) -> http.client.HTTPConnection:
        """An invocation whose answer nobody has read yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WITHIN)
        connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
        return connection

    def wait_for(self, words: str) -> None:
        """Return when the log says so. Raises `AssertionError` when it does not for too long."""
        until = time.monotonic() + WITHIN
        while words not in self.log:
            assert time.monotonic() < until, self.log
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, and the function with it."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait(WITHIN)
        self._log.close()

    def _connected(self) -> socket.socket:
        until = time.monotonic() + WITHIN
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self._port), 1)
            except OSError:
                assert time.monotonic() < until, self.log
                time.sleep(0.02)


def read_answer(answer: bytes) -> tuple[dict[str, Any], bytes]:
    """The prelude and the body of an answer."""
    prelude, delimiter, body = answer.partition(bytes(8))
    assert delimiter, answer
    return json.loads(prelude), body


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]
