"""Let the model call tools of an MCP server. It is named once, and run here: this program with `serve`."""

import json
import os
import sys
import tempfile
from pathlib import Path

from lambda_responses import configure, responses

MODEL = os.environ.get("MODEL", "scripted/echo")


def serve() -> None:
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("dice", log_level="ERROR")

    @server.tool()
    def roll(sides: int) -> str:
        """Roll a die with so many sides."""
        return f"{sides // 2} of {sides}"

    server.run("stdio")


def ask() -> None:
    with tempfile.TemporaryDirectory() as folder:
        servers = Path(folder, "mcp.json")
        dice = {"command": sys.executable, "args": [__file__, "serve"]}
        servers.write_text(json.dumps({"mcpServers": {"dice": dice}}))
        configure({"RESPONSES_MCP_SERVERS": str(servers)})

        answer = responses(
            model=MODEL,
            input='Roll two dice. [[call:dice__roll {"sides": 6}]] [[call:dice__roll {"sides": 20}]]',
            tools=[{"type": "mcp", "server_url": "litellm_proxy", "require_approval": "never"}],
        )
        for item in answer.output:
            if item.type == "mcp_call":
                print(f"{item.server_label}: {item.name}({item.arguments}) = {item.output}")
        print(answer.output_text)


if sys.argv[1:] == ["serve"]:
    serve()
else:
    ask()
