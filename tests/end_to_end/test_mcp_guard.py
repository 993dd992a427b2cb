"""Addresses of MCP servers that a client names: none leads where the operator did not say that it may."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.closed_addresses import LOOPBACK, PORTS, PRIVATE, SCHEMES
from tests.fakes.formats.every import CHAT
from tests.fakes.plans import Plan
from tests.fakes.tooled import client_of, made, of_type, tooled_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

AT_ONCE = 8


class Listener:
    """A port on loopback that notes who calls, and says what it was given to say."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.says = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def redirect(self, address: str, status: int = 307) -> None:
        self.says = f"HTTP/1.1 {status} X\r\nlocation: {address}\r\ncontent-length: 0\r\n\r\n".encode()

    def close(self) -> None:
        with closing(socket.create_connection(("127.0.0.1", self.port))):
            self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                try:
                    self.heard.append(caller.recv(65536))
                    caller.sendall(self.says)
                except OSError:
                    pass


@pytest.fixture(scope="module")
def closed() -> Iterator[Listener]:
    """Where nobody may call."""
    with closing(Listener()) as listener:
        yield listener


@pytest.fixture(scope="module")
def opened() -> Iterator[Listener]:
    """Where the operator lets clients call."""
    with closing(Listener()) as listener:
        yield listener


@pytest.fixture(scope="module")
async def guarded(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, tools: ToolServer, opened: Listener
) -> AsyncIterator[httpx.AsyncClient]:
    """A server that lets clients name servers of tools, and opens two places on this machine to them."""
    _, _, at = tools.url.partition("//")
    server = tooled_server(
        tmp_path_factory.mktemp("guarded"),
        upstream,
        {
            "turning": {"url": f"http://127.0.0.1:{opened.port}/named"},
            "granted": {
                "url": tools.url,
                "auth": {
                    "type": "oauth_client_credentials",
                    "token_url": f"http://127.0.0.1:{opened.port}/token",
                    "client_id": "us",
                    "client_secret": "s3cret",
                },
            },
        },
        RESPONSES_OUTBOUND_ALLOW=f"{at.partition('/')[0]},127.0.0.1:{opened.port}",
        RESPONSES_WORKERS="0",
    )
    with server:
        async with client_of(server) as http:
            yield http
    assert server.complaints == []


def asking(plan: Plan, upstream: Upstream, url: str, **more: Any) -> Json:
    tool = {"type": "mcp", "server_label": "it", "server_url": url, "require_approval": "never", **more}
    return {"model": plan.served(upstream), "input": "Do it", "tools": [tool]}


def variants() -> Iterator[str]:
    for url in (*LOOPBACK, *PRIVATE, *PORTS, *SCHEMES):
        yield url
        if url.lower().startswith("http:"):
            yield f"https:{url[5:]}"


async def test_no_closed_address_is_called_however_it_is_written(
    guarded: httpx.AsyncClient, upstream: Upstream, closed: Listener
):
    plan = Plan("chat", CHAT, ("Hello",))
    limit = asyncio.Semaphore(AT_ONCE)
    let_through: dict[str, Any] = {}

    async def ask(url: str) -> None:
        async with limit:
            answered = await guarded.post("/responses", json=asking(plan, upstream, url))
        error = answered.json().get("error") or {}
        if answered.status_code not in (400, 424) or not error:
            let_through[url] = answered.text

    await asyncio.gather(*(ask(url.replace("{port}", str(closed.port))) for url in variants()))
    assert let_through == {}
    assert closed.heard == []
    assert plan.exchanges == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("url", ["http://127.0.0.1:{opened}/mcp", "mcp://turning", "mcp://granted"])
async def test_no_redirect_leads_to_another_place(
    guarded: httpx.AsyncClient, upstream: Upstream, opened: Listener, closed: Listener, url: str, status: int
):
    plan = Plan("chat", CHAT, ("Hello",))
    opened.redirect(f"http://127.0.0.1:{closed.port}/mcp", status)
    body = asking(plan, upstream, url.replace("{opened}", str(opened.port)), authorization="s3cret")
    if url.startswith("mcp:"):
        del body["tools"][0]["authorization"]
    before = len(opened.heard)
    answered = await guarded.post("/responses", json=body)
    assert answered.status_code == 424, answered.text
    assert len(opened.heard) > before
    assert closed.heard == []
    assert plan.exchanges == []


async def test_an_address_that_the_operator_opened_is_called(
    guarded: httpx.AsyncClient, upstream: Upstream, tools: ToolServer
):
    plan = Plan("chat", CHAT, ([("it__add", {"a": 1, "b": 2})], "So."))
    response = await made(guarded, "streamed", **asking(plan, upstream, tools.url))
    assert [call["output"] for call in of_type(response, "mcp_call")] == ["3"]


async def test_what_a_client_says_of_a_server_is_told_again_without_its_secrets(
    guarded: httpx.AsyncClient, upstream: Upstream, tools: ToolServer
):
    plan = Plan("chat", CHAT, ([("it__echo_headers", {})], "So."))
    secret = {"authorization": "Bearer tr1-s3cret", "headers": {"x-team": "tr1-team"}}
    response = await made(guarded, "plain", **asking(plan, upstream, tools.url, **secret))
    assert "tr1-" not in json.dumps(response["tools"])
    assert response["tools"][0]["server_url"] == tools.url
    stored = (await guarded.get(f"/responses/{response['id']}")).json()
    assert stored == response
