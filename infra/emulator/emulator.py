"""The AWS emulator ministack in the background, on loopback, with IAM enforced as AWS does."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
ACCOUNT = "000000000000"
KEY, SECRET = "test", "test"
"""What the emulator takes for the account's root user."""

_PYTHON = ROOT / ".venv-emulator" / "bin" / "python"
_COMMAND = [str(_PYTHON), "-m", "ministack"]
_LOG = "log"
_LAMBDA_PYTHON = "3.13"
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


class EmulatorError(Exception):
    """The emulator cannot be used; the message is one sentence for whoever asked for it."""


class Emulator:
    """One emulator. All that it writes goes to `home`, and is of no use once it has stopped.

    One that `outlives` its starter stays in the background; any other goes with it when it is interrupted.
    """

    def __init__(self, home: Path, port: int, *, outlives: bool = False) -> None:
        self.home = home
        self.address = f"http://127.0.0.1:{port}"
        self._port = port
        self._outlives = outlives
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **_inherited(),
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.address,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "SAM_CLI_TELEMETRY": "0",
        }
        self._settings = {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",  # it would listen on port 8883 too
            "LOG_LEVEL": "WARNING",
            "SFTP_ENABLED": "0",
            "TMPDIR": str(home),
        }

    @property
    def log(self) -> str:
        """What it wrote so far."""
        place = self.home / _LOG
        return place.read_text(errors="replace") if place.exists() else ""

    @property
    def answers(self) -> bool:
        """Whether an emulator, this or another, serves at the address."""
        try:
            with build_opener(ProxyHandler({})).open(f"{self.address}/_ministack/health", timeout=5) as reply:
                return reply.status == 200
        except (URLError, OSError):
            return False

    @property
    def may_listen(self) -> bool:
        """Whether the address is free, and this user may have it."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self._port))
            except OSError:
                return False
        return True

    def start(self) -> None:
        """Start it, and return when it serves. Raises `EmulatorError`."""
        if (lack := what_lacks()) is not None:
            raise EmulatorError(lack)
        if self.answers:
            raise EmulatorError(f"Another emulator is at {self.address}.")
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / _LOG).open("wb") as log:
            self._process = subprocess.Popen(
                _COMMAND,
                env=self.environment | self._settings,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=self._outlives,
            )
        if not self._becomes(serving=True, within=_START_SECONDS):
            self._process.kill()
            self._process.wait()
            raise EmulatorError(f"The emulator does not serve. It says:\n{self.log}")

    def stop(self) -> None:
        """Stop it, and return when it is gone. Raises `EmulatorError` where none was started from `home`."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_STOP_SECONDS)
            return
        environment = self.environment | self._settings
        stopped = subprocess.run([*_COMMAND, "--stop"], env=environment, capture_output=True, check=False)
        if stopped.returncode:
            raise EmulatorError(f"There is no emulator to stop at {self.address}.")
        self._becomes(serving=False, within=_STOP_SECONDS)

    def _becomes(self, *, serving: bool, within: float) -> bool:
        deadline = time.monotonic() + within
        while self.answers is not serving:
            died = self._process is not None and self._process.poll() is not None
            if died or time.monotonic() > deadline:
                return False
            time.sleep(0.1)  # between two knocks at the door
        return True


def what_lacks() -> str | None:
    """Why this machine cannot run the emulated functions, as a sentence; None where it can."""
    if platform.system() != "Linux":
        return "The emulator runs functions on this machine, and the layer is built for Linux."
    if not _PYTHON.exists():
        return "There is no .venv-emulator; `make .venv-emulator/ready` sets it up."
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = subprocess.run([str(_PYTHON), "-c", asked], capture_output=True, text=True, check=True)
    if version.stdout.strip() != _LAMBDA_PYTHON:
        return f"The emulated functions need Python {_LAMBDA_PYTHON}; .venv-emulator has another."
    return None


def _inherited() -> dict[str, str]:
    """The environment without anything that concerns a real account or a server of ours."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "RESPONSES_", "SAM_"))
    }
