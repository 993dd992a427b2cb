"""What the first requests of a process still import, where all was imported ahead, and where some was."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime.imports import FOR_EVERY_MODEL, FOR_SOME_MODELS, FOR_TOOLS, UNHURRIED
from tests.bench.doors import OWN_FORMATS, upstream_itself
from tests.fakes.mcp_servers.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.mcp_servers.serving import ToolServer

ROOT = Path(__file__).parents[2]
PICTURE = "data:image/png;base64,iVBORw0KGgo="
SEALED = {"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}}
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "name": "look", "parameters": SCHEMA, "strict": True}

FORMATS = {name.split(".")[2] for name in FOR_SOME_MODELS if ".transformers." in name}

# Prints, for each request body on stdin, the answer's status and the modules that it was the first to need.
ASK = """
import asyncio, json, sys
from functions.create_response.handler import lambda_handler as door

app = door.opened()

async def status_of(body):
    pieces = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
    told = []

    async def receive():
        return pieces.pop() if pieces else await asyncio.sleep(60)

    async def send(message):
        told.append(message)

    head = {"method": "POST", "path": "/v1/responses", "query_string": b"", "http_version": "1.1"}
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    await app({"type": "http", "headers": headers, "scheme": "http", **head}, receive, send)
    return told[0]["status"]

async def main():
    for body in json.load(sys.stdin):
        known = set(sys.modules)
        status = await status_of(body)
        print(json.dumps([status, sorted(set(sys.modules) - known)]))

asyncio.run(main())
"""


# Prints how many threads there are when the door is open, and how many sockets of the internet.
OPEN = """
import os, socket, threading
from functions.create_response.handler import lambda_handler as door

door.opened()
links = {n: os.path.basename(os.path.realpath(f"/proc/self/fd/{n}")) for n in os.listdir("/proc/self/fd")}
sockets = [socket.socket(fileno=os.dup(int(n))) for n, link in links.items() if link.startswith("socket:")]
print(threading.active_count(), sum(each.family != socket.AF_UNIX for each in sockets))
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """The root address of a server that speaks every format."""
    with upstream_itself() as door:
        yield door.base_url.removesuffix("/v1")


@pytest.fixture(scope="module")
def tools() -> Iterator[ToolServer]:
    with serving() as running:
        yield running


def asked(
    upstream: str, initialization: str, bodies: list[Any], **environment: str
) -> list[tuple[int, list[str]]]:
    """Status and new modules, by body; the store can be opened, and does not answer."""
    lines = run(ASK, upstream, initialization, stdin=json.dumps(bodies), **environment).splitlines()
    return [json.loads(line) for line in lines if line.startswith("[")]


def run(program: str, upstream: str, initialization: str, *, stdin: str = "", **environment: str) -> str:
    """What a program in a process of its own prints."""
    keys = {f"{name}_API_KEY": "sk" for name in ("OPENAI", "GROQ", "ANTHROPIC", "GEMINI", "COHERE")}
    bases = {f"{name}_BASE_URL": upstream for name in ("ANTHROPIC", "GEMINI", "COHERE")}
    places = {
        "OPENAI_BASE_URL": f"{upstream}/v1",
        "GROQ_BASE_URL": f"{upstream}/v1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
        "RESPONSES_STORE": "dynamodb://nowhere",
        "RESPONSES_SEALING_KEYS": "k1:" + base64.b64encode(bytes(32)).decode(),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=keys | bases | places | environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def hello(model: str, **more: Any) -> Any:
    return {"model": model, "input": "Hi", "store": False, **more}


def bodies() -> list[Any]:
    """Requests of many kinds to every format, and some that fail."""
    models = [f"{model}-3" for model in OWN_FORMATS.values()]
    kinds: list[Any] = [
        {},
        {"stream": True, **SEALED},
        {"tools": [TOOL], "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}]},
        {"temperature": "hot"},
    ]
    asked = [hello(model, **kind) for model in models for kind in kinds]
    return [*asked, hello("scripted/echo"), hello("nobody/knows")]


@pytest.mark.parametrize("initialization", sorted(UNHURRIED))
def test_where_nobody_waits_for_the_start_requests_import_nothing(upstream: str, initialization: str) -> None:
    answers = asked(upstream, initialization, bodies())
    assert {200, 400} == {status for status, _ in answers}
    assert {name for _, new in answers for name in new} == set()


@pytest.mark.parametrize("initialization", sorted(UNHURRIED))
def test_nor_do_requests_whose_tools_are_called_here(
    upstream: str, tools: ToolServer, initialization: str
) -> None:
    tool = {"type": "mcp", "server_label": "d", "server_url": tools.url, "require_approval": "never"}
    text = '[[call:d__add {"a": 1, "b": 2}]]'
    deferred = {"tools": [{**tool, "defer_loading": True}], "stream": True}
    kinds: list[Any] = [
        {"tools": [tool]},
        {"tools": [{**tool, "require_approval": "always"}], **SEALED},
        deferred,
        {"tools": [{**tool, "server_url": "http://127.0.0.1:1/"}]},
    ]
    bodies = [hello("scripted/echo", **{"input": text, **kind}) for kind in kinds]
    opened = {"RESPONSES_MCP_URLS": "true", "RESPONSES_OUTBOUND_ALLOW": tools.url.split("/")[2]}
    before = tools.counts["add"]
    answers = asked(upstream, initialization, bodies, **opened)
    assert [status for status, _ in answers] == [200, 200, 200, 400]
    assert tools.counts["add"] == before + 1
    assert {name for _, new in answers for name in new} == set()


@pytest.mark.parametrize("model", sorted(OWN_FORMATS.values()))
def test_a_caller_who_waits_for_the_start_waits_for_the_one_format_besides(upstream: str, model: str) -> None:
    [(status, new)] = asked(upstream, "on-demand", [hello(f"{model}-3")])
    assert status == 200
    spoken = {
        name.split(".")[2] for name in new if name.startswith("lambda_responses.transformers.")
    } & FORMATS
    assert len(spoken) == 1
    others = {name for name in new if not name.startswith("lambda_responses.transformers.")}
    assert others <= {"lambda_responses.sealing.sealer", "lambda_responses.providers.aws_frames"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at what /proc tells of a process")
@pytest.mark.parametrize("initialization", ["on-demand", *sorted(UNHURRIED)])
def test_only_where_a_caller_waits_is_a_secret_asked_for_before_the_first_request(
    upstream: str, initialization: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as keeper:  # which never answers
        address = f"http://127.0.0.1:{keeper.getsockname()[1]}"
        secrets = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": address, "RESPONSES_SECRETS": "keys"}
        threads, connections = map(int, run(OPEN, upstream, initialization, **secrets).split())
    assert (threads, connections) == ((2, 1) if initialization == "on-demand" else (1, 0))


def test_nothing_is_named_twice() -> None:
    names = [*FOR_EVERY_MODEL, *FOR_SOME_MODELS, *FOR_TOOLS]
    assert len(names) == len(set(names))
