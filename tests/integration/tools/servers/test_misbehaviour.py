"""Servers that do not keep to the protocol: what they do is a fault or a failed call, told in our words."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mcp_types import HEADER_MISMATCH

from lambda_responses.tools.servers.connections import Connections
from lambda_responses.tools.servers.server import Http, Server, ServerFault
from tests.fakes.closed_addresses import LOOPBACK, PORTS, PRIVATE, SCHEMES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lambda_responses.tools.servers.server import ToolList
    from lambda_responses.wire.tool_outcomes import Outcome

    Answer = Callable[[dict[str, Any]], bytes | None]
    """From a JSON-RPC message to bytes on the wire; None says nothing and stays."""

pytestmark = pytest.mark.anyio

CANARY = "canary-77aa88bb"
TOOL = {"name": "add", "inputSchema": {"type": "object"}}
CACHED = {"resultType": "complete", "ttlMs": 90_000, "cacheScope": "private"}


def http(body: bytes, *, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def result(message: dict[str, Any], **members: Any) -> bytes:
    return http(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": members}).encode())


def error(message: dict[str, Any], code: int, text: str, status: int = 200) -> bytes:
    told = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": text}}
    return http(json.dumps(told).encode(), status=status)


def modern(**answers: Answer) -> Answer:
    """A server that says what it speaks, lists one tool, and answers calls of it as it is told."""

    def answer(message: dict[str, Any]) -> bytes | None:
        method = message["method"].replace("/", "_")
        if method in answers:
            return answers[method](message)
        if method == "server_discover":
            versions = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
            return result(message, **versions, **CACHED)
        if method == "tools_list":
            return result(message, tools=[TOOL], **CACHED)
        return error(message, -32_601, "no such method", 404)

    return answer


class Asked(list[str]):
    """The methods that a server was asked, and where it is."""

    url = ""


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[Asked]:
    asked = Asked()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((line for line in head.lower().splitlines() if "content-length" in line), ":0")
                body = await reader.readexactly(int(length.split(":")[1]))
                message = json.loads(body) if body else {"method": head.split()[0], "id": 0}
                asked.append(message["method"])
                message["head"] = head.lower()
                told = answer(message)
                if told is not None:
                    writer.write(told)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(converse, "127.0.0.1", 0)
    asked.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/mcp"
    try:
        yield asked
    finally:
        listener.close()


def server_at(url: str, **more: Any) -> Server:
    more = {"call_seconds": 2.0, "list_seconds": 2.0, **more}
    return Server("x", Http(url), operators=True, headers={"authorization": f"Bearer {CANARY}"}, **more)


async def listed(answer: Answer, **more: Any) -> ToolList:
    async with answering(answer) as asked, Connections() as connections:
        return await connections.list_tools(server_at(asked.url, **more))


async def called(answer: Answer, **more: Any) -> Outcome:
    async with answering(answer) as asked, Connections() as connections:
        return await connections.call(server_at(asked.url, **more), "add", {})


ODD_LISTS: dict[str, Answer] = {
    "a page for people": lambda _: http(b"<html>hello</html>", kind="text/html"),
    "no JSON": lambda _: http(b"{nothing"),
    "JSON of something else": lambda _: http(b'{"tools": []}'),
    "a result of something else": lambda message: result(message, weather="fine"),
    "nothing at all": lambda _: http(b""),
    "no HTTP": lambda _: b"SSH-2.0-OpenSSH\r\n\r\n",
    "a stream without events": lambda _: http(b": hello\n\n", kind="text/event-stream"),
    "an answer to somebody else": lambda _: http(b'{"jsonrpc":"2.0","id":"other","result":{}}'),
    "silence": lambda _: None,
    "half an answer": lambda _: http(b'{"jsonrpc":')[:-4],
}


@pytest.mark.parametrize("odd", ODD_LISTS)
async def test_a_server_that_makes_no_sense_is_a_fault_in_time(odd: str) -> None:
    start = time.monotonic()
    with pytest.raises(ServerFault) as fault:
        await listed(ODD_LISTS[odd], list_seconds=1.0)
    assert fault.value.message.endswith(".")
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("odd", ODD_LISTS)
async def test_a_call_that_is_answered_with_nonsense_is_a_failed_one(odd: str) -> None:
    outcome = await called(modern(tools_call=ODD_LISTS[odd]), call_seconds=1.0)
    assert outcome.failed
    assert outcome.error is not None
    assert outcome.error["type"] == "mcp_protocol_error"


@pytest.mark.parametrize(
    ("status", "words"), [(403, "403 (Forbidden)"), (500, "500 (Internal Server Error)"), (599, "599")]
)
async def test_a_status_is_told_as_the_api_tells_it(status: int, words: str) -> None:
    def refuse(_: dict[str, Any]) -> bytes:
        return http(f"no, {CANARY}".encode(), status=status, kind="text/plain")

    with pytest.raises(ServerFault) as fault:
        await listed(refuse)
    assert (fault.value.message, fault.value.status) == (f"Http status code: {words}", status)
    outcome = await called(modern(tools_call=refuse))
    unsure = ". The call may have run." if status >= 500 else ""
    message = f"Http status code: {words}{unsure}"
    assert outcome.error == {"type": "http_error", "code": status, "message": message}


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_an_error_of_the_protocol_is_the_servers_own_without_secrets(status: int) -> None:
    outcome = await called(
        modern(tools_call=lambda message: error(message, -32_602, f"{CANARY} is odd", status))
    )
    assert outcome.error == {"type": "mcp_protocol_error", "code": -32_602, "message": "[redacted] is odd"}


async def test_an_error_is_not_as_long_as_a_server_likes() -> None:
    outcome = await called(modern(tools_call=lambda message: error(message, -32_602, "x" * 100_000)))
    assert outcome.error is not None
    assert len(outcome.error["message"]) == 2_048


async def test_all_pages_of_a_list_are_read() -> None:
    def page(message: dict[str, Any]) -> bytes:
        number = int(message["params"].get("cursor", 0))
        cursor = {"nextCursor": str(number + 1)} if number < 2 else {}
        return result(message, tools=[{**TOOL, "name": f"t{number}"}], **CACHED, **cursor)

    tools = await listed(modern(tools_list=page))
    assert [tool.name for tool in tools] == ["t0", "t1", "t2"]
    assert tools.ttl == 90


async def test_a_list_without_an_end_has_one_here() -> None:
    def page(message: dict[str, Any]) -> bytes:
        return result(message, tools=[TOOL], nextCursor="again", **CACHED)

    assert len(await listed(modern(tools_list=page), list_seconds=10)) == 100


async def test_a_call_is_made_once_whatever_is_answered() -> None:
    for odd in ODD_LISTS.values():
        async with answering(modern(tools_call=odd)) as asked, Connections() as connections:
            await connections.call(server_at(asked.url, call_seconds=0.5), "add", {})
        assert asked.count("tools/call") == 1


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:{port}/mcp", "http://localhost:{port}/mcp", "https://a.example/"]
)
async def test_a_redirect_to_another_origin_is_not_followed(place: str) -> None:
    def unseen(_: dict[str, Any]) -> bytes:
        raise AssertionError("nobody was to come here")

    async with answering(unseen) as other:
        location = place.format(port=other.url.split(":")[2].split("/")[0])
        onward = modern(tools_call=lambda _: http(b"", status=307, location=location))
        outcome = await called(onward)
    assert outcome.failed
    assert other == []


async def test_a_connection_that_does_not_open_is_not_waited_for_again() -> None:
    silences = [True]
    answer = modern()

    def silent_at_first(message: dict[str, Any]) -> bytes | None:
        return None if silences and silences.pop() else answer(message)

    async with answering(silent_at_first) as asked, Connections() as connections:
        with pytest.raises(ServerFault, match=r"within 0\.5 seconds"):
            await connections.list_tools(server_at(asked.url, list_seconds=0.5))
        assert len(await connections.list_tools(server_at(asked.url))) == 1


async def test_arguments_that_belong_into_headers_get_there_with_a_second_try() -> None:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}

    def lists(message: dict[str, Any]) -> bytes:
        return result(message, tools=[{**TOOL, "inputSchema": schema}], **CACHED)

    def calls(message: dict[str, Any]) -> bytes:
        if "mcp-param-region: eu" not in message["head"]:
            return error(message, HEADER_MISMATCH, "no region", 400)
        return result(message, content=[{"type": "text", "text": "there"}], resultType="complete")

    async with answering(modern(tools_list=lists, tools_call=calls)) as asked, Connections() as connections:
        for _ in range(2):
            outcome = await connections.call(server_at(asked.url), "add", {"region": "eu"})
            assert outcome.output == "there"
    assert asked[1:] == ["tools/call", "tools/list", "tools/call", "tools/call"]


async def test_a_redirect_within_the_origin_is_followed() -> None:
    places = iter(("/elsewhere", None))

    def call(message: dict[str, Any]) -> bytes:
        place = next(places)
        if place is not None:
            return http(b"", status=307, location=place)
        return result(message, content=[{"type": "text", "text": "there"}], resultType="complete")

    assert (await called(modern(tools_call=call))).output == "there"


@pytest.mark.parametrize("url", [*LOOPBACK, *PRIVATE, *PORTS, *SCHEMES])
async def test_a_closed_address_is_refused_before_anything_is_sent(url: str) -> None:
    async with answering(lambda _: b"") as asked, Connections() as connections:
        port = asked.url.split(":")[2].split("/")[0]
        server = Server("x", Http(url.format(port=port)))
        with pytest.raises(ServerFault, match="cannot be reached"):
            await connections.list_tools(server)
    assert asked == []


@pytest.mark.parametrize("silent", ["DELETE", "GET"])
async def test_a_server_that_does_not_say_goodbye_is_not_waited_for(silent: str) -> None:
    """Three of them take no longer than one."""
    about = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}

    def session(message: dict[str, Any]) -> bytes | None:
        match message["method"]:
            case "initialize":
                made = {**about, "serverInfo": {"name": "x", "version": "1"}}
                told = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": made}).encode()
                return http(told, mcp_session_id="1")
            case "tools/list":
                return result(message, tools=[TOOL])
            case "DELETE" | "GET" if message["method"] == silent:
                return None
            case "DELETE" | "GET":
                return http(b"", status=405)
            case method if method.startswith("notifications/"):
                return http(b"", status=202)
            case _:
                return error(message, -32_601, "no such method")

    before = asyncio.all_tasks()
    async with answering(session) as asked:
        async with Connections() as connections:
            for number in range(3):
                server = server_at(f"{asked.url}/{number}")
                assert len(await connections.list_tools(server)) == 1
            start = time.monotonic()
        assert time.monotonic() - start < 3.5
        assert asked.count("DELETE") == 3
        assert len(asyncio.all_tasks() - before) <= len(asked)  # the servers' own
