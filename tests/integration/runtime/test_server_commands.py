"""What an operator sees of servers of tools, at a terminal and in a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import plain_environment

if TYPE_CHECKING:
    from pathlib import Path

SERVE = """
import json, sys
schema = {"type": "object"}
names = ["roll", "roll", "hid\\u200bden", "cheat"]
about = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
for line in sys.stdin:
    asked = json.loads(line)
    match asked["method"]:
        case "initialize":
            told = {"result": {**about, "serverInfo": {"name": "x", "version": "1"}}}
        case "tools/list":
            told = {"result": {"tools": [{"name": name, "inputSchema": schema} for name in names]}}
        case _:
            told = {"error": {"code": -32601, "message": "no"}}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **told}), flush=True)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    entry = {"command": sys.executable, "args": ["-c", SERVE], "allowed_tools": ["roll", "hid\u200bden"]}
    servers = tmp_path / "servers.json"
    servers.write_text(json.dumps({"mcpServers": {"dice": entry}}))
    more = {"RESPONSES_MCP_SERVERS": str(servers), "DATA_DIR": str(tmp_path)}
    return {**plain_environment(), **more}


def listing(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "lambda_responses", "mcp", "list", *arguments]


def test_only_what_may_be_offered_is_pinned(environment: dict[str, str]):
    told = subprocess.run(
        listing("dice", "--json"), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert list(json.loads(told.stdout)) == ["roll"]


@pytest.mark.parametrize("name", [(), ("dice",)])
def test_whoever_has_read_enough_may_leave(environment: dict[str, str], name: tuple[str, ...]):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        told = subprocess.run(
            listing(*name), env=environment, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
        )
    finally:
        os.close(writing)
    assert (told.returncode, told.stderr) == (0, b"")
