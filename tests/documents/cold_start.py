"""`python -m tests.documents.cold_start`: measure what docs/cold-start.md shows, and write it there.

`BENCH_ROUNDS` says how many rounds are measured (5), `BENCH_LITELLM` which Python has LiteLLM; without one,
its line is left out. How it is measured: `tests.bench.cold_start`.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.cold_start import BARE, LIMITS, OTHER_LIMIT, bare, measured, of_code, of_door, ratios
from tests.bench.doors import upstream_itself
from tests.bench.layout import DOORS, FUNCTIONS, ROOT, lay_out, without_byte_code
from tests.documents.pages import fill, table
from tests.functions.events import by_api

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from tests.bench.cold_start import Start, Taken
    from tests.bench.layout import Layout

PAGE = ROOT / "docs" / "cold-start.md"
LARGE, SMALL = "create_response", "delete_response"
LITELLM = "LiteLLM, `import litellm` alone"
SECRET_SECONDS = 0.08
"""How long the secret's keeper takes to answer."""

SHIPPED, UNCOMPILED = "as it is", "no byte code in the layer"
# What is written before a door's own code, to take a measure back.
MEASURES = {
    SHIPPED: "",
    UNCOMPILED: "",
    "`mcp` imported at once": "import mcp",
    "settings as one of pydantic's models": """
import pydantic
class Settings(pydantic.BaseModel):
    store: str = pydantic.Field(default="", pattern="^dynamodb://")
    retention_days: int = pydantic.Field(default=30, ge=1)
""",
    "the client as `boto3.client` makes it": """
import boto3
from lambda_responses.storage.keyed import clients
def client_of(service, *, config, endpoint_url=None, region=None):
    return boto3.client(service, config=config, endpoint_url=endpoint_url, region_name=region)
clients.client_of = client_of
""",
    "garbage collected at the start": """
import contextlib, gc
from lambda_responses.runtime import starting
starting.starting = contextlib.nullcontext
gc.enable()
""",
}
NOTHING_AHEAD = """
from lambda_responses.runtime.runtime import Runtime
Runtime.expect_models = lambda self: None
"""
SECRET_LATE = """
from lambda_responses.runtime.parameters import OperatorParameters
OperatorParameters.read_early = lambda self: None
"""
# By what is imported before the first request: what is written before the door's code, and the kind of start.
AHEAD = {
    "nothing": (NOTHING_AHEAD, "on-demand"),
    "what every request needs": ("", "on-demand"),
    "everything, with provisioned concurrency": ("", "provisioned-concurrency"),
    "everything, with SnapStart": ("", "snap-start"),
}


def main() -> None:
    """Measure, and write the page."""
    rounds = int(os.environ.get("BENCH_ROUNDS") or 5)
    with tempfile.TemporaryDirectory() as folder, upstream_itself() as upstream, slow_secrets() as secrets:
        starts = Starts(Path(folder), upstream.base_url, secrets)
        load = os.getloadavg()[0]
        doors = doors_table(starts.measured(starts.doors(), rounds), starts.measured(starts.peers(), rounds))
        measures = measures_table(starts.measured(starts.measures(), rounds))
        ahead = ahead_table(starts.measured(starts.ahead(), rounds))
        secret = secret_table(starts.measured(starts.secret(), rounds))
    page = PAGE.read_text(encoding="utf-8")
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} processors"
    page = fill(page, "machine", f"{machine}, load {load:.1f} before; medians of {rounds} rounds.")
    for name, content in (("doors", doors), ("measures", measures), ("ahead", ahead), ("secret", secret)):
        page = fill(page, name, content)
    PAGE.write_text(page, encoding="utf-8")


class Starts:
    """Everything that is started, by name; `place` is a folder for what has to be made for it."""

    def __init__(self, place: Path, upstream: str, secrets: str) -> None:
        self._place = place
        self._layout = lay_out(place)
        sealing = {"RESPONSES_SEALING_KEYS": f"k1:{'A' * 43}="}  # without, a row of the table is read first
        self._given = {"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": upstream, **sealing}
        self._secrets = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets, "RESPONSES_SECRETS": "keys"}

    def measured(self, starts: Mapping[str, Start], rounds: int) -> dict[str, Taken]:
        """Each group has the comparison in its own rounds: a machine is not always equally busy."""
        return measured({BARE: bare(self._layout), **starts}, rounds)

    def doors(self) -> dict[str, Start]:
        """Functions as they are deployed."""
        return {door: of_door(self._layout, door) for door in DOORS}

    def peers(self) -> dict[str, Start]:
        """What others import to do what our largest function does."""
        python = os.environ.get("BENCH_LITELLM")
        if not python:
            return {}
        environment = self._layout.environment(FUNCTIONS) | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        del environment["PYTHONPATH"]
        return {LITELLM: of_code(Path(python), "import litellm", environment)}

    def measures(self) -> dict[str, Start]:
        """A large and a small function, each measure taken back in turn."""
        uncompiled = replace(
            self._layout, opt=without_byte_code(self._layout.opt, self._place / "uncompiled")
        )
        return {
            f"{door}, {name}": self._varied(
                uncompiled if name == UNCOMPILED else self._layout, door, f"measure-{n}", lines
            )
            for n, (name, lines) in enumerate(MEASURES.items())
            for door in (LARGE, SMALL)
        }

    def ahead(self) -> dict[str, Start]:
        """The large function, from its start to the first answer."""
        return {
            name: self._asked(f"ahead-{n}", lines, {"AWS_LAMBDA_INITIALIZATION_TYPE": kind})
            for n, (name, (lines, kind)) in enumerate(AHEAD.items())
        }

    def secret(self) -> dict[str, Start]:
        """The same, where the provider's key is a secret."""
        return {
            "with the first request": self._asked("secret-late", SECRET_LATE, self._secrets),
            "while modules are imported": self._asked("secret-early", "", self._secrets),
        }

    def _asked(self, name: str, lines: str, environment: Mapping[str, str]) -> Start:
        start = self._varied(self._layout, LARGE, name, lines)
        return replace(start, environment={**start.environment, **self._given, **environment}, event=EVENT)

    def _varied(self, layout: Layout, door: str, name: str, lines: str) -> Start:
        folder = self._place / name / door
        folder.mkdir(parents=True)
        (folder / "handler.py").write_text(f"{lines}\n{(FUNCTIONS / door / 'handler.py').read_text()}")
        return replace(of_door(layout, door), environment=layout.environment(folder))


EVENT = by_api(
    "POST",
    "/responses",
    {"model": "openai/bench-3", "input": "Hi", "stream": True, "store": False},
    authorizer={"tenant": "acme", "key_id": "key_1", "scopes": "api.responses.write"},
)


@contextmanager
def slow_secrets() -> Generator[str]:
    """The address of a Secrets Manager that takes its time."""

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            time.sleep(SECRET_SECONDS)
            body = json.dumps({"Name": "keys", "SecretString": '{"GROQ_API_KEY": "gsk"}'}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keeper)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def doors_table(taken: Mapping[str, Taken], peers: Mapping[str, Taken]) -> str:
    """What is ready when, the comparison first."""
    times = ratios(taken)
    rows = [[BARE, _shown(taken[BARE].ready), "1.00", "", _shown(taken[BARE].processor)]]
    for door in DOORS:
        each, limit = taken[door], f"{LIMITS.get(door, OTHER_LIMIT):.1f}"
        rows.append([f"`{door}`", _shown(each.ready), f"{times[door]:.2f}", limit, _shown(each.processor)])
    if other := peers.get(LITELLM):
        rows.append(
            [LITELLM, _shown(other.ready), f"{ratios(peers)[LITELLM]:.1f}", "", _shown(other.processor)]
        )
    return table(["process", "ready, ms", "ratio", "at most", "processor time, ms"], rows)


def measures_table(taken: Mapping[str, Taken]) -> str:
    """What each measure is worth, by taking it back; other processes disturb processor time the least."""
    rows: list[list[str]] = []
    for name in MEASURES:
        cells: list[str] = []
        for door in (LARGE, SMALL):
            used, least = taken[f"{door}, {name}"].processor, taken[f"{door}, {SHIPPED}"].processor
            cells += [_shown(used), f"{used - least:+.0f}" if name != SHIPPED else ""]
        rows.append([name, *cells])
    return table(["processor time, ms", f"`{LARGE}`", "", f"`{SMALL}`", ""], rows)


def ahead_table(taken: Mapping[str, Taken]) -> str:
    """Where the time of imports goes: before the first request, or into it."""
    rows: list[list[str]] = []
    for name, (_, kind) in AHEAD.items():
        ready, answered = taken[name].ready, taken[name].answered or 0.0
        waits = ready + answered if kind == "on-demand" else answered
        ratio = f"{ready / taken[BARE].ready:.2f}"
        rows.append([name, _shown(ready), ratio, _shown(answered), _shown(waits)])
    return table(["imported ahead", "ready, ms", "ratio", "first answer, ms", "the caller waits, ms"], rows)


def secret_table(taken: Mapping[str, Taken]) -> str:
    """When a secret is read, and how long the first caller waits for it."""
    names = ("with the first request", "while modules are imported")
    rows = [
        [name, _shown(taken[name].ready), _shown(taken[name].answered or 0.0), _shown(_whole(taken[name]))]
        for name in names
    ]
    return table(["the secret is read", "ready, ms", "first answer, ms", "the caller waits, ms"], rows)


def _whole(taken: Taken) -> float:
    return taken.ready + (taken.answered or 0.0)


def _shown(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}"


if __name__ == "__main__":
    main()
