"""What speaks to servers of tools is imported by the first request that names one, and by no other."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.fakes.mcp_servers.serving import program
from tests.fakes.server import plain_environment

if TYPE_CHECKING:
    from pathlib import Path

SDK = ["httpx2", "mcp", "mcp_types"]
PROGRAM = """
    import asyncio, sys
    from lambda_responses import aresponses

    async def main(tools):
        answer = await aresponses(model="scripted/echo", input=TEXT, tools=tools)
        own = {name for name in sys.modules if name.startswith("lambda_responses.")}
        print([name for name in SDK if name in sys.modules])
        print(sorted(name for name in own if ".tools.servers" in name or ".server_tools" in name))
        print(answer.output[-1].content[0].text)

    asyncio.run(main(TOOLS))
"""


def imported(folder: Path, text: str, tools: list[dict[str, object]]) -> list[str]:
    """What a program that asks for this has imported: the SDK's packages, and our rooms for them."""
    command, *arguments = program()
    served = {"command": command, "args": [*arguments, str(folder / "notes"), "--transport", "stdio"]}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"tools": served}}))
    code = f"TEXT, TOOLS, SDK = {text!r}, {tools!r}, {SDK!r}\n" + textwrap.dedent(PROGRAM)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**plain_environment(), "RESPONSES_MCP_SERVERS": str(folder / "mcp.json")},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


FUNCTION: dict[str, object] = {"type": "function", "name": "look", "parameters": {"type": "object"}}
SERVER: dict[str, object] = {"type": "mcp", "server_url": "mcp://tools", "require_approval": "never"}


@pytest.mark.parametrize("tools", [[], [FUNCTION]], ids=["no tools", "a function"])
def test_a_request_without_servers_pays_nothing_for_them(
    tmp_path: Path, tools: list[dict[str, object]]
) -> None:
    sdk, own, _ = imported(tmp_path, "Hello", tools)
    assert (sdk, own) == ("[]", "[]")


def test_the_first_request_with_one_does(tmp_path: Path) -> None:
    text = '[[call:tools__add {"a": 1, "b": 2}]]'
    sdk, own, *said = imported(tmp_path, text, [SERVER])
    assert sdk == str(SDK)
    assert "lambda_responses.tools.servers.connections" in own
    assert said[0].endswith("3")
