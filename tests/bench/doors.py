"""What is measured side by side: the upstream itself, and this server and peers in front of it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

from tests.bench.client import KEY
from tests.bench.table import UPSTREAM
from tests.fakes.formats import every
from tests.fakes.server import WORKING, Server

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

ROOT = Path(__file__).parents[2]
FORMATS = ("native", "translated")
"""What peers are asked in, too: the upstream speaks the Responses API, or Chat Completions."""

OWN_FORMATS = {
    "native": "openai/bench",
    "translated": "groq/bench",
    **{
        name: f"{format.provider}/bench"
        for name, format in every.FORMATS.items()
        if name not in ("native", "chat")
    },
}
"""Models of ours, by what their upstream speaks."""


@dataclass(frozen=True)
class Door:
    """Where requests go in. `models` are the names, by format, that the number of words is added to."""

    name: str
    base_url: str
    models: dict[str, str]
    paths: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FORMATS, "/responses"))
    pid: int | None = None

    def request(self, wire: str, words: int, *, stream: bool) -> tuple[str, dict[str, Any]]:
        """Path and body of a request for so many words."""
        said: Any = "Say something."
        path = self.paths[wire]
        asked = {"input": said} if path == "/responses" else {"messages": [{"role": "user", "content": said}]}
        return path, {"model": f"{self.models[wire]}-{words}", "stream": stream, **asked}

    @property
    def resident_megabytes(self) -> float:
        """Memory that its process has now."""
        command = ["ps", "-o", "rss=", "-p", str(self.pid)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024

    @property
    def processor_milliseconds(self) -> float | None:
        """Processor time that its process has used; None where the system does not tell it finely."""
        tasks = Path(f"/proc/{self.pid}/task")
        try:
            used = [int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()]
        except OSError:
            return None
        return sum(used) / 1e6


@contextmanager
def upstream_itself() -> Generator[Door]:
    """The fake upstream."""
    command = [sys.executable, "-m", "tests.bench.upstream"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        paths = {"native": "/responses", "translated": "/chat/completions"}
        yield Door(UPSTREAM, f"http://127.0.0.1:{port}/v1", dict.fromkeys(FORMATS, "bench"), paths)
    finally:
        _end(process)


@contextmanager
def ours(name: str, data_dir: Path, upstream: Door, **environment: str) -> Generator[Door]:
    """`python -m lambda_responses dev`, which saves state as it always does."""
    root = upstream.base_url.removesuffix("/v1")
    places = {
        "OPENAI_BASE_URL": upstream.base_url,
        "GROQ_BASE_URL": upstream.base_url,
        "ANTHROPIC_BASE_URL": root,
        "GEMINI_BASE_URL": root,
        "COHERE_BASE_URL": root,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": root,
        "AWS_BEARER_TOKEN_BEDROCK": KEY,
        "AWS_REGION": "us-east-1",
    }
    data_dir.mkdir()
    server = Server(data_dir, **WORKING, **places, **environment)
    try:
        yield Door(
            name,
            server.started().base_url,
            OWN_FORMATS,
            dict.fromkeys(OWN_FORMATS, "/responses"),
            pid=server.pid,
        )
    finally:
        server.stop()


@contextmanager
def litellm(data_dir: Path, upstream: Door, sizes: Sequence[int]) -> Generator[Door | None]:
    """LiteLLM's proxy, where `BENCH_LITELLM` names the Python of an environment that has it."""
    python = os.environ.get("BENCH_LITELLM")
    if not python:
        print(
            "Not compared: LiteLLM. Name the Python of an environment with litellm[proxy] in BENCH_LITELLM."
        )
        yield None
        return
    if subprocess.run([python, "-c", "import litellm.proxy.proxy_cli"], capture_output=True).returncode:
        print(f"Not compared: LiteLLM. It cannot be imported by {python}.")
        yield None
        return
    data_dir.mkdir()
    (data_dir / "config.yaml").write_text(json.dumps(_litellm_config(upstream, sizes)))  # JSON is YAML
    port = _free_port()
    start = "from litellm import run_server; run_server()"
    arguments = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MASTER_KEY": KEY}
    with (data_dir / "log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-c", start, *arguments], cwd=data_dir, env=os.environ | settings, stdout=log, stderr=log
        )
    try:
        if _serves(f"http://127.0.0.1:{port}/health/liveliness", process, within=120):
            models = {wire: wire for wire in FORMATS}
            yield Door(f"LiteLLM {_version(python)}", f"http://127.0.0.1:{port}/v1", models, pid=process.pid)
        else:
            print(f"Not compared: LiteLLM. It does not start:\n{(data_dir / 'log').read_text()[-500:]}")
            yield None
    finally:
        _end(process)


def _litellm_config(upstream: Door, sizes: Sequence[int]) -> dict[str, Any]:
    vendors = {"native": "openai", "translated": "deepseek"}
    place = {"api_base": upstream.base_url, "api_key": "bench"}
    models = [
        {"model_name": f"{wire}-{words}", "litellm_params": {"model": f"{vendor}/bench-{words}", **place}}
        for wire, vendor in vendors.items()
        for words in sizes
    ]
    return {"model_list": models}


def start_seconds(data_dir: Path) -> float:
    """From nothing to the first answer of `/health`."""
    started = time.perf_counter()
    server = Server(data_dir, **WORKING)
    try:
        base_url = server.started().base_url
        build_opener(ProxyHandler({})).open(re.sub(r"/v1$", "/health", base_url)).close()
        return time.perf_counter() - started
    finally:
        server.stop()


def _version(python: str) -> str:
    asked = "from importlib.metadata import version; print(version('litellm'))"
    return subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _serves(url: str, process: subprocess.Popen[Any], *, within: float) -> bool:
    deadline = time.monotonic() + within
    while process.poll() is None and time.monotonic() < deadline:
        try:
            build_opener(ProxyHandler({})).open(url, timeout=5).close()
            return True
        except OSError:
            time.sleep(0.1)  # between two knocks at the door
    return False


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
