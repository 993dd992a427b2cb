"""A function's process, started as Lambda starts it: by the layer's script, in the function's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes.server import INHERITED

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
DOORS = Path(__file__).parent / "doors"
SCRIPT = ROOT / "shared" / "streaming-runtime"
COMMAND = [str(SCRIPT), sys.executable, "/var/runtime/bootstrap.py"]
WITHIN = 30.0


def function_environment(folder: Path, handler: str, **settings: str) -> Mapping[str, str]:
    """The environment variables that Lambda gives a function."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    lambdas = {
        "LAMBDA_TASK_ROOT": str(folder),
        "_HANDLER": handler,
        "AWS_LAMBDA_FUNCTION_NAME": "toy",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/toy",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/01/[$LATEST]0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    return {**inherited, **lambdas, **settings}


class FunctionProcess:
    """A process, and what it has written: once it asks for more, all that it wrote before is there."""

    def __init__(self, address: str, *, folder: Path, handler: str, **settings: str) -> None:
        environment = {**function_environment(folder, handler, **settings), "AWS_LAMBDA_RUNTIME_API": address}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._read_from = 0
        self._process = subprocess.Popen(
            COMMAND, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    @property
    def exit_status(self) -> int:
        """How it ended; waits until it has."""
        return self._process.wait(WITHIN)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has written: objects, each on a line of its own, or this fails."""
        written = os.pread(self._log.fileno(), 1 << 24, self._read_from)
        return [json.loads(line) for line in written.splitlines()]

    def forget_lines(self) -> None:
        """Only what is written from here on is of interest."""
        self._read_from = os.fstat(self._log.fileno()).st_size

    def stop(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.wait(WITHIN)
        self._log.close()
