"""`python -m lambda_responses mcp list [name]`: the operator's look at MCP servers that requests may name.

With a name, the server is asked for its tools. What is printed of each is what `pins` in the file of servers
holds: where a tool does not come to its pin any more, it is offered to nobody until somebody has looked.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.runtime.runtime import Runtime
from lambda_responses.runtime.settings import local_environment

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.tools.servers.registry import NamedServer
    from lambda_responses.tools.servers.server import ListedTool

DONE, FAILED = 0, 1
"""Exit statuses."""
LONGEST_SUMMARY = 60
"""Characters of a description that have a place beside the pin."""


def add_server_commands(parser: ArgumentParser) -> None:
    """Say which arguments the commands take."""
    commands = parser.add_subparsers(dest="verb", required=True)
    listing = commands.add_parser("list", help="list the servers, or the tools of one with their pins")
    listing.add_argument("name", nargs="?", help="the server whose tools to list")
    listing.add_argument("--json", action="store_true", help="the tools as JSON, ready to be its `pins`")


def run_server_command(arguments: Namespace, environment: Mapping[str, str]) -> int:
    """Run one of them; the exit status. Raises `SettingsError` for an environment that cannot be used."""
    try:
        status = asyncio.run(_run(arguments, Runtime(local_environment(environment))))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return status


async def _run(arguments: Namespace, runtime: Runtime) -> int:
    try:
        registry = runtime.services.mcp_servers
        if arguments.name is None:
            return _list(registry.servers)
        server = registry.named(arguments.name)
        if server is None:
            _say("There is no MCP server of that name. RESPONSES_MCP_SERVERS says which there are.")
            return FAILED
        return await _list_tools(server, runtime.services, as_json=arguments.json)
    finally:
        await runtime.aclose()


def _list(servers: Sequence[NamedServer]) -> int:
    from lambda_responses.tools.servers.server import Http

    if not servers:
        _say("There are no MCP servers. RESPONSES_MCP_SERVERS names the file that says which there are.")
    width = max((len(server.name) for server in servers), default=0)
    for server in servers:
        where = server.where.url.partition("?")[0] if isinstance(server.where, Http) else server.where.command
        print(f"{server.name.ljust(width)}  {where}")
    return DONE


async def _list_tools(named: NamedServer, using: Services, *, as_json: bool) -> int:
    from lambda_responses.tools.catalog import usable
    from lambda_responses.tools.servers.connections import Connections
    from lambda_responses.tools.servers.listing import presentable
    from lambda_responses.tools.servers.server import ServerFault
    from lambda_responses.tools.tool_text import pin_of

    server = named.as_server()
    try:
        async with Connections(using.outbound) as connections:
            tools = await connections.list_tools(server)
    except ServerFault as fault:
        _say(f"The server does not tell its tools: {fault.message}")
        return FAILED
    tools, _ = usable(replace(server, pins=None), presentable(server, tools)[0])
    pins = {tool.name: pin_of(tool) for tool in tools}
    if as_json:
        print(json.dumps(pins, indent=2))
        return DONE
    width = max((len(_printable(name)) for name in pins), default=0)
    for tool in tools:
        print(f"{pins[tool.name]}  {_printable(tool.name).ljust(width)}  {_summary(tool)}".rstrip())
    return DONE


def _summary(tool: ListedTool) -> str:
    """As much of a description as fits on a line."""
    text = _printable(" ".join((tool.description or "").split()))
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"


def _printable(text: str) -> str:
    """What a server says, without what does more on a terminal than to be read."""
    return "".join(character for character in text if character.isprintable())


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
