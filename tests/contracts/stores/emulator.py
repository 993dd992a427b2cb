"""An emulator of DynamoDB, S3, SQS and EventBridge, of our own for as long as the tests need it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

START_SECONDS = 60


@contextmanager
def emulator(directory: Path) -> Generator[str]:
    """Start ministack on a free port of the loopback, give its address, and end it cleanly."""
    if find_spec("ministack") is None:
        pytest.skip("ministack, the emulator of DynamoDB, is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": "dynamodb,s3,sqs,events",
        "IOT_MTLS_ENABLED": "0",  # It would listen on port 8883 too.
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
        "TMPDIR": str(directory),
    }
    with (directory / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=os.environ | settings,
            cwd=directory,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_healthy(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urlopen(f"{address}/_ministack/health", timeout=5):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)  # Between two knocks at the door.
