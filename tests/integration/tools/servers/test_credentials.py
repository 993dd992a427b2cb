"""This server proves to others who it is: with tokens that it asks for, and with signatures of AWS."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from lambda_responses.tools.servers import credentials
from lambda_responses.tools.servers.connections import Connections
from lambda_responses.tools.servers.server import ClientCredentials, Http, Server, ServerFault, SigV4
from tests.fakes.mcp_servers.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

SECRET = "canary/7d6e+5f4a"
RIGHT = "let-me-in-please"


@dataclass
class Issuer:
    """A token endpoint."""

    answers: list[Any]
    url: str = ""
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list[Any])
    """Of each request, the `Authorization` header and the form."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        exact = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        proof = next((value for name, value in exact.items() if name.lower() == "authorization"), "")
        self.asked.append((proof, parse_qs(body)))
        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, content = told if isinstance(told, tuple) else (200, told)
        data = json.dumps(content).encode()
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)
        writer.close()


@asynccontextmanager
async def issuing(*answers: Any) -> AsyncIterator[Issuer]:
    issuer = Issuer(list(answers))
    listener = await asyncio.start_server(issuer.answer, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/token"
    async with listener:
        yield issuer


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_tokens", {})


def server_of(url: str, issuer: Issuer, **more: Any) -> Server:
    auth = ClientCredentials(issuer.url, "us:", SECRET, **more)
    return Server("tools", Http(url), operators=True, auth=auth)


async def test_a_token_is_asked_for_once_and_shown() -> None:
    async with issuing({"access_token": RIGHT, "expires_in": 3600}) as issuer:
        with serving(token=RIGHT) as tools:
            server = server_of(tools.url, issuer, scope="tools:call", resource="https://tools.example")
            for _ in range(2):
                async with Connections() as connections:
                    called = [connections.call(server, "add", {"a": 1, "b": each}) for each in range(3)]
                    assert [outcome.output for outcome in await asyncio.gather(*called)] == ["1", "2", "3"]
    [(proof, form)] = issuer.asked
    assert b64decode(proof.removeprefix("Basic ")).decode() == "us%3A:canary%2F7d6e%2B5f4a"
    assert form == {
        "grant_type": ["client_credentials"],
        "scope": ["tools:call"],
        "resource": ["https://tools.example"],
    }


async def test_a_secret_may_be_sent_in_the_form() -> None:
    async with issuing({"access_token": RIGHT}) as issuer:
        with serving(token=RIGHT) as tools:
            async with Connections() as connections:
                await connections.list_tools(server_of(tools.url, issuer, in_body=True))
    [(proof, form)] = issuer.asked
    assert proof == ""
    assert (form["client_id"], form["client_secret"]) == (["us:"], [SECRET])


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    stale = {"access_token": "no-longer-good", "expires_in": 3600}
    async with issuing(stale, {"access_token": RIGHT, "expires_in": 3600}) as issuer:
        with serving(token=RIGHT) as tools:
            async with Connections() as connections:
                assert await connections.list_tools(server_of(tools.url, issuer))
    assert len(issuer.asked) == 2


async def test_a_token_near_its_end_is_not_shown_again() -> None:
    async with issuing({"access_token": RIGHT, "expires_in": 30}) as issuer:
        with serving(token=RIGHT) as tools:
            async with Connections() as connections:
                await connections.call(server_of(tools.url, issuer), "add", {"a": 1, "b": 1})
    assert len(issuer.asked) >= 2


@pytest.mark.parametrize(
    "answer", [(401, {"error": "invalid_client", "hint": SECRET}), {"token_type": "Bearer"}, ["x"], 7]
)
async def test_without_a_token_nothing_is_asked(answer: Any) -> None:
    async with issuing(answer) as issuer:
        with serving() as tools:
            async with Connections() as connections:
                with pytest.raises(ServerFault) as fault:
                    await connections.list_tools(server_of(tools.url, issuer))
            assert tools.notes == []
    assert fault.value.message == "No token for the server could be had."


async def test_requests_are_signed_with_credentials_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-token")
    with serving() as tools:
        server = Server(
            "tools", Http(tools.url), operators=True, auth=SigV4("bedrock-agentcore", "eu-west-1")
        )
        async with Connections() as connections:
            told = json.loads((await connections.call(server, "echo_headers", {})).output or "")
    assert told["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/bedrock-agentcore/aws4_request, SignedHeaders=" in told["authorization"]
    assert told["x-amz-security-token"] == "[redacted]"
