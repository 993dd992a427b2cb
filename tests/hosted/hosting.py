"""Hosts under test: one inside the test, of toys; and one as its users have it, of the real functions."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from infra.host.declarations import read_deployment
from infra.host.environment import Surroundings, what_lacks
from infra.host.host import Host
from infra.host.template import load_template
from tests.fakes.server import INHERITED, START_WITHIN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from infra.host.deployment import Deployment

Json = dict[str, Any]

TOYS = Path(__file__).parent / "toys" / "template.yaml"
ROOT = Path(__file__).parents[2]


def plain_environment() -> dict[str, str]:
    """What a process cannot do without."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


@dataclass
class Toys:
    """A host of toys, and clients of its two fronts."""

    host: Host
    deployment: Deployment
    api: httpx.AsyncClient
    urls: httpx.AsyncClient
    log: list[tuple[str, str]] = field(default_factory=list)

    def said(self, function: str) -> list[str]:
        """What that function printed so far, without the host's own lines."""
        name = self.deployment.functions[function].name
        return [line for each, line in self.log if each == name and not line.startswith("REPORT ")]

    def reports(self, function: str) -> list[str]:
        """What the host has said about that function's calls, each when it was over."""
        name = self.deployment.functions[function].name
        return [line for each, line in self.log if each == name and line.startswith("REPORT ")]

    async def report(self, function: str, call: int) -> str:
        """What the host says about a call, counted from 1, when it is over."""
        assert await eventually(lambda: len(self.reports(function)) >= call)
        return self.reports(function)[call - 1]

    def pids(self, function: str) -> list[int]:
        return self.host.functions.pids(self.deployment.functions[function])


@asynccontextmanager
async def hosted_toys(*, snap_start: bool = False, **options: Any) -> AsyncGenerator[Toys]:
    """A host of toys that leaves nothing behind."""
    _skip_where_functions_cannot_run()
    deployment = read_deployment(TOYS, region="eu-north-1")
    log: list[tuple[str, str]] = []
    surroundings = Surroundings(plain_environment(), {"OVERRIDDEN": "yes"}, snap_start)
    host = Host(deployment, surroundings, log=lambda name, line: log.append((name, line)), **options)
    await host.start()
    try:
        async with (
            httpx.AsyncClient(base_url=host.base_url, timeout=30, trust_env=False) as api,
            httpx.AsyncClient(base_url=host.url_base_url, timeout=30, trust_env=False) as urls,
        ):
            yield Toys(host, deployment, api, urls, log)
    finally:
        await host.stop()


def write_built(place: Path, *, layer: str | None = None) -> Path:
    """The real template as `sam build` would write it into that folder; `layer` is its layer's."""
    built = load_template(ROOT / "template.yaml")
    for resource in built["Resources"].values():
        properties = resource.get("Properties", {})
        for name in {"CodeUri", "ContentUri"} & properties.keys():
            properties[name] = os.path.relpath(ROOT / properties[name], place)
        if layer is not None and "ContentUri" in properties:
            properties["ContentUri"] = layer
    (place / "template.yaml").write_text(yaml.safe_dump(built, sort_keys=False))
    return place / "template.yaml"


class Hosted:
    """`make host`, on a port that was free, with its data in `data_dir`."""

    def __init__(self, data_dir: Path, *arguments: str, **environment: str) -> None:
        _skip_where_functions_cannot_run()
        self.printed: list[str] = []
        self._started = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "infra.host", *arguments],
            env={**plain_environment(), "PORT": "0", "DATA_DIR": str(data_dir), **environment},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def started(self) -> Hosted:
        """Itself, when it serves. Raises `AssertionError` when it does not."""
        self._started.wait(START_WITHIN)
        if self._process.poll() is not None or not self._started.is_set():
            self.stop()
            raise AssertionError(f"the host did not start:\n{self.log}")
        return self

    def refusal(self) -> str:
        """What it said when it did not start. Raises `AssertionError` when it did."""
        status = self._process.wait(START_WITHIN)
        self._reader.join(START_WITHIN)
        assert status == 2, self.log
        return self.log

    @property
    def base_url(self) -> str:
        return self._found(r"base URL\s+(\S+)")

    @property
    def url_base_url(self) -> str:
        return self._found(r"function URLs\s+(\S+)")

    @property
    def key(self) -> str:
        return self._found(r"API key\s+(\S+)")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything that it printed so far."""
        return "".join(self.printed)

    def called(self) -> set[str]:
        """The functions that have dealt with a call."""
        return set(re.findall(r"^\[([\w-]+)\] REPORT ", self.log, re.MULTILINE))

    def workers(self) -> dict[int, str]:
        """The states of its functions' processes, as ps tells them."""
        return {
            pid: state
            for pid, parent, state, command in processes()
            if parent == self.pid and ("awslambdaric" in command or "runtime.streaming" in command)
        }

    def stop(self, number: int = signal.SIGINT) -> int:
        """What Ctrl-C does; its exit status."""
        self._process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        if self._process.poll() is None:
            self._process.kill()
        status = self._process.wait(10)
        self._reader.join(10)
        return status

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, self.log)
        assert found, self.log
        return found[1]

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.printed.append(line)
                if "Stop with Ctrl-C" in line:
                    self._started.set()
        self._started.set()


def _skip_where_functions_cannot_run() -> None:
    if (lack := what_lacks()) is not None:
        pytest.skip(lack)


def processes() -> Iterable[tuple[int, int, str, str]]:
    """Process, parent, state and command of everything that runs here, and is not dead and unburied."""
    shown = subprocess.run(
        ["ps", "-axwwo", "pid=,ppid=,stat=,command="], capture_output=True, text=True, check=True
    )
    for line in shown.stdout.splitlines():
        pid, parent, state, command = line.split(None, 3)
        if not state.startswith("Z"):
            yield int(pid), int(parent), state, command


def state(pid: int) -> str:
    """How a process does: `T` is stopped, nothing is gone."""
    return next((each for number, _, each, _ in processes() if number == pid), "")


async def eventually(true: Callable[[], bool], *, within: float = 10.0) -> bool:
    """Whether that becomes true in time: for what other processes do, of which nothing here is told."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True
