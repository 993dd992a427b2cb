"""Servers that an operator names: what is printed of them, and which keys open them, now and later."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fakes.mcp_servers.serving import serving
from tests.fakes.server import WORKING, Server, plain_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fakes.mcp_servers.serving import ToolServer

pytestmark = pytest.mark.slow

Json = dict[str, Any]

TOKEN = "canary-of-the-dice-0123456789"
SERVER = {"auth": {"type": "bearer", "token": "${DICE_TOKEN}"}, "require_approval": "never"}


@pytest.fixture(scope="module")
def tools() -> Iterator[ToolServer]:
    with serving(token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rights")


@pytest.fixture(scope="module")
def settings(folder: Path, tools: ToolServer) -> dict[str, str]:
    file = folder / "servers.json"
    named = {name: {"url": tools.url, **SERVER} for name in ("dice", "wiki")}
    file.write_text(json.dumps({"mcpServers": named}))
    return {"RESPONSES_MCP_SERVERS": str(file), "DICE_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def command(folder: Path, settings: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`python -m lambda_responses`, beside the server."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**plain_environment(), "DATA_DIR": str(folder), **settings, **more}
        line = [sys.executable, "-m", "lambda_responses", *arguments]
        return subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def server(folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    running = Server(folder, RESPONSES_AUTH="keys", **WORKING, **settings).started()
    yield running
    running.stop()
    assert running.complaints == []
    assert TOKEN not in running.log


@pytest.fixture
def ask(
    server: Server, command: Callable[..., subprocess.CompletedProcess[str]]
) -> Callable[..., httpx.Response]:
    """Ask for a response that calls `count` of `dice`, with a new key that was made with those options."""

    def ask(*options: str, tool: Json, **body: Any) -> httpx.Response:
        key = command("keys", "create", *options).stdout.strip()
        with httpx.Client(trust_env=False, headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
            asked = {"model": "scripted/echo", "input": "[[call:dice__count]]", **body}
            asked["tools"] = [{"type": "mcp", **tool}]
            made = client.post(f"{server.base_url}/responses", json=asked)
            while made.json().get("status") in ("queued", "in_progress"):
                time.sleep(0.05)  # between two looks at what another process does
                made = client.get(f"{server.base_url}/responses/{made.json()['id']}")
            return made

    return ask


def outputs(made: httpx.Response, kind: str) -> list[Json]:
    return [item for item in made.json()["output"] if item["type"] == kind]


def test_the_servers_are_listed_without_their_secrets(command: Any, tools: ToolServer):
    listed = command("mcp", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines() == [f"dice  {tools.url}", f"wiki  {tools.url}"]


def test_the_tools_of_a_server_are_listed_by_what_to_pin_them(command: Any):
    lines = command("mcp", "list", "dice").stdout.splitlines()
    pins = json.loads(command("mcp", "list", "dice", "--json").stdout)
    assert [line.split()[:2] for line in lines] == [[pin, name] for name, pin in pins.items()]
    assert all(re.fullmatch("[0-9a-f]{64}", pin) for pin in pins.values())
    assert lines[0].endswith("Add two numbers.")


@pytest.mark.parametrize(
    ("arguments", "more", "said"),
    [
        (["nobody"], {}, "There is no MCP server of that name."),
        (["dice"], {"DICE_TOKEN": "wrong"}, "The server does not tell its tools: Http status code: 401"),
    ],
)
def test_what_cannot_be_listed_is_said_in_a_sentence(command: Any, arguments: Any, more: Any, said: str):
    done = command("mcp", "list", *arguments, **more)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("url", ["mcp://dice", "litellm_proxy"])
def test_a_key_calls_what_it_was_made_for(ask: Any, tools: ToolServer, url: str, background: bool):
    before = tools.counts["count"]
    made = ask("--mcp-servers", "dice/count", tool={"server_url": url}, background=background)
    [listed] = outputs(made, "mcp_list_tools")
    assert (listed["server_label"], [tool["name"] for tool in listed["tools"]]) == ("dice", ["count"])
    [call] = outputs(made, "mcp_call")
    assert (call["name"], call["status"], call["error"]) == ("count", "completed", None)
    assert tools.counts["count"] == before + 1


@pytest.mark.parametrize(
    ("options", "tool", "param"),
    [
        (["--mcp-servers", "wiki"], {"server_url": "mcp://dice"}, "server_url"),
        (["--mcp-servers", ""], {"server_url": "litellm_proxy"}, "server_url"),
        (["--mcp-servers", "dice"], {"server_url": "litellm_proxy/mcp/dice,wiki"}, "server_url"),
        ([], {"server_url": "mcp://dice", "authorization": "mine"}, "authorization"),
        ([], {"server_label": "d", "server_url": "https://dice.example/mcp"}, "server_url"),
        (["--mcp-urls"], {"server_label": "d", "server_url": "http://127.0.0.1:1/"}, "server_url"),
    ],
)
@pytest.mark.parametrize("background", [False, True])
def test_what_a_key_was_not_made_for_is_refused_at_once(
    ask: Any, tools: ToolServer, options: Any, tool: Json, param: str, background: bool
):
    before = len(tools.asked)
    made = ask(*options, tool=tool, background=background)
    error = made.json()["error"]
    assert (made.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["param"] == f"tools[0].{param}"
    assert len(tools.asked) == before


def test_a_key_for_any_address_is_heard_out(ask: Any):
    """Nobody has that name: what is tried is told, and the response has failed for it."""
    tool = {"server_label": "d", "server_url": "https://dice.invalid/mcp"}
    made = ask("--mcp-urls", tool=tool)
    assert (made.status_code, made.json()["error"]["type"]) == (424, "external_connector_error")
