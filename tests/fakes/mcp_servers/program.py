"""A server of tools with which much can go wrong, built with the official SDK: a program of its own.

It runs where `mcp` is of version 2 or of version 1, so it imports nothing of the project. What happens in it
goes to a file, as lines of JSON: `{"tool": …}` when a tool has begun, `{"rpc": …, "http": …}` for a request.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import secrets
import socket
from typing import Any

from pydantic import BaseModel

try:
    from mcp.server.mcpserver import Context, Image, MCPServer
    from mcp_types import ToolAnnotations

    SDK = 2
except ImportError:
    from mcp.server.fastmcp import Context, FastMCP, Image
    from mcp.types import ToolAnnotations

    MCPServer = FastMCP
    SDK = 1

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
READS = ToolAnnotations(readOnlyHint=True)
WRITES = ToolAnnotations(readOnlyHint=False, destructiveHint=True)
LARGE_IMAGE = 100_000
"""Bytes."""
HUGE_TEXT = 20_000_000


class Weather(BaseModel):
    """What `structured` returns."""

    city: str
    degrees: float


class Name(BaseModel):
    """What `elicit` asks for."""

    name: str


class Notes:
    """A file that outlives the program."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.path = path

    def add(self, **note: Any) -> None:
        """One line, at once."""
        os.write(self._file, (json.dumps(note) + "\n").encode())

    def count(self, **wanted: Any) -> int:
        """How many lines have all of that."""
        with open(self.path) as lines:
            notes = [json.loads(line) for line in lines]
        return sum(wanted.items() <= note.items() for note in notes)


class Server(MCPServer):
    """Lists its tools as they are now."""

    notes: Notes
    changing: bool = False

    async def list_tools(self) -> list[Any]:
        """With a description of `change` that no list had before."""
        listed = await super().list_tools()
        for tool in listed:
            if tool.name == "change" and self.changing:
                tool.description = f"Version {secrets.token_hex(4)}."
        return listed


def built(notes: Notes, *, changing: bool) -> Server:
    """The server with its tools."""
    server = Server("tools", log_level="CRITICAL")
    server.notes, server.changing = notes, changing
    for tool, hints in (*plain_tools(notes), *wrong_tools(notes)):
        server.add_tool(tool, annotations=hints)
    return server


def plain_tools(notes: Notes) -> list[tuple[Any, ToolAnnotations | None]]:
    """Those that do what they say."""

    def add(a: int, b: int) -> str:
        """Add two numbers."""
        notes.add(tool="add", a=a, b=b)
        return str(a + b)

    def count(by: str = "") -> str:
        """Count how often this was called."""
        notes.add(tool="count", by=by)
        return str(notes.count(tool="count"))

    async def sleep(ms: int) -> str:
        """Wait for some milliseconds."""
        notes.add(tool="sleep", ms=ms)
        await asyncio.sleep(ms / 1000)
        return f"slept {ms} ms"

    def image(large: bool = False) -> Image:
        """Draw a picture."""
        notes.add(tool="image")
        return Image(data=PIXEL + bytes(LARGE_IMAGE if large else 0), format="png")

    def structured(city: str) -> Weather:
        """Tell the weather of a city."""
        notes.add(tool="structured", city=city)
        return Weather(city=city, degrees=21.5)

    async def echo_headers(ctx: Context) -> str:
        """Say which headers the request had."""
        notes.add(tool="echo_headers")
        headers = ctx.headers if SDK == 2 else getattr(ctx.request_context.request, "headers", None)
        return json.dumps({name.lower(): value for name, value in (headers or {}).items()})

    def change() -> str:
        """Version 0."""
        notes.add(tool="change")
        return "changed"

    return [
        (add, READS),
        (count, WRITES),
        (sleep, READS),
        (image, READS),
        (structured, READS),
        (echo_headers, READS),
        (change, None),
    ]


def wrong_tools(notes: Notes) -> list[tuple[Any, ToolAnnotations | None]]:
    """Those with which something is wrong."""

    def fail(reason: str = "no reason") -> str:
        """Fail, and say why."""
        notes.add(tool="fail")
        raise ToolError(reason)

    def crash() -> str:
        """Take the whole server down."""
        notes.add(tool="crash")
        os._exit(3)

    def lie() -> str:
        """Only read, allegedly."""
        notes.add(tool="lie")
        return "written"

    def big(size: int = HUGE_TEXT) -> str:
        """Return a very long text."""
        notes.add(tool="big", size=size)
        return "x" * size

    async def hang() -> str:
        """Never answer."""
        notes.add(tool="hang")
        await asyncio.Event().wait()
        return "never"

    async def elicit(ctx: Context) -> Any:
        """Ask the user for a name."""
        notes.add(tool="elicit")
        return await asked(ctx)

    return [
        (fail, None),
        (crash, WRITES),
        (lie, READS),
        (big, READS),
        (hang, READS),
        (elicit, None),
    ]


if SDK == 2:
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    async def asked(ctx: Context) -> Any:
        """The user's answer, in the words of whichever protocol the client speaks."""
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            schema = Name.model_json_schema()
            question = ElicitRequestFormParams(message="Your name?", requested_schema=schema)
            return InputRequiredResult(input_requests={"name": ElicitRequest(params=question)})
        return str(await ctx.elicit("Your name?", Name))

else:
    from mcp.server.fastmcp.exceptions import ToolError

    async def asked(ctx: Context) -> Any:
        """The user's answer."""
        return str(await ctx.elicit("Your name?", Name))


class Door:
    """Notes every request, and lets in whoever shows the token."""

    def __init__(self, app: Any, notes: Notes, token: str | None) -> None:
        self._app = app
        self._notes = notes
        self._token = token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        if self._token and sent.get("authorization") != f"Bearer {self._token}":
            self._notes.add(http=scope["method"], refused=True)
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send(
                {"type": "http.response.body", "body": b"who is " + sent.get("authorization", "").encode()}
            )
            return

        async def noting() -> Any:
            message = await receive()
            with contextlib.suppress(ValueError, AttributeError, KeyError):
                self._notes.add(http=scope["method"], rpc=json.loads(message["body"])["method"])
            return message

        if scope["method"] != "POST":
            self._notes.add(http=scope["method"], rpc=None)
        await self._app(scope, noting, send)


def application(server: Server, transport: str) -> Any:
    """The server for HTTP."""
    if transport == "sse":
        return server.sse_app()
    if SDK == 2:
        return server.streamable_http_app(stateless_http=transport == "stateless")
    server.settings.stateless_http = transport == "stateless"
    return server.streamable_http_app()


def main() -> None:
    """Serve until the process is ended."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("notes")
    arguments.add_argument(
        "--transport", choices=("stateless", "session", "sse", "stdio"), default="stateless"
    )
    arguments.add_argument("--token")
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--changing", action="store_true")
    chosen = arguments.parse_args()
    notes = Notes(chosen.notes)
    server = built(notes, changing=chosen.changing)
    if chosen.transport == "stdio":
        server.run("stdio")
        return
    import uvicorn

    app = Door(application(server, chosen.transport), notes, chosen.token)
    # Only of a socket that says that it is TCP does the event loop send what it has without waiting for more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", chosen.port))
    listener.listen(128)
    path = "/sse" if chosen.transport == "sse" else "/mcp"
    print(f"http://127.0.0.1:{listener.getsockname()[1]}{path}", flush=True)
    config = uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=0)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
