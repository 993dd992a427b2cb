"""What servers of tools are asked, in the words of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from mcp import MCPError
from mcp_types import (
    HEADER_MISMATCH,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    CallToolRequest,
    CallToolRequestParams,
)
from pydantic import TypeAdapter, ValidationError

from lambda_responses.tools.servers import faults
from lambda_responses.tools.servers.links import NotOpened
from lambda_responses.tools.servers.server import ListedTool, ToolList

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp import Client
    from mcp_types import Tool

    from lambda_responses.tools.servers.faults import Failure
    from lambda_responses.tools.servers.transport import Exchange
    from lambda_responses.wire.json import Json

MOST_PAGES = 100
"""Of one list."""
MOST_TOOLS = 1_000
"""The same; nobody means to offer more, and each is work for all who share this process."""
SESSION_GONE = 404
"""The status of a request for a session that its server has forgotten:
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management"""
NOT_HEARD = frozenset((400, 404, 405))
"""Statuses of requests in words that a server does not know."""
NOT_KNOWN = frozenset((METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION))
"""The same in the protocol."""
_RESULT: TypeAdapter[Json] = TypeAdapter(dict[str, Any])


class TooMuch(Exception):
    """What a server says in several answers is more than it may say."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


async def tools_of(client: Client, largest: int) -> ToolList:
    """All tools, of all pages, which together may take so many bytes. Raises `TooMuch`."""
    tools: list[ListedTool] = []
    lifetimes: list[int] = []
    weight = 0
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        if len(tools) + len(page.tools) > MOST_TOOLS:
            raise TooMuch(faults.TOO_MANY_TOOLS)
        weight += sum(len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in page.tools)
        if weight > largest:
            raise TooMuch(faults.too_large(largest))
        tools += map(_listed, page.tools)
        lifetimes.append(page.ttl_ms or 0)
        cursor = page.next_cursor
        if cursor is None:
            break
    return ToolList(tuple(tools), min(lifetimes) / 1000, weight)


async def result_of(client: Client, name: str, arguments: Json, largest: int) -> Json:
    """The `result` of a call, as it came; `largest` bounds a list that has to be asked for, see `tools_of`.

    The SDK's own way to call asks for a list after the first call of a tool that was not listed, to compare
    the result with a schema. Here models are shown what there is.
    """
    request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=arguments))
    # Its bound is on models, though it takes an adapter of anything.
    result = cast("TypeAdapter[Any]", _RESULT)
    try:
        return cast("Json", await client.session.send_request(request, result))
    except MCPError as error:
        if error.code != HEADER_MISMATCH:
            raise
        # Some arguments belong into headers too, which the SDK knows of from a list.
        await tools_of(client, largest)
        return cast("Json", await client.session.send_request(request, result))


def failure_of(error: Exception, exchange: Exchange, result_bytes: int, secrets: Iterable[str]) -> Failure:
    """Why a question has no answer."""
    if isinstance(error, NotOpened):
        exchange = error.exchange
    told = faults.of_exchange(exchange, result_bytes)
    if told is not None:
        return told
    match error:
        case TooMuch():
            return error.failure
        case MCPError(code=faults.OVERSIZE) | NotOpened(__cause__=MCPError(code=faults.OVERSIZE)):
            return faults.too_large(result_bytes)
        case MCPError():
            return faults.said(error.code, error.message, secrets)
        case NotOpened(__cause__=MCPError() as cause):
            return faults.said(cause.code, cause.message, secrets)
        case NotOpened():
            return faults.NOT_STARTED
        case ValidationError():
            return faults.NO_PROTOCOL
        case _:
            return faults.LOST


def was_not_heard(error: Exception, exchange: Exchange, *, guessing: bool) -> bool:
    """Whether the server certainly did nothing of what it was asked, and might if it was asked anew.

    It has forgotten the session, or, where it was `guessing` how to speak to it, speaks otherwise by now.
    """
    match error:
        case NotOpened():
            return guessing and error.exchange.fault is None
        case MCPError():
            refused = not exchange.spoken or error.code == INVALID_REQUEST
            if exchange.status == SESSION_GONE and refused:
                return True
            return guessing and (error.code in NOT_KNOWN or (exchange.status in NOT_HEARD and refused))
        case _:
            return False


def _listed(tool: Tool) -> ListedTool:
    about = tool.annotations
    return ListedTool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations={} if about is None else about.model_dump(mode="json", by_alias=True, exclude_none=True),
        output_schema=tool.output_schema,
    )
