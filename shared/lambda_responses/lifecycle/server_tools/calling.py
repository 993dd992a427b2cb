"""Makes the calls of one response: finds the tool, reads the arguments, asks the server, within the time."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, cast

from lambda_responses.tools.filters import only_reads
from lambda_responses.wire.json import from_text, is_portable
from lambda_responses.wire.tool_outcomes import tool_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.tools.calls import PendingCall
    from lambda_responses.tools.catalog import Catalog
    from lambda_responses.tools.port import ServerConnections
    from lambda_responses.tools.servers.server import ListedTool, Server
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.tool_outcomes import Outcome

GONE = tool_failed("Not called: the server has no such tool any more, or does not offer it here.")
UNREADABLE = tool_failed("Not called: the arguments are not a JSON object that can be sent.")
TOO_LATE = tool_failed("The call was given up: the time of the response is over; it may have run.")


class Calling:
    """A `Caller`. `seconds_left` says how long calls may take at most that are made now."""

    def __init__(
        self,
        catalog: Catalog,
        connections: ServerConnections,
        *,
        seconds_left: Callable[[], float],
        using: Services,
    ) -> None:
        self._catalog = catalog
        self._using = using
        self._connections = connections
        self._seconds_left = seconds_left

    def may_run_twice(self, call: PendingCall) -> bool:
        """See `Caller`. What a tool says of itself counts where the operator believes its server."""
        found = self._catalog.tool(call.server_label, call.name)
        if found is None or not found[0].trusts_hints:
            return False
        tool = found[1]
        return only_reads(tool) or tool.annotations.get("idempotentHint") is True

    async def call(self, call: PendingCall) -> Outcome:
        """See `Caller`."""
        found, arguments = self._catalog.tool(call.server_label, call.name), _arguments_of(call)
        if found is None or arguments is None:
            return GONE if found is None else UNREADABLE
        server, tool = found
        begun = self._using.now()
        outcome = await self._in_time(server, tool, arguments)
        fault = None if outcome.error is None else str(outcome.error["type"])
        self._using.tool_called(server.named, tool.name, seconds=self._using.now() - begun, fault=fault)
        return outcome

    async def _in_time(self, server: Server, tool: ListedTool, arguments: Json) -> Outcome:
        seconds = self._seconds_left()
        limit = asyncio.timeout(None if seconds == inf else max(seconds, 0))
        try:
            async with limit:
                return await self._connections.call(server, tool, arguments)
        except TimeoutError:
            if limit.expired():
                return TOO_LATE
            raise


def _arguments_of(call: PendingCall) -> Json | None:
    """None for those that a connection, which other calls share, would break over: half a character, say."""
    try:
        arguments = from_text(call.arguments)
    except ValueError:
        return None
    return cast("Json", arguments) if isinstance(arguments, dict) and is_portable(arguments) else None
