"""A server of ours that an operator has given servers of tools, and what clients of it say and get.

A test takes what it needs from here by name; the programs are started once for all tests that do.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fakes.events import stream
from tests.fakes.fixtures import KEY, reaching
from tests.fakes.formats.every import FORMATS
from tests.fakes.mcp_servers.serving import serving
from tests.fakes.server import WORKING, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.upstream import Upstream

Json = dict[str, Any]

TOOLS: Json = {"type": "mcp", "server_url": "mcp://tools", "require_approval": "never"}
"""The server `tools`, whose label is its name, and nobody has to approve of anything."""

WIRES = [name for name in FORMATS if name != "cohere"]
"""Formats in which everything about tools has to hold."""

WAYS = ["plain", "streamed", "background", "background, streamed"]
"""To ask for a response."""

EVERY = [
    pytest.param(
        name, way, marks=() if name == "chat" or way == WAYS[number % len(WAYS)] else pytest.mark.slow
    )
    for number, name in enumerate(WIRES)
    for way in WAYS
]
"""Each format and way: chat in every way, each other format in one, and the rest among the slow tests."""

RUN_SECONDS = 30.0


@pytest.fixture(scope="session")
def tools() -> Iterator[ToolServer]:
    """A server of tools without sessions, of the current SDK."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def tooled(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, tools: ToolServer
) -> Iterator[Server]:
    """A server whose operator has named those tools, and a server that does not answer: `gone`."""
    folder = tmp_path_factory.mktemp("tooled")
    named = {"tools": {"url": tools.url}, "gone": {"url": "http://127.0.0.1:1/mcp"}}
    running = tooled_server(folder, upstream, named).started()
    yield running
    running.stop()
    assert running.complaints == []
    assert KEY not in running.log


def tooled_server(folder: Path, upstream: Upstream, named: Mapping[str, Json], **settings: str) -> Server:
    """A server whose operator has named these servers of tools; `settings` are of its environment."""
    registry = folder / "mcp.json"
    registry.write_text(json.dumps({"mcpServers": named}))
    models_file = folder / "models.json"
    models_file.write_text(json.dumps({"prices": {"groq/*": {"input": 1.0, "output": 1.0}}}))
    environment = {
        **reaching(upstream),
        "RESPONSES_MCP_SERVERS": str(registry),
        "RESPONSES_MODELS": str(models_file),
        "RESPONSES_CHECK_STREAMS": "true",
        **WORKING,
        **settings,
    }
    return Server(folder, **environment)


@pytest.fixture
async def tooled_http(tooled: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server that takes every answer as it comes."""
    async with client_of(tooled) as http:
        yield http


def client_of(server: Server, key: str | None = None) -> httpx.AsyncClient:
    """A client of a server, maybe with a key."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(
        base_url=server.base_url, headers=headers, timeout=RUN_SECONDS, trust_env=False, verify=False
    )


async def made(http: httpx.AsyncClient, way: str, **body: Any) -> Json:
    """The response to that, however it is asked for: `plain`, `streamed`, in the `background`, or both."""
    match way:
        case "plain":
            answered = await http.post("/responses", json=body)
            assert answered.status_code == 200, answered.text
            return answered.json()
        case "streamed":
            return (await stream(http, **body))[-1]["response"]
        case "background, streamed":
            return (await stream(http, **body, background=True))[-1]["response"]
        case _:
            answered = await http.post("/responses", json={**body, "background": True})
            assert answered.status_code == 200, answered.text
            return await ended(http, answered.json()["id"])


async def ended(http: httpx.AsyncClient, response_id: str) -> Json:
    """The response when it has ended. It is asked for again and again, as clients do."""
    until = time.monotonic() + RUN_SECONDS
    while True:
        response = (await http.get(f"/responses/{response_id}")).json()
        if response["status"] not in ("queued", "in_progress"):
            return response
        assert time.monotonic() < until, response
        await asyncio.sleep(0.05)


def of_type(response: Json, *kinds: str) -> list[Json]:
    """The items of a response that are of these types."""
    return [item for item in response["output"] if item["type"] in kinds]


def without_ids(items: Sequence[Json]) -> list[Json]:
    """Items as they are alike however they were made: without ids, and arguments as values."""
    plain = [{name: value for name, value in item.items() if name != "id"} for item in items]
    return [
        {**item, "arguments": json.loads(item["arguments"])} if "arguments" in item else item
        for item in plain
    ]
