"""Who makes the calls of a response, and a memory for them, as promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lambda_responses.storage.background.tool_journal import Noted
    from lambda_responses.tools.calls import PendingCall
    from lambda_responses.tools.servers.server import ListedTool, Server, ToolList
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.tool_outcomes import Outcome


class ServerConnections(Protocol):
    """The connections of one response to servers, see `tools.servers.connections`: opened as needed."""

    async def list_tools(self, server: Server) -> ToolList:
        """All tools of a server, within its `list_seconds`. Raises `ServerFault`."""
        ...

    async def call(self, server: Server, tool: ListedTool | str, arguments: Json) -> Outcome:
        """What came of a call, within the server's `call_seconds`; whatever goes wrong is an outcome too."""
        ...

    async def aclose(self) -> None:
        """Close all that were opened."""
        ...


class Caller(Protocol):
    """Makes calls."""

    def may_run_twice(self, call: PendingCall) -> bool:
        """Whether a second run does no harm: it only reads, or changes nothing that the first has not."""
        ...

    async def call(self, call: PendingCall) -> Outcome:
        """Make it. A tool that fails has an outcome too; what is raised ends the response."""
        ...


class ToolJournal(Protocol):
    """Remembers the calls of one response, longer than whoever makes them lives."""

    async def intend(self, call_id: str) -> Noted | None:
        """Note that a call is about to be made; it may be once this returns None.

        Otherwise somebody has noted that before, and this is what came of it.
        """
        ...

    async def intend_again(self, call_id: str) -> None:
        """Note that a call of which nothing came is about to be made a second time."""
        ...

    async def conclude(self, call_id: str, outcome: Outcome) -> None:
        """Note what came of it."""
        ...


class Unjournaled:
    """Remembers nothing: nobody takes the response up."""

    async def intend(self, call_id: str) -> Noted | None:
        """See `ToolJournal`."""
        return None

    async def intend_again(self, call_id: str) -> None:
        """Do nothing."""

    async def conclude(self, call_id: str, outcome: Outcome) -> None:
        """Do nothing."""
